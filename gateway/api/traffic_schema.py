"""How the API's document describes traffic."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers

from core.fields import InstantField
from core.openapi import problems
from gateway.api.schema import TAG
from gateway.api.traffic_parameters import TrafficParameters
from gateway.traffic import Traffic
from gateway.traffic_rows import Interval

_COUNTS: Final = {
    "requests": "Requests that went to a provider. Every one is in exactly one of `answered`, `client_left`,"
    " `interrupted` and the counts of `upstream_errors`.",
    "other_requests": "Requests that are no call of a model: lists of models, files. They are not recorded.",
    "calls": "Requests that are a call of a model.",
    "written": "Calls that are stored.",
    "unwritten": "Calls that are not: `GET /api/v1/rejected-events` says why.",
    "answered": "Ended as they should.",
    "upstream_errors": "Failed at the provider or on the way to it: the sum of the next six.",
    "client_errors": "4xx other than 429.",
    "throttled": "429.",
    "server_errors": "5xx.",
    "unreachable": "No connection.",
    "timeouts": "No answer in time.",
    "broken": "The answer broke off, or was no HTTP.",
    "client_left": "The client went away before the end.",
    "interrupted": "The gateway's process ended meanwhile.",
    "within_1_ms": "Requests that the gateway kept waiting for at most 1 ms.",
    "within_5_ms": "At most 5 ms, those of `within_1_ms` among them.",
    "within_25_ms": "At most 25 ms, those of `within_5_ms` among them.",
    "within_100_ms": "At most 100 ms, those of `within_25_ms` among them.",
}


class TrafficRowSerializer(serializers.Serializer[Any]):
    """The sums of one bucket and provider. ``bucket`` and ``provider`` are there when they were asked for."""

    bucket = serializers.CharField(
        required=False, help_text="Start of the hour with its local offset, or the local date."
    )
    provider = serializers.CharField(required=False, help_text="Slug; of one that is gone by now, too.")
    added_ms = serializers.SerializerMethodField(
        help_text="Milliseconds that the gateway kept a request waiting on average, beside the provider."
    )

    @extend_schema_field(float)
    def get_added_ms(self, traffic: Traffic) -> float:
        return round(traffic.added_ms or 0.0, 3)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields = super().get_fields()
        added = fields.pop("added_ms")
        for name, meaning in _COUNTS.items():
            fields[name] = serializers.IntegerField(help_text=meaning)
            if name == "interrupted":
                fields["added_ms"] = added
        return fields


class TrafficSerializer(serializers.Serializer[Any]):
    """A page of sums."""

    start = InstantField(help_text="Start of the period, included.")
    end = InstantField(help_text="End of the period, excluded.")
    time_zone = serializers.CharField(help_text="IANA name of the zone that hours and days are cut in.")
    interval = serializers.ChoiceField([interval.value for interval in Interval])
    waiting_seconds = serializers.IntegerField(
        allow_null=True,
        help_text="How long the oldest call of the installation has waited on the gateway's disk to be stored and"
        " counted; null: none has waited for ten seconds.",
    )
    results = TrafficRowSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page, or null after the last.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """``from`` is a word of Python's, so it cannot be declared like the others."""
        fields = super().get_fields()
        return {"from": fields.pop("start"), "to": fields.pop("end"), **fields}


def _row(place: dict[str, str], **counts: Any) -> dict[str, Any]:
    return place | dict.fromkeys(_COUNTS, 0) | counts


_HEAD: Final = {
    "from": "2026-11-01T23:00:00.000000Z",
    "to": "2026-11-02T23:00:00.000000Z",
    "time_zone": "Europe/Berlin",
}
_OPENAI: Final = {
    "requests": 1840,
    "other_requests": 12,
    "calls": 1828,
    "written": 1827,
    "unwritten": 1,
    "answered": 1811,
    "upstream_errors": 25,
    "client_errors": 3,
    "throttled": 14,
    "server_errors": 6,
    "timeouts": 2,
    "client_left": 4,
    "added_ms": 0.812,
    "within_1_ms": 1402,
    "within_5_ms": 1833,
    "within_25_ms": 1839,
    "within_100_ms": 1840,
}
_ANTHROPIC: Final = {
    "requests": 60,
    "calls": 60,
    "written": 60,
    "answered": 58,
    "upstream_errors": 2,
    "server_errors": 2,
    "added_ms": 0.931,
    "within_1_ms": 41,
    "within_5_ms": 60,
    "within_25_ms": 60,
    "within_100_ms": 60,
}
_SUMS: Final = _HEAD | {
    "interval": "none",
    "waiting_seconds": None,
    "results": [_row({"provider": "anthropic"}, **_ANTHROPIC), _row({"provider": "openai"}, **_OPENAI)],
    "next": None,
}
_CUT: Final = _HEAD | {
    "interval": "hour",
    "waiting_seconds": None,
    "results": [_row({"bucket": "2026-11-02T09:00:00+01:00"}, **_ANTHROPIC)],
    "next": None,
}
_EXAMPLES: Final = [
    OpenApiExample("by provider", summary="group_by=provider", value=_SUMS, response_only=True),
    OpenApiExample("by hour", summary="interval=hour&provider=anthropic", value=_CUT, response_only=True),
]

traffic = extend_schema(
    operation_id="gateway_traffic",
    tags=[TAG],
    summary="What passed through the gateway",
    description="Requests, how they ended, calls seen against calls stored, and the time the gateway added, over a"
    " half-open period: as one row, by provider (`group_by=provider`) and, with `interval`, by hour or day of the"
    " organization's time zone. Only groups with requests are there, in the order of bucket and provider. A request is"
    " counted when its record has left the gateway's disk, usually within a second. Requests whose project could not"
    " be decided count where no project is named. By hour a period is at most 31 days. Follow `next` until it is null.",
    parameters=[TrafficParameters],
    responses={200: OpenApiResponse(TrafficSerializer, examples=_EXAMPLES)} | problems(400, 403, 404),
)
