"""What an admin may change of an organization over HTTP. Who must sign in how is a matter of people, on its page."""

from typing import Any

from django.core.exceptions import ValidationError as ServiceError
from rest_framework.response import Response

from core.parameters import OrganizationParameters
from tenants import selectors, services
from tenants.api import body
from tenants.api.serializers import OrganizationChangeSerializer, OrganizationDetailSerializer
from tenants.api_access import ApiRequest, actor_of, org_api, refuse_project_keys
from tenants.permissions import Permission, Scope


@org_api(Permission.ORGANIZATION_MANAGE, Scope.MANAGE)
def organization_change(request: ApiRequest) -> Response:
    """Change what the body names."""
    refuse_project_keys(request)
    OrganizationParameters.read(request.query_params)
    wanted = body.read(OrganizationChangeSerializer, request, partial=True)
    if "name" in wanted:
        try:
            services.rename_organization(
                organization=request.organization, actor=actor_of(request), name=wanted["name"]
            )
        except ServiceError as error:
            raise body.refusal(error) from error
    return Response(organization_document(request))


def organization_document(request: ApiRequest) -> dict[str, Any]:
    organization = request.organization
    zone = selectors.organization_settings(organization=organization).time_zone
    facts = {"slug": organization.slug, "name": organization.name, "role": request.role, "time_zone": zone}
    return dict(OrganizationDetailSerializer(facts).data)
