"""An event becomes deliveries, once: the row of the event is locked, and every decision has a key of its own."""

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from core import work
from core.scope import org_scope
from rules.alerts import matching, outbox, timing
from rules.alerts.matching import Subject, Terms
from rules.alerts.models import Channel, Delivery, Route
from tenants import selectors
from tenants.events import ROUTE_TASK
from tenants.models import Event

MOST_IN_DIGEST: Final = 200  # events that are named; more are counted
_OVER: Final = "It was over before this was sent."


def route_event(*, organization_id: int, event_id: int, now: datetime) -> int:
    """Decide who is told of an event; how many deliveries that makes. A second run finds it routed and stops."""
    with org_scope(organization_id):
        found = Event.objects.select_for_update(skip_locked=True, of=("self",)).filter(pk=event_id)
        event = found.select_related("project", "organization").first()
        if event is None:
            if not Event.objects.filter(pk=event_id).exists():
                work.finish(ROUTE_TASK, object_id=event_id)
            return 0
        made = 0 if event.routed_at else _route(event, now)
        work.finish(ROUTE_TASK, object_id=event_id)
    return made


def _route(event: Event, now: datetime) -> int:
    zone = selectors.time_zone(organization=event.organization)
    routes = list(Route.objects.select_related("channel", "escalate_to").filter(is_enabled=True).order_by("pk"))
    if matching.closes(event.kind):
        made = _tell_recovery(event, now)
        routes = [route for route in routes if event.kind in route.kinds or _collects_recovery(route)]
    else:
        made = 0
    made += sum(_tell(route, event, zone, now) for route in routes if terms_of(route).match(subject_of(event)))
    event.routed_at = now
    event.save(update_fields=["routed_at"])
    return made


def terms_of(route: Route) -> Terms:
    return Terms(
        min_severity=route.min_severity,
        kinds=route.kinds,
        rules=route.rules,
        teams=route.teams,
        project_ids=route.project_ids,
    )


def subject_of(event: Event) -> Subject:
    """The team of an event without one is its project's."""
    team = event.team or (event.project.team.slug if event.project and event.project.team else "")
    return Subject(kind=event.kind, severity=event.severity, rule=event.rule, team=team, project_id=event.project_id)


# --- News ---


def _tell(route: Route, event: Event, zone: ZoneInfo, now: datetime) -> int:
    if route.pace != Route.Pace.INSTANT:
        return _collect(route, event, zone, now)
    made = outbox.put(
        route.channel,
        purpose=Delivery.Purpose.NEWS,
        key=f"r{route.pk}:e{event.pk}:news",
        due_at=out_of_quiet(route, now, zone),
        route=route,
        events=[event],
    )
    return int(made is not None) + _escalate_later(route, event, now)


def _escalate_later(route: Route, event: Event, now: datetime) -> int:
    """Another channel hears of it if nobody has acknowledged it by then; it does not wait for quiet hours to end."""
    if route.escalate_to is None or route.escalate_after_minutes is None or matching.closes(event.kind):
        return 0
    made = outbox.put(
        route.escalate_to,
        purpose=Delivery.Purpose.ESCALATION,
        key=f"r{route.pk}:e{event.pk}:escalation",
        due_at=now + timedelta(minutes=route.escalate_after_minutes),
        route=route,
        events=[event],
    )
    return int(made is not None)


def out_of_quiet(route: Route, moment: datetime, zone: ZoneInfo) -> datetime:
    return timing.after_quiet(moment, quiet_from=route.quiet_from, quiet_until=route.quiet_until, zone=zone)


# --- Digests ---


def _collect(route: Route, event: Event, zone: ZoneInfo, now: datetime) -> int:
    """Put the event into the route's next digest, which is a delivery from its first event on."""
    slot = _slot(route, zone, now)
    key = f"r{route.pk}:digest:{slot:%Y%m%dT%H%M}"
    due_at = out_of_quiet(route, slot, zone)
    made = outbox.put(
        route.channel, purpose=Delivery.Purpose.DIGEST, key=key, due_at=due_at, route=route, events=[event]
    )
    if made is not None:
        return 1
    digest = Delivery.objects.select_for_update().get(key=key)
    if digest.is_over or digest.attempts:  # a clock that went back; the next slot is as good
        return _collect(route, event, zone, slot)
    if event.pk not in digest.event_ids:
        _add(digest, event)
    return 0


def _add(digest: Delivery, event: Event) -> None:
    if len(digest.event_ids) >= MOST_IN_DIGEST:
        digest.events_left_out += 1
    else:
        digest.event_ids = [*digest.event_ids, event.pk]
    digest.project_ids = sorted({*digest.project_ids, *outbox.projects_of([event])})
    digest.save(update_fields=["event_ids", "events_left_out", "project_ids"])


def _slot(route: Route, zone: ZoneInfo, now: datetime) -> datetime:
    if route.pace == Route.Pace.HOURLY:
        return timing.next_full_hour(now, zone=zone)
    return timing.next_at(now, route.digest_at, zone=zone)


def _collects_recovery(route: Route) -> bool:
    return route.pace != Route.Pace.INSTANT and route.tells_recovery


# --- Recovery ---


def _tell_recovery(event: Event, now: datetime) -> int:
    """Whoever heard that it began hears that it is over; what was not sent yet is not sent any more."""
    opening = _opening(event)
    if opening is None:
        return 0
    about = Delivery.objects.select_for_update(of=("self",)).select_related("channel", "route")
    told = dict[tuple[int, int], tuple[Route, Channel, datetime]]()
    for delivery in about.filter(event_ids=[opening.pk]).exclude(purpose=Delivery.Purpose.DIGEST).order_by("pk"):
        heard_at = _heard(delivery, now)
        if heard_at is not None and delivery.route is not None and delivery.channel is not None:
            told[delivery.route.pk, delivery.channel.pk] = (delivery.route, delivery.channel, heard_at)
    return sum(
        _put_recovery(route, channel, event, heard_at)
        for route, channel, heard_at in told.values()
        if route.tells_recovery and event.kind not in route.kinds
    )


def _heard(delivery: Delivery, now: datetime) -> datetime | None:
    """From when on the receiver may be told that it is over; None where it never heard of it.

    One that is being sent right now is waited for, so that the end does not overtake the beginning.
    """
    in_flight = delivery.leased_until if delivery.leased_until and delivery.leased_until > now else None
    if not delivery.is_over and in_flight is None:
        outbox.cancel(delivery, _OVER, now=now)
    if delivery.state == Delivery.State.DELIVERED or delivery.attempts:
        return in_flight or now
    return None


def _put_recovery(route: Route, channel: Channel, event: Event, due_at: datetime) -> int:
    zone = selectors.time_zone(organization=event.organization)
    made = outbox.put(
        channel,
        purpose=Delivery.Purpose.RECOVERY,
        key=f"r{route.pk}:e{event.pk}:c{channel.pk}:recovery",
        due_at=out_of_quiet(route, due_at, zone),
        route=route,
        events=[event],
    )
    return int(made is not None)


def _opening(event: Event) -> Event | None:
    """The event that opened the matter last."""
    earlier = Event.objects.filter(dedup_key=event.dedup_key, pk__lt=event.pk).order_by("-pk")
    return next((one for one in earlier[:20] if matching.opens(one.kind)), None)
