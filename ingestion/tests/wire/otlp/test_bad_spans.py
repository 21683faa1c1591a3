"""A bad span is refused with a reason and takes no other with it."""

import json
from datetime import timedelta

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from ingestion.tests.wire.builders import MARKER, NOW
from ingestion.tests.wire.otlp.builders import (
    CHAT,
    SECOND_NS,
    START_NS,
    accepted,
    event,
    parse,
    parse_protobuf,
    refused,
    request,
    span,
)
from ingestion.wire.otlp import answer

BILLION = 10**9


def at(moment) -> str:
    return str(int(moment.timestamp()) * SECOND_NS)


@pytest.mark.parametrize(
    ("attributes", "reasons"),
    [
        ({"gen_ai.operation.name": "chat"}, [("model", "is required")]),
        ({"gen_ai.operation.name": "chat", "gen_ai.request.model": ""}, [("model", "is required")]),
        (
            CHAT | {"gen_ai.request.model": "m" * 256},
            [("model", "must be a text of at most 255 characters")],
        ),
        (CHAT | {"gen_ai.request.model": "a\0b"}, [("model", "must be a text of at most 255 characters")]),
        (CHAT | {"gen_ai.request.model": ["m"]}, [("model", "must be a text of at most 255 characters")]),
        (CHAT | {"gen_ai.usage.input_tokens": -1}, [("input_tokens", "must be ≥ 0")]),
        (CHAT | {"gen_ai.usage.output_tokens": BILLION + 1}, [("output_tokens", "must be ≤ 1000000000")]),
        (CHAT | {"gen_ai.usage.input_tokens": 10**30}, [("input_tokens", "must be ≤ 1000000000")]),
        (CHAT | {"gen_ai.usage.input_tokens": 1.5}, [("input_tokens", "must be an integer")]),
        (CHAT | {"gen_ai.usage.input_tokens": float("nan")}, [("input_tokens", "must be an integer")]),
        (CHAT | {"gen_ai.usage.input_tokens": True}, [("input_tokens", "must be an integer")]),
        (CHAT | {"gen_ai.usage.input_tokens": "many"}, [("input_tokens", "must be an integer")]),
        (CHAT | {"gen_ai.usage.input_tokens": [5]}, [("input_tokens", "must be an integer")]),
        (CHAT | {"gen_ai.usage.cache_read.input_tokens": -5}, [("cached_input_tokens", "must be ≥ 0")]),
        (
            CHAT
            | {"gen_ai.usage.input_tokens": BILLION, "gen_ai.usage.cache_read_input_tokens": BILLION}
            | {"gen_ai.usage.total_tokens": 2 * BILLION},
            [("total_tokens", "must be ≤ 1000000000")],
        ),
        (CHAT | {"tokenops.team": "t" * 101}, [("team", "must be a text of at most 100 characters")]),
        (CHAT | {"tokenops.feature": ["f"]}, [("feature", "must be a text of at most 100 characters")]),
        (
            {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": -1, "gen_ai.usage.output_tokens": -1},
            [("model", "is required"), ("input_tokens", "must be ≥ 0"), ("output_tokens", "must be ≥ 0")],
        ),
    ],
)
def test_values_out_of_range(attributes, reasons):
    assert refused(attributes) == reasons


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        ("0", "is required: the span has no start time"),
        (None, "is required: the span has no start time"),
        (-5, "is required: the span has no start time"),
        (str(10**21), "is not a date of the calendar"),
        (str(2**64 - 1), "is more than 10 minutes ahead of the server's clock"),
        (at(NOW + timedelta(minutes=11)), "is more than 10 minutes ahead of the server's clock"),
        (at(NOW - timedelta(days=401)), "is older than the retention period"),
        ("5", "is older than the retention period"),
    ],
)
def test_times_out_of_range(start, reason):
    assert refused(CHAT, startTimeUnixNano=start) == [("timestamp", reason)]


@pytest.mark.parametrize(
    "ids",
    [
        {"traceId": ""},
        {"spanId": ""},
        {"traceId": "0" * 32},
        {"spanId": "0" * 16},
        {"traceId": "ab"},
        {"traceId": "zz" * 16},
        {"spanId": 5},
        {"traceId": None},
    ],
)
def test_ids_are_needed(ids):
    assert refused(CHAT, **ids) == [("id", "trace and span id must be 16 and 8 bytes, not all zero")]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"attributes": {"gen_ai.request.model": "m"}}, "attributes must be a list of objects with key and value"),
        ({"attributes": ["gen_ai.request.model"]}, "attributes must be a list of objects with key and value"),
        ({"attributes": [{"value": {"intValue": 5}}]}, "attributes must be a list of objects with key and value"),
        ({"attributes": [{"key": "a", "value": "b"}]}, "an attribute's value must be an object such as {stringValue}"),
        ({"startTimeUnixNano": "yesterday"}, "times must be whole nanoseconds since the epoch"),
        ({"startTimeUnixNano": [1]}, "times must be whole nanoseconds since the epoch"),
        ({"startTimeUnixNano": 1.5}, "times must be whole nanoseconds since the epoch"),
        ({"events": "many"}, "events must be a list of objects"),
        ({"events": [{"attributes": {}}]}, "attributes must be a list of objects with key and value"),
    ],
)
def test_a_span_of_another_form_is_refused_alone(members, reason):
    batch = parse(request([span(**members), span()]))

    assert [(one.index, one.errors[0].field, one.errors[0].message) for one in batch.rejected] == [(0, "", reason)]
    assert len(batch.calls) == 1


