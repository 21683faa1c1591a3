"""What an admin may change of an organization over HTTP. Who must sign in how is a matter of people, on its page."""

from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError as ServiceError
from django.utils import timezone
from rest_framework.response import Response

from core.currencies import exact
from core.parameters import OrganizationParameters
from tenants import currency, selectors, services
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
    """The organization as its members and keys see it."""
    organization = request.organization
    settings = selectors.organization_settings(organization=organization)
    shown_in = currency.display(settings, today=timezone.localdate(timezone=ZoneInfo(settings.time_zone)))
    facts = {
        "slug": organization.slug,
        "name": organization.name,
        "role": request.role,
        "time_zone": settings.time_zone,
        "display_currency": shown_in.wanted,
        "currency_rate": {"rate": exact(shown_in.rate), "valid_from": shown_in.since} if shown_in.since else None,
    }
    return dict(OrganizationDetailSerializer(facts).data)
