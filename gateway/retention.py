"""What was counted of proxied requests is kept as long as rollups are, and not for ever."""

from datetime import UTC, datetime, time
from typing import Final

from django.db import connection

from core.scope import org_scope
from ingestion.rollup_retention import first_kept_date
from tenants.models import Organization

_AT_ONCE: Final = 5_000
_DELETE: Final = """
    delete from gateway_traffic_hourly where ctid = any(array(
        select ctid from gateway_traffic_hourly where organization_id = %s and hour < %s limit %s))"""


def delete_old_traffic(*, now: datetime) -> int:
    """Delete hours of months nobody keeps any more, of each organization a batch; how many rows."""
    before = datetime.combine(first_kept_date(now=now), time(), UTC)
    return sum(_delete(pk, before) for pk in Organization.objects.order_by("pk").values_list("pk", flat=True))


def _delete(organization_id: int, before: datetime) -> int:
    with org_scope(organization_id), connection.cursor() as cursor:
        cursor.execute(_DELETE, [organization_id, before, _AT_ONCE])
        return int(cursor.rowcount)
