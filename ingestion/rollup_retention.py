"""Rollups outlive their calls by far, and not for ever."""

from datetime import date, datetime, timedelta
from typing import Final

from django.db import connection

from core.scope import org_scope
from ingestion import condensed, daily_tables, store
from tenants import selectors
from tenants.models import Organization

KEPT_MONTHS: Final = 25  # two years to compare with, and the month that is running
_AT_ONCE: Final = 5_000
_MOST_BATCHES: Final = 100  # a run; the next run goes on
# Marks come last: deleting the rows of what is condensed marks it anew.
_BUCKETS: Final = (
    {table: bucket for table, (bucket, _) in store.BUCKETS.items()}
    | dict.fromkeys(daily_tables.TABLES, "bucket_date")
    | {table: grain.column for grain in condensed.GRAINS for table in (grain.facets, grain.marks)}
)
# Days before these were cleared by earlier runs, also if the worker rested for a while; looking at them again would
# cost more with every month that is kept.
_SINGLES_LOOKED_FOR: Final = timedelta(days=30)


def first_kept_date(*, now: datetime) -> date:
    """The first day of the oldest month that is kept: months stay whole."""
    months = now.year * 12 + now.month - 1 - KEPT_MONTHS
    return date(months // 12, months % 12 + 1, 1)


def delete_old_rollups(*, now: datetime) -> int:
    """Delete rollups of months nobody keeps any more, in small transactions; how many rows."""
    before = first_kept_date(now=now)
    left, deleted = _MOST_BATCHES, 0
    for organization_id in Organization.objects.order_by("pk").values_list("pk", flat=True):
        for table, bucket in _BUCKETS.items():
            count, batches = _delete(organization_id, table, f"{bucket} < %s", [before], left)
            deleted += count
            left -= batches
    return deleted


def delete_single_prompts(*, now: datetime) -> int:
    """Delete prompts that came once, of days for which no more calls are counted; how many rows."""
    left, deleted = _MOST_BATCHES, 0
    for organization in Organization.objects.order_by("pk"):
        with org_scope(organization.pk):
            zone = selectors.time_zone(organization=organization)
        # Whoever ends its day in this moment is kept for as long as singles are.
        end = (now - daily_tables.SINGLES_KEPT_FOR).astimezone(zone).date()
        which = "calls = 1 and bucket_date >= %s and bucket_date < %s"
        count, batches = _delete(organization.pk, daily_tables.PROMPTS, which, [end - _SINGLES_LOOKED_FOR, end], left)
        deleted += count
        left -= batches
    return deleted


def _delete(organization_id: int, table: str, which: str, values: list[date], most_batches: int) -> tuple[int, int]:
    """How many rows were deleted in how many batches that found some."""
    deleted = batches = 0
    while batches < most_batches:
        count = _delete_batch(organization_id, table, which, values)
        deleted += count
        batches += bool(count)
        if count < _AT_ONCE:
            break
    return deleted, batches


def _delete_batch(organization_id: int, table: str, which: str, values: list[date]) -> int:
    with org_scope(organization_id), connection.cursor() as cursor:
        cursor.execute(
            f"delete from {table} where ctid = any(array("
            f"select ctid from {table} where organization_id = %s and {which} limit %s))",
            [organization_id, *values, _AT_ONCE],
        )
        return int(cursor.rowcount)
