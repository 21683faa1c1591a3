"""Calls as pages of text, oldest first: what a file is put together from.

Each page is one question in a scope of its own, which is over before anything is written. The database writes the
rows down (COPY): it does that ten times faster than Python could from objects.

A page asks for a stretch of time of all projects at once, as long as it holds about a page by what the one before
held: calls lie on the disk as they came, so every block is read once. Only where a stretch held more than fits is
asked where the page ended.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from dashboards.exports import columns
from dashboards.exports.writers.types import Rendering
from ingestion import call_log
from tenants.models import ApiKey, Project

PAGE: Final = 5_000
_FIRST_STRETCH: Final = timedelta(hours=1)
_SHORTEST: Final = timedelta(microseconds=1)
_LONGEST: Final = timedelta(days=3650)
_FILLED: Final = 0.75  # of a page, by the stretch that is expected to
_GROWTH: Final = 8  # at most, from a stretch to the next
_FORMATS: Final = {
    Rendering.CSV: "format csv",
    Rendering.SAFE_CSV: "format csv",
    # No line of JSON has a control character, so nothing is ever quoted.
    Rendering.JSON: "format csv, delimiter e'\\x02', quote e'\\x01'",
}

_ASKED: Final = """
    from calls c
    where c.organization_id = %(organization)s and c.project_id = any(%(projects)s::bigint[])
      and c.started_at >= %(at)s and c.started_at < %(end)s
      and (c.started_at, c.project_id, c.call_id) > (%(at)s, %(after_project)s, %(after_call)s)
      and c.received_at <= %(as_of)s and {conditions}
    order by c.started_at, c.project_id, c.call_id"""
_LAST: Final = f"select c.started_at, c.project_id, c.call_id {_ASKED} offset %(most)s - 1 limit 1"
# Behind the fence of a limit the columns are computed of what is sorted, once.
_ROWS: Final = f"select {{columns}} from (select * {_ASKED} limit %(most)s) as c"
_COUNT: Final = """
    select count(*) from (
        select from calls c
        where c.organization_id = %(organization)s and c.project_id = any(%(projects)s::bigint[])
          and c.started_at >= %(since)s and c.started_at < %(until)s and c.received_at <= %(as_of)s and {conditions}
        limit %(most)s
    ) as found"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which calls, of which projects, and what of them. Calls received after ``as_of`` are not among them, nor before
    ``received_since`` where that is given."""

    organization_id: int
    project_ids: tuple[int, ...]
    since: datetime
    until: datetime
    as_of: datetime
    filters: Mapping[str, Sequence[object]]
    columns: tuple[str, ...]
    received_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The last call that was read; without project and id it is before any call of ``started_at``.

    ``stretch`` is the time from there on that may hold about a page.
    """

    started_at: datetime
    project_id: int = 0
    call_id: str = ""
    stretch: timedelta = _FIRST_STRETCH


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some rows as text, how many, and where the next begin; None after the last."""

    text: bytes
    count: int
    position: Position | None


def start(asked: Asked) -> Position | None:
    """Before the first call; None where there are no projects."""
    return Position(started_at=asked.since) if asked.project_ids else None


def page(asked: Asked, position: Position, rendering: Rendering, *, most: int = PAGE) -> Page:
    """The rows that follow ``position``: at most ``most``, and at least half of that unless they are the last.

    Call it in the organization's scope.
    """
    parameters, conditions = _parameters(asked), _conditions(asked)
    statement = _statement(asked, rendering, conditions)
    texts, count = [], 0
    with connection.cursor() as cursor:
        while count * 2 < most:
            end = min(position.started_at + position.stretch, asked.until)
            question = parameters | _between(position, end) | {"most": most - count}
            text, found = _copied(cursor, statement, question)
            texts.append(text)
            count += found
            if count == most:
                cursor.execute(_LAST.format(conditions=conditions), question)
                position = _after(cursor.fetchone(), of=position, rows=found, most=most)
            elif end == asked.until:
                return Page(text=b"".join(texts), count=count, position=None)
            else:
                position = Position(started_at=end, stretch=_next_stretch(position.stretch, rows=found, most=most))
    return Page(text=b"".join(texts), count=count, position=position)


def stretch(*, rows: int, time: timedelta, most: int = PAGE) -> timedelta:
    """How long a stretch holds about a page, if ``rows`` are spread evenly over ``time``."""
    return min(max(time * (most * _FILLED / max(rows, 1)), _SHORTEST), _LONGEST)


def count(asked: Asked, *, since: datetime, until: datetime, most: int | None = None) -> int:
    """How many of the calls started within these times, or ``most``. Call it in the organization's scope."""
    parameters: dict[str, Any] = {name: list(values) for name, values in asked.filters.items()}
    parameters |= {
        "organization": asked.organization_id,
        "projects": list(asked.project_ids),
        "since": max(since, asked.since),
        "until": min(until, asked.until),
        "as_of": asked.as_of,
        "received_since": asked.received_since,
        "most": most,
    }
    conditions = _conditions(asked)
    with connection.cursor() as cursor:
        cursor.execute(_COUNT.format(conditions=conditions), parameters)
        (found,) = cursor.fetchone()
    return int(found)


