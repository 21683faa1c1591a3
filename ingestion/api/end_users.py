"""One end user over HTTP: what is stored, and the order to erase it."""

from typing import Any, Final

from django.core.exceptions import ValidationError as Invalid
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from core.fields import InstantField, UsdField
from core.openapi import problems
from core.parameters import OrganizationParameters
from ingestion import erasure
from tenants.api_access import ApiRequest, key_of, org_api, person_of
from tenants.permissions import Permission, Scope

PEOPLE_ONLY: Final = "Only people may erase; a key may not."


class StoredSerializer(serializers.Serializer[Any]):
    """What one project holds of an end user."""

    project = serializers.CharField(source="project.slug", help_text="Slug of the project.")
    calls = serializers.IntegerField()
    first_at = InstantField(help_text="Start of the first call.")
    last_at = InstantField(help_text="Start of the last call.")
    cost_usd = UsdField(allow_null=True, help_text="Sum of the known costs; null when none is known.")
    unpriced_calls = serializers.IntegerField(help_text="Calls whose cost is missing from the sum.")


class EndUserSerializer(serializers.Serializer[Any]):
    results = StoredSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="Always null: the list has one page.")


class ErasureSerializer(serializers.Serializer[Any]):
    """An erasure that was begun, or was running already."""

    person = serializers.CharField(help_text="Keyed hash that stands for the end user in the audit log.")
    started_at = InstantField(source="created_at")


_STORED: Final = {
    "results": [
        {
            "project": "web",
            "calls": 120,
            "first_at": "2026-07-01T10:15:00.000000Z",
            "last_at": "2026-11-22T09:00:00.000000Z",
            "cost_usd": "1.25",
            "unpriced_calls": 0,
        }
    ],
    "next": None,
}
_STARTED: Final = {"person": "5f0c3a9d1b7e4f2a8c6d0e9b7a5c3f1d", "started_at": "2026-11-22T10:15:00.000000Z"}


@extend_schema(
    methods=["GET"],
    operation_id="end_user",
    tags=["End users"],
    summary="What is stored about an end user",
    description="`user_id` is the id as your application sends it, percent-encoded; ids that are stored hashed are"
    " found by it. The calls themselves are in the call log (`GET /api/v1/calls?user_id=`).",
    parameters=[OrganizationParameters],
    responses={
        200: OpenApiResponse(EndUserSerializer, examples=[OpenApiExample("stored", value=_STORED, response_only=True)])
    }
    | problems(400, 403, 404),
)
@extend_schema(
    methods=["DELETE"],
    operation_id="end_user_erase",
    tags=["End users"],
    summary="Erase an end user",
    description="The calls stay with their cost and lose user, session, trace and span ids, the provider's request"
    " ids, prompt hashes and tags. Runs in the background; asking again while it runs starts nothing. Owners and"
    " admins only, no keys.",
    parameters=[OrganizationParameters],
    responses={
        202: OpenApiResponse(
            ErasureSerializer, examples=[OpenApiExample("started", value=_STARTED, response_only=True)]
        )
    }
    | problems(400, 403, 404),
)
@api_view(["GET", "HEAD", "DELETE"])
def end_user(request: Request, user_id: str) -> Response:
    """One end user of the organization's applications."""
    return _erase(request, user_id=user_id) if request.method == "DELETE" else _stored(request, user_id=user_id)


@org_api(Permission.TELEMETRY_READ, Scope.READ)
def _stored(request: ApiRequest, user_id: str) -> Response:
    OrganizationParameters.read(request.query_params)
    _refuse_impossible(user_id)
    found = erasure.stored(organization=request.organization, user_id=user_id, projects=list(request.projects))
    return Response({"results": StoredSerializer(found, many=True).data, "next": None})


@org_api(Permission.DATA_ERASE, Scope.READ)
def _erase(request: ApiRequest, user_id: str) -> Response:
    OrganizationParameters.read(request.query_params)
    if key_of(request) is not None:
        raise PermissionDenied(PEOPLE_ONLY)
    _refuse_impossible(user_id)
    started = erasure.start_erasure(
        organization=request.organization,
        actor=person_of(request),
        user_id=user_id,
        confirmation=user_id,
        now=timezone.now(),
    )
    return Response(ErasureSerializer(started).data, status=202)


def _refuse_impossible(user_id: str) -> None:
    """:raises Http404: no call can have this end user."""
    try:
        erasure.check_user_id(user_id)
    except Invalid:
        raise Http404 from None
