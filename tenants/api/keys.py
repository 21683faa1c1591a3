"""API keys over HTTP. What holds for all of them: nobody lets a key do what they may not do themselves."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError as ServiceError
from django.http import Http404
from django.utils import timezone
from django.views.decorators.cache import never_cache
from rest_framework.decorators import api_view
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from core.parameters import OrganizationParameters
from tenants import key_selectors, key_services, key_terms
from tenants.api import body, key_reach
from tenants.api import keys_schema as schema
from tenants.api.keys_schema import (
    ApiKeySerializer,
    IssuedKeySerializer,
    KeyParameters,
    NewKeySerializer,
    RotationSerializer,
)
from tenants.api.pages import page
from tenants.api_access import ApiRequest, actor_of, project_api
from tenants.key_services import IssuedKey
from tenants.models import ApiKey
from tenants.permissions import Permission, Scope


@never_cache
@schema.key_list
@schema.key_create
@api_view(["GET", "HEAD", "POST"])
def key_list(request: Request) -> Response:
    """The keys, and where new ones are made."""
    return _create(request) if request.method == "POST" else _list(request)


@schema.key_detail
@schema.key_revoke
@api_view(["GET", "HEAD", "DELETE"])
def key_detail(request: Request, key_id: int) -> Response:
    """One key."""
    answer = _revoke if request.method == "DELETE" else _detail
    return answer(request, key_id=key_id)


@never_cache
@schema.key_rotate
@api_view(["POST"])
@project_api(Permission.KEY_MANAGE, Scope.MANAGE)
def key_rotate(request: ApiRequest, key_id: int) -> Response:
    """A successor of a key."""
    OrganizationParameters.read(request.query_params)
    key = key_reach.changeable_key(request, key_id)
    overlap = _overlap(body.read(RotationSerializer, request)["overlap"])
    try:
        issued = key_services.rotate_key(
            organization=request.organization,
            actor=actor_of(request),
            key=key,
            overlap=overlap,
            now=timezone.now(),
        )
    except ServiceError as error:
        raise body.conflict(error, "key-conflict") from error
    return _issued(request, issued)


@project_api(Permission.KEY_READ, Scope.MANAGE)
def _list(request: ApiRequest) -> Response:
    wanted, now = KeyParameters.read(request.query_params), timezone.now()
    found = key_selectors.in_state(key_reach.visible_keys(request), wanted.get("state", ""), now=now)
    if "project" in wanted:
        found = found.filter(project__slug=wanted["project"])
    if "scope" in wanted:
        found = found.filter(scopes__contains=[wanted["scope"]])
    rows, following = page(request, found, wanted)
    shown = key_selectors.rows_in_order(rows, now=now)
    return Response({"results": ApiKeySerializer(shown, many=True).data, "next": following})


@project_api(Permission.KEY_MANAGE, Scope.MANAGE)
def _create(request: ApiRequest) -> Response:
    OrganizationParameters.read(request.query_params)
    wanted, now = body.read(NewKeySerializer, request), timezone.now()
    project = key_reach.place_of(request, wanted)
    key_reach.check_scopes(request, wanted["scopes"], project)
    try:
        issued = key_services.create_key(
            organization=request.organization,
            actor=actor_of(request),
            name=wanted["name"],
            scopes=wanted["scopes"],
            project=project,
            expires_at=_expiry(wanted.get("expires_at") or "", now),
            allowed_ranges=wanted["allowed_ranges"],
            now=now,
        )
    except ServiceError as error:
        raise body.refusal(error) from error
    return _issued(request, issued)


@project_api(Permission.KEY_READ, Scope.MANAGE)
def _detail(request: ApiRequest, key_id: int) -> Response:
    OrganizationParameters.read(request.query_params)
    found = key_reach.visible_keys(request).filter(pk=key_id).first()
    if found is None:
        raise Http404
    return Response(ApiKeySerializer(_row(found)).data)


@project_api(Permission.KEY_MANAGE, Scope.MANAGE)
def _revoke(request: ApiRequest, key_id: int) -> Response:
    OrganizationParameters.read(request.query_params)
    key_services.revoke_key(
        organization=request.organization,
        actor=actor_of(request),
        key=key_reach.changeable_key(request, key_id),
        now=timezone.now(),
    )
    return Response(status=204)


def _issued(request: ApiRequest, issued: IssuedKey) -> Response:
    row = _row(key_reach.visible_keys(request).get(pk=issued.key.pk))
    shown = ApiKeySerializer(row).data | {"secret": issued.text}
    return Response({name: shown[name] for name in IssuedKeySerializer().fields}, status=201)


def _row(key: ApiKey) -> key_selectors.KeyRow:
    (row,) = key_selectors.rows_in_order([key], now=timezone.now())
    return row


def _expiry(text: str, now: datetime) -> datetime | None:
    return _term("expires_at", lambda: key_terms.expiry(text, now=now, zone=None))


def _overlap(text: str) -> timedelta:
    return _term("overlap", lambda: key_terms.overlap(text))


def _term[T](member: str, read: Callable[[], T]) -> T:
    """:raises ValidationError: ``member`` means nothing."""
    try:
        return read()
    except key_terms.TermError as error:
        raise ValidationError({member: str(error)}) from error
