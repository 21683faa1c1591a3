"""Counts of refusals as the API shows them, and how its document describes them."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers

from core.fields import InstantField, instant_text
from core.openapi import problems
from core.parameters import OrganizationParameters
from ingestion.api.parameters import LARGEST_PAGE, Instant, period_of, texts
from ingestion.api.refusal_cursor import RefusalCursor
from ingestion.models import RejectedEvents
from ingestion.wire.refused import Kind
from ingestion.writer.refusals import MOST_SAMPLES


class RefusalParameters(OrganizationParameters):
    """Period and page of ``GET rejected-events``."""

    project = texts(50, "Slug of a project. Without it: every project you may see, and what had none.")
    to = Instant(required=False, help_text="End of the period, excluded. Without it: now.")
    limit = serializers.IntegerField(
        required=False, default=50, min_value=1, max_value=LARGEST_PAGE, help_text="Most rows in one answer."
    )
    cursor = RefusalCursor(required=False, help_text="Where the page begins; part of the `next` link.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """``from`` is a word of Python's, so it cannot be declared like the others."""
        help_text = "Start of the period, included. Without it: 24 hours before the end. At most 31 days before it."
        return {"from": Instant(required=False, help_text=help_text), **super().get_fields()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return attrs | period_of(attrs)


class RejectedEventsSerializer(serializers.Serializer[RejectedEvents]):
    """How often one reason refused telemetry within an hour. Names of fields, never values."""

    hour = InstantField(help_text="Start of the hour on the organization's clock.")
    project = serializers.CharField(allow_null=True, help_text="Slug; null when no project could be decided.")
    endpoint = serializers.CharField(help_text="Path the telemetry was sent to.")
    kind = serializers.ChoiceField(
        [kind.value for kind in Kind],
        help_text="`event`: events of a request that was read. `request`: requests refused as a whole."
        " `content`: content fields that were dropped; nothing was refused for it.",
    )
    field = serializers.CharField(allow_null=True, help_text="Field that was wrong; null for the event as a whole.")
    reason = serializers.CharField(
        allow_null=True, help_text="What was wrong, as the answer said it; for requests the last part of its `type`."
    )
    count = serializers.IntegerField(help_text="How often. An event with two errors counts in two rows.")
    events = serializers.IntegerField(help_text="Events counted here first: over all rows, the refused events.")
    first_at = InstantField()
    last_at = InstantField()
    samples = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text=f"Names of the fields that such events carried, at most {MOST_SAMPLES} different lists. Names that"
        " could say something are `(unknown field)`, fields of content `(content)`.",
    )


class RejectedEventsPageSerializer(serializers.Serializer[Any]):
    """A page of counts."""

    results = RejectedEventsSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page, or null after the last.")


def documents(rows: Iterable[RejectedEvents], *, slugs: Mapping[int, str]) -> list[dict[str, Any]]:
    """Each row as ``RejectedEventsSerializer`` declares it; ``slugs`` are those of the projects by id."""
    return [
        {
            "hour": instant_text(row.hour),
            "project": slugs.get(row.project_id),
            "endpoint": row.endpoint,
            "kind": row.kind,
            "field": row.field or None,
            "reason": row.reason or None,
            "count": row.count,
            "events": row.events,
            "first_at": instant_text(row.first_at),
            "last_at": instant_text(row.last_at),
            "samples": row.samples,
        }
        for row in rows
    ]


_EXAMPLE: Final = {
    "results": [
        {
            "hour": "2026-11-22T10:00:00.000000Z",
            "project": "web",
            "endpoint": "/api/v1/ingest",
            "kind": "event",
            "field": "model",
            "reason": "is required",
            "count": 12,
            "events": 12,
            "first_at": "2026-11-22T10:02:11.482910Z",
            "last_at": "2026-11-22T10:41:59.003120Z",
            "samples": [["(content)", "input_tokens", "modle", "output_tokens"]],
        },
        {
            "hour": "2026-11-22T10:00:00.000000Z",
            "project": "web",
            "endpoint": "/v1/traces",
            "kind": "request",
            "field": None,
            "reason": "too-large",
            "count": 1,
            "events": 0,
            "first_at": "2026-11-22T10:15:00.123456Z",
            "last_at": "2026-11-22T10:15:00.123456Z",
            "samples": [],
        },
    ],
    "next": None,
}

rejected_event_list = extend_schema(
    operation_id="rejected_event_list",
    tags=["Telemetry"],
    summary="What was refused",
    description="Telemetry that was not taken, counted by hour, endpoint, reason and field; newest hour first. Counts"
    " appear within seconds and are kept for 90 days. Requests without a valid key are nobody's and not counted."
    " Follow `next` until it is null.",
    parameters=[RefusalParameters],
    responses={
        200: OpenApiResponse(
            RejectedEventsPageSerializer,
            examples=[OpenApiExample("rejected events", value=_EXAMPLE, response_only=True)],
        )
    }
    | problems(400, 403, 404),
)
