"""How the API's document describes alerts."""

from collections.abc import Callable
from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.openapi import problems
from core.parameters import OrganizationParameters
from rules.alerts.api.serializers import (
    ChannelBodySerializer,
    ChannelChangeSerializer,
    ChannelListSerializer,
    ChannelSerializer,
    DeliveryDetailSerializer,
    DeliveryListSerializer,
    DeliveryParameters,
    NewChannelSerializer,
    RouteBodySerializer,
    RouteChangeSerializer,
    RouteListSerializer,
    RouteSerializer,
    SecretSerializer,
)

TAG: Final = "Alerts"
_WHO: Final = " Takes a key of the whole organization with the scope `manage`, or an admin."
_AT: Final = "2026-12-01T08:00:00.000000Z"
_SECRET: Final = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_CHANNEL: Final[dict[str, Any]] = {
    "id": 3,
    "name": "On call",
    "kind": "slack",
    "enabled": True,
    "disabled_reason": "",
    "host": "hooks.slack.com",
    "recipients": [],
    "region": None,
    "failures": 0,
    "last_failure": "",
    "last_failure_at": None,
    "last_success_at": _AT,
    "created_at": _AT,
}
_HOOK: Final = _CHANNEL | {"kind": "webhook", "host": "example.com", "signing_secret": _SECRET, "last_success_at": None}
_ROUTE: Final[dict[str, Any]] = {
    "id": 5,
    "name": "Urgent",
    "channel": 3,
    "enabled": True,
    "min_severity": "high",
    "kinds": ["insight.opened", "insight.reopened"],
    "rules": [],
    "teams": [],
    "projects": ["web"],
    "pace": "instant",
    "digest_at": "09:00",
    "quiet_from": "22:00",
    "quiet_until": "07:00",
    "renotify_hours": 4,
    "tells_recovery": True,
    "escalate_to": None,
    "escalate_after_minutes": None,
    "created_at": _AT,
}
_DELIVERY: Final[dict[str, Any]] = {
    "id": 9,
    "channel": 3,
    "channel_name": "On call",
    "channel_kind": "slack",
    "purpose": "news",
    "state": "delivered",
    "reason": "",
    "title": "Traffic of Web is 12 × its usual",
    "events": [41],
    "message_id": "msg_0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "attempts": 1,
    "next_attempt_at": None,
    "created_at": _AT,
    "finished_at": _AT,
}
_TRIES: Final = [
    {"number": 1, "started_at": _AT, "duration_ms": 184, "outcome": "delivered", "status": 200, "answer": "ok"}
]
_WAITING: Final = _DELIVERY | {
    "state": "waiting",
    "attempts": 0,
    "next_attempt_at": _AT,
    "finished_at": None,
    "acknowledged_at": None,
    "tries": [],
}
_TAKEN_NOTE_OF: Final = _WAITING | {"state": "delivered", "acknowledged_at": _AT}
_SLACK: Final = {"name": "On call", "kind": "slack", "url": "https://hooks.slack.com/services/T0/B0/x"}
_URGENT: Final = {"name": "Urgent", "channel": 3, "min_severity": "high"}


def _shown(serializer: Any, name: str, value: Any) -> OpenApiResponse:
    return OpenApiResponse(serializer, examples=[OpenApiExample(name, value=value, response_only=True)])


def _sent(name: str, value: Any) -> list[OpenApiExample]:
    return [OpenApiExample(name, value=value, request_only=True)]


def _page(value: Any) -> dict[str, Any]:
    return {"results": [value], "next": None}


def _path(name: str) -> OpenApiParameter:
    return OpenApiParameter(f"{name}_id", int, OpenApiParameter.PATH, description=f"Id of the {name}.")


def _describe(
    method: str,
    operation_id: str,
    summary: str,
    answer: dict[int, Any],
    *,
    more: tuple[int, ...] = (),
    parameters: tuple[Any, ...] = (),
    text: str = "",
    request: Any = None,
    examples: list[OpenApiExample] | None = None,
) -> Callable[[Any], Any]:
    is_write = method != "GET"
    return extend_schema(
        methods=[method],
        operation_id=operation_id,
        tags=[TAG],
        summary=summary,
        description=text + (_WHO if is_write else "") or None,
        parameters=[*(parameters or (OrganizationParameters,))],
        request=request,
        examples=examples or [],
        responses=answer | problems(400, 403, 404, *((415,) if request else ()), *more),
    )


