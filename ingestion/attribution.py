"""Stored calls and samples that named a team before it was one: they are given to it, with the sums they are part of.

One project's local day is one transaction: its calls get the slug of the team, and its sums are counted again from its
calls. Of a day that retention has begun to delete the sums know more than the calls; there the rows of the old name are
added to the team's instead. On such a day whatever is in ``(other)`` stays there, because nobody knows what it was.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from core import work
from core.scope import org_scope
from ingestion import daily_tables, store, time_zone
from ingestion.rebuild import local_midnight, rebuild_day
from tenants import audit, selectors
from tenants.models import Organization, Project, TeamAlias, TeamMove
from tenants.team_names import folded
from tenants.teams import MOVE_TASK, SETTLING

PREVIEW_DAYS: Final = 30
_ONE_DAY: Final = timedelta(days=1)
_BUSY: Final = timedelta(seconds=30)  # until we look again whether the days have moved to another time zone
_MARGIN: Final = timedelta(hours=1)  # before a day's first calls may be deleted under us
_SAMPLES: Final = 5_000  # a batch


# --- What it would be -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Calls of the last ``PREVIEW_DAYS`` days under a name; ``known_usd`` is the cost of those that have one."""

    calls: int
    unpriced_calls: int
    known_usd: Decimal

    @property
    def cost_usd(self) -> Decimal | None:
        """None when there are calls and none has a cost."""
        return None if self.calls and self.calls == self.unpriced_calls else self.known_usd


_PREVIEW: Final = f"""
    select team, sum(calls), sum(unpriced_calls), sum(cost_usd) from {store.DAILY}
    where organization_id = %(organization)s and bucket_date >= %(since)s and project_id <> all(%(hidden)s)
    group by team"""


def stored(*, organization: Organization, name: str, today: date, hidden: Sequence[int] = ()) -> Stored:
    """What calls are stored under ``name`` in any case; those of ``hidden`` projects are left out."""
    asked: dict[str, Any] = {
        "organization": organization.pk,
        "since": today - timedelta(days=PREVIEW_DAYS - 1),
        "hidden": list(hidden),
    }
    with connection.cursor() as cursor:
        cursor.execute(_PREVIEW, asked)
        rows = [row[1:] for row in cursor.fetchall() if folded(row[0]) == folded(name)]
    return Stored(
        calls=sum(int(row[0]) for row in rows),
        unpriced_calls=sum(int(row[1]) for row in rows),
        known_usd=sum((row[2] for row in rows), Decimal(0)),
    )


# --- The work ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Place:
    """One project's local day."""

    day: date
    project_id: int


def advance(*, organization_id: int, move_id: int, now: datetime) -> bool:
    """Give the next project's day to the team; whether there is more to do at once. Once more is not once too often."""
    with org_scope(organization_id):
        # A team that was deleted took the row with it.
        move = TeamMove.objects.select_for_update().filter(pk=move_id, finished_at=None).first()
        if move is None:
            work.finish(MOVE_TASK, object_id=move_id)
            return False
        due_at = _not_before(move, now)
        if due_at > now:
            work.make_due(MOVE_TASK, organization_id=organization_id, object_id=move_id, due_at=due_at)
            return False
        is_over = _go_on(move, now)
        if is_over:
            _finish(move, now)
        move.save()
    return not is_over


def _not_before(move: TeamMove, now: datetime) -> datetime:
    """When the edges have heard of the names, and the days are not on their way to another time zone."""
    settled_at = move.created_at + SETTLING
    is_changing = time_zone.running_change(organization=move.organization) is not None
    return max(settled_at, now + _BUSY) if is_changing else settled_at


def _go_on(move: TeamMove, now: datetime) -> bool:
    """Whether nothing is left: of the calls, and then of the samples."""
    # A name that was taken from the team in between is not given to it.
    names = set(TeamAlias.objects.filter(team=move.team, folded__in=move.names).values_list("folded", flat=True))
    _begin(move, names)
    place = _next_place(move, names)
    if place is None:
        move.next_date = move.end_date
        return _move_samples(move, names) < _SAMPLES
    move.calls += _move_day(move, place, names, now)
    move.next_date, move.after_project_id = place.day, place.project_id
    return False


def _begin(move: TeamMove, names: Collection[str]) -> None:
    """Find the days to look at; again when they have become another zone's, since what is done is found no more."""
    zone = selectors.time_zone(organization=move.organization).key
    if move.time_zone == zone:
        return
    is_new, move.time_zone = not move.time_zone, zone
    asked: dict[str, Any] = {"organization": move.organization_id, "values": _values(move, names)}
    with connection.cursor() as cursor:
        cursor.execute(_EXTENT, asked)
        first, last = cursor.fetchone()
    move.first_date = move.next_date = first
    move.end_date = last + _ONE_DAY if last else None
    move.after_project_id = 0
    if is_new and first:
        facts = {"first_date": first.isoformat(), "last_date": last.isoformat()}
        audit.record(
            "team.calls_move_started",
            actor=move.created_by,
            target=move.team,
            slug=move.team.slug,
            names=sorted(names),
            **facts,
        )


def _finish(move: TeamMove, now: datetime) -> None:
    move.finished_at = now
    if move.calls:
        audit.record("team.calls_moved", actor=None, target=move.team, slug=move.team.slug, calls=move.calls)
    work.finish(MOVE_TASK, object_id=move.pk)


