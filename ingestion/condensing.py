"""Condenses days that have settled, and again those that changed since."""

from datetime import UTC, date, datetime, timedelta
from time import monotonic
from typing import Any, Final

from django.db import connection

from core.scope import org_scope
from ingestion import condensed
from tenants.models import Organization

_SECONDS_AT_ONCE: Final = 20.0  # the next run goes on


def condense_days(*, now: datetime, seconds: float = _SECONDS_AT_ONCE) -> int:
    """Condense the settled days of every organization, the latest first; how many were."""
    until, days = monotonic() + seconds, 0
    for organization_id in Organization.objects.order_by("pk").values_list("pk", flat=True):
        for day in _unsettled(organization_id, now):
            if monotonic() >= until:
                return days
            _condense(organization_id, day)
            days += 1
    return days


def _unsettled(organization_id: int, now: datetime) -> list[date]:
    before = now.astimezone(UTC).date() - timedelta(days=condensed.SETTLED_AFTER_DAYS)
    with org_scope(organization_id), connection.cursor() as cursor:
        cursor.execute(condensed.UNSETTLED, {"organization": organization_id, "before": before})
        return [day for (day,) in cursor.fetchall()]


def _condense(organization_id: int, day: date) -> None:
    parameters: dict[str, Any] = {"organization": organization_id, "day": day, "facets": list(condensed.FACETS)}
    with org_scope(organization_id), connection.cursor() as cursor:
        for statement in (condensed.CLAIM, condensed.FORGET, condensed.CONDENSE):
            cursor.execute(statement, parameters)
        if cursor.fetchone()[0] > condensed.MOST_CALLS:
            cursor.execute(condensed.FORGET, parameters)
            cursor.execute(condensed.LEAVE, parameters)
