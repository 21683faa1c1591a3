"""Which calls a slot has: found once by when they were received, then read by when they began, as all calls are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from django.db import connection

from dashboards.exports import columns
from dashboards.exports.destinations.models import DestinationRun
from dashboards.exports.pages import Asked, Position

_INSTANT: Final = timedelta(microseconds=1)
_AHEAD: Final = timedelta(minutes=11)  # what begins later than it was received by more is refused
_FIND: Final = """
    select (started_at at time zone 'UTC')::date as day, project_id from calls
    where organization_id = %(organization)s and project_id = any(%(projects)s::bigint[])
      and received_at >= %(since)s and received_at < %(until)s and started_at < %(latest)s
    group by day, project_id order by day, project_id"""


@dataclass(frozen=True, slots=True)
class Segment:
    """A UTC day of a project that has calls of the slot."""

    day: date
    project_id: int

    @property
    def since(self) -> datetime:
        return datetime.combine(self.day, time(), UTC)

    def stored(self) -> list[object]:
        return [self.day.isoformat(), self.project_id]


def find(run: DestinationRun, project_ids: Sequence[int]) -> list[Segment]:
    """Call it in the organization's scope. The index on ``received_at`` passes over the days that have none."""
    with connection.cursor() as cursor:
        cursor.execute(
            _FIND,
            {
                "organization": run.organization_id,
                "projects": list(project_ids),
                "since": run.slot_from,
                "until": run.slot_to,
                "latest": run.slot_to + _AHEAD,
            },
        )
        return [Segment(day, int(project_id)) for day, project_id in cursor.fetchall()]


def left_of(run: DestinationRun) -> list[Segment]:
    return [Segment(date.fromisoformat(day), int(project_id)) for day, project_id in run.left or []]


def asked_of(run: DestinationRun, segment: Segment) -> Asked:
    """The calls of a segment, with all that is stored of them."""
    return Asked(
        organization_id=run.organization_id,
        project_ids=(segment.project_id,),
        since=segment.since,
        until=segment.since + timedelta(days=1),
        received_since=run.slot_from,
        as_of=run.slot_to - _INSTANT,
        filters={},
        columns=tuple(columns.BY_NAME),
    )


def position_in(run: DestinationRun, segment: Segment) -> Position:
    """Where to go on reading the first segment that is left."""
    started_at = run.cursor_started_at or segment.since
    return Position(started_at=started_at, project_id=segment.project_id, call_id=run.cursor_call_id)
