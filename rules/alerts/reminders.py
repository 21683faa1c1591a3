"""Reminders of a matter that is still open: each is decided when the message before it has arrived."""

from datetime import datetime, timedelta
from typing import Final

from rules.alerts import content, matching, outbox, routing
from rules.alerts.models import Delivery
from tenants import selectors
from tenants.models import Event

_FOLLOWED: Final = {Delivery.Purpose.NEWS, Delivery.Purpose.REMINDER}


def remind_later(delivery: Delivery, *, now: datetime) -> None:
    """Decide the next reminder, if the route wants one and the matter is open and unacknowledged."""
    route, channel = delivery.route, delivery.channel
    if route is None or channel is None or route.renotify_hours is None or delivery.purpose not in _FOLLOWED:
        return
    found = Event.objects.select_related("organization").filter(pk__in=delivery.event_ids)
    event = found.first()
    if event is None or not matching.opens(event.kind) or event.acknowledged_at or content.is_over(event):
        return
    reminders = Delivery.objects.filter(route=route, purpose=Delivery.Purpose.REMINDER, event_ids=[event.pk]).count()
    zone = selectors.time_zone(organization=event.organization)
    outbox.put(
        channel,
        purpose=Delivery.Purpose.REMINDER,
        key=f"r{route.pk}:e{event.pk}:reminder:{reminders + 1}",
        due_at=routing.out_of_quiet(route, now + timedelta(hours=route.renotify_hours), zone),
        route=route,
        events=[event],
    )
