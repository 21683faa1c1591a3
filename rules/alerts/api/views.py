"""Channels, routes and deliveries over HTTP. They are the organization's, so a key of one project reaches none."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any, Final

from django.core.exceptions import ValidationError as ServiceError
from django.db import transaction
from django.http import Http404
from django.utils import timezone
from rest_framework import status
from rest_framework.decorators import api_view
from rest_framework.exceptions import APIException
from rest_framework.exceptions import ValidationError as InvalidRequest
from rest_framework.request import Request
from rest_framework.response import Response

from core.fields import instant_text
from core.parameters import OrganizationParameters
from rules.alerts import acknowledgement, channel_services, delivery_services, route_services, selectors
from rules.alerts.api import schema
from rules.alerts.api.serializers import (
    AttemptSerializer,
    ChannelBodySerializer,
    ChannelChangeSerializer,
    ChannelSerializer,
    DeliveryParameters,
    DeliverySerializer,
    RouteBodySerializer,
    RouteChangeSerializer,
    RouteSerializer,
)
from rules.alerts.channel_terms import Given
from rules.alerts.models import Channel, Delivery, Route
from rules.alerts.route_services import Wanted
from rules.alerts.selectors import DeliveryFilter, Line
from tenants import roles
from tenants.api import body
from tenants.api_access import ApiRequest, actor_of, key_of, org_api, person_of, refuse_project_keys
from tenants.models import Project
from tenants.permissions import Permission, Scope

_RENAMED: Final = {"is_enabled": "enabled", "project_ids": "projects"}

_may_read = org_api(Permission.ALERTS_READ, Scope.READ)
_may_acknowledge = org_api(Permission.ALERTS_ACKNOWLEDGE, Scope.MANAGE)
_may_manage = org_api(Permission.ALERTS_MANAGE, Scope.MANAGE)


class DeliveryConflictError(APIException):
    """The delivery is not in a state for this."""

    status_code = status.HTTP_409_CONFLICT

    def __init__(self, sentence: str) -> None:
        super().__init__()
        self.problem = ("delivery-conflict", sentence)


# --- Channels ---


@schema.channel_list
@schema.channel_create
@api_view(["GET", "HEAD", "POST"])
def channel_list(request: Request) -> Response:
    """The channels, and where new ones are made."""
    return _channel_create(request) if request.method == "POST" else _channel_list(request)


@schema.channel_detail
@schema.channel_change
@schema.channel_delete
@api_view(["GET", "HEAD", "PATCH", "DELETE"])
def channel_detail(request: Request, channel_id: int) -> Response:
    """One channel."""
    answer: Callable[..., Response] = {"PATCH": _channel_change, "DELETE": _channel_delete}.get(
        str(request.method), _channel_read
    )
    return answer(request, channel_id=channel_id)


@schema.channel_test
@api_view(["POST"])
@_may_manage
def channel_test(request: ApiRequest, channel_id: int) -> Response:
    """Have a test sent."""
    channel = _entered_channel(request, channel_id)
    delivery = channel_services.send_test(
        organization=request.organization, actor=actor_of(request), channel=channel, now=timezone.now()
    )
    return Response(_delivery_document(request, delivery), status=status.HTTP_202_ACCEPTED)


@schema.channel_secret
@api_view(["POST"])
@_may_manage
def channel_secret(request: ApiRequest, channel_id: int) -> Response:
    """A new signing secret."""
    channel = _entered_channel(request, channel_id)
    try:
        secret = channel_services.rotate_secret(
            organization=request.organization, actor=actor_of(request), channel=channel, now=timezone.now()
        )
    except ServiceError as error:
        raise body.refusal(error) from error
    return Response({"signing_secret": secret}, headers={"Cache-Control": "no-store"})


@_may_read
def _channel_list(request: ApiRequest) -> Response:
    _enter(request)
    found: Any = selectors.channels(organization=request.organization)
    return Response({"results": ChannelSerializer(found, many=True).data, "next": None})


@_may_manage
def _channel_create(request: ApiRequest) -> Response:
    _enter(request)
    wanted = body.read(ChannelBodySerializer, request)
    name, kind = wanted.pop("name"), wanted.pop("kind")
    try:
        channel = channel_services.create_channel(
            organization=request.organization, actor=actor_of(request), kind=kind, name=name, given=Given(**wanted)
        )
    except ServiceError as error:
        raise body.refusal(error) from error
    secret = channel_services.signing_secret(channel) if channel.kind == Channel.Kind.WEBHOOK else None
    document = {**ChannelSerializer(channel).data, "signing_secret": secret}
    return Response(document, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})


@_may_read
def _channel_read(request: ApiRequest, channel_id: int) -> Response:
    return Response(ChannelSerializer(_entered_channel(request, channel_id)).data)


@_may_manage
def _channel_change(request: ApiRequest, channel_id: int) -> Response:
    channel = _entered_channel(request, channel_id)
    wanted = body.read(ChannelChangeSerializer, request, partial=True)
    is_enabled, new_name = wanted.pop("enabled", None), wanted.pop("name", channel.name)
    who: dict[str, Any] = {"organization": request.organization, "actor": actor_of(request), "channel": channel}
    given = Given(
        **{name: channel.config[name] for name in ("recipients", "region") if name in channel.config} | wanted
    )
    try:
        with transaction.atomic():
            if wanted or new_name != channel.name:
                channel_services.update_channel(**who, name=new_name, given=given)
            if is_enabled is not None:
                (channel_services.turn_on if is_enabled else channel_services.turn_off)(**who)
    except ServiceError as error:
        raise body.refusal(error) from error
    return Response(ChannelSerializer(_channel(request, channel_id)).data)


@_may_manage
def _channel_delete(request: ApiRequest, channel_id: int) -> Response:
    channel = _entered_channel(request, channel_id)
    channel_services.delete_channel(
        organization=request.organization, actor=actor_of(request), channel=channel, now=timezone.now()
    )
    return Response(status=status.HTTP_204_NO_CONTENT)


# --- Routes ---


@schema.route_list
@schema.route_create
@api_view(["GET", "HEAD", "POST"])
def route_list(request: Request) -> Response:
    """The routes, and where new ones are made."""
    return _route_create(request) if request.method == "POST" else _route_list(request)


@schema.route_detail
@schema.route_change
@schema.route_delete
@api_view(["GET", "HEAD", "PATCH", "DELETE"])
def route_detail(request: Request, route_id: int) -> Response:
    """One route."""
    answer: Callable[..., Response] = {"PATCH": _route_change, "DELETE": _route_delete}.get(
        str(request.method), _route_read
    )
    return answer(request, route_id=route_id)


@_may_read
def _route_list(request: ApiRequest) -> Response:
    _enter(request)
    found: Any = selectors.routes(organization=request.organization)
    shown = RouteSerializer(found, many=True, context=_projects(request))
    return Response({"results": shown.data, "next": None})


@_may_manage
def _route_create(request: ApiRequest) -> Response:
    _enter(request)
    wanted = _wanted(request, body.read(RouteBodySerializer, request), {})
    try:
        route = route_services.create_route(organization=request.organization, actor=actor_of(request), wanted=wanted)
    except ServiceError as error:
        raise body.refusal(error) from error
    return Response(_route_document(request, route.pk), status=status.HTTP_201_CREATED)


@_may_read
def _route_read(request: ApiRequest, route_id: int) -> Response:
    _enter(request)
    return Response(_route_document(request, route_id))


@_may_manage
def _route_change(request: ApiRequest, route_id: int) -> Response:
    _enter(request)
    route = _route(request, route_id)
    had = {one.name: getattr(route, one.name) for one in fields(Wanted)}
    wanted = _wanted(request, body.read(RouteChangeSerializer, request, partial=True), had)
    try:
        route_services.update_route(
            organization=request.organization, actor=actor_of(request), route=route, wanted=wanted
        )
    except ServiceError as error:
        raise body.refusal(error) from error
    return Response(_route_document(request, route_id))


@_may_manage
def _route_delete(request: ApiRequest, route_id: int) -> Response:
    _enter(request)
    route = _route(request, route_id)
    route_services.delete_route(organization=request.organization, actor=actor_of(request), route=route)
    return Response(status=status.HTTP_204_NO_CONTENT)


def _wanted(request: ApiRequest, given: dict[str, Any], had: dict[str, Any]) -> Wanted:
    """The members of a body as a route, beside what it ``had``.

    :raises ValidationError: a channel or a project is not there.
    """
    values = had | {name: given[_RENAMED.get(name, name)] for name in _names(given)}
    for name in ("channel", "escalate_to"):
        if isinstance(values.get(name), int):
            values[name] = _named_channel(request, name, values[name])
    if "projects" in given:
        values["project_ids"] = _named_projects(given["projects"])
    return Wanted(**values)


def _names(given: dict[str, Any]) -> list[str]:
    return [one.name for one in fields(Wanted) if _RENAMED.get(one.name, one.name) in given]


def _named_channel(request: ApiRequest, field: str, channel_id: int) -> Channel:
    found = selectors.channel(organization=request.organization, channel_id=channel_id)
    if found is None:
        raise InvalidRequest({field: ["There is no such channel."]})
    return found


def _named_projects(slugs: list[str]) -> list[int]:
    found = dict(Project.objects.filter(slug__in=slugs).values_list("slug", "pk"))
    if set(slugs) - set(found):
        raise InvalidRequest({"projects": ["There is no such project."]})
    return [found[slug] for slug in dict.fromkeys(slugs)]


def _route_document(request: ApiRequest, route_id: int) -> dict[str, Any]:
    return dict(RouteSerializer(_route(request, route_id), context=_projects(request)).data)


def _projects(request: ApiRequest) -> dict[str, Any]:
    """Slugs of the projects that the reader may see."""
    return {"projects": dict(request.projects.values_list("pk", "slug"))}


# --- Deliveries ---


@schema.delivery_list
@api_view(["GET", "HEAD"])
@_may_read
def delivery_list(request: ApiRequest) -> Response:
    """Deliveries, newest first."""
    refuse_project_keys(request)
    asked = DeliveryParameters.read(request.query_params)
    chosen = DeliveryFilter(
        channel_id=asked.get("channel"),
        state=asked.get("state", ""),
        event_id=asked.get("event"),
        before=asked.get("before"),
        hidden=_hidden(request),
    )
    limit = asked["limit"]
    found = list(selectors.deliveries(organization=request.organization, chosen=chosen)[: limit + 1])
    page = found[:limit]
    lines = selectors.lines(page, organization=request.organization)
    after = _next(request, page[-1].pk) if len(found) > limit else None
    return Response({"results": [_shown(line) for line in lines], "next": after})


@schema.delivery_detail
@api_view(["GET", "HEAD"])
@_may_read
def delivery_detail(request: ApiRequest, delivery_id: int) -> Response:
    """One delivery with its attempts."""
    _enter(request)
    return Response(_delivery_document(request, _delivery(request, delivery_id)))


@schema.delivery_redeliver
@api_view(["POST"])
@_may_manage
def delivery_redeliver(request: ApiRequest, delivery_id: int) -> Response:
    """Have a delivery sent again."""
    _enter(request)
    delivery = _delivery(request, delivery_id)
    try:
        delivery_services.redeliver(
            organization=request.organization, actor=actor_of(request), delivery=delivery, now=timezone.now()
        )
    except ServiceError as error:
        raise DeliveryConflictError(" ".join(error.messages)) from error
    again = _delivery(request, delivery_id)
    return Response(_delivery_document(request, again), status=status.HTTP_202_ACCEPTED)


@schema.delivery_acknowledge
@api_view(["POST"])
@_may_acknowledge
def delivery_acknowledge(request: ApiRequest, delivery_id: int) -> Response:
    """Acknowledge what a delivery tells of."""
    _enter(request)
    delivery = _delivery(request, delivery_id)
    try:
        acknowledgement.acknowledge_delivery(
            organization=request.organization, actor=actor_of(request), delivery=delivery, now=timezone.now()
        )
    except ServiceError as error:
        raise DeliveryConflictError(" ".join(error.messages)) from error
    return Response(_delivery_document(request, _delivery(request, delivery_id)))


def _delivery_document(request: ApiRequest, delivery: Delivery) -> dict[str, Any]:
    (line,) = selectors.lines([delivery], organization=request.organization)
    found: Any = selectors.attempts(delivery=delivery)
    acknowledged_at = acknowledgement.acknowledged_at(delivery)
    return _shown(line) | {
        "acknowledged_at": None if acknowledged_at is None else instant_text(acknowledged_at),
        "tries": AttemptSerializer(found, many=True).data,
    }


def _shown(line: Line) -> dict[str, Any]:
    delivery = line.delivery
    delivery.title = line.title  # type: ignore[attr-defined] # what the serializer reads
    document = dict(DeliverySerializer(delivery).data)
    return document | {"next_attempt_at": None if delivery.is_over else document["next_attempt_at"]}


def _next(request: ApiRequest, before: int) -> str:
    query = request.query_params.copy()
    query["before"] = str(before)
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")


# --- What they share ---


def _enter(request: ApiRequest) -> None:
    refuse_project_keys(request)
    OrganizationParameters.read(request.query_params)


def _entered_channel(request: ApiRequest, channel_id: int) -> Channel:
    _enter(request)
    return _channel(request, channel_id)


def _channel(request: ApiRequest, channel_id: int) -> Channel:
    """:raises Http404: the organization has no such channel."""
    found = selectors.channel(organization=request.organization, channel_id=channel_id)
    if found is None:
        raise Http404
    return found


def _route(request: ApiRequest, route_id: int) -> Route:
    """:raises Http404: the organization has no such route."""
    found = selectors.route(organization=request.organization, route_id=route_id)
    if found is None:
        raise Http404
    return found


def _delivery(request: ApiRequest, delivery_id: int) -> Delivery:
    """:raises Http404: there is none, or it is about a project that the reader may not see."""
    found = selectors.delivery(organization=request.organization, delivery_id=delivery_id, hidden=_hidden(request))
    if found is None:
        raise Http404
    return found


def _hidden(request: ApiRequest) -> tuple[int, ...]:
    """Projects that a person may not see; a key of the whole organization sees all."""
    if key_of(request) is not None:
        return ()
    return roles.hidden_projects(user=person_of(request), role=request.role or "")
