"""Somebody says that they look after it: reminders and escalations end, and pagers hear of it."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction

from core.scope import org_scope
from rules.alerts import content, matching, outbox
from rules.alerts.models import Channel, Delivery
from tenants import audit
from tenants.audit import Actor
from tenants.models import Event, Organization, User

_ACKNOWLEDGED = "Somebody has acknowledged it."
_FOLLOWING = (Delivery.Purpose.REMINDER, Delivery.Purpose.ESCALATION)


@transaction.atomic
def acknowledge(*, organization: Organization, actor: Actor, event: Event, now: datetime) -> None:
    """Acknowledge an event. A second time changes nothing."""
    with org_scope(organization.pk):
        locked = Event.objects.select_for_update(of=("self",)).get(pk=event.pk)
        if locked.acknowledged_at is not None:
            return
        locked.acknowledged_at = now
        locked.acknowledged_by = actor if isinstance(actor, User) else None
        locked.save(update_fields=["acknowledged_at", "acknowledged_by"])
        audit.record("event.acknowledged", actor=actor, target=locked, event_kind=locked.kind, key=locked.dedup_key)
        _follow(locked, now)


@transaction.atomic
def acknowledge_delivery(*, organization: Organization, actor: Actor, delivery: Delivery, now: datetime) -> None:
    """Acknowledge everything that a delivery tells of, as far as it is not over. A second time changes nothing.

    :raises ValidationError: it tells of nothing that can be acknowledged.
    """
    with org_scope(organization.pk):
        told = acknowledgeable(delivery)
        if not told:
            raise ValidationError("It tells of nothing that can be acknowledged.")
        for event in told:
            acknowledge(organization=organization, actor=actor, event=event, now=now)


def acknowledgeable(delivery: Delivery) -> list[Event]:
    """What a delivery tells of but for ends of matters, oldest first."""
    return [event for event in content.events_of(delivery) if not matching.closes(event.kind)]


def acknowledged_at(delivery: Delivery) -> datetime | None:
    """When the last of it was acknowledged; None while something is not, and where nothing can be."""
    times = [event.acknowledged_at for event in acknowledgeable(delivery)]
    known = [moment for moment in times if moment is not None]
    return max(known) if known and len(known) == len(times) else None


def acknowledge_matter(*, organization: Organization, actor: Actor, dedup_key: str, now: datetime) -> None:
    """Acknowledge the last event about a matter, for whoever knows the matter and not its events."""
    with org_scope(organization.pk):
        event = Event.objects.filter(dedup_key=dedup_key).order_by("-pk").first()
        if event is not None:
            acknowledge(organization=organization, actor=actor, event=event, now=now)


def _follow(event: Event, now: datetime) -> None:
    about = Delivery.objects.select_for_update(of=("self",)).filter(event_ids=[event.pk]).order_by("pk")
    pagers = dict[int, Channel]()
    for delivery in about.select_related("channel", "route"):
        if not delivery.is_over and delivery.leased_until is None and delivery.purpose in _FOLLOWING:
            outbox.cancel(delivery, _ACKNOWLEDGED, now=now)
        channel = delivery.channel
        if channel is not None and channel.kind == Channel.Kind.PAGERDUTY and delivery.attempts:
            pagers[channel.pk] = channel
    for channel in pagers.values():
        outbox.put(
            channel,
            purpose=Delivery.Purpose.ACKNOWLEDGEMENT,
            key=f"e{event.pk}:c{channel.pk}:acknowledgement",
            due_at=now,
            events=[event],
        )
