"""Traces as exporters send them, in both encodings, and what becomes of them."""

import base64
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ingestion.tests.wire.builders import NOW, context
from ingestion.wire.batch import Batch
from ingestion.wire.otlp.parse import JSON, PROTOBUF, parse_traces
from ingestion.wire.types import Call

TRACE_ID = "5b8efff798038103d269b633813fc60c"
SPAN_ID = "eee19b7ec3c1b174"
START_NS = int(NOW.timestamp()) * 10**9 + 123_456_789
SECOND_NS = 10**9
CHAT: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
}


def any_value(value: Any) -> dict[str, Any]:
    """A Python value as the JSON of an AnyValue."""
    if isinstance(value, list | tuple):
        return {"arrayValue": {"values": [any_value(entry) for entry in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": pairs(value)}}
    if isinstance(value, bytes):
        return {"bytesValue": base64.b64encode(value).decode()}
    if isinstance(value, int) and not isinstance(value, bool):
        return {"intValue": str(value)}
    if isinstance(value, float) and not math.isfinite(value):  # as protobuf's JSON has them
        return {"doubleValue": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    kind = {bool: "boolValue", float: "doubleValue", str: "stringValue"}.get(type(value))
    return {kind: value} if kind else {}


def pairs(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": any_value(value)} for key, value in attributes.items()]


def span(own: Mapping[str, Any] | None = None, /, **members: Any) -> dict[str, Any]:
    """The JSON of a span of 1.5 s; ``members`` replace its own."""
    return {
        "traceId": TRACE_ID,
        "spanId": SPAN_ID,
        "name": "chat gpt-4o",
        "kind": 3,
        "startTimeUnixNano": str(START_NS),
        "endTimeUnixNano": str(START_NS + 3 * SECOND_NS // 2),
        "attributes": pairs(CHAT if own is None else own),
        "status": {},
    } | members


def event(name: str, attributes: Mapping[str, Any], *, time_ns: int = START_NS) -> dict[str, Any]:
    return {"name": name, "timeUnixNano": str(time_ns), "attributes": pairs(attributes)}


def request(
    spans: Iterable[Any], *, resource: Mapping[str, Any] | None = None, scope: str = "test", version: str = "1"
) -> dict[str, Any]:
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": pairs(resource or {})},
                "scopeSpans": [{"scope": {"name": scope, "version": version}, "spans": list(spans)}],
            }
        ]
    }


def as_protobuf(document: Mapping[str, Any]) -> bytes:
    """The same request in protobuf; protobuf's own JSON wants ids in base64."""

    def with_ids(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: base64.b64encode(bytes.fromhex(inner)).decode()
                if name in {"traceId", "spanId", "parentSpanId"}
                else with_ids(inner)
                for name, inner in value.items()
            }
        return [with_ids(entry) for entry in value] if isinstance(value, list) else value

    message = ParseDict(with_ids(document), ExportTraceServiceRequest(), ignore_unknown_fields=True)
    return message.SerializeToString()


def parse(document: Mapping[str, Any], **changes: Any) -> Batch:
    return parse_traces(json.dumps(document).encode(), content_type=JSON, context=context(**changes))


def parse_protobuf(document: Mapping[str, Any], **changes: Any) -> Batch:
    return parse_traces(as_protobuf(document), content_type=PROTOBUF, context=context(**changes))


def accepted(attributes: Mapping[str, Any], **options: Any) -> Call:
    """The call a span with these attributes becomes; ``options`` are those of ``request`` and members of the span."""
    around = {name: options.pop(name) for name in ("resource", "scope", "version") if name in options}
    batch = parse(request([span(attributes, **options)], **around))
    assert batch.rejected == []
    [(index, call)] = batch.calls
    assert index == 0
    return call


def refused(attributes: Mapping[str, Any], **members: Any) -> list[tuple[str, str]]:
    """(field, message) of everything that is wrong with a span."""
    batch = parse(request([span(attributes, **members)]))
    assert batch.calls == []
    [rejection] = batch.rejected
    return [(error.field, error.message) for error in rejection.errors]


def is_call(attributes: Mapping[str, Any], **members: Any) -> bool:
    """Does a span count as a call, a good one or a bad one?"""
    batch = parse(request([span(attributes, **members)]))
    assert len(batch.calls) + len(batch.rejected) + batch.ignored == 1
    return batch.ignored == 0
