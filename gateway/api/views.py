"""Providers and credentials over HTTP. They are the organization's, so a key of one project reaches none."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError as ServiceError
from django.http import Http404
from django.utils import timezone
from rest_framework import status
from rest_framework.decorators import api_view
from rest_framework.exceptions import ValidationError as InvalidRequest
from rest_framework.request import Request
from rest_framework.response import Response

from core.parameters import OrganizationParameters
from gateway import credential_services, provider_selectors, services, upstreams
from gateway.api import schema
from gateway.api.serializers import (
    CredentialBodySerializer,
    CredentialSerializer,
    ProviderBodySerializer,
    ProviderChangeSerializer,
    ProviderSerializer,
    ReplacementSerializer,
)
from gateway.models import GatewayProvider, ProviderCredential
from gateway.providers import PRESETS
from gateway.terms import WantedCredential, WantedProvider
from tenants import roles
from tenants.api import body
from tenants.api_access import ApiRequest, actor_of, key_of, org_api, person_of, refuse_project_keys
from tenants.models import Project
from tenants.permissions import Permission, Scope

_may_manage = org_api(Permission.GATEWAY_MANAGE, Scope.MANAGE)


# --- Providers ---


@schema.provider_list
@schema.provider_create
@api_view(["GET", "HEAD", "POST"])
def provider_list(request: Request) -> Response:
    """The organization's own providers, and where new ones are added."""
    return _provider_create(request) if request.method == "POST" else _provider_list(request)


@schema.provider_detail
@schema.provider_change
@schema.provider_delete
@api_view(["GET", "HEAD", "PATCH", "DELETE"])
def provider_detail(request: Request, gateway_provider_id: int) -> Response:
    """One provider."""
    answer: Callable[..., Response] = {"PATCH": _provider_change, "DELETE": _provider_delete}.get(
        str(request.method), _provider_read
    )
    return answer(request, provider_id=gateway_provider_id)


@_may_manage
def _provider_list(request: ApiRequest) -> Response:
    _enter(request)
    found: Any = provider_selectors.providers(organization=request.organization)
    return Response({"results": ProviderSerializer(found, many=True).data, "next": None})


@_may_manage
def _provider_create(request: ApiRequest) -> Response:
    _enter(request)
    given = body.read(ProviderBodySerializer, request)
    try:
        provider = services.add_provider(
            organization=request.organization,
            actor=actor_of(request),
            wanted=WantedProvider(**upstreams.defaults(PRESETS[given["preset"]].provider) | given),
        )
    except ServiceError as error:
        raise body.refusal(error) from error
    return Response(ProviderSerializer(provider).data, status=status.HTTP_201_CREATED)


@_may_manage
def _provider_read(request: ApiRequest, provider_id: int) -> Response:
    _enter(request)
    return Response(ProviderSerializer(_provider(request, provider_id)).data)


@_may_manage
def _provider_change(request: ApiRequest, provider_id: int) -> Response:
    _enter(request)
    provider = _provider(request, provider_id)
    given = body.read(ProviderChangeSerializer, request, partial=True)
    try:
        changed = services.change_some(
            organization=request.organization, actor=actor_of(request), provider=provider, changes=given
        )
    except services.ProviderGoneError as error:
        raise Http404 from error
    except ServiceError as error:
        raise body.refusal(error) from error
    return Response(ProviderSerializer(changed).data)


@_may_manage
def _provider_delete(request: ApiRequest, provider_id: int) -> Response:
    _enter(request)
    provider = _provider(request, provider_id)
    _unless_gone(
        lambda: services.delete_provider(organization=request.organization, actor=actor_of(request), provider=provider)
    )
    return Response(status=status.HTTP_204_NO_CONTENT)


# --- Credentials ---


@schema.credential_list
@schema.credential_create
@api_view(["GET", "HEAD", "POST"])
def credential_list(request: Request) -> Response:
    """The credentials, and where new ones are added."""
    return _credential_create(request) if request.method == "POST" else _credential_list(request)


@schema.credential_detail
@schema.credential_delete
@api_view(["GET", "HEAD", "DELETE"])
def credential_detail(request: Request, credential_id: int) -> Response:
    """One credential."""
    answer: Callable[..., Response] = _credential_delete if request.method == "DELETE" else _credential_read
    return answer(request, credential_id=credential_id)


