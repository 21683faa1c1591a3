"""Whatever the body: only declared exceptions, nothing lost, and calls a database and a bill can trust."""

import gzip
import json
import string
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from functools import partial

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.tests.wire.builders import CONTEXT, MARKER, UUID7, parse_text
from ingestion.wire.answer import build_answer
from ingestion.wire.batch import Batch
from ingestion.wire.body import read_body
from ingestion.wire.content import is_content
from ingestion.wire.errors import BodyError
from ingestion.wire.event import CAMEL_NAMES, SNAKE_NAMES, Event
from ingestion.wire.rest import parse_camel, parse_ingest, parse_log
from ingestion.wire.types import Call, Usage
from ingestion.wire.usage import parts_fit

BILLION = 10**9
COUNTS = [field for field in Usage.__struct_fields__ if field.endswith("_tokens")]
LIMITS = {"call_id": 64, "operation": 50, "feature": 100, "team": 100, "environment": 100, "project_slug": 100}
CONTENT = ["messages", "prompt", "input", "output", "completion", "response", "system", "gen_ai.input.messages"]
USAGE_NAMES = [
    *("prompt_tokens", "completion_tokens", "total_tokens", "input_tokens", "output_tokens", "cached_tokens"),
    *("prompt_tokens_details", "completion_tokens_details", "input_token_details", "cache_creation", "usageMetadata"),
    *("promptTokenCount", "thoughtsTokenCount", "promptTokensDetails", "modality", "tokenCount", "inputTokens"),
    *("cacheReadInputTokens", "cache_read_input_tokens", "reasoning_tokens", "billed_units", "tokens", "cost"),
    *("cost_in_usd_ticks", "seconds", "service_tier", "is_byok", "cost_details", "upstream_inference_cost"),
]

odd_numbers = st.sampled_from([0, 1, -1, BILLION, BILLION + 1, 10**40, 0.5, -0.0, 1e300, 1e-300, 1789381815, 2**63])
numbers = st.one_of(odd_numbers, st.integers(0, 5_000), st.integers(), st.floats(allow_nan=False, allow_infinity=False))
odd_texts = st.sampled_from(
    [
        UUID7,
        "gpt-4o",
        "a@b.c",
        "ok",
        "error",
        "batch",
        "0.25",
        "NaN",
        "ab12",
        "2026-09-14T10:30:15.123Z",
        "\x00",
        "�",
        "\uffff",
        "1789381815",
        "x" * 70,
        "y" * 300,
        "tab\there",
        "TEXT",
        "AUDIO",
        "openai",
        "anthropic",
        "x_ai",
        "",
    ]
)
texts = st.one_of(odd_texts, st.text(max_size=12))
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
names = st.one_of(st.sampled_from([*SNAKE_NAMES, *CAMEL_NAMES, "source", "events", *USAGE_NAMES]), st.text(max_size=8))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(names, inner, max_size=4),
        st.dictionaries(texts, inner, max_size=3),
    ),
    max_leaves=8,
)
secrets = st.one_of(
    st.just(MARKER),
    st.just([{"role": "user", "content": MARKER}]),
    st.just({"nested": {MARKER: [MARKER, 1, "\ud83d"]}}),
)
plausible = st.fixed_dictionaries(
    {"model": st.sampled_from(["gpt-4o", "gemini-2.5-pro", "ä" * 255, "line\nbreak"])},
    optional={
        "id": st.sampled_from([UUID7, "abc", "otlp:1"]),
        "timestamp": st.sampled_from(["2026-09-14T10:30:15Z", 1789381815, "1789381815123", 1789381815.25]),
        "provider": texts,
        "user_id": texts,
        "input_tokens": st.integers(0, BILLION),
        "output_tokens": st.integers(0, BILLION),
        "cached_input_tokens": st.integers(0, BILLION),
        "reasoning_tokens": st.integers(0, BILLION),
        "total_tokens": st.integers(0, BILLION),
        "usage": st.dictionaries(st.sampled_from(USAGE_NAMES), st.one_of(st.integers(0, 3_000), values), max_size=5),
        "cost_usd": scalars,
        "tags": st.dictionaries(texts, scalars, max_size=4),
        "extra_units": st.dictionaries(st.sampled_from(["pages", "web_searches"]), numbers, max_size=2),
    },
)
events = st.builds(
    lambda *parts: {name: value for part in parts for name, value in part.items()},
    st.one_of(plausible, st.just({})),
    st.one_of(st.just({}), st.dictionaries(names, values, max_size=4)),
    st.one_of(st.just({}), st.dictionaries(st.sampled_from(CONTENT), secrets, max_size=2)),
)
documents = st.one_of(
    events, values, st.lists(st.one_of(events, values), max_size=4), st.fixed_dictionaries({"events": st.lists(events)})
)
encoded = st.builds(
    lambda document, ascii_only: json.dumps(document, ensure_ascii=ascii_only), documents, st.booleans()
)


def as_bytes(text):
    return text.encode(errors="surrogatepass")


def check_batch(batch):
    assert batch.total == len(batch.calls) + len(batch.rejected)
    indexes = [index for index, _ in batch.calls] + [rejection.index for rejection in batch.rejected]
    assert sorted(indexes) == list(range(batch.total))
    assert len(batch.warnings) <= 100
    assert all(rejection.errors for rejection in batch.rejected)
    assert MARKER not in repr(batch)
    for _, call in batch.calls:
        check_call(call)
        check_usage(call.usage)
    answer = build_answer(batch, accepted=len(batch.calls), duplicates=0)
    assert answer.status == (202 if batch.calls or not batch.total else 400)


