"""Recomputes rollups from the calls themselves, in SQL: the independent proof of what the writer added up."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import connection
from django.utils import timezone

from core.scope import org_scope
from ingestion import condensed, daily_rebuild, daily_tables, histogram, store
from ingestion.condensed import Grain
from tenants.models import Organization, OrganizationSettings, Project


@dataclass(frozen=True, slots=True)
class Difference:
    """Rows of one rollup table and local day that are not what the calls add up to."""

    day: date
    table: str
    missing: int
    unexpected: int
    different: int


def rebuild_rollups(
    *, organization: Organization, first_date: date, end_date: date, now: datetime | None = None
) -> int:
    """Replace the organization's rollups of local days from ``first_date`` to before ``end_date``; the calls counted.

    Each day is a transaction of its own, during which nobody else's flush can add to rollups: a flush takes that lock
    after its calls and keeps it until they are committed, so every call is counted either there or here. Projects
    that do not keep all calls of a day any more at ``now`` (the clock's, unless given) are left alone on it: their
    rollups know more than their calls.

    Of a dimension with more values than are kept apart, those whose calls were received first keep their name.
    """
    calls = 0
    for parameters in _days(organization, first_date, end_date, now or timezone.now()):
        calls += _rebuild_day(organization.pk, parameters)
    return calls


def differences(
    *, organization: Organization, first_date: date, end_date: date, now: datetime
) -> Iterator[tuple[date, list[Difference]]]:
    """Each local day with what its rollups differ in from its calls, and its facets from its rollups.

    Nothing is written and nobody waits.

    Calls and rollups are committed together, so one statement, which sees one moment, must find them equal.
    """
    for parameters in _days(organization, first_date, end_date, now):
        with org_scope(organization.pk), connection.cursor() as cursor:
            cursor.execute(_COMPARE, parameters)
            found = [Difference(parameters["day"], *row) for row in cursor.fetchall()]
            cursor.execute(_COMPARE_FACETS, parameters)
            found += [Difference(parameters["day"], *row) for row in cursor.fetchall()]
        yield parameters["day"], found


def _days(organization: Organization, first_date: date, end_date: date, now: datetime) -> Iterator[dict[str, Any]]:
    """The parameters of each local day."""
    with org_scope(organization.pk):
        zone = OrganizationSettings.objects.get(organization=organization).time_zone
        projects = [(project.pk, project.kept_from(now)) for project in Project.objects.order_by("pk")]
    day = first_date
    while day < end_date:
        start = local_midnight(day, zone)
        yield _of_day(organization.pk, zone, day, [pk for pk, kept_from in projects if kept_from <= start], now=now)
        day += timedelta(days=1)


def local_midnight(day: date, zone: str) -> datetime:
    """The instant, in UTC, at which a local day begins; the first moment after a gap where clocks skip midnight."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def rebuild_day(*, organization_id: int, zone: str, day: date, project_ids: Sequence[int], now: datetime) -> int:
    """Replace the rollups of one local day of some projects, which must still keep all its calls; the calls counted."""
    return _rebuild_day(organization_id, _of_day(organization_id, zone, day, project_ids, now=now))


def rebuild_daily_tables(
    *, organization_id: int, zone: str, day: date, project_ids: Sequence[int], now: datetime
) -> None:
    """``rebuild_day`` for the other daily tables alone, in the scope and behind the locks of the caller."""
    parameters = _of_day(organization_id, zone, day, project_ids, now=now)
    with connection.cursor() as cursor:
        for table in daily_tables.TABLES:
            cursor.execute(daily_rebuild.forget(table), parameters)
        cursor.execute(_REBUILD_DAILY_TABLES, parameters)


def _of_day(organization_id: int, zone: str, day: date, project_ids: Sequence[int], *, now: datetime) -> dict[str, Any]:
    """The parameters of the statements below."""
    end = local_midnight(day + timedelta(days=1), zone)
    return {
        "organization": organization_id,
        "projects": list(project_ids),
        "zone": zone,
        "day": day,
        "from": local_midnight(day, zone),
        "to": end,
        "bounds": list(histogram.BOUNDS),
        "most": store.MOST_VALUES,
        "other": store.OTHER,
        "most_users": daily_tables.MOST_USERS,
        "most_prompts": daily_tables.MOST_PROMPTS,
        "prompts_within": daily_tables.PROMPTS_WITHIN,
        "keeps_singles": end + daily_tables.SINGLES_KEPT_FOR > now,
    }


def _rebuild_day(organization_id: int, parameters: dict[str, Any]) -> int:
    with org_scope(organization_id), connection.cursor() as cursor:
        cursor.execute(LOCK)
        for forget in (_FORGET_HOURS, _FORGET_DAY, *map(daily_rebuild.forget, daily_tables.TABLES)):
            cursor.execute(forget, parameters)
        cursor.execute(_REBUILD, parameters)
        return int(cursor.fetchone()[0])


def sum_of_calls(column: str) -> str:
    """How a column of ``store.SUMS`` is computed from calls."""
    return _SPECIAL.get(column, f"coalesce(sum({column}), 0)")


def _histogram(column: str) -> str:
    place = f"width_bucket({column}, %(bounds)s::float8[])"
    return f"coalesce(sum(('1e' || ({histogram.DIGITS} * {place}))::numeric), 0)"


_SPECIAL: Final = {
    "calls": "count(*)",
    "errors": "count(*) filter (where status = 'error')",
    "unpriced_calls": "count(*) filter (where cost_usd is null)",
    "estimated_calls": "count(*) filter (where usage_estimated)",
    "latency_calls": "count(latency_ms)",
    "latency_sum_ms": "coalesce(sum(latency_ms), 0)",
    "timed_output_tokens": "coalesce(sum(output_tokens) filter (where latency_ms is not null), 0)",
    "first_token_calls": "count(time_to_first_token_ms)",
    "first_token_sum_ms": "coalesce(sum(time_to_first_token_ms), 0)",
    "latency_histogram": _histogram("latency_ms"),
    "first_token_histogram": _histogram("time_to_first_token_ms"),
}
_OURS: Final = "organization_id = %(organization)s and project_id = any(%(projects)s)"
_IN_HOURS: Final = f"{_OURS} and bucket_start >= date_trunc('hour', %(from)s, %(zone)s) and bucket_start < %(to)s"
_IN_DAY: Final = f"{_OURS} and bucket_date = %(day)s"
# In the order in which a flush comes to them.
LOCK: Final = f"lock table {', '.join((store.HOURLY, store.DAILY, *daily_tables.TABLES))} in share row exclusive mode"
_FORGET_HOURS: Final = f"delete from {store.HOURLY} where {_IN_HOURS}"
_FORGET_DAY: Final = f"delete from {store.DAILY} where {_IN_DAY}"


def _from_calls() -> str:
    """The opening of a statement that reads ``capped``: the sums of a day's calls by hour and dimension."""
    dimensions = ", ".join(store.DIMENSIONS)
    sums = ", ".join(f"{sum_of_calls(column)} as {column}" for column in store.SUMS)
    named = ", ".join(_capped(name) for name in store.DIMENSIONS)
    ranks = "".join(f" join rank_{name} using (project_id, {name})" for name in store.DIMENSIONS)
    return f"""
        with grouped as materialized (
            select organization_id, project_id, date_trunc('hour', started_at, %(zone)s) as bucket_start, {dimensions},
                   api_key_id, {sums}, min(received_at) as first_received_at
            from calls
            where {_OURS} and started_at >= %(from)s and started_at < %(to)s and {store.COUNTED}
            group by organization_id, project_id, 3, {dimensions}, api_key_id),
        {", ".join(_rank(name) for name in store.DIMENSIONS)},
        capped as materialized (
            select organization_id, project_id, bucket_start, {named}, api_key_id, {", ".join(store.SUMS)}
            from grouped {ranks})"""


def _rank(name: str) -> str:
    return f"""rank_{name} as (
        select project_id, {name}, row_number() over (
            partition by project_id order by min(first_received_at), {name} collate "C") as rank_of_{name}
        from grouped group by project_id, {name})"""


def _capped(name: str) -> str:
    return f"case when rank_of_{name} <= %(most)s then {name} else %(other)s end as {name}"


def _summed(bucket: str) -> str:
    dimensions = ", ".join(store.DIMENSIONS)
    sums = ", ".join(f"sum({column}) as {column}" for column in store.SUMS)
    return f"""
        select organization_id, project_id, {bucket}, {dimensions}, api_key_id, {sums}
        from capped group by organization_id, project_id, 3, {dimensions}, api_key_id"""


def _insert(table: str, bucket: str) -> str:
    return f"insert into {table} ({', '.join(store.rollup_columns(table))}) {_summed(bucket)}"


_HOUR, _DAY = "bucket_start", "%(day)s::date as bucket_date"
_BESIDE: Final = f"""{daily_rebuild.EXPECTED},
    {", ".join(f"{table}_added as ({daily_rebuild.insert(table)})" for table in daily_tables.TABLES)}"""
_REBUILD_DAILY_TABLES: Final = f"{_from_calls()}, {_BESIDE} select 1"
_REBUILD: Final = f"""{_from_calls()},
    hours as ({_insert(store.HOURLY, _HOUR)}),
    days as ({_insert(store.DAILY, _DAY)}),
    {_BESIDE}
    select coalesce(sum(calls), 0) from grouped"""

# Sums of floating point numbers depend on the order they were added in; everything else is exact.
_INEXACT: Final = ("latency_sum_ms", "first_token_sum_ms")
_TOLERANCE: Final = "1e-9"


def _differ() -> str:
    exact = [column for column in store.SUMS if column not in _INEXACT]
    rows = [f"({', '.join(f'{side}.{column}' for column in exact)})" for side in ("e", "a")]
    close = [f"abs(e.{name} - a.{name}) > {_TOLERANCE} * (1 + abs(e.{name}))" for name in _INEXACT]
    return f"{' is distinct from '.join(rows)} or {' or '.join(close)}"


def _compare(table: str, key: Iterable[str], *, expected: str, actual: str, only: str = "true") -> str:
    return f"""
        select '{table}', count(*) filter (where a.calls is null), count(*) filter (where e.calls is null),
               count(*) filter (where a.calls is not null and e.calls is not null and ({_differ()}))
        from ({expected}) e full join (select * from {table} where {actual}) a using ({", ".join(key)})
        where {only} having count(*) filter (where a.calls is null or e.calls is null or {_differ()}) > 0"""


_COMPARE: Final = f"{_from_calls()}, {daily_rebuild.EXPECTED}" + " union all ".join(
    [
        _compare(store.HOURLY, store.rollup_key(store.HOURLY), expected=_summed(_HOUR), actual=_IN_HOURS),
        _compare(store.DAILY, store.rollup_key(store.DAILY), expected=_summed(_DAY), actual=_IN_DAY),
        *map(daily_rebuild.compare, daily_tables.TABLES),
    ]
)
# Whole days and hours: facets do not know which projects still keep the calls of one.
_IN: Final = {
    condensed.DAYS: "organization_id = %(organization)s and bucket_date = %(day)s",
    condensed.HOURS: "organization_id = %(organization)s and bucket_start >= %(from)s and bucket_start < %(to)s",
}


def _compare_facets(grain: Grain) -> str:
    """Of buckets that are condensed: those of others are not read."""
    bucket = f"coalesce(e.{grain.column}, a.{grain.column})"
    is_condensed = f"""exists (
            select from {grain.marks} k where k.organization_id = %(organization)s and k.{grain.column} = {bucket}
            and k.state = '{condensed.CONDENSED}')"""
    expected = condensed.summed(grain, _IN[grain])
    return _compare(grain.facets, grain.key, expected=expected, actual=_IN[grain], only=is_condensed)


_COMPARE_FACETS: Final = " union all ".join(map(_compare_facets, condensed.GRAINS))
