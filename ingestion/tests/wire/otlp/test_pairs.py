"""Attributes read from bytes are what protobuf makes of them, whether they came before or not."""

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from ingestion.tests.wire.otlp.builders import CHAT, as_protobuf, request, span
from ingestion.wire.errors import MalformedBody
from ingestion.wire.otlp import pairs, protobuf
from ingestion.wire.otlp.pairs import RawSpan, attributes_of


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch):
    monkeypatch.setattr(pairs, "_remembered", {})


def pair(name: str, value: AnyValue) -> bytes:
    return KeyValue(key=name, value=value).SerializeToString()


def text(name: str, value: str) -> bytes:
    return pair(name, AnyValue(string_value=value))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (AnyValue(string_value="gpt-4o"), "gpt-4o"),
        (AnyValue(string_value=""), ""),
        (AnyValue(string_value="é\n\0"), "é\n\0"),
        (AnyValue(string_value="x" * 125), "x" * 125),
        (AnyValue(string_value="x" * 126), "x" * 126),
        (AnyValue(string_value="x" * 5_000), "x" * 5_000),
        (AnyValue(int_value=0), 0),
        (AnyValue(int_value=-(2**63)), -(2**63)),
        (AnyValue(int_value=1_200), 1_200),
        (AnyValue(double_value=0.5), 0.5),
        (AnyValue(bool_value=False), False),
        (AnyValue(bytes_value=b"\x00\xff"), b"\x00\xff"),
        (AnyValue(array_value=ArrayValue(values=[AnyValue(string_value="a"), AnyValue(int_value=1)])), ["a", 1]),
        (AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="k", value=AnyValue(int_value=1))])), {"k": 1}),
        (AnyValue(), None),
    ],
)
@pytest.mark.parametrize("name", ["gen_ai.request.model", "", "n" * 127, "n" * 128, "n" * 300])
def test_a_value_of_any_kind_the_first_time_and_the_second(name, value, expected):
    raw = pair(name, value)

    for _ in range(2):
        found = attributes_of([raw])
        assert found == {name: expected}
        assert type(found[name]) is type(expected)


def test_of_two_with_one_name_the_last_counts_at_the_place_of_the_first():
    assert list(attributes_of([text("a", "1"), text("b", "2"), text("a", "3")]).items()) == [("a", "3"), ("b", "2")]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", {"": None}),
        (b"\x0a\x01k", {"k": None}),
        (b"\x12\x03\x0a\x01v\x0a\x01k", {"k": "v"}),  # the value first
        (b"\x0a\x01k\x12\x03\x0a\x01v\x12\x03\x0a\x01w", {"k": "w"}),  # the value twice
        (b"\x0a\x01k\x12\x06\x0a\x01v\x0a\x01w", {"k": "w"}),  # the text twice
        (b"\x0a\x01k\x12\x03\x0a\x01v\x18\x01", {"k": "v"}),  # a field nobody knows
        (b"\x0a\x81\x00k\x12\x03\x0a\x01v", {"k": "v"}),  # a length in two bytes
    ],
)
def test_spellings_that_nobody_sends_are_read_as_protobuf_reads_them(raw, expected):
    message = KeyValue.FromString(raw)

    assert attributes_of([raw]) == expected
    assert (message.key, message.value.string_value or None) == next(iter(expected.items()))


@pytest.mark.parametrize("raw", [b"\x0a", b"\x0a\x05k", b"\x0a\x01k\x12\x03\x0a\x05v", b"\x0a\x01k\x12\x04\x0a\x01v"])
def test_what_is_no_pair_is_an_error(raw):
    with pytest.raises(DecodeError):
        attributes_of([raw])


@pytest.mark.parametrize("raw", [b"\x0a\x01k\x12\x03\x0a\x01\xff", b"\x0a\x01\xff\x12\x03\x0a\x01v"])
def test_a_text_that_is_no_utf_8_spoils_the_body_as_it_does_in_protobuf(raw):
    body = as_protobuf(request([span({"k": "v"})])).replace(b"\x0a\x01k\x12\x03\x0a\x01v", raw)

    with pytest.raises(MalformedBody):
        list(protobuf.read_spans(body))


@given(st.binary(max_size=40))
def test_any_bytes_are_read_as_protobuf_reads_them(raw):
    try:
        message = KeyValue.FromString(raw)
    except DecodeError:
        with pytest.raises((DecodeError, UnicodeDecodeError)):
            attributes_of([raw])
        return
    assert list(attributes_of([raw])) == [message.key]


def test_content_and_what_is_long_are_not_remembered():
    attributes_of(
        [
            text("gen_ai.request.model", "gpt-4o"),
            text("gen_ai.prompt.0.content", "my secret"),
            text("input.value", "my secret"),
            text("user.id", "u" * 200),
        ]
    )

    assert list(pairs._remembered.values()) == [("gen_ai.request.model", "gpt-4o")]


def test_strangers_cannot_fill_the_memory(monkeypatch):
    monkeypatch.setattr(pairs, "_MOST_PAIRS", 3)

    found = attributes_of(text("user.id", str(number)) for number in range(5))

    assert found == {"user.id": "4"}
    assert list(pairs._remembered.values()) == [("user.id", "3"), ("user.id", "4")]


def test_a_span_with_raw_attributes_is_otherwise_the_span_of_opentelemetry():
    attributes = [KeyValue(key=name, value=AnyValue(string_value=value)) for name, value in CHAT.items()]
    whole = Span(
        trace_id=b"t" * 16,
        span_id=b"s" * 8,
        parent_span_id=b"p" * 8,
        name="chat",
        start_time_unix_nano=1,
        end_time_unix_nano=2,
        status=Status(code=Status.STATUS_CODE_ERROR),
        attributes=attributes,
        events=[Span.Event(name="e", time_unix_nano=3, attributes=attributes[:1])],
    )

    raw = RawSpan.FromString(whole.SerializeToString())

    assert attributes_of(raw.attributes) == CHAT
    assert [field.name for field in raw.DESCRIPTOR.fields] == [field.name for field in Span.DESCRIPTOR.fields]
    assert raw.SerializeToString() == whole.SerializeToString()
    assert (raw.status, list(raw.events)) == (whole.status, list(whole.events))