def test_a_span_that_is_no_object_is_refused_alone():
    batch = parse(request([5, None, "span", span()]))

    assert [one.errors[0].message for one in batch.rejected] == ["must be an object"] * 3
    assert len(batch.calls) == 1


def test_a_deeply_nested_attribute_is_refused():
    value: object = {"stringValue": "x"}
    for _ in range(60):
        value = {"arrayValue": {"values": [value]}}

    batch = parse(request([span(attributes=[{"key": "a", "value": value}]), span()]))

    assert [one.errors[0].message for one in batch.rejected] == ["an attribute is nested too deeply"]
    assert len(batch.calls) == 1


def test_a_resource_with_attributes_as_a_map_refuses_its_spans():
    document = request([span(), span()])
    document["resourceSpans"][0]["resource"]["attributes"] = {"service.name": "shop"}

    batch = parse(document)

    reasons = [one.errors[0].message for one in batch.rejected]
    assert reasons == ["resource: attributes must be a list of objects with key and value"] * 2


def test_odd_statuses_and_values_are_no_reason_to_refuse():
    odd = [
        {"status": 5},
        {"status": {"code": [2]}},
        {"status": {"code": 77}},
        {"name": 5},
        {"parentSpanId": "short"},
        {"endTimeUnixNano": "0"},
        {"endTimeUnixNano": str(START_NS - 1)},
    ]
    batch = parse(request([span(**members) for members in odd]))

    assert len(batch.calls) == len(odd)
    assert [call.latency_ms for _, call in batch.calls[-2:]] == [None, None]
    assert batch.calls[4][1].parent_span_id == ""


def test_values_of_another_type_are_left_out():
    attributes = CHAT | {
        "gen_ai.response.id": ["a"],
        "gen_ai.conversation.id": {"a": 1},
        "user.id": 42,
        "error.type": 7,
    }
    attributes |= {"gen_ai.response.finish_reasons": [["x"]], "gen_ai.request.stream": "perhaps"}
    attributes |= {"gen_ai.response.time_to_first_chunk": "soon", "http.response.status_code": "20x"}
    attributes |= {"ai.response.providerMetadata": "{", "gen_ai.agent.name": "x" * 256}

    call = accepted(attributes, status={"code": 1})

    assert (call.response_id, call.session_id, call.user_id, call.finish_reason) == ("", "", "42", "")
    assert (call.stream, call.time_to_first_token_ms, call.http_status, call.agent_name) == (False, None, None, "")


def test_error_status_and_type():
    exception = event("exception", {"exception.type": "RateLimitError", "exception.message": MARKER})

    by_type = accepted(CHAT | {"error.type": "timeout"}, status={"code": 2, "message": MARKER})
    by_event = accepted(CHAT, status={"code": 2, "message": MARKER}, events=[exception])
    by_http = accepted(CHAT | {"http.response.status_code": 429})
    silent = accepted(CHAT, status={"code": 2})
    recovered = accepted(CHAT | {"error.type": "timeout"}, status={"code": 1}, events=[exception])

    assert (by_type.status, by_type.error_type) == ("error", "timeout")
    assert (by_event.status, by_event.error_type) == ("error", "RateLimitError")
    assert (by_http.status, by_http.error_type, by_http.http_status) == ("error", "", 429)
    assert (silent.status, silent.error_type) == ("error", "")
    assert (recovered.status, recovered.error_type) == ("ok", "")


def test_nothing_refused_is_answered_with_nothing():
    batch = parse(request([span(), span({"http.request.method": "GET"})]))

    assert answer.success(batch, media_type="application/json") == b"{}"
    assert answer.success(batch, media_type="application/x-protobuf") == b""


BAD = [span({"gen_ai.operation.name": "chat"}, spanId=f"{index + 1:016x}") for index in range(5)]
BAD += [span(CHAT, startTimeUnixNano="0"), span(CHAT | {"gen_ai.usage.input_tokens": -1})]
BAD += [span(CHAT | {"gen_ai.usage.output_tokens": -1}), span()]
REASONS = "span 0: model is required; span 5: timestamp is required: the span has no start time; "
REASONS += "span 6: input_tokens must be ≥ 0"


def test_three_different_reasons_are_named_in_json():
    batch = parse(request(BAD))

    assert json.loads(answer.success(batch, media_type="application/json")) == {
        "partialSuccess": {"rejectedSpans": "8", "errorMessage": REASONS}
    }


def test_three_different_reasons_are_named_in_protobuf():
    batch = parse_protobuf(request(BAD))

    response = ExportTraceServiceResponse.FromString(answer.success(batch, media_type="application/x-protobuf"))
    assert response.partial_success.rejected_spans == 8
    assert response.partial_success.error_message == REASONS


@pytest.mark.parametrize(("status", "code"), [(400, 3), (401, 16), (403, 7), (413, 3), (415, 3), (503, 14), (418, 2)])
def test_an_error_is_a_google_rpc_status(status, code):
    from google.rpc.status_pb2 import Status

    message = "ä" * 200
    decoded = Status.FromString(answer.failure(status, message, media_type="application/x-protobuf"))

    assert (decoded.code, decoded.message) == (code, message)
    assert json.loads(answer.failure(status, message, media_type="application/json")) == {
        "code": code,
        "message": message,
    }
