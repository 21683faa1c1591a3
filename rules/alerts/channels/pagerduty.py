"""PagerDuty's Events API v2: a matter is triggered, acknowledged and resolved under one key."""

import hashlib
import json
from typing import Any, Final

from core.fields import instant_text
from core.outbound import Client
from rules.alerts.channels.types import Action, Outcome, Outgoing, Place, post
from rules.alerts.messages import Message

REGIONS: Final = {"us": "https://events.pagerduty.com", "eu": "https://events.eu.pagerduty.com"}
PATH: Final = "/v2/enqueue"
_SEVERITIES: Final = {"high": "critical", "medium": "warning", "low": "info"}
_LONGEST_KEY: Final = 255


def send(outgoing: Outgoing, *, place: Place, client: Client) -> Outcome:
    body = json.dumps(payload(outgoing, routing_key=place.secrets["routing_key"])).encode()
    return post(client, base_url(place) + PATH, headers={}, body=body, place=place, now=outgoing.sent_at)


def base_url(place: Place) -> str:
    """That of the account's region, or of something else that takes the same events."""
    return str(REGIONS.get(place.config["region"]) or place.secrets["url"]).rstrip("/")


def payload(outgoing: Outgoing, *, routing_key: str) -> dict[str, Any]:
    """The event. Acknowledging and resolving say only which matter; digests are not for pagers."""
    message = outgoing.content
    assert isinstance(message, Message)  # noqa: S101 - a route to PagerDuty is instant
    event: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": outgoing.action.value,
        "dedup_key": dedup_key(outgoing.dedup_key),
    }
    if outgoing.action is not Action.TRIGGER:
        return event
    event["client"] = "TokenOps"
    if message.url:
        event |= {"client_url": message.url, "links": [{"href": message.url, "text": "Open in TokenOps"}]}
    return event | {"payload": _payload(message)}


def dedup_key(text: str) -> str:
    """``text`` where it fits, else a digest of it."""
    return text if len(text) <= _LONGEST_KEY else hashlib.sha256(text.encode()).hexdigest()


def _payload(message: Message) -> dict[str, Any]:
    origin = message.origin
    details = {figure.label: _value(figure.value, figure.normal) for figure in message.figures}
    more = {"What happened": message.summary, "What to do": message.advice, "Why now": message.note}
    return {
        "summary": message.title,
        "severity": _SEVERITIES[message.severity],
        "source": " / ".join(name for _label, name in message.where),
        "component": origin.project or origin.organization,
        "group": origin.team,
        "class": origin.rule or origin.kind,
        "timestamp": instant_text(origin.happened_at),
        "custom_details": details | {label: text for label, text in more.items() if text},
    }


def _value(value: str, normal: str) -> str:
    return f"{value} ({normal})" if normal else value