@schema.credential_replace
@api_view(["POST"])
@_may_manage
def credential_replace(request: ApiRequest, credential_id: int) -> Response:
    """Another secret under the same name."""
    _enter(request)
    credential = _credential(request, credential_id)
    given = body.read(ReplacementSerializer, request)
    try:
        credential_services.replace_secret(
            organization=request.organization,
            actor=actor_of(request),
            credential=credential,
            secret=given["secret"],
            seen=given["replaced_at"],
            now=timezone.now(),
        )
    except credential_services.CredentialGoneError as error:
        raise Http404 from error
    except ServiceError as error:
        raise body.conflict(error, "credential-replaced") from error
    return _shown(request, credential_id)


@schema.credential_default
@api_view(["POST"])
@_may_manage
def credential_default(request: ApiRequest, credential_id: int) -> Response:
    """The one that calls take."""
    _enter(request)
    credential = _credential(request, credential_id)
    _unless_gone(
        lambda: credential_services.make_default(
            organization=request.organization, actor=actor_of(request), credential=credential
        )
    )
    return _shown(request, credential_id)


@_may_manage
def _credential_list(request: ApiRequest) -> Response:
    _enter(request)
    found: Any = provider_selectors.credentials(organization=request.organization, hidden=_hidden(request))
    return Response({"results": CredentialSerializer(found, many=True).data, "next": None})


@_may_manage
def _credential_create(request: ApiRequest) -> Response:
    _enter(request)
    given = body.read(CredentialBodySerializer, request)
    wanted = WantedCredential(project=_project(request, given.pop("project", None)), **given)
    try:
        credential = credential_services.add_credential(
            organization=request.organization, actor=actor_of(request), wanted=wanted, now=timezone.now()
        )
    except ServiceError as error:
        raise body.refusal(error) from error
    return Response(CredentialSerializer(credential).data, status=status.HTTP_201_CREATED)


@_may_manage
def _credential_read(request: ApiRequest, credential_id: int) -> Response:
    _enter(request)
    return _shown(request, credential_id)


@_may_manage
def _credential_delete(request: ApiRequest, credential_id: int) -> Response:
    _enter(request)
    credential = _credential(request, credential_id)
    _unless_gone(
        lambda: credential_services.delete_credential(
            organization=request.organization, actor=actor_of(request), credential=credential
        )
    )
    return Response(status=status.HTTP_204_NO_CONTENT)


# --- What they share ---


def _enter(request: ApiRequest) -> None:
    """:raises Http404: there is no gateway."""
    if not settings.GATEWAY_ENABLED:
        raise Http404
    refuse_project_keys(request)
    OrganizationParameters.read(request.query_params)


def _provider(request: ApiRequest, provider_id: int) -> GatewayProvider:
    """:raises Http404: the organization has no such provider."""
    found = provider_selectors.provider(organization=request.organization, provider_id=provider_id)
    if found is None:
        raise Http404
    return found


def _credential(request: ApiRequest, credential_id: int) -> ProviderCredential:
    """:raises Http404: there is none, or it is of a project that the reader may not see."""
    found = provider_selectors.credential(
        organization=request.organization, hidden=_hidden(request), credential_id=credential_id
    )
    if found is None:
        raise Http404
    return found


def _unless_gone(write: Callable[[], object]) -> None:
    """:raises Http404: somebody deleted it a moment ago."""
    try:
        write()
    except ServiceError as error:
        raise Http404 from error


def _shown(request: ApiRequest, credential_id: int) -> Response:
    return Response(CredentialSerializer(_credential(request, credential_id)).data)


def _project(request: ApiRequest, slug: str | None) -> Project | None:
    """:raises ValidationError: there is none that the principal may see."""
    if slug is None:
        return None
    found = {project.slug: project for project in request.projects}.get(slug)
    if found is None:
        raise InvalidRequest({"project": ["There is no such project."]})
    return found


def _hidden(request: ApiRequest) -> tuple[int, ...]:
    """Projects that a person may not see; a key of the whole organization sees all."""
    if key_of(request) is not None:
        return ()
    return roles.hidden_projects(user=person_of(request), role=request.role or "")
