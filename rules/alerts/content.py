"""From a delivery to its message: which events it is about, whether they still matter, and the words."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.conf import settings
from django.urls import reverse

from rules.alerts import matching
from rules.alerts.channels.types import Action, Outgoing
from rules.alerts.messages import Attachment, Content, Digest, Figure, Message, Origin, Sheet, digest_of, write
from rules.alerts.models import Bulletin, Delivery
from tenants.models import Event, Organization

TEST_KIND: Final = "test"
_ACKNOWLEDGED: Final = "Somebody has acknowledged it."
_OVER: Final = "It was over before this was due."
_NOTES: Final = {
    Delivery.Purpose.REMINDER: "Reminder: it is still open",
    Delivery.Purpose.ESCALATION: "Escalation: nobody has acknowledged it",
}


def events_of(delivery: Delivery) -> list[Event]:
    """Those that are still there, oldest first: a project that is deleted takes its own along."""
    found = Event.objects.select_related("project").filter(pk__in=delivery.event_ids)
    return list(found.order_by("pk"))


def why_not(delivery: Delivery) -> str:
    """Why a reminder or an escalation is not needed any more; '' while it is, and for everything else."""
    if delivery.purpose not in _NOTES:
        return ""
    event = Event.objects.filter(pk__in=delivery.event_ids).first()
    if event is None:
        return ""
    if event.acknowledged_at is not None:
        return _ACKNOWLEDGED
    return _OVER if is_over(event) else ""


def is_over(event: Event) -> bool:
    """Whether a later event has closed the matter."""
    later = Event.objects.filter(dedup_key=event.dedup_key, pk__gt=event.pk).values_list("kind", flat=True)
    return any(matching.closes(kind) for kind in later)


def outgoing(delivery: Delivery, *, now: datetime) -> Outgoing | None:
    """What is to be sent; None when nothing is left to say."""
    organization = Organization.objects.get(pk=delivery.organization_id)
    if delivery.purpose == Delivery.Purpose.TEST:
        return _outgoing(delivery, _test(delivery, organization, now), Action.TRIGGER, now)
    if delivery.purpose == Delivery.Purpose.REPORT:
        if delivery.bulletin is None:
            return None
        return _outgoing(delivery, sheet_of(delivery.bulletin, organization), Action.TRIGGER, now)
    events = events_of(delivery)
    if not events:
        return None
    messages = [write(origin_of(event, organization), note=_note(delivery, event)) for event in events]
    if delivery.purpose == Delivery.Purpose.DIGEST:
        return _outgoing(delivery, _digest(delivery, organization, messages), Action.TRIGGER, now)
    return _outgoing(delivery, messages[0], _action(delivery, events[0]), now)


def _outgoing(delivery: Delivery, content: Content, action: Action, now: datetime) -> Outgoing:
    matter = content.origin.dedup_key if isinstance(content, Message) else delivery.key
    return Outgoing(
        message_id=delivery.message_id,
        dedup_key=f"tokenops:{delivery.organization_id}:{matter}",
        action=action,
        content=content,
        sent_at=now,
    )


def _action(delivery: Delivery, event: Event) -> Action:
    if delivery.purpose == Delivery.Purpose.ACKNOWLEDGEMENT:
        return Action.ACKNOWLEDGE
    return Action.RESOLVE if matching.closes(event.kind) else Action.TRIGGER


def _note(delivery: Delivery, event: Event) -> str:
    if delivery.purpose == Delivery.Purpose.ACKNOWLEDGEMENT:
        return f"Acknowledged by {event.acknowledged_by}" if event.acknowledged_by else "Acknowledged"
    return _NOTES.get(Delivery.Purpose(delivery.purpose), "")


def origin_of(event: Event, organization: Organization) -> Origin:
    return Origin(
        event_id=event.pk,
        kind=event.kind,
        severity=event.severity,
        dedup_key=event.dedup_key,
        happened_at=event.created_at,
        organization=organization.name,
        project=event.project.name if event.project else "",
        team=event.team,
        rule=event.rule,
        url=settings.BASE_URL + event.link if event.link else "",
        facts=event.facts,
    )


def _digest(delivery: Delivery, organization: Organization, messages: Sequence[Message]) -> Digest:
    url = settings.BASE_URL + reverse("alerts:delivery-detail", args=[organization.slug, delivery.pk])
    return digest_of(messages, organization=organization.name, url=url, left_out=delivery.events_left_out)


def sheet_of(bulletin: Bulletin, organization: Organization) -> Sheet:
    file = bytes(bulletin.file) if bulletin.file else b""
    return Sheet(
        title=bulletin.title,
        organization=organization.name,
        made_at=bulletin.created_at,
        sentences=bulletin.sentences,
        figures=[Figure(one["label"], one["value"], one["note"]) for one in bulletin.figures],
        text=bulletin.text,
        url=settings.BASE_URL + bulletin.link if bulletin.link else "",
        attachment=Attachment(bulletin.file_name, bulletin.file_type, file) if file else None,
    ).bounded()


def _test(delivery: Delivery, organization: Organization, now: datetime) -> Message:
    path = reverse("alerts:channel-detail", args=[organization.slug, delivery.channel_id])
    origin = Origin(
        event_id=0,
        kind=TEST_KIND,
        severity="low",
        dedup_key=delivery.key,
        happened_at=now,
        organization=organization.name,
        url=settings.BASE_URL + path,
    )
    return Message(
        origin=origin,
        title=f"A test of the channel “{delivery.channel_name}”",
        summary="Alerts that are routed to this channel will arrive here.",
        advice="Nothing is to be done.",
    ).bounded()
