"""The word that the spool fills up: calls are carried, and the database does not take what is recorded of them."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.urls import reverse

from core.models import Heartbeat
from core.scope import org_scope
from gateway.models import GatewayTraffic
from tenants import events
from tenants.models import Event, Organization

KIND: Final = "gateway.spool_filling"
SPOOL: Final = "gateway"  # the edge's heartbeat
WATCH: Final = "gateway-watch"  # ours: since when it is full, if it is
_FULL, _EASED = 0.8, 0.5  # of the limit; in between nothing is said anew
_CONCERNS: Final = timedelta(days=1)  # whose calls passed within that time
_SAID_BY: Final = timedelta(minutes=2)  # an older heartbeat tells nothing of now


def record_filling(*, now: datetime) -> int:
    """Write the events of organizations whose calls wait in a spool that is nearly full; how many were told.

    Each is told once, and again only after the spool had eased.
    """
    beat = Heartbeat.objects.filter(name=SPOOL, seen_at__gte=now - _SAID_BY).first()
    if beat is None or not beat.facts.get("spool_limit"):
        return 0
    since = _full_since(beat.facts["spool_bytes"] / beat.facts["spool_limit"], now)
    if since is None:
        return 0
    return sum(_record(organization, beat.facts, since, now) for organization in Organization.objects.order_by("pk"))


@transaction.atomic
def _full_since(fill: float, now: datetime) -> str | None:
    """When it became full; None while it is not."""
    watch, _ = Heartbeat.objects.select_for_update().get_or_create(
        name=WATCH, defaults={"seen_at": now, "facts": {"full_since": None}}
    )
    since = watch.facts.get("full_since")
    if since and fill < _EASED:
        since = None
    elif not since and fill >= _FULL:
        since = now.isoformat()
    watch.seen_at, watch.facts = now, {"full_since": since}
    watch.save()
    return since if isinstance(since, str) else None


def _record(organization: Organization, facts: dict[str, Any], since: str, now: datetime) -> bool:
    key = f"spool:{since}"
    with org_scope(organization.pk):
        if not GatewayTraffic.objects.filter(hour__gte=now - _CONCERNS).exists():
            return False
        if Event.objects.filter(kind=KIND, dedup_key=key).exists():
            return False
        events.record(
            KIND,
            severity=Event.Severity.HIGH,
            subject=organization,
            dedup_key=key,
            link=reverse("gateway:organization-overview", args=[organization.slug]),
            used_bytes=facts["spool_bytes"],
            limit_bytes=facts["spool_limit"],
        )
        return True
