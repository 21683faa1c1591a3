"""The telemetry endpoints of the edge as OpenAPI: Django does not serve them, so nothing could derive this."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from core.problems import CONTENT_TYPE, problem
from ingestion.api import limits_schema
from ingestion.api.event_schema import event_schema, sample_schema
from ingestion.edge.idempotency import MOST_CHARACTERS
from ingestion.wire.answer import MOST_REJECTIONS_SHOWN
from ingestion.wire.batch import MOST_WARNINGS
from ingestion.wire.body import ENCODINGS
from ingestion.wire.framing import MOST_EVENTS

Schema = dict[str, Any]

_EVENT: Final = {
    "id": "01994f5e-6c1e-7d00-b6a4-3f0c2d9e8100",
    "timestamp": "2026-11-22T10:15:00.123456Z",
    "model": "gpt-4o",
    "endpoint_name": "summarization",
    "input_tokens": 1200,
    "output_tokens": 340,
    "latency_ms": 812.5,
}
_RAW_USAGE: Final = {
    "model": "claude-sonnet-4",
    "user_id": "u-1842",
    "usage": {"input_tokens": 900, "cache_read_input_tokens": 300, "output_tokens": 120},
    "tags": {"release": "2026.7"},
}
_FLAT: Final = {"model": "gpt-4o-mini", "prompt_tokens": 1200, "completion_tokens": 340, "endpoint_name": "chatbot"}
_CAMEL: Final = {"model": "gpt-4o-mini", "promptTokens": 1200, "completionTokens": 340, "userId": "u-1842"}
_NDJSON: Final = '{"model": "gpt-4o", "input_tokens": 1200, "output_tokens": 340}\n{"model": "gpt-4o-mini"}\n'
_SAMPLE: Final = {
    "id": "01994f5e-6c1e-7d00-b6a4-3f0c2d9e8200",
    "timestamp": "2026-11-22T10:15:00Z",
    "resource": "thumbnailer",
    "kind": "function",
    "team": "media",
    "allocated_mb": 1024,
    "used_mb": 212.4,
    "invocations": 340,
    "duration_ms": 91250,
    "cost_usd": "0.00152",
}
_LEAST_SAMPLE: Final = {"resource": "report-worker", "allocated_mb": 2048, "used_mb": 1730}
_SAMPLE_LINES: Final = '{"resource": "report-worker", "allocated_mb": 2048, "used_mb": 1730}\n'
_REJECTION: Final = {"index": 1, "id": None, "errors": [{"field": "input_tokens", "message": "must be ≥ 0"}]}
_OUTCOME: Final = {"duplicates": 0, "rejected_count": 1, "rejected": [_REJECTION], "warnings": []}
_ACCEPTED: Final = {"accepted": 1, **_OUTCOME, "content_fields_dropped": 0}
_ALL_REJECTED: Final = (
    problem(400, "events-rejected", "Every event was rejected")
    | {"accepted": 0, **_OUTCOME}
    | {"rejected": [_REJECTION | {"index": 0}], "content_fields_dropped": 0}
)

_PROBLEM: Final = {"$ref": "#/components/schemas/Problem"}
_EVENT_REF: Final = {"$ref": "#/components/schemas/Event"}
_EVENT_LIST: Final = {"type": "array", "maxItems": MOST_EVENTS, "items": _EVENT_REF}
_DOCUMENT: Final = {"oneOf": [_EVENT_REF, _EVENT_LIST, {"$ref": "#/components/schemas/EventEnvelope"}]}
_SAMPLE_REF: Final = {"$ref": "#/components/schemas/CloudSample"}
_SAMPLE_LIST: Final = {"type": "array", "maxItems": MOST_EVENTS, "items": _SAMPLE_REF}
_SAMPLES: Final = {"oneOf": [_SAMPLE_REF, _SAMPLE_LIST, {"$ref": "#/components/schemas/CloudSampleEnvelope"}]}
_FIELD_ERRORS: Final = {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}}
_COUNT: Final = {"type": "integer", "minimum": 0}
_ABOUT_AN_EVENT: Final = {"index": _COUNT | {"description": "Position of the event in the request, from 0."}}

_MEMBERS: Final[Schema] = {
    "accepted": _COUNT | {"description": "Events that are stored, durably."},
    "duplicates": _COUNT | {"description": "Events that were stored before; the first one counts."},
    "rejected_count": _COUNT | {"description": "Events that are not stored."},
    "rejected": {
        "type": "array",
        "description": "The first of them, each with everything that is wrong.",
        "maxItems": MOST_REJECTIONS_SHOWN,
        "items": {"$ref": "#/components/schemas/Rejection"},
    },
    "warnings": {
        "type": "array",
        "description": "What the sender should know about events that were not refused for it.",
        "maxItems": MOST_WARNINGS,
        "items": {"$ref": "#/components/schemas/EventWarning"},
    },
    "content_fields_dropped": _COUNT | {"description": "Members that carried content and were not looked at."},
}


def schemas() -> dict[str, Schema]:
    """Components that only the edge's endpoints need; ``Problem`` and ``FieldError`` are the API's own."""
    members = {"type": "object", "required": list(_MEMBERS), "properties": _MEMBERS}
    return {
        "Event": event_schema(),
        "EventEnvelope": _object(events=_EVENT_LIST),
        "CloudSample": sample_schema(),
        "CloudSampleEnvelope": _object(samples=_SAMPLE_LIST),
        "Rejection": _object(**_ABOUT_AN_EVENT, id={"type": ["string", "null"]}, errors=_FIELD_ERRORS),
        "EventWarning": _object(**_ABOUT_AN_EVENT, field={"type": "string"}, message={"type": "string"}),
        "IngestAnswer": members,
        "EventsRejected": {"allOf": [_PROBLEM, {"$ref": "#/components/schemas/IngestAnswer"}]},
    }


def paths(*, security: Sequence[Mapping[str, Sequence[str]]]) -> dict[str, Schema]:
    """Path items of the endpoints; ``security`` is what authenticates a key."""
    common = {"tags": ["Telemetry"], "security": list(security), "parameters": _PARAMETERS, "responses": _responses()}
    return {
        "/api/v1/ingest": {
            "post": common
            | {
                "operationId": "ingest",
                "summary": "Send calls",
                "description": "One event, an array of events, an object with `events`, or one event a line (NDJSON)."
                f" At most {MOST_EVENTS:,} events and 10 MB after decompression. Accepted means stored.",
                "requestBody": {"required": True, "content": _ingest_content()},
            }
        },
        "/api/ingest": {
            "post": common
            | {
                "operationId": "ingest_camel",
                "summary": "Send calls, names in camelCase",
                "description": "Like a JSON document of `POST /api/v1/ingest`; every name may also be written in"
                " camelCase: `promptTokens`, `userId`.",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": _example(_DOCUMENT, one=_CAMEL, several=[_CAMEL, _FLAT])},
                },
            }
        },
        "/api/v1/cloud-metrics": {
            "post": common
            | {
                "operationId": "cloud_metrics",
                "tags": ["Cloud metrics"],
                "summary": "Send samples of cloud functions and workers",
                "description": "One sample, an array of samples, an object with `samples`, or one sample a line"
                f" (NDJSON). At most {MOST_EVENTS:,} samples and 10 MB after decompression. Accepted means stored.",
                "requestBody": {"required": True, "content": _sample_content()},
            }
        },
        "/log": {
            "post": common
            | {
                "operationId": "log",
                "summary": "Send one call",
                "description": "One flat event, for clients that report calls one by one.",
                "requestBody": {"required": True, "content": {"application/json": _example(_EVENT_REF, flat=_FLAT)}},
            }
        },
    }


_PARAMETERS: Final = [
    {
        "in": "header",
        "name": "X-TokenOps-Project",
        "description": "Slug of the project, for a key of the whole organization; else its default project is meant.",
        "schema": {"type": "string", "maxLength": 50},
    },
    {
        "in": "header",
        "name": "X-TokenOps-Source",
        "description": "What clients of ours are called among the sources of calls; everything else is `rest`.",
        "schema": {"type": "string", "enum": ["sdk", "import"]},
    },
    {
        "in": "header",
        "name": "Content-Encoding",
        "description": "How the body is compressed.",
        "schema": {"type": "string", "enum": list(ENCODINGS), "default": "identity"},
    },
    {
        "in": "header",
        "name": "Idempotency-Key",
        "description": "Makes the request safe to send again, also when its events have no id. An answer 202, or 400"
        " with every event refused, is kept for 24 hours per API key and path: the same decoded body gets it again,"
        " with `Idempotent-Replayed: true`, and nothing is stored; another body is 422. Other answers leave the key"
        " free.",
        "schema": {"type": "string", "minLength": 1, "maxLength": MOST_CHARACTERS},
    },
]
_REPLAYED: Final[Schema] = {
    "Idempotent-Replayed": {
        "description": "Present when this is the answer to an earlier request with the same `Idempotency-Key`.",
        "schema": {"type": "string", "enum": ["true"]},
    }
}
_BEYOND: Final = {"rate": limits_schema.RATE_LIMITED, "quota": limits_schema.QUOTA_EXCEEDED}
_REFUSALS: Final = {
    "401": (
        "No key, an unknown, expired or revoked one, or two different keys.",
        problem(401, "unauthenticated", "These credentials are not valid.", "This API key is not known."),
    ),
    "403": (
        "The key has not the scope `ingest`, or names a project that is not its own.",
        problem(403, "missing-scope", "This API key may not send telemetry.", "It needs the scope ingest."),
    ),
    "405": ("Only POST.", problem(405, "method-not-allowed", "This method is not allowed here.")),
    "408": ("The body did not arrive in time.", problem(408, "timeout", "The body did not arrive in time.")),
    "409": (
        "The first request with this `Idempotency-Key` is still running; try again after `Retry-After` seconds.",
        problem(409, "idempotency-key-in-use", "A request with this Idempotency-Key is still running."),
    ),
    "413": (
        "Too many bytes or events.",
        problem(413, "too-large", "The request is too large.", "A body may have at most 10 MB."),
    ),
    "415": (
        "Neither JSON nor NDJSON, or compressed in a way that is not read.",
        problem(415, "unsupported-media-type", "The body is in a form we do not read."),
    ),
    "422": (
        "The `Idempotency-Key` came with another body before.",
        problem(422, "idempotency-key-reused", "This Idempotency-Key came with another body before."),
    ),
    "503": (
        "Nothing is stored; try again after `Retry-After` seconds.",
        problem(503, "unavailable", "Try again in a moment.", "The events could not be stored."),
    ),
}


def _ingest_content() -> Schema:
    return {
        "application/json": _example(_DOCUMENT, one=_EVENT, several=[_EVENT, _RAW_USAGE], envelope={"events": [_FLAT]}),
        "application/x-ndjson": _example({"type": "string", "description": "One event a line."}, lines=_NDJSON),
    }


def _sample_content() -> Schema:
    both = [_SAMPLE, _LEAST_SAMPLE]
    return {
        "application/json": _example(_SAMPLES, one=_SAMPLE, several=both, envelope={"samples": both}),
        "application/x-ndjson": _example({"type": "string", "description": "One sample a line."}, lines=_SAMPLE_LINES),
    }


def _responses() -> Schema:
    malformed = problem(400, "malformed-body", "The body cannot be read.", "the body is not valid JSON")
    rejected = {"anyOf": [{"$ref": "#/components/schemas/EventsRejected"}, _PROBLEM]}
    refusals = {
        status: _response(meaning, CONTENT_TYPE, _example(_PROBLEM, problem=document))
        for status, (meaning, document) in _REFUSALS.items()
    }
    accepted = _example({"$ref": "#/components/schemas/IngestAnswer"}, answer=_ACCEPTED)
    bad = _example(rejected, rejected=_ALL_REJECTED, malformed=malformed)
    return {
        "202": _response("Stored, or stored before; refused events are listed.", "application/json", accepted)
        | {"headers": _REPLAYED | limits_schema.HEADERS},
        "400": _response("Every event was refused, or the body or a header cannot be read.", CONTENT_TYPE, bad)
        | {"headers": _REPLAYED},
        **refusals,
        "429": _response(limits_schema.MEANING, CONTENT_TYPE, _example(_PROBLEM, **_BEYOND))
        | {"headers": limits_schema.RETRY_AFTER | limits_schema.HEADERS},
    }


def _response(description: str, media_type: str, content: Schema) -> Schema:
    return {"description": description, "content": {media_type: content}}


def _example(schema: Schema, **examples: Any) -> Schema:
    return {"schema": schema, "examples": {name: {"value": value} for name, value in examples.items()}}


def _object(**properties: Any) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}
