"""How the API's document describes keys, and the endpoints about tenants."""

from typing import Any, Final

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.openapi import problems
from core.parameters import OrganizationParameters
from tenants.api.authentication import KEY_HEADERS
from tenants.api.serializers import (
    MeSerializer,
    NewProjectSerializer,
    OrganizationChangeSerializer,
    OrganizationDetailSerializer,
    OrganizationListSerializer,
    ProjectChangeSerializer,
    ProjectListSerializer,
    ProjectParameters,
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
    "delete_at": None,
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
    methods=["GET"],
    summary="One organization",
    parameters=[_path("organization_slug", "Slug of the organization.")],
    responses={200: _shown(OrganizationDetailSerializer, organization=_DETAIL)} | problems(400, 403, 404),
)
organization_change = extend_schema(
    methods=["PATCH"],
    operation_id="organization_change",
    tags=["Tenants"],
    summary="Change an organization",
    description="Takes an admin, or a key of the whole organization with the scope `manage`. The time zone has its own"
    " address, because days are moved to it; how people sign in is changed by people.",
    parameters=[_path("organization_slug", "Slug of the organization; it never changes.")],
    request=OrganizationChangeSerializer,
    examples=[OpenApiExample("another name", value={"name": "Acme Inc"}, request_only=True)],
    responses={
        200: _shown(
            OrganizationDetailSerializer,
            organization=_DETAIL | {"name": "Acme Inc"},
        )
    }
    | problems(400, 403, 404, 415),
)
project_create = extend_schema(
    methods=["POST"],
    operation_id="project_create",
    tags=["Tenants"],
    summary="Create a project",
    description="Takes an admin, or a key of the whole organization with the scope `manage`.",
    parameters=[OrganizationParameters],
    request=NewProjectSerializer,
    examples=[
        OpenApiExample("a project", value={"name": "Web", "team": "search", "retention_days": 90}, request_only=True)
    ],
    responses={201: _shown(ProjectSerializer, project=_PROJECT | {"retention_days": 90})}
    | problems(400, 403, 404, 415),
)
project_delete = extend_schema(
    methods=["DELETE"],
    operation_id="project_delete",
    tags=["Tenants"],
    summary="Delete a project",
    description="With its calls, sums and keys, seven days from now (`delete_at`). From this moment its keys do not"
    " work. Asking again moves nothing; `keep` takes it back. Takes an admin or a key with the scope `manage`.",
    parameters=[OrganizationParameters, _path("project_slug", "Slug of the project.")],
    responses={
        202: _shown(
            ProjectSerializer, project=_PROJECT | {"is_default": False, "delete_at": "2026-11-29T10:15:00.000000Z"}
        )
    }
    | problems(400, 403, 404),
)
project_keep = extend_schema(
    operation_id="project_keep",
    tags=["Tenants"],
    summary="Keep a project that was to be deleted",
    description="Possible until its deletion begins. A key of the project itself does not work by then.",
    parameters=[OrganizationParameters, _path("project_slug", "Slug of the project.")],
    request=None,
    responses={200: _shown(ProjectSerializer, project=_PROJECT)} | problems(400, 403, 404, 409),
)
project_list = extend_schema(
    methods=["GET"],
    operation_id="project_list",
    tags=["Tenants"],
    summary="Projects of an organization",
    parameters=[ProjectParameters],
    responses={200: _shown(ProjectListSerializer, projects={"results": [_PROJECT], "next": None})}
    | problems(400, 403, 404),
)
project_change = extend_schema(
    methods=["PATCH"],
    operation_id="project_change",
    tags=["Tenants"],
    summary="Change a project",
    description="Takes an admin of the project or a key with the scope `manage`; a key of one project reaches that one."
    " Everything is changed or nothing.",
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
