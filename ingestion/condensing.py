"""Condenses days and hours that have settled, and again those that changed since."""

from collections.abc import Iterator
from datetime import date, datetime
from time import monotonic
from typing import Any, Final

from django.db import connection

from core.scope import org_scope
from ingestion import condensed, histogram
from ingestion.condensed import DAYS, GRAINS, HOURS, Grain
from tenants.models import Organization

_SECONDS_AT_ONCE: Final = 20.0  # the next run goes on


def condense(*, now: datetime, seconds: float = _SECONDS_AT_ONCE) -> dict[str, int]:
    """Condense what has settled of every organization, the latest first; how many days and hours were."""
    until, counts = monotonic() + seconds, dict.fromkeys((grain.column for grain in GRAINS), 0)
    for organization_id, grain, bucket in _waiting(now):
        if monotonic() >= until:
            break
        _condense(organization_id, grain, bucket)
        counts[grain.column] += 1
    return {"days": counts[DAYS.column], "hours": counts[HOURS.column]}


def _waiting(now: datetime) -> Iterator[tuple[int, Grain, date]]:
    for organization_id in Organization.objects.order_by("pk").values_list("pk", flat=True):
        for grain in GRAINS:
            yield from ((organization_id, grain, bucket) for bucket in unsettled(organization_id, grain, now))


def unsettled(organization_id: int, grain: Grain, now: datetime) -> list[date]:
    """The days, or the beginnings of hours, that facets are to be made of."""
    parameters: dict[str, Any] = {"organization": organization_id, "before": condensed.settled_before(grain, now)}
    with org_scope(organization_id), connection.cursor() as cursor:
        cursor.execute(condensed.unsettled(grain), parameters)
        return [bucket for (bucket,) in cursor.fetchall()]


def _condense(organization_id: int, grain: Grain, bucket: date) -> None:
    """One bucket a transaction: whoever held several would sooner or later wait for a writer that waits for it."""
    parameters: dict[str, Any] = {"organization": organization_id, "bucket": bucket, "facets": list(condensed.FACETS)}
    with org_scope(organization_id), connection.cursor() as cursor:
        for statement in (condensed.claim(grain), condensed.forget(grain), condensed.condense(grain)):
            cursor.execute(statement, parameters)
        if cursor.fetchone()[0] > histogram.MOST_CALLS:
            cursor.execute(condensed.forget(grain), parameters)
            cursor.execute(condensed.leave(grain), parameters)
