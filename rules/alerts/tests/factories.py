"""Channels, routes and events for tests. Call them in the organization's scope."""

from datetime import UTC, datetime, timedelta
from typing import Any

from rules.alerts import channel_services, route_services, routing, tasks
from rules.alerts.channel_terms import Given
from rules.alerts.models import Channel, Delivery, Route
from rules.alerts.route_services import Wanted
from tenants import events
from tenants.models import Event, Organization

NOON = datetime(2026, 7, 15, 12, 0, tzinfo=UTC)
KEY = "R0123456789ABCDEFGHIJKLMNOPQRSTUV"[:32]


def make_slack(organization: Organization, url: str, name: str = "Slack") -> Channel:
    return channel_services.create_channel(
        organization=organization, actor=None, kind="slack", name=name, given=Given(url=f"{url}/services/T0/B0/token99")
    )


def make_webhook(organization: Organization, url: str, name: str = "Hook") -> Channel:
    return channel_services.create_channel(
        organization=organization, actor=None, kind="webhook", name=name, given=Given(url=f"{url}/hook")
    )


def make_pager(organization: Organization, url: str, name: str = "Pager") -> Channel:
    return channel_services.create_channel(
        organization=organization,
        actor=None,
        kind="pagerduty",
        name=name,
        given=Given(routing_key=KEY, region="other", url=url),
    )


def make_email(organization: Organization, *recipients: str, name: str = "Mail") -> Channel:
    return channel_services.create_channel(
        organization=organization,
        actor=None,
        kind="email",
        name=name,
        given=Given(recipients=recipients or ("oncall@acme.test",)),
    )


def make_route(channel: Channel, name: str = "All", **terms: Any) -> Route:
    return route_services.create_route(
        organization=channel.organization, actor=None, wanted=Wanted(name=name, channel=channel, **terms)
    )


def make_event(organization: Organization, kind: str = "insight.opened", **values: Any) -> Event:
    given: dict[str, Any] = {
        "severity": Event.Severity.HIGH,
        "subject": organization,
        "dedup_key": "insight:spike-1",
        "rule": "SPIKE",
        "link": "/o/acme/",
        "title": "Traffic of Web is 12 × its usual",
        "figures": [{"label": "Calls today", "value": "12,000", "normal": "usually 1,000 a day"}],
        "advice": "Look at the calls.",
    }
    return events.record(kind, **(given | values))


def route(event: Event, now: datetime = NOON) -> int:
    return routing.route_event(organization_id=event.organization_id, event_id=event.pk, now=now)


def deliver(delivery: Delivery) -> Delivery:
    """What a worker does; as it is then."""
    tasks.deliver(organization_id=delivery.organization_id, object_id=delivery.pk)
    delivery.refresh_from_db()
    return delivery


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)
