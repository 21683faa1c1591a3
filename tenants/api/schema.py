"""How the API's document describes keys, and the endpoints about tenants."""

from typing import Any, Final

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.openapi import problems
from core.parameters import OrganizationParameters
from tenants.api.authentication import KEY_HEADERS
from tenants.api.serializers import (
    MeSerializer,
    OrganizationDetailSerializer,
    OrganizationListSerializer,
    ProjectChangeSerializer,
    ProjectListSerializer,
    ProjectSerializer,
)

KEY_SCHEMES: Final = ("bearer", *KEY_HEADERS)


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Four ways to carry one key; two different keys in one request are refused."""

    target_class = "tenants.api.authentication.ApiKeyAuthentication"
    name = list(KEY_SCHEMES)

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        bearer = {"type": "http", "scheme": "bearer", "description": "An API key: `tko_…`."}
        return [bearer, *({"type": "apiKey", "in": "header", "name": name} for name in KEY_HEADERS)]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[str]]]:
        """Any one of them, where the package would ask for all."""
        return [{scheme: []} for scheme in KEY_SCHEMES]


_ORGANIZATION: Final = {"slug": "acme", "name": "Acme", "role": "owner"}
_DETAIL: Final = _ORGANIZATION | {
    "time_zone": "Europe/Berlin",
    "display_currency": "EUR",
    "currency_rate": {"rate": "0.92", "valid_from": "2026-11-01"},
}
_PROJECT: Final = {
    "slug": "web",
    "name": "Web",
    "team": "search",
    "is_default": True,
    "default_environment": "default",
    "retention_days": 180,
    "allow_personal_ids": False,
    "archived_at": None,
    "created_at": "2026-11-01T09:30:00.000000Z",
}
_PERSON: Final = {
    "kind": "user",
    "user": {"email": "ada@example.com", "name": "Ada"},
    "memberships": [_ORGANIZATION],
    "key": None,
    "organization": None,
    "project": None,
}
_KEY: Final[dict[str, Any]] = {
    "kind": "key",
    "user": None,
    "memberships": [],
    "key": {"prefix": "Ab3dEf7h", "name": "Reports", "scopes": ["read"], "expires_at": None},
    "organization": {"slug": "acme", "name": "Acme"},
    "project": {"slug": "web", "name": "Web"},
}


def _shown(serializer: Any, **examples: Any) -> OpenApiResponse:
    named = [OpenApiExample(name, value=value, response_only=True) for name, value in examples.items()]
    return OpenApiResponse(serializer, examples=named)


def _path(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.PATH, description=description)


me = extend_schema(
    operation_id="me",
    tags=["Tenants"],
    summary="Who am I",
    responses={200: _shown(MeSerializer, key=_KEY, person=_PERSON)} | problems(400),
)
organization_list = extend_schema(
    operation_id="organization_list",
    tags=["Tenants"],
    summary="Organizations you are in",
    responses={200: _shown(OrganizationListSerializer, organizations={"results": [_ORGANIZATION], "next": None})}
    | problems(400, 403),
)
organization_detail = extend_schema(
    operation_id="organization_detail",
    tags=["Tenants"],
    summary="One organization",
    parameters=[_path("organization_slug", "Slug of the organization.")],
    responses={200: _shown(OrganizationDetailSerializer, organization=_DETAIL)} | problems(400, 403, 404),
)
project_list = extend_schema(
    operation_id="project_list",
    tags=["Tenants"],
    summary="Projects of an organization",
    parameters=[OrganizationParameters],
    responses={200: _shown(ProjectListSerializer, projects={"results": [_PROJECT], "next": None})}
    | problems(400, 403, 404),
)
project_change = extend_schema(
    methods=["PATCH"],
    operation_id="project_change",
    tags=["Tenants"],
    summary="Change a project",
    description="Takes an admin or a key with the scope `manage`; a key of one project reaches that one. Everything is"
    " changed or nothing.",
    parameters=[OrganizationParameters, _path("project_slug", "Slug of the project.")],
    request=ProjectChangeSerializer,
    examples=[OpenApiExample("archive", value={"archived": True}, request_only=True)],
    responses={200: _shown(ProjectSerializer, project=_PROJECT)} | problems(400, 403, 404, 415),
)
project_detail = extend_schema(
    methods=["GET"],
    operation_id="project_detail",
    tags=["Tenants"],
    summary="One project",
    parameters=[OrganizationParameters, _path("project_slug", "Slug of the project.")],
    responses={200: _shown(ProjectSerializer, project=_PROJECT)} | problems(400, 403, 404),
)
