"""Reads what was refused: row by row for the API, summed up for the page. Both see one organization's rows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection
from django.db.models import QuerySet, Sum

from ingestion.models import RejectedEvents
from ingestion.wire.refused import Kind
from ingestion.writer.refusals import MOST_SAMPLES
from tenants.models import Organization, Project

MOST_LINES: Final = 100  # of reasons on a page

_ROWS: Final = """
    select r.* from rejected_events r
    where r.organization_id = %(organization)s and r.project_id = any(%(projects)s)
      and r.hour >= %(since)s and r.hour < %(until)s and {before}
    order by r.hour desc, r.project_id desc, r.endpoint desc, r.kind desc, r.field desc, r.reason desc
    limit %(limit)s"""
_BEFORE: Final = """(r.hour, r.project_id, r.endpoint, r.kind, r.field, r.reason)
    < (%(hour)s, %(project_id)s, %(endpoint)s, %(kind)s, %(field)s, %(reason)s)"""
# The samples of the newest rows, each once: what is wrong now says more than what was wrong a month ago.
_LINES: Final = """
    select kind, field, reason, sum(count)::bigint, sum(events)::bigint, min(first_at), max(last_at),
      array_agg(distinct endpoint),
      (select jsonb_agg(sample) from (
         select sample from unnest(array_agg(samples order by last_at desc)) s, jsonb_array_elements(s) sample
         group by sample order by sample limit %(samples)s) kept)
    from rejected_events r
    where organization_id = %(organization)s and (%(projects)s::bigint[] is null or project_id = any(%(projects)s))
      and project_id <> all(%(hidden)s)
      and hour >= %(since)s and hour < %(until)s and kind <> %(content)s
    group by kind, field, reason order by 4 desc, kind, field, reason limit %(limit)s"""
# Nearly every page asks this.
_RECENT: Final = """
    select kind, sum(count)::bigint, sum(events)::bigint, max(last_at) from rejected_events
    where organization_id = %(organization)s and (%(projects)s::bigint[] is null or project_id = any(%(projects)s))
      and project_id <> all(%(hidden)s) and hour >= %(since)s and kind <> %(content)s
    group by kind"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a row stands among all rows, newest hour first."""

    hour: datetime
    project_id: int
    endpoint: str
    kind: str
    field: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One reason over a period; ``count`` and ``events`` as in ``RejectedEvents``."""

    kind: str
    field: str
    reason: str
    count: int
    events: int
    first_at: datetime
    last_at: datetime
    endpoints: list[str]
    samples: list[list[str]]


@dataclass(frozen=True, slots=True)
class Asked:
    """Hours that begin in [since, until), of one project or of the whole organization but its ``hidden`` projects."""

    organization: Organization
    project: Project | None
    since: datetime
    until: datetime
    hidden: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Sums:
    """Refused events, refused requests and dropped content fields."""

    events: int = 0
    requests: int = 0
    content_fields: int = 0


def position(row: RejectedEvents) -> Position:
    """Where ``row`` stands."""
    return Position(
        hour=row.hour,
        project_id=row.project_id,
        endpoint=row.endpoint,
        kind=row.kind,
        field=row.field,
        reason=row.reason,
    )


def rows(
    *,
    organization: Organization,
    project_ids: Sequence[int],
    since: datetime,
    until: datetime,
    before: Position | None,
    limit: int,
) -> list[RejectedEvents]:
    """At most ``limit`` rows of hours that begin in [since, until), newest hour first, after ``before``.

    ``project_ids`` may hold 0: what was sent for no project that could be decided.
    """
    parameters: dict[str, Any] = {
        "organization": organization.pk,
        "projects": list(project_ids),
        "since": since,
        "until": until,
        "limit": limit,
    }
    if before is not None:
        parameters |= {name: getattr(before, name) for name in before.__slots__}
    return list(RejectedEvents.objects.raw(_ROWS.format(before=_BEFORE if before else "true"), parameters))


def lines(asked: Asked) -> list[Line]:
    """The most frequent reasons of a period."""
    parameters = _parameters(asked) | {"until": asked.until, "samples": MOST_SAMPLES, "limit": MOST_LINES}
    with connection.cursor() as cursor:
        cursor.execute(_LINES, parameters)
        return [_line(row) for row in cursor.fetchall()]


def _line(row: tuple[Any, ...]) -> Line:
    kind, field, reason, count, events, first_at, last_at, endpoints, samples = row
    return Line(
        kind=kind,
        field=field,
        reason=reason,
        count=count,
        events=events,
        first_at=first_at,
        last_at=last_at,
        endpoints=sorted(endpoints),
        samples=_decoded(samples),
    )


def by_hour(asked: Asked) -> Mapping[datetime, Sums]:
    """What was refused in each hour of a period; an hour without refusals is absent."""
    of_period = _of(asked).filter(hour__lt=asked.until)
    found: dict[datetime, dict[str, int]] = {}
    for hour, kind, count, events in (
        of_period.values_list("hour", "kind").annotate(Sum("count"), Sum("events")).order_by("hour", "kind")
    ):
        found.setdefault(hour, {})[kind] = events if kind == Kind.EVENT else count
    return {hour: _sums(counts) for hour, counts in found.items()}


def recent(asked: Asked, *, since: datetime) -> Sums:
    """What was refused from the first hour asked about on; nothing when the last refusal was before ``since``."""
    with connection.cursor() as cursor:
        cursor.execute(_RECENT, _parameters(asked))
        rows = cursor.fetchall()
    if max((last_at for *_, last_at in rows), default=since) < since:
        return Sums()
    return _sums({kind: events if kind == Kind.EVENT else count for kind, count, events, _ in rows})


def _parameters(asked: Asked) -> dict[str, Any]:
    """Whose refusals, from when on; dropped content refuses nothing."""
    return {
        "organization": asked.organization.pk,
        "projects": [asked.project.pk] if asked.project else None,
        "hidden": list(asked.hidden),
        "since": asked.since,
        "content": Kind.CONTENT.value,
    }


def _of(asked: Asked) -> QuerySet[RejectedEvents]:
    found = RejectedEvents.objects.filter(organization=asked.organization, hour__gte=asked.since)
    if asked.project:
        return found.filter(project_id=asked.project.pk)
    return found.exclude(project_id__in=asked.hidden) if asked.hidden else found


def _sums(counts: Mapping[str, int]) -> Sums:
    return Sums(counts.get(Kind.EVENT, 0), counts.get(Kind.REQUEST, 0), counts.get(Kind.CONTENT, 0))


def _decoded(samples: str | list[list[str]] | None) -> list[list[str]]:
    """A cursor of Django's gives JSON as text."""
    return json.loads(samples) if isinstance(samples, str) else samples or []
