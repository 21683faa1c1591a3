"""Rollups outlive their calls by far, and not for ever."""

from datetime import date, datetime
from typing import Final

from django.db import connection

from core.scope import org_scope
from ingestion import store
from tenants.models import Organization

KEPT_MONTHS: Final = 25  # two years to compare with, and the month that is running
_AT_ONCE: Final = 5_000
_MOST_BATCHES: Final = 100  # a run; the next run goes on


def first_kept_date(*, now: datetime) -> date:
    """The first day of the oldest month that is kept: months stay whole."""
    months = now.year * 12 + now.month - 1 - KEPT_MONTHS
    return date(months // 12, months % 12 + 1, 1)


def delete_old_rollups(*, now: datetime) -> int:
    """Delete rollups of months nobody keeps any more, in small transactions; how many rows."""
    before = first_kept_date(now=now)
    left, deleted = _MOST_BATCHES, 0
    for organization_id in Organization.objects.order_by("pk").values_list("pk", flat=True):
        for table in store.BUCKETS:
            while left > 0:
                count = _delete_batch(organization_id, table, before)
                deleted += count
                left -= bool(count)
                if count < _AT_ONCE:
                    break
    return deleted


def _delete_batch(organization_id: int, table: str, before: date) -> int:
    bucket = store.BUCKETS[table][0]
    with org_scope(organization_id), connection.cursor() as cursor:
        cursor.execute(
            f"delete from {table} where ctid = any(array("
            f"select ctid from {table} where organization_id = %s and {bucket} < %s limit %s))",
            [organization_id, before, _AT_ONCE],
        )
        return int(cursor.rowcount)
