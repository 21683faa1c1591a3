"""Reads about channels, routes and deliveries. All run inside the organization's scope."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Count, QuerySet

from rules.alerts import content
from rules.alerts.messages import Message, write
from rules.alerts.models import Channel, Delivery, DeliveryAttempt, Route
from tenants.models import Event, Organization

PAGE_SIZE: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """What to look for; what is empty or None is not looked at. ``hidden`` projects are never shown."""

    channel_id: int | None = None
    state: str = ""
    event_id: int | None = None
    before: int | None = None
    hidden: Sequence[int] = ()

    @property
    def is_narrow(self) -> bool:
        return bool(self.channel_id or self.state or self.event_id)


@dataclass(frozen=True, slots=True)
class Line:
    """A delivery as a list shows it: its first message, and how many more it carries."""

    delivery: Delivery
    message: Message | None
    more: int

    @property
    def title(self) -> str:
        if self.delivery.bulletin is not None:
            return self.delivery.bulletin.title
        if self.delivery.purpose == Delivery.Purpose.TEST:
            return "Test of the channel"
        if self.message is None:
            return "About something that was deleted"
        return self.message.title


def channels(*, organization: Organization) -> QuerySet[Channel]:
    """Channels by name, with the number of their ``route_count``."""
    found = Channel.objects.filter(organization=organization).annotate(route_count=Count("routes"))
    return found.order_by("name", "pk")


def channel(*, organization: Organization, channel_id: int) -> Channel | None:
    return Channel.objects.filter(organization=organization, pk=channel_id).first()


def routes(*, organization: Organization) -> QuerySet[Route]:
    """Routes by name, with their channels."""
    found = Route.objects.filter(organization=organization).select_related("channel", "escalate_to")
    return found.order_by("name", "pk")


def route(*, organization: Organization, route_id: int) -> Route | None:
    return routes(organization=organization).filter(pk=route_id).first()


def deliveries(*, organization: Organization, chosen: DeliveryFilter) -> QuerySet[Delivery]:
    """Newest first."""
    wanted: dict[str, Any] = {
        "channel_id": chosen.channel_id,
        "state": chosen.state,
        "event_ids__contains": [chosen.event_id] if chosen.event_id else None,
        "pk__lt": chosen.before,
    }
    found = Delivery.objects.filter(organization=organization).filter(
        **{name: value for name, value in wanted.items() if value}
    )
    if chosen.hidden:
        found = found.exclude(project_ids__overlap=list(chosen.hidden))
    return found.select_related("channel", "bulletin").defer("bulletin__file").order_by("-pk")


def delivery(*, organization: Organization, delivery_id: int, hidden: Sequence[int] = ()) -> Delivery | None:
    chosen = DeliveryFilter(hidden=hidden)
    return deliveries(organization=organization, chosen=chosen).filter(pk=delivery_id).first()


def deliveries_of(*, bulletin_id: int) -> QuerySet[Delivery]:
    """To which channels a bulletin goes, in the order of their names."""
    return Delivery.objects.filter(bulletin_id=bulletin_id).select_related("channel").order_by("channel_name", "pk")


def attempts(*, delivery: Delivery) -> QuerySet[DeliveryAttempt]:
    """The last one first."""
    return DeliveryAttempt.objects.filter(delivery=delivery).order_by("-pk")


def event(*, organization: Organization, event_id: int, hidden: Sequence[int] = ()) -> Event | None:
    found = Event.objects.filter(organization=organization, pk=event_id)
    return found.exclude(project_id__in=hidden).first() if hidden else found.first()


def lines(found: Iterable[Delivery], *, organization: Organization) -> list[Line]:
    """What a page of deliveries says, with one query for all of their events."""
    page = list(found)
    first = {delivery.event_ids[0] for delivery in page if delivery.event_ids}
    events = Event.objects.select_related("project").in_bulk(first)
    return [_line(delivery, events, organization) for delivery in page]


def _line(delivery: Delivery, events: dict[int, Event], organization: Organization) -> Line:
    event = events.get(delivery.event_ids[0]) if delivery.event_ids else None
    message = write(content.origin_of(event, organization)) if event else None
    return Line(delivery, message, max(0, len(delivery.event_ids) + delivery.events_left_out - 1))


def messages(*, delivery: Delivery, organization: Organization) -> list[tuple[Event, Message]]:
    """Everything that a delivery tells, each with its event."""
    return [(one, write(content.origin_of(one, organization))) for one in content.events_of(delivery)]
