"""Calls as pages of text, project by project, oldest first: what a file is put together from.

Each page is one question in a scope of its own, which is over before anything is written. The database writes the
rows down (COPY): it does that ten times faster than Python could from objects.
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
_NEAR: Final = timedelta(days=16)
_FORMATS: Final = {
    Rendering.CSV: "format csv",
    Rendering.SAFE_CSV: "format csv",
    # No line of JSON has a control character, so nothing is ever quoted.
    Rendering.JSON: "format csv, delimiter e'\\x02', quote e'\\x01'",
}

_ASKED: Final = """c.organization_id = %(organization)s and c.project_id = %(project)s
      and c.started_at >= %(at)s and c.started_at < %(until)s and (c.started_at, c.call_id) > (%(at)s, %(after)s)
      and c.received_at <= %(as_of)s and {conditions}"""
_LAST: Final = f"""
    select c.started_at, c.call_id from calls c where {_ASKED}
    order by c.started_at, c.call_id offset %(most)s - 1 limit 1"""
# Behind the fence of an offset the columns are planned once, and not for each day.
_ROWS: Final = f"""
    select {{columns}} from (
        select * from calls c
        where {_ASKED} and c.started_at <= %(last_at)s and (c.started_at, c.call_id) <= (%(last_at)s, %(last_call)s)
        order by c.started_at, c.call_id offset 0
    ) as c"""
_COUNT: Final = """
    select count(*) from (
        select from calls c
        where c.organization_id = %(organization)s and c.project_id = any(%(projects)s::bigint[])
          and c.started_at >= %(since)s and c.started_at < %(until)s and c.received_at <= %(as_of)s and {conditions}
        limit %(most)s
    ) as found"""


type Parameters = Mapping[str, Any]


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
    """The last call that was read; an empty id is before any call of ``started_at``."""

    project_id: int
    started_at: datetime
    call_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some rows as text, how many, and where the next begin; None after the last."""

    text: bytes
    count: int
    position: Position | None


def start(asked: Asked) -> Position | None:
    """Before the first call; None where there are no projects."""
    return _of(asked, min(asked.project_ids)) if asked.project_ids else None


def page(asked: Asked, position: Position, rendering: Rendering, *, most: int = PAGE) -> Page:
    """The rows that follow ``position``, at most ``most`` of one project. Call it in the organization's scope."""
    slug = Project.objects.filter(pk=position.project_id).values_list("slug", flat=True).first() or ""
    parameters: dict[str, Any] = {name: list(values) for name, values in asked.filters.items()}
    parameters |= {
        "organization": asked.organization_id,
        "project": position.project_id,
        "slug": slug,
        "keys": json.dumps({str(pk): prefix for pk, prefix in ApiKey.objects.values_list("pk", "prefix")}),
        "at": position.started_at,
        "after": position.call_id,
        "until": asked.until,
        "as_of": asked.as_of,
        "received_since": asked.received_since,
        "most": most,
    }
    conditions = _conditions(asked)
    with connection.cursor() as cursor:
        last = _last(cursor, asked, position, parameters, conditions)
        ends_at, ends_with = last or (asked.until, "")
        statement = _statement(asked, rendering, conditions)
        text, count = _copied(cursor, statement, parameters | {"last_at": ends_at, "last_call": ends_with})
    if last is None:
        return Page(text=text, count=count, position=_next_project(asked, position))
    reached = Position(project_id=position.project_id, started_at=ends_at, call_id=ends_with)
    return Page(text=text, count=count, position=reached)


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


def _last(cursor: Any, asked: Asked, position: Position, parameters: Parameters, conditions: str) -> Any:
    """Start and id of the last call of a full page, None where so many are not left.

    Looked for in a few days first: planning a question about half a year of them costs more than its answer.
    """
    for until in (min(position.started_at + _NEAR, asked.until), asked.until):
        cursor.execute(_LAST.format(conditions=conditions), {**parameters, "until": until})
        found = cursor.fetchone()
        if found or until == asked.until:
            return found
    return None


def _of(asked: Asked, project_id: int) -> Position:
    return Position(project_id=project_id, started_at=asked.since)


def _next_project(asked: Asked, position: Position) -> Position | None:
    later = [project_id for project_id in asked.project_ids if project_id > position.project_id]
    return _of(asked, min(later)) if later else None


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
