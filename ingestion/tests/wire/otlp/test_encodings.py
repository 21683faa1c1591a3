"""Protobuf and JSON are two spellings of one request, and JSON is spelled in more ways than one."""

import json
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ingestion.tests.wire.builders import context
from ingestion.tests.wire.otlp.builders import (
    CHAT,
    SPAN_ID,
    START_NS,
    TRACE_ID,
    as_protobuf,
    event,
    parse,
    parse_protobuf,
    request,
    span,
)
from ingestion.tests.wire.otlp.test_dialects import DIALECTS
from ingestion.wire.batch import Batch
from ingestion.wire.errors import MalformedBody, UnsupportedMediaType
from ingestion.wire.otlp import json_body, protobuf
from ingestion.wire.otlp.parse import JSON, PROTOBUF, parse_traces


def parse_bytes(body: bytes, content_type: str = JSON) -> Batch:
    return parse_traces(body, content_type=content_type, context=context())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_both_encodings_give_the_same_calls(dialect):
    attributes, options = DIALECTS[dialect]
    scope = options.get("scope", "test")
    members = {name: value for name, value in options.items() if name != "scope"}
    document = request([span(attributes, **members)], scope=scope, resource={"service.name": "shop"})

    assert parse(document) == parse_protobuf(document)
    assert len(parse(document).calls) == 1


def test_both_encodings_give_the_same_spans():
    attributes: dict[str, Any] = {"text": "é", "whole": -5, "real": 0.5, "yes": True, "no": False, "bytes": b"\x00\xff"}
    attributes |= {"zero": 0, "empty": "", "none": None, "list": ["a", 1, [2]], "map": {"a": {"b": 1}}, "nothing": []}
    document = request(
        [span(attributes, parentSpanId="00f067aa0ba902b7", events=[event("e", {"x": 1})], status={"code": 2})],
        resource={"service.name": "shop"},
        scope="s",
        version="2",
    )

    [from_json] = json_body.read_spans(json.dumps(document).encode())
    [from_protobuf] = protobuf.read_spans(as_protobuf(document))

    assert from_json == from_protobuf
    assert from_json.attributes == attributes
    assert (from_json.trace_id, from_json.parent_span_id) == (TRACE_ID, "00f067aa0ba902b7")
    assert (from_json.start_ns, from_json.status, from_json.origin.scope_version) == (START_NS, 2, "2")


def snake(value: Any) -> Any:
    """The same document in snake_case."""
    if isinstance(value, dict):
        return {"".join(f"_{c.lower()}" if c.isupper() else c for c in name): snake(v) for name, v in value.items()}
    return [snake(entry) for entry in value] if isinstance(value, list) else value


def test_names_may_be_in_snake_case():
    document = request([span(CHAT | {"gen_ai.usage.input_tokens": 5, "list": [1]}, events=[event("e", {})])])

    assert parse(snake(document)) == parse(document)
    assert len(parse(document).calls) == 1


@pytest.mark.parametrize("value", [{"intValue": "12"}, {"intValue": 12}, {"doubleValue": 12}, {"stringValue": "12"}])
def test_numbers_may_be_strings_and_the_reverse(value):
    attributes = [*span()["attributes"], {"key": "gen_ai.usage.input_tokens", "value": value}]

    [(_, call)] = parse(request([span(attributes=attributes)])).calls

    assert call.usage.input_tokens == 12


@pytest.mark.parametrize(
    "members",
    [
        {"traceId": TRACE_ID.upper(), "spanId": SPAN_ID.upper()},
        {"startTimeUnixNano": START_NS},
        {"status": None, "events": None, "links": [{}], "flags": 256, "traceState": "a=b", "brandNew": {"deep": [1]}},
        {"status": {"code": "STATUS_CODE_UNSET"}},
        {"parentSpanId": ""},
    ],
)
def test_what_exporters_write_differently_means_the_same(members):
    assert parse(request([span(**members)])) == parse(request([span()]))


@pytest.mark.parametrize("code", [2, "2", "STATUS_CODE_ERROR"])
def test_a_status_is_a_number_or_a_name(code):
    [(_, call)] = parse(request([span(status={"code": code})])).calls

    assert call.status == "error"


@pytest.mark.parametrize(
    "body", ["{}", '{"resourceSpans": []}', '{"resourceSpans": null}', '{"resourceSpans": [{}]}', '{"newer": 1}']
)
def test_a_request_without_spans_is_empty(body):
    batch = parse_bytes(body.encode())

    assert (batch.total, batch.calls, batch.rejected) == (0, [], [])


def test_an_empty_protobuf_is_a_request_without_spans():
    assert parse_bytes(b"", PROTOBUF).total == 0


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is not valid JSON"),
        (b"{", "the body is not valid JSON"),
        (b"[]", "the body must be an object with resourceSpans"),
        (b"5", "the body must be an object with resourceSpans"),
        (b'{"resourceSpans": {}}', "resourceSpans must be a list"),
        (b'{"resourceSpans": [5]}', "resourceSpans must be a list of objects"),
        (b'{"resourceSpans": [{"scopeSpans": 5}]}', "scopeSpans must be a list"),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": {}}]}]}', "spans must be a list"),
        (b'{"resourceSpans": [{"resource": 5}]}', "resource and scope must be objects"),
        (b"\xff\xfe", "the body is not valid UTF-8"),
        (
            b'{"resourceSpans": [{"resource":' + b"[" * 9**5 + b"]" * 9**5 + b"}]}",
            "the body is nested too deeply",
        ),
        (b'{"resourceLogs": []}', "this endpoint takes traces: resourceSpans, neither logs nor metrics"),
        (b'{"resource_metrics": []}', "this endpoint takes traces: resourceSpans, neither logs nor metrics"),
    ],
)
def test_a_json_document_of_another_shape_is_malformed(body, message):
    with pytest.raises(MalformedBody) as caught:
        parse_bytes(body)

    assert str(caught.value) == message


