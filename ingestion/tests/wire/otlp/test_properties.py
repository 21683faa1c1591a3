"""Whatever arrives: a declared error or a batch in which nothing is lost and every call can be stored."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.tests.wire.builders import CONTEXT
from ingestion.tests.wire.otlp.builders import CHAT, as_protobuf, parse, parse_protobuf, request, span
from ingestion.tests.wire.otlp.test_dialects import DIALECTS
from ingestion.wire.errors import BodyError
from ingestion.wire.otlp import names
from ingestion.wire.otlp.answer import success
from ingestion.wire.otlp.parse import JSON, PROTOBUF, parse_traces
from ingestion.wire.types import Call
from ingestion.wire.usage import parts_fit

BILLION = 10**9
KNOWN = sorted(
    {name for wanted in vars(names).values() if isinstance(wanted, tuple) for name in wanted}
    | {name for attributes, _ in DIALECTS.values() for name in attributes}
    | {"tokenops.feature", "tokenops.team", "tokenops.tag.a", "llm.invocation_parameters", "gen_ai.input.messages"}
)
texts = st.one_of(
    st.sampled_from(
        [
            *(
                "chat",
                "LLM",
                "gpt-4o",
                "",
                "\0",
                "\uffff",
                "1000",
                "-5",
                '{"intValue": "7"}',
                "[1]",
                "{}",
                "NaN",
                "1e400",
            ),
            *('{"input": 5, "output": 7}', '{"usage": {"inputTokens": -1}}', "x" * 300, "a@b.c", '["stop"]', "a\tb"),
        ]
    ),
    st.text(max_size=12),
)
scalars = st.one_of(
    texts,
    st.integers(-5, 5_000),
    st.sampled_from([BILLION, BILLION + 1, 2**63 - 1, -(2**63)]),
    st.floats(),
    st.booleans(),
    st.binary(max_size=5),
    st.none(),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
attributes = st.dictionaries(st.sampled_from(KNOWN) | st.text(max_size=10), values, max_size=12)


def check(batch: Any) -> None:
    assert len(batch.calls) + len(batch.rejected) + batch.ignored == batch.total
    for _, call in batch.calls:
        check_call(call)
    for media_type in (JSON, PROTOBUF):
        success(batch, media_type=media_type)


def check_call(call: Call) -> None:
    assert CONTEXT.earliest <= call.started_at <= CONTEXT.latest
    assert call.model
    assert len(call.call_id) == 53
    for field in Call.__struct_fields__:
        value = getattr(call, field)
        if isinstance(value, str):
            assert "\0" not in value
            assert len(value) <= 255 or field == "tags"
            value.encode()
    usage = call.usage
    assert 0 <= usage.input_tokens <= BILLION
    assert 0 <= usage.output_tokens <= BILLION
    assert usage.inconsistent or parts_fit(usage)
    assert call.reported_cost_usd is None or 0 <= call.reported_cost_usd <= BILLION
    assert call.time_to_first_token_ms is None or call.time_to_first_token_ms >= 0
    assert len(json.loads(call.tags)) <= 20


def outcome(body: bytes, content_type: str) -> None:
    try:
        batch = parse_traces(body, content_type=content_type, context=CONTEXT)
    except BodyError:
        return
    check(batch)


@given(st.lists(attributes, max_size=3), attributes)
@settings(max_examples=150, deadline=None)
def test_any_attributes(several, resource):
    spans = [span(CHAT | own, spanId=f"{index + 1:016x}") for index, own in enumerate(several)]
    document = request(spans, resource=resource)

    batch = parse(document)
    check(batch)

    assert parse_protobuf(document) == batch


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("resourceSpans", "scopeSpans", "spans", "resource", "scope", "attributes", "key", "value"),
                    *("stringValue", "intValue", "arrayValue", "values", "kvlistValue", "doubleValue", "boolValue"),
                    *("traceId", "spanId", "startTimeUnixNano", "endTimeUnixNano", "events", "status", "code", "name"),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(json_values)
@settings(max_examples=200, deadline=None)
def test_any_json(value):
    outcome(json.dumps(value).encode(), JSON)


@given(json_values, st.sampled_from(["resourceSpans", "scopeSpans", "spans", "attributes", "events", "status"]))
@settings(max_examples=200, deadline=None)
def test_any_json_in_the_place_of_a_member(value, place):
    document = request([span(), span(spanId="00000000000000aa")])
    group = document["resourceSpans"][0]
    target = {"resourceSpans": document, "scopeSpans": group, "spans": group["scopeSpans"][0]}
    target.get(place, group["scopeSpans"][0]["spans"][0])[place] = value

    outcome(json.dumps(document).encode(), JSON)


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes(body):
    outcome(body, PROTOBUF)
    outcome(body, JSON)


BODY = as_protobuf(request([span(CHAT | {"gen_ai.usage.input_tokens": 7}), span({"a": [1, {"b": "c"}]})]))


@given(st.integers(0, len(BODY) - 1), st.binary(max_size=4), st.integers(0, 6))
@settings(max_examples=300, deadline=None)
def test_a_damaged_protobuf(position, replacement, removed):
    outcome(BODY[:position] + replacement + BODY[position + removed :], PROTOBUF)
