"""``GET /api/v1/cloud-metrics``: what was sampled; the same path takes samples with POST, on the edge."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, PolymorphicProxySerializer, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.response import Response

from core.fields import InstantField, UsdField
from core.openapi import problems
from core.parameters import Choice, OrganizationParameters
from ingestion import cloud_samples
from ingestion.api.cursor import Cursor, encode
from ingestion.api.parameters import LARGEST_PAGE, Instant, period_of, texts
from ingestion.api.serializers import GivenField, ProjectField
from ingestion.api.views import next_link, slugs_of
from tenants.api_access import ApiRequest, project_api
from tenants.permissions import Permission, Scope


class SampleParameters(OrganizationParameters):
    """Filters, period and page of ``GET cloud-metrics``."""

    resource = texts(255, "The resource as sent.")
    kind = texts(50, "What the resource is, as sent.")
    team = texts(100, "Team as sent.")
    environment = texts(100, "Environment as sent.")
    project = texts(50, "Slug of a project. Without it: every project you may see.")
    group_by = Choice(("resource",), required=False, help_text="Sums and peaks per resource instead of samples.")
    to = Instant(required=False, help_text="End of the period, excluded. Without it: now, and what is ahead of it.")
    limit = serializers.IntegerField(
        required=False, default=50, min_value=1, max_value=LARGEST_PAGE, help_text="Most samples in one answer."
    )
    cursor = Cursor(required=False, help_text="Where the page begins; part of the `next` link.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """``from`` is a word of Python's, so it cannot be declared like the others."""
        help_text = "Start of the period, included. Without it: 24 hours before the end. At most 31 days before it."
        return {"from": Instant(required=False, help_text=help_text), **super().get_fields()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "group_by" in attrs and "cursor" in attrs:
            raise serializers.ValidationError({"cursor": "Resources come in one page: leave the cursor out."})
        return attrs | period_of(attrs)


def _given() -> GivenField:
    return GivenField(allow_null=True)


class SampleSerializer(serializers.Serializer[Any]):
    """One sample; null is unknown, which is not zero."""

    id = serializers.CharField(source="sample_id", help_text="As sent, else the server's.")
    timestamp = InstantField(source="sampled_at", help_text="When it was measured; with id and project its identity.")
    received_at = InstantField(help_text="When the server accepted it.")
    project = ProjectField(source="project_id", help_text="Slug of the project.")
    resource = serializers.CharField()
    kind = _given()
    team = _given()
    environment = serializers.CharField()
    allocated_mb = serializers.FloatField()
    used_mb = serializers.FloatField()
    invocations = serializers.IntegerField(allow_null=True)
    duration_ms = serializers.FloatField(allow_null=True)
    cost_usd = UsdField(allow_null=True)


class ResourceSerializer(serializers.Serializer[Any]):
    """The samples of a resource in the period; kind, team and allocated_mb are those of the latest one."""

    project = ProjectField(source="project_id", help_text="Slug of the project.")
    resource = serializers.CharField()
    kind = _given()
    team = _given()
    samples = serializers.IntegerField()
    last_sampled_at = InstantField()
    allocated_mb = serializers.FloatField()
    max_allocated_mb = serializers.FloatField()
    peak_used_mb = serializers.FloatField()
    mean_used_mb = serializers.FloatField()
    peak_share = serializers.FloatField(help_text="The highest used ÷ allocated of one sample.")
    samples_over_allocated = serializers.IntegerField(help_text="Samples that used more than was allocated.")
    invocations = serializers.IntegerField(allow_null=True, help_text="Sum over the samples that gave one.")
    duration_ms = serializers.FloatField(allow_null=True, help_text="Sum over the samples that gave one.")
    cost_usd = UsdField(allow_null=True, help_text="Sum over the samples that gave one.")
    samples_without_cost = serializers.IntegerField()


class SamplePageSerializer(serializers.Serializer[Any]):
    """A page of samples."""

    results = SampleSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page, or null after the last.")


class ResourcePageSerializer(serializers.Serializer[Any]):
    """Every resource with samples in the period, the most expensive first; at most 1,000."""

    results = ResourceSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="Always null.")


_SAMPLE: Final = {
    "id": "01994f5e-6c1e-7d00-b6a4-3f0c2d9e8200",
    "timestamp": "2026-11-22T10:15:00.000000Z",
    "received_at": "2026-11-22T10:15:01.004210Z",
    "project": "web",
    "resource": "thumbnailer",
    "kind": "function",
    "team": "media",
    "environment": "production",
    "allocated_mb": 1024.0,
    "used_mb": 212.4,
    "invocations": 340,
    "duration_ms": 91250.0,
    "cost_usd": "0.00152",
}
_RESOURCE: Final = {
    "project": "web",
    "resource": "thumbnailer",
    "kind": "function",
    "team": "media",
    "samples": 96,
    "last_sampled_at": "2026-11-22T10:15:00.000000Z",
    "allocated_mb": 1024.0,
    "max_allocated_mb": 1024.0,
    "peak_used_mb": 301.5,
    "mean_used_mb": 214.9,
    "peak_share": 0.29443359375,
    "samples_over_allocated": 0,
    "invocations": 32640,
    "duration_ms": 8760000.0,
    "cost_usd": "0.14592",
    "samples_without_cost": 0,
}


@extend_schema(
    operation_id="cloud_metrics_list",
    tags=["Cloud metrics"],
    summary="Samples of cloud functions and workers",
    description="Samples of a period, newest first; follow `next` until it is null. With `group_by=resource` one entry"
    " per resource instead. A filter may be repeated: a sample passes when it has any of the values.",
    parameters=[SampleParameters],
    responses={
        200: OpenApiResponse(
            PolymorphicProxySerializer(
                component_name="CloudMetrics",
                serializers=[SamplePageSerializer, ResourcePageSerializer],
                resource_type_field_name=None,
            ),
            examples=[
                OpenApiExample("samples", value={"results": [_SAMPLE], "next": None}, response_only=True),
                OpenApiExample("resources", value={"results": [_RESOURCE], "next": None}, response_only=True),
            ],
        )
    }
    | problems(400, 403, 404),
)
@api_view(["GET", "HEAD"])
@project_api(Permission.TELEMETRY_READ, Scope.READ)
def cloud_metrics(request: ApiRequest) -> Response:
    """Samples of a period newest first, or their sums by resource."""
    wanted = SampleParameters.read(request.query_params)
    slugs = slugs_of(request, wanted.get("project"))
    asked = {
        "organization": request.organization,
        "project_ids": list(slugs),
        "since": wanted["from"],
        "until": wanted["to"],
        "filters": {name: wanted[name] for name in cloud_samples.FILTERS if name in wanted},
    }
    if "group_by" in wanted:
        resources = cloud_samples.usage_by_resource(**asked)
        shown = ResourceSerializer(resources, many=True, context={"slugs": slugs}).data
        return Response({"results": shown, "next": None})
    found = cloud_samples.samples(**asked, before=wanted.get("cursor"), limit=wanted["limit"] + 1)
    page = found[: wanted["limit"]]
    last = encode(cloud_samples.position(page[-1])) if len(found) > len(page) else ""
    shown = SampleSerializer(page, many=True, context={"slugs": slugs}).data
    return Response({"results": shown, "next": next_link(request, wanted, last)})
