"""``POST /v1/traces`` as OpenAPI: OpenTelemetry's contract, as far as it is ours to answer for."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ingestion.api import limits_schema
from ingestion.wire.otlp.parse import JSON, PROTOBUF

Schema = dict[str, Any]

_REQUEST: Final = {
    "resourceSpans": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
            "scopeSpans": [
                {
                    "scope": {"name": "my.instrumentation"},
                    "spans": [
                        {
                            "traceId": "5b8efff798038103d269b633813fc60c",
                            "spanId": "eee19b7ec3c1b174",
                            "name": "chat gpt-4o",
                            "startTimeUnixNano": "1795342500123456789",
                            "endTimeUnixNano": "1795342500935956789",
                            "attributes": [
                                {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
                                {"key": "gen_ai.provider.name", "value": {"stringValue": "openai"}},
                                {"key": "gen_ai.request.model", "value": {"stringValue": "gpt-4o"}},
                                {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "1200"}},
                                {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "340"}},
                            ],
                        }
                    ],
                }
            ],
        }
    ]
}
_REFUSED: Final = {"partialSuccess": {"rejectedSpans": "1", "errorMessage": "span 4: model is required"}}
_DESCRIPTION: Final = (
    "OTLP/HTTP: an ExportTraceServiceRequest, at most 32 MB after decompression. Spans that are model calls, in the"
    " GenAI conventions of OpenTelemetry now and before or in the names of OpenLLMetry, OpenInference, OpenLIT, the"
    " AI SDK and others, become calls; other spans are ignored. An organization's key names the project with the header"
    " or with the resource attribute `tokenops.project`. `tokenops.feature`, `tokenops.team` and `tokenops.tag.*` say"
    " what a call is for. What was said in a call is not kept."
)
_HEADERS: Final = [
    {
        "in": "header",
        "name": "X-TokenOps-Project",
        "description": "Slug of the project, for a key of the whole organization; else its default project is meant.",
        "schema": {"type": "string", "maxLength": 50},
    },
    {
        "in": "header",
        "name": "Content-Encoding",
        "description": "How the body is compressed.",
        "schema": {"type": "string", "enum": ["gzip", "identity"], "default": "identity"},
    },
]
_REFUSALS: Final = {
    "400": ("The body cannot be decoded, or holds logs or metrics.", 3, "The body cannot be read."),
    "401": ("No key, an unknown, expired or revoked one, or two different keys.", 16, "No credentials were given."),
    "403": ("The key lacks the scope `ingest`, or names a foreign project.", 7, "It needs the scope ingest."),
    "405": ("Only POST.", 12, "This method is not allowed here."),
    "408": ("The body did not arrive in time.", 4, "The body did not arrive in time."),
    "413": ("Too many bytes.", 3, "The request is too large."),
    "415": ("Neither protobuf nor JSON, or compressed otherwise.", 3, "The body is in a form we do not read."),
    "429": (limits_schema.MEANING, 8, "This API key sends too many events. Try again in 2 s."),
    "503": ("Send the same again after `Retry-After` seconds.", 14, "TokenOps cannot take telemetry right now."),
}


def schemas() -> dict[str, Schema]:
    """Components that only this endpoint needs."""
    partial = {"rejectedSpans": {"type": "string", "pattern": "^[0-9]+$"}, "errorMessage": {"type": "string"}}
    return {
        "ExportTraceServiceRequest": {
            "type": "object",
            "description": "opentelemetry.proto.collector.trace.v1, in the JSON of OTLP.",
            "properties": {"resourceSpans": {"type": "array", "items": {"type": "object"}}},
        },
        "ExportTraceServiceResponse": {
            "type": "object",
            "description": "Empty unless calls were refused: then how many, and the first three reasons.",
            "properties": {"partialSuccess": {"type": "object", "properties": partial}},
        },
        "RpcStatus": {
            "type": "object",
            "description": "google.rpc.Status",
            "required": ["code", "message"],
            "properties": {"code": {"type": "integer"}, "message": {"type": "string"}},
        },
    }


def paths(*, security: Sequence[Mapping[str, Sequence[str]]]) -> dict[str, Schema]:
    """The path item; ``security`` is what authenticates a key."""
    answered = _content("ExportTraceServiceResponse", all_stored={}, some_refused=_REFUSED)
    refusals: dict[str, Schema] = {
        status: {"description": meaning, "content": _content("RpcStatus", status={"code": code, "message": message})}
        for status, (meaning, code, message) in _REFUSALS.items()
    }
    refusals["429"]["headers"] = limits_schema.RETRY_AFTER | limits_schema.HEADERS
    success = {
        "description": "Stored, stored before, ignored or refused alone.",
        "content": answered,
        "headers": limits_schema.HEADERS,
    }
    return {
        "/v1/traces": {
            "post": {
                "operationId": "traces",
                "tags": ["Telemetry"],
                "summary": "Send OpenTelemetry traces",
                "description": _DESCRIPTION,
                "security": list(security),
                "parameters": _HEADERS,
                "requestBody": {"required": True, "content": _content("ExportTraceServiceRequest", chat=_REQUEST)},
                "responses": {"200": success, **refusals},
            }
        }
    }


def _content(schema: str, **examples: Any) -> Schema:
    """The same message in both encodings; the answer comes in that of the request."""
    binary = {"type": "string", "format": "binary", "description": f"{schema} in protobuf."}
    return {
        JSON: {
            "schema": {"$ref": f"#/components/schemas/{schema}"},
            "examples": {name: {"value": value} for name, value in examples.items()},
        },
        PROTOBUF: {"schema": binary, "examples": {"empty": {"value": ""}}},
    }