_ONE_CHANNEL: Final = (OrganizationParameters, _path("channel"))
_ONE_ROUTE: Final = (OrganizationParameters, _path("route"))
_ONE_DELIVERY: Final = (OrganizationParameters, _path("delivery"))

channel_list = _describe(
    "GET", "channel_list", "Channels", {200: _shown(ChannelListSerializer, "channels", _page(_CHANNEL))}
)
channel_create = _describe(
    "POST",
    "channel_create",
    "Create a channel",
    {201: _shown(NewChannelSerializer, "created", _HOOK)},
    text="Addresses and keys are stored encrypted and shown to nobody.",
    request=ChannelBodySerializer,
    examples=_sent("Slack", _SLACK),
)
channel_detail = _describe(
    "GET",
    "channel_detail",
    "One channel",
    {200: _shown(ChannelSerializer, "channel", _CHANNEL)},
    parameters=_ONE_CHANNEL,
)
channel_change = _describe(
    "PATCH",
    "channel_change",
    "Change a channel",
    {200: _shown(ChannelSerializer, "changed", _CHANNEL)},
    parameters=_ONE_CHANNEL,
    text="Secrets that are left out stay.",
    request=ChannelChangeSerializer,
    examples=_sent("turn on", {"enabled": True}),
)
channel_delete = _describe(
    "DELETE",
    "channel_delete",
    "Delete a channel",
    {204: None},
    parameters=_ONE_CHANNEL,
    text="Its routes go with it; what waits is not sent.",
)
channel_test = _describe(
    "POST",
    "channel_test",
    "Send a test",
    {202: _shown(DeliveryDetailSerializer, "queued", _WAITING | {"purpose": "test", "events": []})},
    parameters=_ONE_CHANNEL,
    text="Read the delivery until it is over: its attempt has the answer.",
)
channel_secret = _describe(
    "POST",
    "channel_secret_rotate",
    "A new signing secret",
    {200: _shown(SecretSerializer, "secret", {"signing_secret": _SECRET})},
    parameters=_ONE_CHANNEL,
    text="Of a webhook. Messages are signed with the old one too for 24 hours.",
)
route_list = _describe("GET", "route_list", "Routes", {200: _shown(RouteListSerializer, "routes", _page(_ROUTE))})
route_create = _describe(
    "POST",
    "route_create",
    "Create a route",
    {201: _shown(RouteSerializer, "created", _ROUTE)},
    request=RouteBodySerializer,
    examples=_sent("urgent", _URGENT),
)
route_detail = _describe(
    "GET", "route_detail", "One route", {200: _shown(RouteSerializer, "route", _ROUTE)}, parameters=_ONE_ROUTE
)
route_change = _describe(
    "PATCH",
    "route_change",
    "Change a route",
    {200: _shown(RouteSerializer, "changed", _ROUTE)},
    parameters=_ONE_ROUTE,
    request=RouteChangeSerializer,
    examples=_sent("less", {"min_severity": "high"}),
)
route_delete = _describe("DELETE", "route_delete", "Delete a route", {204: None}, parameters=_ONE_ROUTE)
delivery_list = _describe(
    "GET",
    "delivery_list",
    "Deliveries",
    {200: _shown(DeliveryListSerializer, "deliveries", _page(_DELIVERY))},
    parameters=(DeliveryParameters,),
    text="Newest first, kept for 13 months.",
)
delivery_detail = _describe(
    "GET",
    "delivery_detail",
    "One delivery",
    {200: _shown(DeliveryDetailSerializer, "delivery", _DELIVERY | {"acknowledged_at": None, "tries": _TRIES})},
    parameters=_ONE_DELIVERY,
)
delivery_redeliver = _describe(
    "POST",
    "delivery_redeliver",
    "Send a delivery again",
    {202: _shown(DeliveryDetailSerializer, "queued", _WAITING)},
    parameters=_ONE_DELIVERY,
    text="With the same ids, so that the receiver can tell.",
    more=(409,),
)
delivery_acknowledge = _describe(
    "POST",
    "delivery_acknowledge",
    "Acknowledge what a delivery tells of",
    {200: _shown(DeliveryDetailSerializer, "acknowledged", _TAKEN_NOTE_OF)},
    parameters=_ONE_DELIVERY,
    text="Every matter of it, of a digest too: reminders and escalations end, and pagers that were told hear of it. "
    "A second time changes nothing.",
    more=(409,),
)