def check_call(call):
    for name in Call.__struct_fields__:
        value = getattr(call, name)
        if isinstance(value, str):
            assert min(value, default=" ") >= " ", name
            assert "\uffff" not in value
            value.encode()
            assert name == "tags" or len(value) <= LIMITS.get(name, 255), name
    assert CONTEXT.earliest <= call.started_at <= CONTEXT.latest
    assert call.started_at.utcoffset() == timedelta(0)
    assert call.model.strip()
    assert call.call_id
    assert call.feature
    assert call.environment
    assert call.status in {"ok", "error"}
    assert call.service_tier in {"standard", "batch", "flex", "priority", "fast"}
    assert "@" not in call.user_id
    for digest in (call.prompt_hash, call.prompt_prefix_hash):
        assert len(digest) in {0, 64}
        assert set(digest) <= set(string.hexdigits)
    for duration in (call.latency_ms, call.time_to_first_token_ms):
        assert duration is None or 0 <= duration <= BILLION
    check_tags(call.tags)
    check_amounts([] if call.reported_cost_usd is None else [call.reported_cost_usd])


def check_tags(encoded_tags):
    tags = json.loads(encoded_tags)
    assert len(tags) <= 20
    for key, value in tags.items():
        assert isinstance(value, str)
        assert len(key) <= 50
        assert len(value) <= 200
        assert min(key + value, default=" ") >= " "


def check_usage(usage):
    for name in COUNTS:
        count = getattr(usage, name)
        assert type(count) is int
        assert 0 <= count <= BILLION
    assert usage.inconsistent or parts_fit(usage)
    check_amounts((usage.extra_units or {}).values())


def check_amounts(amounts):
    for amount in amounts:
        assert isinstance(amount, Decimal)
        assert amount.is_finite()
        assert 0 <= amount <= BILLION
        assert not amount.is_signed()


def attempt(read: Callable[[], Batch]) -> tuple[Batch, str]:
    """What was decoded, or an empty batch and the declared refusal; anything else passes through and fails the test."""
    try:
        return read(), ""
    except BodyError as refusal:
        return Batch(), str(refusal) or "refused without a reason"


@settings(max_examples=120, deadline=None)
@given(encoded)
def test_any_json_document_gives_a_batch_or_a_declared_refusal(text):
    body = as_bytes(text)

    for read in (parse_log, parse_camel, partial(parse_ingest, content_type="application/json")):
        batch, refusal = attempt(partial(read, body, context=CONTEXT))

        check_batch(batch)
        assert MARKER not in refusal


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(encoded, st.text(max_size=20)), max_size=5))
def test_any_lines_give_a_batch(lines):
    check_batch(parse_text(as_bytes("\n".join(lines)), content_type="application/x-ndjson"))


@settings(max_examples=80, deadline=None)
@given(encoded, st.integers(0, 10_000), st.binary(max_size=4))
def test_damaged_documents_give_a_batch_or_a_declared_refusal(text, position, damage):
    body = as_bytes(text)
    position %= len(body) + 1
    damaged = body[:position] + damage + body[position + len(damage) :]

    for content_type in ("application/json", "application/x-ndjson"):
        batch, _ = attempt(partial(parse_ingest, damaged, content_type=content_type, context=CONTEXT))

        assert batch.total == len(batch.calls) + len(batch.rejected)
        for _, call in batch.calls:
            check_call(call)


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=64), st.sampled_from(["application/json", "application/x-ndjson"]))
def test_any_bytes_give_a_batch_or_a_declared_refusal(body, content_type):
    batch, refusal = attempt(partial(parse_ingest, body, content_type=content_type, context=CONTEXT))

    check_batch(batch)
    assert refusal == "" or refusal.startswith("the body ")


@settings(max_examples=60, deadline=None)
@given(plausible)
def test_the_fast_and_the_careful_way_give_the_same_call(event):
    plain = json.dumps(event)
    batch, careful = parse_text(plain), parse_text(plain[:-1] + ', "a_field_nobody_knows": 1}')

    assert batch.calls == careful.calls
    assert batch.rejected == careful.rejected


@settings(max_examples=60, deadline=None)
@given(st.lists(events, min_size=1, max_size=4))
def test_an_event_is_decoded_the_same_alone_in_an_array_and_in_a_line(several):
    array = parse_text(json.dumps(several))
    lines = parse_text("\n".join(map(json.dumps, several)), content_type="application/x-ndjson")

    assert array.calls == lines.calls
    assert array.rejected == lines.rejected
    assert array.content_fields_dropped == lines.content_fields_dropped


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(CONTENT), unique=True))
def test_every_content_field_is_counted(content):
    batch = parse_text(json.dumps({"model": "m"} | dict.fromkeys(content, MARKER)))

    assert all(is_content(name) for name in content)
    assert batch.content_fields_dropped == len(content)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=3_000), st.integers(1, 700), st.integers(0, 3_000))
def test_gzip_gives_back_what_was_put_in_or_refuses(data, piece, limit):
    stream = gzip.compress(data)
    chunks = [stream[start : start + piece] for start in range(0, len(stream), piece)]

    try:
        assert read_body(chunks, content_encoding="gzip", limit=limit) == data
    except BodyError:
        assert len(data) > limit


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 60), st.binary(min_size=1, max_size=3))
def test_damaged_gzip_never_raises_anything_else(data, position, damage):
    stream = gzip.compress(data)

    try:
        body = read_body([stream[:position], damage, stream[position:]], content_encoding="gzip", limit=1_000)
    except BodyError:
        return
    assert len(body) <= 1_000


def test_every_field_of_the_wire_is_known_to_the_properties():
    defaults = msgspec.json.decode(b"{}", type=Event)

    assert set(SNAKE_NAMES) == set(defaults.__struct_fields__)
    assert set(CAMEL_NAMES.values()) == set(SNAKE_NAMES)
