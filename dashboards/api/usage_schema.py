"""How the API's document describes usage."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers

from core.fields import InstantField, UsdField
from core.openapi import problems
from dashboards.api.usage_parameters import UsageParameters
from dashboards.usage import DIMENSIONS, METRICS, Interval
from ingestion.store import COSTS

_MEANINGS: Final = {
    "calls": "Calls, each provider call once.",
    "errors": "Calls that failed.",
    "unpriced_calls": "Calls without a known cost: they are missing from every cost of this row.",
    "cost_usd": "Sum of the known costs; null when no call of the row has one.",
}


class UsageRowSerializer(serializers.Serializer[Any]):
    """The sums of one group. A row has the metrics and dimensions that were asked for, and with a cost always
    ``unpriced_calls``."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        cut = "Start of the hour with its local offset, the local date, or the local month (`2026-11`)."
        fields: dict[str, Any] = {"bucket": serializers.CharField(required=False, help_text=cut)}
        for name in DIMENSIONS:
            fields[name] = serializers.CharField(required=False, allow_null=True)
        for name in METRICS:
            fields[name] = _metric(name)
        return fields


def _metric(name: str) -> serializers.Field[Any, Any, Any, Any]:
    meaning = _MEANINGS.get(name, "")
    if name in COSTS:
        return UsdField(required=False, allow_null=True, help_text=meaning)
    return serializers.IntegerField(required=False, help_text=meaning)


class UsageSerializer(serializers.Serializer[Any]):
    """A page of sums."""

    start = InstantField(help_text="Start of the period, included.")
    end = InstantField(help_text="End of the period, excluded.")
    time_zone = serializers.CharField(help_text="IANA name of the zone that hours, days and months are cut in.")
    interval = serializers.ChoiceField([interval.value for interval in Interval])
    results = UsageRowSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page, or null after the last.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """``from`` is a word of Python's, so it cannot be declared like the others."""
        fields = super().get_fields()
        return {"from": fields.pop("start"), "to": fields.pop("end"), **fields}


_EXAMPLE: Final = {
    "from": "2026-10-31T23:00:00.000000Z",
    "to": "2026-11-02T23:00:00.000000Z",
    "time_zone": "Europe/Berlin",
    "interval": "day",
    "results": [
        {"bucket": "2026-11-01", "team": "search", "calls": 1840, "unpriced_calls": 0, "cost_usd": "12.4031"},
        {"bucket": "2026-11-02", "team": None, "calls": 12, "unpriced_calls": 12, "cost_usd": None},
    ],
    "next": None,
}

usage = extend_schema(
    operation_id="usage",
    tags=["Usage"],
    summary="Cost and tokens by team, project, model …",
    description="Sums over calls of a half-open period, by the dimensions of `group_by` and, with `interval`, by hour,"
    " day or month of the organization's time zone. Only groups with calls are there, in the order of bucket and"
    " dimensions. Costs are US dollars as exact decimal strings; calls without a price are in no cost and counted in"
    " `unpriced_calls`. At most 2,000 values of a dimension are kept apart for a project and day; the rest is"
    " `(other)`. A filter may be repeated. Follow `next` until it is null.",
    parameters=[UsageParameters],
    responses={
        200: OpenApiResponse(UsageSerializer, examples=[OpenApiExample("usage", value=_EXAMPLE, response_only=True)])
    }
    | problems(400, 403, 404),
)