def _conditions(asked: Asked) -> str:
    received = ["c.received_at >= %(received_since)s"] if asked.received_since else []
    return " and ".join([*received, *call_log.conditions_of(asked.filters)]) or "true"


def _parameters(asked: Asked) -> dict[str, Any]:
    """What every stretch is asked with."""
    slugs = Project.objects.filter(pk__in=asked.project_ids).values_list("pk", "slug")
    return {name: list(values) for name, values in asked.filters.items()} | {
        "organization": asked.organization_id,
        "projects": list(asked.project_ids),
        "slugs": json.dumps({str(pk): slug for pk, slug in slugs}),
        "keys": json.dumps({str(pk): prefix for pk, prefix in ApiKey.objects.values_list("pk", "prefix")}),
        "as_of": asked.as_of,
        "received_since": asked.received_since,
    }


def _between(position: Position, end: datetime) -> dict[str, Any]:
    return {
        "at": position.started_at,
        "after_project": position.project_id,
        "after_call": position.call_id,
        "end": end,
    }


def _after(last: tuple[datetime, int, str], *, of: Position, rows: int, most: int) -> Position:
    """The last call of a full page, whose last ``rows`` tell how many follow in which time."""
    started_at, project_id, call_id = last
    following = _next_stretch(started_at - of.started_at, rows=rows, most=most)
    return Position(started_at=started_at, project_id=project_id, call_id=call_id, stretch=following)


def _next_stretch(time: timedelta, *, rows: int, most: int) -> timedelta:
    """What is asked for after a ``time`` that held ``rows``."""
    longer = min(max(time * _GROWTH, _SHORTEST), _LONGEST)
    return min(stretch(rows=rows, time=time, most=most), longer) if rows else longer


def _statement(asked: Asked, rendering: Rendering, conditions: str) -> str:
    chosen = columns.chosen(asked.columns)
    names = ", ".join(f"{columns.expression(one, rendering)} as {one.name}" for one in chosen)
    rows = _ROWS.format(columns=names, conditions=conditions)
    query = f"select row_to_json(one) from ({rows}) one" if rendering == Rendering.JSON else rows
    return f"copy ({query}) to stdout with ({_FORMATS[rendering]})"


def _copied(cursor: Any, statement: str, parameters: Mapping[str, Any]) -> tuple[bytes, int]:
    """What COPY wrote, and how many rows that are; psycopg puts the parameters in, since COPY takes none."""
    # Django's cursor for debugging knows no parameters here; the one that it wraps does.
    with cursor.cursor.copy(statement, parameters) as copied:
        text = b"".join(copied)
    return text, cursor.rowcount