def test_lone_surrogates_do_not_sink_a_request():
    body = json.dumps(request([span(CHAT | {"gen_ai.prompt": "cut \ud83d"})])).encode()

    assert len(parse_bytes(body).calls) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"\xff" * 40,
        b"not protobuf at all",
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x0a\x05\x12",
        b"\x0b\x0c",
        b"\x00\x00",
        b"\x0a",
        b'{"resourceSpans": []}',
    ],
)
def test_a_protobuf_that_is_none_is_malformed(body):
    with pytest.raises(MalformedBody):
        parse_bytes(body, PROTOBUF)


@pytest.mark.parametrize("size", [1, 10, 60, 100, 150])
def test_a_protobuf_that_is_cut_off_is_malformed(size):
    body = as_protobuf(request([span()]))

    with pytest.raises(MalformedBody):
        parse_bytes(body[:-size], PROTOBUF)


def test_fields_that_protobuf_may_add_are_skipped():
    body = as_protobuf(request([span()]))
    later = b"\x98\x06\x01" + b"\xa2\x06\x02hi" + b"\xa9\x06" + bytes(8) + b"\xb5\x06" + bytes(4)

    assert parse_bytes(body + later, PROTOBUF) == parse_bytes(body, PROTOBUF)


def test_two_requests_in_a_row_are_merged():
    first, second = span(), span(spanId="00000000000000aa")

    together = parse_bytes(as_protobuf(request([first])) + as_protobuf(request([second])), PROTOBUF)

    assert [call.span_id for _, call in together.calls] == [SPAN_ID, "00000000000000aa"]


def logs(*, correlated: bool) -> bytes:
    message = ExportLogsServiceRequest()
    record = message.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=START_NS, severity_text="INFO")
    record.body.string_value = "hello"
    record.attributes.add(key="k").value.string_value = "v"
    if correlated:
        record.trace_id, record.span_id = bytes.fromhex(TRACE_ID), bytes.fromhex(SPAN_ID)
    return message.SerializeToString()


def metrics() -> bytes:
    message = ExportMetricsServiceRequest()
    metric = message.resource_metrics.add().scope_metrics.add().metrics.add(name="gen_ai.client.token.usage", unit="1")
    metric.sum.data_points.add(as_int=5, time_unix_nano=START_NS)
    return message.SerializeToString()


@pytest.mark.parametrize("body", [logs(correlated=False), logs(correlated=True), metrics()], ids=["log", "both", "sum"])
def test_logs_and_metrics_are_no_traces(body):
    with pytest.raises(MalformedBody):
        parse_bytes(body, PROTOBUF)


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-ndjson", "application/grpc"])
def test_other_media_types_are_not_read(content_type):
    with pytest.raises(UnsupportedMediaType):
        parse_bytes(b"{}", content_type)


def test_a_media_type_may_have_parameters():
    assert parse_bytes(b"{}", "Application/JSON; charset=utf-8").total == 0


def test_many_empty_messages_are_refused_before_they_fill_the_memory():
    spans = ExportTraceServiceRequest()
    spans.resource_spans.add().scope_spans.add().spans.extend([Span()] * 20_000)

    with pytest.raises(MalformedBody) as caught:
        parse_bytes(spans.SerializeToString(), PROTOBUF)

    assert str(caught.value) == "the body has too many spans without content"


def test_lists_without_end_are_refused_before_they_fill_the_memory():
    with pytest.raises(MalformedBody) as caught:
        parse_bytes(b'{"resourceSpans": [' + b"1," * 4_000_001 + b"1]}")

    assert str(caught.value) == "the body has too many members"


def test_a_huge_span_keeps_what_is_needed():
    attributes = CHAT | {"gen_ai.prompt": "p" * 2**20, "gen_ai.usage.input_tokens": 7, "blob": [1] * 40_000}
    body = as_protobuf(request([span(attributes)]))

    [found] = protobuf.read_spans(body)

    assert found.attributes == {name: value for name, value in attributes.items() if name != "blob"}
    [(_, call)] = parse_bytes(body, PROTOBUF).calls
    assert call.usage.input_tokens == 7
    assert call.prompt_hash != ""


def test_a_span_with_attributes_without_end_keeps_the_first_ones():
    message = ExportTraceServiceRequest.FromString(as_protobuf(request([span()])))
    message.resource_spans[0].scope_spans[0].spans[0].attributes.extend(
        [protobuf.KeyValue(key=f"key-{number:090}") for number in range(12_000)]
    )

    [found] = protobuf.read_spans(message.SerializeToString())

    assert found.attributes["gen_ai.request.model"] == "gpt-4o"
    assert len(found.attributes) < 10_000