_VALUES: Final = f"select distinct team from {store.DAILY} where organization_id = %(organization)s"
_EXTENT: Final = f"""
    select min(bucket_date), max(bucket_date) from {store.DAILY}
    where organization_id = %(organization)s and team = any(%(values)s)"""
_NEXT: Final = f"""
    select bucket_date, project_id from {store.DAILY}
    where organization_id = %(organization)s and bucket_date >= %(day)s
      and (bucket_date, project_id) > (%(day)s, %(project)s) and team = any(%(values)s)
    order by bucket_date, project_id limit 1"""
_OF_DAY: Final = f"select distinct team from {store.DAILY} where project_id = %(project)s and bucket_date = %(day)s"
_CALLS: Final = """organization_id = %(organization)s and project_id = %(project)s
    and started_at >= %(from)s and started_at < %(to)s"""
_OF_CALLS: Final = f"select distinct team from calls where {_CALLS}"
_GIVE: Final = f"update calls set team = %(team)s where {_CALLS} and team = any(%(values)s)"


def _matching(found: Iterable[str], names: Collection[str], slug: str) -> list[str]:
    """The values that are one of ``names``, as they were sent; the slug itself needs nothing done."""
    return [value for value in found if value != slug and folded(value) in names]


def _values(move: TeamMove, names: Collection[str]) -> list[str]:
    """The values under which sums may hold the team's calls."""
    found = _column(_VALUES, {"organization": move.organization_id})
    return [*_matching(found, names, move.team.slug), *({store.OTHER} & set(found) if names else ())]


def _next_place(move: TeamMove, names: Collection[str]) -> _Place | None:
    if move.next_date is None or move.next_date == move.end_date:
        return None
    asked: dict[str, Any] = {
        "organization": move.organization_id,
        "values": _values(move, names),
        "day": move.next_date,
        "project": move.after_project_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, asked)
        row = cursor.fetchone()
    return _Place(*row) if row else None


def _move_day(move: TeamMove, place: _Place, names: Collection[str], now: datetime) -> int:
    """Calls that were given to the team, counted ones and others."""
    project = Project.objects.filter(pk=place.project_id).first()
    if project is None:
        return 0
    asked: dict[str, Any] = {
        "organization": move.organization_id,
        "project": project.pk,
        "day": place.day,
        "from": local_midnight(place.day, move.time_zone),
        "to": local_midnight(place.day + _ONE_DAY, move.time_zone),
        "zone": move.time_zone,
        "team": move.team.slug,
    }
    found = _column(_OF_DAY, asked)
    if store.OTHER in found:
        found += _column(_OF_CALLS, asked)
    asked["values"] = list(dict.fromkeys(_matching(found, names, move.team.slug)))
    if not asked["values"]:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_GIVE, asked)  # before the sums: in the order of everybody who writes to both
        given = int(cursor.rowcount)
        if project.kept_from(now + _MARGIN) <= asked["from"]:
            rebuild_day(
                organization_id=move.organization_id,
                zone=move.time_zone,
                day=place.day,
                project_ids=[project.pk],
                now=now,
            )
        else:
            for statement in _MOVE_SUMS:
                cursor.execute(statement, asked)
    return given


def _column(statement: str, asked: dict[str, Any]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(statement, asked)
        return [row[0] for row in cursor.fetchall()]


def _move_sums(table: str, place: str, key: Collection[str], columns: Collection[str]) -> str:
    """Add the rows of the old names to the team's: exact, because a row holds sums of exactly its calls."""
    kept = ", ".join(name for name in dict.fromkeys(("organization_id", *key)) if name != "team")
    sums = ", ".join(f"sum({column})" for column in columns)
    added = ", ".join(f"{column} = r.{column} + excluded.{column}" for column in columns)
    return f"""
        with gone as (
            delete from {table} where organization_id = %(organization)s and project_id = %(project)s and {place}
              and team = any(%(values)s) returning *)
        insert into {table} as r ({kept}, team, {", ".join(columns)})
        select {kept}, %(team)s, {sums} from gone group by {kept}
        on conflict ({", ".join(key)}) do update set {added}"""


_IN_HOURS: Final = "bucket_start >= date_trunc('hour', %(from)s, %(zone)s) and bucket_start < %(to)s"
_IN_DAY: Final = "bucket_date = %(day)s"
_MOVE_SUMS: Final = (
    _move_sums(store.HOURLY, _IN_HOURS, store.rollup_key(store.HOURLY), store.SUMS),
    _move_sums(store.DAILY, _IN_DAY, store.rollup_key(store.DAILY), store.SUMS),
    *(
        _move_sums(table, _IN_DAY, daily_tables.KEYS[table], daily_tables.SUMS[table])
        for table in daily_tables.TABLES
        if "team" in daily_tables.KEYS[table]
    ),
)

_OF_SAMPLES: Final = "select distinct team from cloud_samples where organization_id = %(organization)s"
_GIVE_SAMPLES: Final = """
    update cloud_samples set team = %(team)s where organization_id = %(organization)s
      and ctid = any(array(
          select ctid from cloud_samples
          where organization_id = %(organization)s and team = any(%(values)s) limit %(most)s))"""


def _move_samples(move: TeamMove, names: Collection[str]) -> int:
    """Samples of a batch that were given to the team; fewer than ``_SAMPLES`` when none is left."""
    asked: dict[str, Any] = {"organization": move.organization_id, "team": move.team.slug, "most": _SAMPLES}
    asked["values"] = _matching(_column(_OF_SAMPLES, asked), names, move.team.slug)
    if not asked["values"]:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_SAMPLES, asked)
        return int(cursor.rowcount)
