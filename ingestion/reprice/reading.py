"""The calls of a run in slices, by (project, start, id); a slice never leaves a project's local day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import connection

from ingestion import store
from ingestion.models import RepriceRun
from ingestion.rebuild import local_midnight
from ingestion.reprice.stored import COLUMNS
from tenants.models import Project

SLICE: Final = 2_000  # calls: an edge that waits for its rollup rows gives up after two seconds
_EMPTY_DAYS_AT_ONCE: Final = 60

_CALLS: Final = f"""
    select {", ".join(COLUMNS)}, {store.COUNTED} as is_counted from calls
    where organization_id = %(organization)s and project_id = %(project)s
      and started_at >= %(since)s and started_at < %(until)s and (started_at, call_id) > (%(since)s, %(after)s)
      and (%(provider)s = '' or provider = %(provider)s)
      and (%(model)s = '' or model = %(model)s or model_key = %(model)s)
    order by started_at, call_id limit %(most)s"""
# So that what was read is what is replaced, also beside another run.
_LOCKED: Final = f"{_CALLS} for no key update"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Everything up to here was looked at; an empty id is the moment before any call of ``started_at``."""

    project_id: int
    started_at: datetime
    call_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Some calls of one local day of one project, and where the walk goes on.

    ``ends_day``: no later call of this day is left to read.
    """

    project: Project
    day: date
    rows: Sequence[Mapping[str, Any]]
    ends_day: bool
    position: Position


def next_slice(run: RepriceRun, *, zone: str, lock: bool, most: int = SLICE) -> Slice | None:
    """What comes after the run's cursor; None after the last day of the last project.

    Days without calls are walked over, some dozen a slice, but never the end of an open day. With ``lock`` the calls
    stay as they are until commit.
    """
    empty = 0
    found = None
    for project in _projects(run):
        start = _start(run, project)
        while start.started_at < run.until:
            found = _slice(run, project, start, zone=zone, lock=lock, most=most)
            empty += 1
            if found.rows or run.open_date is not None or empty >= _EMPTY_DAYS_AT_ONCE:
                return found
            start = found.position
    return found


def fraction(run: RepriceRun) -> float:
    """How much of the way a run has gone, from 0 to 1, by projects and time."""
    projects = [project.pk for project in _of(run)]
    if run.cursor_project_id not in projects or run.cursor_started_at is None:
        return 0.0
    part = (run.cursor_started_at - run.since) / (run.until - run.since)
    return (projects.index(run.cursor_project_id) + max(part, 0.0)) / len(projects)


def _of(run: RepriceRun) -> list[Project]:
    every = Project.objects.order_by("pk")
    return list(every if run.project_id is None else every.filter(pk=run.project_id))


def _projects(run: RepriceRun) -> list[Project]:
    """Those that are not done."""
    return [project for project in _of(run) if project.pk >= (run.cursor_project_id or 0)]


def _start(run: RepriceRun, project: Project) -> Position:
    if project.pk == run.cursor_project_id and run.cursor_started_at is not None:
        return Position(project_id=project.pk, started_at=run.cursor_started_at, call_id=run.cursor_call_id)
    return Position(project_id=project.pk, started_at=run.since)


def _slice(run: RepriceRun, project: Project, start: Position, *, zone: str, lock: bool, most: int) -> Slice:
    day = start.started_at.astimezone(ZoneInfo(zone)).date()
    until = min(local_midnight(day + timedelta(days=1), zone), run.until)
    parameters: dict[str, Any] = {
        "organization": run.organization_id,
        "project": project.pk,
        "since": start.started_at,
        "until": until,
        "after": start.call_id,
        "provider": run.provider,
        "model": run.model,
        "most": most,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LOCKED if lock else _CALLS, parameters)
        names = [*COLUMNS, "is_counted"]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    ends_day = len(rows) < most
    last = {"started_at": until} if ends_day else {name: rows[-1][name] for name in ("started_at", "call_id")}
    return Slice(
        project=project, day=day, rows=rows, ends_day=ends_day, position=Position(project_id=project.pk, **last)
    )
