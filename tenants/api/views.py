"""Who is asking, and which organizations and projects they can ask about."""

from typing import Any

from django.http import Http404
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from core.parameters import OrganizationParameters, Parameters
from core.scope import org_scope
from tenants.api import schema
from tenants.api.organizations import organization_change, organization_document
from tenants.api.projects import project_change, project_create, project_delete
from tenants.api.serializers import (
    MeSerializer,
    OrganizationSerializer,
    ProjectParameters,
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
@schema.organization_change
@api_view(["GET", "HEAD", "PATCH"])
def organization_detail(request: Request, organization_slug: str) -> Response:
    """One organization."""
    answer = organization_change if request.method == "PATCH" else _organization_detail
    return answer(request, organization_slug=organization_slug)


@org_api(Permission.TELEMETRY_READ, Scope.READ)
def _organization_detail(request: ApiRequest) -> Response:
    OrganizationParameters.read(request.query_params)
    return Response(organization_document(request))


@schema.project_list
@schema.project_create
@api_view(["GET", "HEAD", "POST"])
def project_list(request: Request) -> Response:
    """The projects of an organization, or the one of a project's key; and where new ones are made."""
    return project_create(request) if request.method == "POST" else _project_list(request)


@project_api(Permission.TELEMETRY_READ, Scope.READ)
def _project_list(request: ApiRequest) -> Response:
    wanted = ProjectParameters.read(request.query_params)
    found = request.projects.select_related("team")
    if "team" in wanted:
        found = found.filter(team__slug=wanted["team"])
    if "archived" in wanted:
        found = found.filter(archived_at__isnull=not wanted["archived"])
    return _list(ProjectSerializer, list(found))


@schema.project_detail
@schema.project_change
@schema.project_delete
@api_view(["GET", "HEAD", "PATCH", "DELETE"])
def project_detail(request: Request, project_slug: str) -> Response:
    """One project."""
    answer = {"PATCH": project_change, "DELETE": project_delete}.get(str(request.method), _project_detail)
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
