"""Recomputes rollups from the calls themselves, in SQL: the independent proof of what the writer added up."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import connection

from core.scope import org_scope
from ingestion import histogram, store
from tenants.models import Organization, OrganizationSettings


def rebuild_rollups(*, organization: Organization, first_date: date, end_date: date) -> int:
    """Replace the organization's rollups of local days from ``first_date`` to before ``end_date``; the calls counted.

    Each day is a transaction of its own, during which nobody else's flush can add to rollups: a flush takes that lock
    after its calls and keeps it until they are committed, so every call is counted either there or here. Days
    beyond the calls' retention would become empty: leave them out.

    Of a dimension with more values than are kept apart, those whose calls were received first keep their name.
    """
    with org_scope(organization.pk):
        zone = OrganizationSettings.objects.get(organization=organization).time_zone
    calls = 0
    day = first_date
    while day < end_date:
        calls += _rebuild_day(organization.pk, zone, day)
        day += timedelta(days=1)
    return calls


def local_midnight(day: date, zone: str) -> datetime:
    """The instant, in UTC, at which a local day begins; the first moment after a gap where clocks skip midnight."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def _rebuild_day(organization_id: int, zone: str, day: date) -> int:
    parameters: dict[str, Any] = {
        "organization": organization_id,
        "zone": zone,
        "day": day,
        "from": local_midnight(day, zone),
        "to": local_midnight(day + timedelta(days=1), zone),
        "bounds": list(histogram.BOUNDS),
        "most": store.MOST_VALUES,
        "other": store.OTHER,
    }
    with org_scope(organization_id), connection.cursor() as cursor:
        cursor.execute(f"lock table {store.HOURLY}, {store.DAILY} in share row exclusive mode")
        cursor.execute(_FORGET_HOURS, parameters)
        cursor.execute(_FORGET_DAY, parameters)
        cursor.execute(_REBUILD, parameters)
        return int(cursor.fetchone()[0])


def _sum(column: str) -> str:
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
_FORGET_HOURS: Final = (
    f"delete from {store.HOURLY} where organization_id = %(organization)s"
    " and bucket_start >= date_trunc('hour', %(from)s, %(zone)s) and bucket_start < %(to)s"
)
_FORGET_DAY: Final = f"delete from {store.DAILY} where organization_id = %(organization)s and bucket_date = %(day)s"


def _rebuild_statement() -> str:
    dimensions = ", ".join(store.DIMENSIONS)
    sums = ", ".join(f"{_sum(column)} as {column}" for column in store.SUMS)
    named = ", ".join(_capped(name) for name in store.DIMENSIONS)
    ranks = "".join(f" join rank_{name} using (project_id, {name})" for name in store.DIMENSIONS)
    return f"""
        with grouped as materialized (
            select organization_id, project_id, date_trunc('hour', started_at, %(zone)s) as bucket_start, {dimensions},
                   api_key_id, {sums}, min(received_at) as first_received_at
            from calls
            where organization_id = %(organization)s and started_at >= %(from)s and started_at < %(to)s
                  and {store.COUNTED}
            group by organization_id, project_id, 3, {dimensions}, api_key_id),
        {", ".join(_rank(name) for name in store.DIMENSIONS)},
        capped as materialized (
            select organization_id, project_id, bucket_start, {named}, api_key_id, {", ".join(store.SUMS)}
            from grouped {ranks}),
        hours as ({_insert(store.HOURLY, "bucket_start")}),
        days as ({_insert(store.DAILY, "%(day)s::date")})
        select coalesce(sum(calls), 0) from grouped"""


def _rank(name: str) -> str:
    return f"""rank_{name} as (
        select project_id, {name}, row_number() over (
            partition by project_id order by min(first_received_at), {name} collate "C") as rank_of_{name}
        from grouped group by project_id, {name})"""


def _capped(name: str) -> str:
    return f"case when rank_of_{name} <= %(most)s then {name} else %(other)s end as {name}"


def _insert(table: str, bucket: str) -> str:
    dimensions = ", ".join(store.DIMENSIONS)
    sums = ", ".join(f"sum({column})" for column in store.SUMS)
    return f"""
        insert into {table} ({", ".join(store.rollup_columns(table))})
        select organization_id, project_id, {bucket}, {dimensions}, api_key_id, {sums}
        from capped group by organization_id, project_id, 3, {dimensions}, api_key_id"""


_REBUILD: Final = _rebuild_statement()
