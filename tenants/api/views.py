"""Who is asking, and which organizations and projects they can ask about."""

from typing import Any
from zoneinfo import ZoneInfo

from django.http import Http404
from django.utils import timezone
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from core.currencies import exact
from core.parameters import OrganizationParameters, Parameters
from core.scope import org_scope
from tenants import currency, selectors
from tenants.api import schema
from tenants.api.projects import project_change
from tenants.api.serializers import (
    MeSerializer,
    OrganizationDetailSerializer,
    OrganizationSerializer,
    ProjectSerializer,
)
from tenants.api_access import ApiRequest, KeyPrincipal, key_of, org_api, person_of, project_api, require_scope
from tenants.models import ApiKey, Membership, Organization, User
from tenants.permissions import Permission, Scope


@schema.me
@api_view(["GET", "HEAD"])
def me(request: Request) -> Response:
    """Who the request is from, and what they may do. Any scope will do."""
    Parameters.read(request.query_params)
    key = key_of(request)
    facts = _person(person_of(request)) if key is None else _machine(key)
    nobody: dict[str, Any] = {"user": None, "memberships": [], "key": None, "organization": None, "project": None}
    return Response(MeSerializer(nobody | facts).data)


@schema.organization_list
@api_view(["GET", "HEAD"])
def organization_list(request: Request) -> Response:
    """The organizations of a person, or the one of a key."""
    Parameters.read(request.query_params)
    key = key_of(request)
    if key is None:
        return _list(OrganizationSerializer, _memberships(person_of(request)))
    require_scope(key, Scope.READ)
    organization = Organization.objects.get(pk=key.organization_id)
    return _list(OrganizationSerializer, [_organization(organization, None)])


@schema.organization_detail
@api_view(["GET", "HEAD"])
@org_api(Permission.TELEMETRY_READ, Scope.READ)
def organization_detail(request: ApiRequest) -> Response:
    """One organization."""
    OrganizationParameters.read(request.query_params)
    organization = request.organization
    settings = selectors.organization_settings(organization=organization)
    shown_in = currency.display(settings, today=timezone.localdate(timezone=ZoneInfo(settings.time_zone)))
    facts = _organization(organization, request.role) | {
        "time_zone": settings.time_zone,
        "display_currency": shown_in.wanted,
        "currency_rate": {"rate": exact(shown_in.rate), "valid_from": shown_in.since} if shown_in.since else None,
    }
    return Response(OrganizationDetailSerializer(facts).data)


@schema.project_list
@api_view(["GET", "HEAD"])
@project_api(Permission.TELEMETRY_READ, Scope.READ)
def project_list(request: ApiRequest) -> Response:
    """The projects of an organization, or the one of a project's key."""
    OrganizationParameters.read(request.query_params)
    return _list(ProjectSerializer, list(request.projects))


@schema.project_detail
@schema.project_change
@api_view(["GET", "HEAD", "PATCH"])
def project_detail(request: Request, project_slug: str) -> Response:
    """One project."""
    answer = project_change if request.method == "PATCH" else _project_detail
    return answer(request, project_slug=project_slug)


@project_api(Permission.TELEMETRY_READ, Scope.READ)
def _project_detail(request: ApiRequest, project_slug: str) -> Response:
    OrganizationParameters.read(request.query_params)
    project = request.projects.filter(slug=project_slug).first()
    if project is None:
        raise Http404
    return Response(ProjectSerializer(project).data)


def _person(user: User) -> dict[str, Any]:
    return {"kind": "user", "user": {"email": user.email, "name": user.name}, "memberships": _memberships(user)}


def _machine(principal: KeyPrincipal) -> dict[str, Any]:
    organization = Organization.objects.get(pk=principal.organization_id)
    with org_scope(principal.organization_id):
        key = ApiKey.objects.select_related("project").get(pk=principal.key_id)
    return {"kind": "key", "key": key, "organization": organization, "project": key.project}


def _memberships(user: User) -> list[dict[str, Any]]:
    memberships = Membership.objects.select_related("organization").filter(user=user).order_by("organization__slug")
    return [_organization(membership.organization, membership.role) for membership in memberships]


def _organization(organization: Organization, role: str | None) -> dict[str, Any]:
    return {"slug": organization.slug, "name": organization.name, "role": role}


def _list(serializer: Any, rows: list[Any]) -> Response:
    return Response({"results": serializer(rows, many=True).data, "next": None})
