"""The outbox: a delivery is a row from the moment it is decided until it arrived or was given up.

``core.work`` wakes it: one entry for each delivery that waits, due when it may be sent or when its lease is over. Every
time is in a row; a message about it is only a hint.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from django.utils import timezone

from core import work
from rules.alerts import timing
from rules.alerts.models import Bulletin, Channel, Delivery, Route
from tenants.models import Event

TASK: Final = "alerts.deliver"
CHANNEL_OFF: Final = "The channel was turned off."


def put(
    channel: Channel,
    *,
    purpose: Delivery.Purpose,
    key: str,
    due_at: datetime,
    route: Route | None = None,
    events: Collection[Event] = (),
    bulletin: Bulletin | None = None,
) -> Delivery | None:
    """Decide that ``channel`` is told, once for each ``key``; None when that was decided before.

    A channel that is off is not told, and the row says so. Call it in the transaction of the decision.
    """
    delivery, is_new = Delivery.objects.get_or_create(
        organization_id=channel.organization_id,
        key=key,
        defaults={
            "channel": channel,
            "channel_name": channel.name,
            "channel_kind": channel.kind,
            "route": route,
            "purpose": purpose,
            "event_ids": [event.pk for event in events],
            "bulletin": bulletin,
            "project_ids": bulletin.project_ids if bulletin else projects_of(events),
            "message_id": f"msg_{uuid4().hex}",
            "next_attempt_at": due_at,
            "expires_at": due_at + timing.PATIENCE,
            **_state(channel, purpose),
        },
    )
    if not is_new:
        return None
    if not delivery.is_over:
        wake(delivery, due_at)
    return delivery


def projects_of(events: Collection[Event]) -> list[int]:
    return sorted({event.project_id for event in events if event.project_id is not None})


def _state(channel: Channel, purpose: Delivery.Purpose) -> dict[str, Any]:
    if channel.is_enabled or purpose == Delivery.Purpose.TEST:
        return {}
    return {"state": Delivery.State.CANCELLED, "reason": CHANNEL_OFF, "finished_at": timezone.now()}


def wake(delivery: Delivery, at: datetime) -> None:
    """Have a worker look at the delivery at ``at``."""
    work.make_due(TASK, organization_id=delivery.organization_id, object_id=delivery.pk, due_at=at)


def end(delivery: Delivery, state: Delivery.State, reason: str, *, now: datetime) -> None:
    """The delivery is over. Its row is locked by whoever says so."""
    delivery.state, delivery.reason = state, reason[:300]
    delivery.finished_at, delivery.leased_until = now, None
    delivery.save(update_fields=["state", "reason", "finished_at", "leased_until"])
    work.finish(TASK, object_id=delivery.pk)


def cancel(delivery: Delivery, reason: str, *, now: datetime) -> None:
    """Nobody needs it any more."""
    end(delivery, Delivery.State.CANCELLED, reason, now=now)


def start_again(delivery: Delivery, *, now: datetime) -> None:
    """Have a delivery that is over sent again: the same ids, and 24 hours anew."""
    delivery.state, delivery.reason = Delivery.State.WAITING, ""
    delivery.finished_at, delivery.leased_until = None, None
    delivery.next_attempt_at, delivery.expires_at = now, now + timing.PATIENCE
    delivery.save(update_fields=["state", "reason", "finished_at", "leased_until", "next_attempt_at", "expires_at"])
    wake(delivery, now)
