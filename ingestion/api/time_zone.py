"""An organization's time zone over HTTP: stored days are moved to a new one in the background."""

from typing import Any, Final

from django.core.exceptions import ValidationError as ServiceError
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from core.openapi import problems, shown
from core.parameters import Body, OrganizationParameters
from core.problems import ConflictError
from ingestion import time_zone
from tenants import selectors
from tenants.api_access import ApiRequest, actor_of, org_api, refuse_project_keys
from tenants.permissions import Permission, Scope

_RUNNING: Final = "Days are still being moved from the last change; wait for its end."


class ZoneSerializer(Body):
    """The zone that is wanted."""

    time_zone = serializers.CharField(max_length=64, help_text="IANA name.")


class MoveSerializer(serializers.Serializer[Any]):
    """Daily sums on their way to another zone; those before ``next_date`` are there."""

    from_zone = serializers.CharField()
    to_zone = serializers.CharField()
    first_date = serializers.DateField()
    next_date = serializers.DateField()
    end_date = serializers.DateField(help_text="The day after the last one.")


class OrganizationZoneSerializer(serializers.Serializer[Any]):
    time_zone = serializers.CharField(help_text="IANA name; days and months are local to it.")
    moving = MoveSerializer(allow_null=True, help_text="Null when all sums are in this zone.")


_MOVE: Final = {
    "from_zone": "UTC",
    "to_zone": "Europe/Berlin",
    "first_date": "2026-08-24",
    "next_date": "2026-09-13",
    "end_date": "2026-11-24",
}
_ZONE: Final = {"time_zone": "Europe/Berlin", "moving": _MOVE}
_PATH: Final = OpenApiParameter(
    "organization_slug", str, OpenApiParameter.PATH, description="Slug of the organization."
)
_KEYS: Final = "Takes an admin, or a key of the whole organization with the scope `manage`."


@extend_schema(
    methods=["GET"],
    operation_id="organization_time_zone",
    tags=["Tenants"],
    summary="Time zone of an organization",
    description=f"And how far stored days are on their way to it. {_KEYS}",
    parameters=[_PATH],
    responses={200: shown(OrganizationZoneSerializer, "moving", _ZONE)} | problems(400, 403, 404),
)
@extend_schema(
    methods=["PUT"],
    operation_id="organization_time_zone_change",
    tags=["Tenants"],
    summary="Change the time zone of an organization",
    description=f"New calls count to days of the new zone at once, stored days are moved in the background. {_KEYS}",
    parameters=[_PATH],
    request=ZoneSerializer,
    examples=[OpenApiExample("Berlin", value={"time_zone": "Europe/Berlin"}, request_only=True)],
    responses={200: shown(OrganizationZoneSerializer, "moving", _ZONE)} | problems(400, 403, 404, 409, 415),
)
@api_view(["GET", "HEAD", "PUT"])
@org_api(Permission.ORGANIZATION_MANAGE, Scope.MANAGE)
def organization_time_zone(request: ApiRequest) -> Response:
    """The zone, and the work of moving days to it."""
    refuse_project_keys(request)
    OrganizationParameters.read(request.query_params)
    if request.method == "PUT":
        _change(request)
    running = time_zone.running_change(organization=request.organization)
    facts = {"time_zone": selectors.time_zone(organization=request.organization).key, "moving": running}
    return Response(OrganizationZoneSerializer(facts).data)


def _change(request: ApiRequest) -> None:
    asked = ZoneSerializer(data=request.data)
    asked.is_valid(raise_exception=True)
    if time_zone.running_change(organization=request.organization) is not None:
        raise ConflictError("time-zone-conflict", _RUNNING)
    try:
        time_zone.change(
            organization=request.organization, actor=actor_of(request), now=timezone.now(), **asked.validated_data
        )
    except ServiceError as error:
        raise ValidationError(error.message_dict) from error
