import json
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.tests.wire.made import ASK, AT, CALL_ID, document, stored, told
from gateway.types import Ask, Attribution, Outcome, Seen, Stated
from gateway.wire.events import event, interrupted
from ingestion.wire.usage import is_unknown

CHAT = b'{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}'
COUNTS = {"usage", "input_tokens", "output_tokens", "usage_estimated", "usage_partial"}


def test_a_call_is_told_in_the_words_of_the_event():
    attribution = Attribution(feature="search", team="web", user_id="u", session_id="s", tags={"a": "b"})
    ask = Ask(operation="chat", model="gpt-4o", is_stream=True, prompt_hash="ab", attribution=attribution)
    seen = Seen(
        model="gpt-4o-2024", response_id="c1", usage=CHAT, stated=Stated.ALL, finish_reason="stop", is_whole=True
    )

    assert document(ask=ask, seen=seen, latency_ms=12.3456, first_ms=3.21, retries=2) == {
        "id": CALL_ID,
        "timestamp": "2026-09-14T12:30:15.123456Z",
        "provider": "openai",
        "model": "gpt-4o",
        "response_model": "gpt-4o-2024",
        "operation": "chat",
        "status": "ok",
        "response_id": "c1",
        "finish_reason": "stop",
        "prompt_hash": "ab",
        "endpoint_name": "search",
        "team": "web",
        "user_id": "u",
        "session_id": "s",
        "latency_ms": 12.346,
        "time_to_first_token_ms": 3.21,
        "http_status": 200,
        "retries": 2,
        "stream": True,
        "tags": {"a": "b"},
        "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13},
    }


def test_what_is_stored_has_the_providers_counts():
    call = stored(event(told(seen=Seen(usage=CHAT, is_whole=True))))

    assert (call.usage.input_tokens, call.usage.output_tokens, call.usage_estimated) == (9, 4, False)
    assert call.started_at == AT


@pytest.mark.parametrize(
    ("asked", "answered", "model"), [("a", "b", "a"), ("", "b", "b"), ("", "", "unknown"), ("\0 ", "\u3000", "unknown")]
)
def test_the_model_is_the_asked_one_else_the_answers(asked, answered, model):
    assert document(ask=Ask(operation="chat", model=asked), seen=Seen(model=answered))["model"] == model


def test_a_call_that_is_not_streamed_has_no_first_token():
    assert "time_to_first_token_ms" not in document(ask=Ask(operation="chat", model="m"), first_ms=3.0)


@pytest.mark.parametrize(
    ("seen", "asked", "tier"),
    [
        ("priority", "auto", "priority"),
        ("", "flex", "flex"),
        ("scale", "flex", None),
        ("", "standard_only", None),
        ("", "", None),
    ],
)
def test_only_tiers_that_are_known_are_told_and_the_answers_first(seen, asked, tier):
    ask = Ask(operation="chat", model="m", service_tier=asked)

    assert document(ask=ask, seen=Seen(service_tier=seen)).get("service_tier") == tier


def test_a_tier_inside_of_the_usage_object_beats_the_asked_one():
    usage = b'{"input_tokens":1,"output_tokens":1,"cache_read_input_tokens":0,"service_tier":"standard"}'
    ask = Ask(operation="chat", model="m", service_tier="priority")

    assert stored(event(told(ask=ask, seen=Seen(usage=usage, is_whole=True)))).service_tier == "standard"


@pytest.mark.parametrize(
    ("headers", "identifier"),
    [
        ([(b"cf-ray", b"ray"), (b"X-Request-ID", b"req_1")], "req_1"),
        ([(b"request-id", b"req_2"), (b"cf-ray", b"ray")], "req_2"),
        ([(b"apim-request-id", b"azure")], "azure"),
        ([(b"cf-ray", b"ray")], "ray"),
        ([], None),
    ],
)
def test_the_upstreams_own_id_of_a_request_is_kept(headers, identifier):
    assert document(headers=headers).get("upstream_request_id") == identifier


def test_what_remains_of_a_limit_is_kept_where_it_is_a_number():
    openai = [(b"x-ratelimit-remaining-requests", b"59"), (b"x-ratelimit-remaining-tokens", b"149984")]
    anthropic = [(b"anthropic-ratelimit-requests-remaining", b"7"), (b"anthropic-ratelimit-tokens-remaining", b"1e3")]

    first, second = document(headers=iter(openai)), document(headers=anthropic)

    assert (first["ratelimit_remaining_requests"], first["ratelimit_remaining_tokens"]) == (59, 149_984)
    assert (second["ratelimit_remaining_requests"], "ratelimit_remaining_tokens" in second) == (7, False)


# --- What went wrong ---


@pytest.mark.parametrize(
    ("outcome", "status", "error"),
    [
        (Outcome.UNREACHABLE, 0, "upstream_unreachable"),
        (Outcome.TIMEOUT, 0, "upstream_timeout"),
        (Outcome.BROKEN, 0, "upstream_broken"),
        (Outcome.ANSWERED, 429, "http_429"),
        (Outcome.ANSWERED, 500, "http_500"),
    ],
)
def test_a_call_that_failed_before_it_was_answered_has_no_counts(outcome, status, error):
    found = document(outcome=outcome, http_status=status, seen=Seen())

    assert (found["status"], found["error_type"]) == ("error", error)
    assert found.keys().isdisjoint(COUNTS)


def test_an_answer_that_broke_off_is_an_error_and_keeps_what_it_stated():
    seen = Seen(usage=b'{"input_tokens":25,"output_tokens":1}', stated=Stated.INPUT, text_bytes=9)

    found = document(outcome=Outcome.BROKEN, seen=seen)

    assert (found["error_type"], found["usage"]) == ("upstream_broken", {"input_tokens": 25, "output_tokens": 3})


def test_an_error_inside_of_a_stream_is_an_error_although_it_began_well():
    found = document(seen=Seen(error_type="overloaded_error"))

    assert (found["status"], found["error_type"], found["http_status"]) == ("error", "overloaded_error", 200)


def test_a_call_of_which_only_the_start_is_known_is_interrupted_and_estimated():
    found = json.loads(interrupted(call_id=CALL_ID, at=AT, provider="openai", ask=ASK))

    assert (found["error_type"], found["status"], found["id"]) == ("interrupted", "error", CALL_ID)
    assert (found["input_tokens"], found["output_tokens"], found["usage_estimated"]) == (11, 0, True)


# --- Counts that nobody stated ---


@pytest.mark.parametrize(("size", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2), (10**12, 10**9)])
def test_four_bytes_are_taken_for_a_token(size, tokens):
    ask = Ask(operation="completion", model="m", text_bytes=size)

    found = document(ask=ask, seen=Seen(text_bytes=size))

    assert (found["input_tokens"], found["output_tokens"], found["usage_estimated"]) == (tokens, tokens, True)


@pytest.mark.parametrize("operation", ["image", "audio", "moderation", "rerank"])
def test_what_no_text_tells_has_no_counts_and_is_no_known_0(operation):
    found = document(ask=Ask(operation=operation, model="m", text_bytes=100))

    assert found.keys() & COUNTS == {"usage_partial"}  # nothing was estimated
    call = stored(event(told(ask=Ask(operation=operation, model="m"))))
    assert (call.usage_estimated, call.usage_partial, is_unknown(call)) == (False, True, True)


@pytest.mark.parametrize(
    ("changes", "unknown"),
    [
        ({"outcome": Outcome.BROKEN, "http_status": 200}, True),
        ({"outcome": Outcome.CLIENT_LEFT, "http_status": 200}, True),
        ({"outcome": Outcome.INTERRUPTED, "http_status": 0}, True),
        ({"outcome": Outcome.UNREACHABLE, "http_status": 0}, False),
        ({"outcome": Outcome.ANSWERED, "http_status": 429}, False),
    ],
)
def test_a_picture_that_broke_off_may_have_cost_something_and_one_that_was_refused_did_not(changes, unknown):
    call = stored(event(told(ask=Ask(operation="image", model="m"), seen=Seen(), **changes)))

    assert is_unknown(call) is unknown


def test_an_estimate_from_no_text_at_all_is_no_number():
    """A prompt of token numbers, whose answer states nothing."""
    call = stored(event(told(ask=Ask(operation="embedding", model="m", text_bytes=0), seen=Seen())))

    assert (call.usage.input_tokens, call.usage_estimated, is_unknown(call)) == (0, True, True)


def test_of_an_answer_that_could_not_be_read_only_the_input_is_estimated():
    found = document(seen=Seen(is_readable=False, is_whole=True))

    assert {name: found[name] for name in found.keys() & COUNTS} == {
        "input_tokens": 11,
        "usage_estimated": True,
        "usage_partial": True,
    }


@pytest.mark.parametrize(
    "usage",
    [
        b'{"prompt_tokens":-1}',
        b'{"prompt_tokens":1.5}',
        b'{"prompt_tokens":2000000000}',
        b'{"prompt_tokens":"9"}',
        b'{"prompt_tokens":9,"prompt_tokens_details":7}',
        b'{"words":9}',
        b"{}",
        b"[]",
        b"{",
        b'{"prompt_tokens":9,"x":"' + b"x" * 21_000 + b'"}',
        b'{"prompt_tokens":1e400}',
    ],
)
def test_a_usage_object_that_would_be_refused_is_none(usage):
    call = stored(event(told(seen=Seen(usage=usage, is_whole=True, text_bytes=8))))

    assert (call.usage.input_tokens, call.usage.output_tokens, call.usage_estimated) == (11, 2, True)


def test_a_cost_that_would_be_refused_does_not_take_the_counts_with_it():
    call = stored(event(told(seen=Seen(usage=CHAT[:-1] + b',"cost":-1}', is_whole=True))))

    assert (call.usage.input_tokens, call.reported_cost_usd, call.usage_estimated) == (9, None, False)


def test_what_an_estimate_is_no_part_of_is_left_out():
    seen = Seen(usage=b'{"input_tokens":5,"output_tokens":1,"total_tokens":6}', stated=Stated.INPUT, text_bytes=40)

    assert document(seen=seen)["usage"] == {"input_tokens": 5, "output_tokens": 10}


# --- Whatever there is, it is accepted ---

TEXTS = st.text(max_size=20) | st.text(min_size=1, max_size=3).map(lambda text: text * 150) | st.just("\ud800\0\uffff")
NUMBERS = st.integers(-(10**12), 10**12)
USAGES = st.binary(max_size=20) | st.dictionaries(
    st.sampled_from(
        ["prompt_tokens", "completion_tokens", "cost", "input_tokens", "usage", "tokens", "meta", "seconds"]
    ),
    NUMBERS | st.floats(allow_nan=False, allow_infinity=False) | st.none() | st.text(max_size=3) | st.just({}),
).map(lambda usage: json.dumps(usage).encode())
ATTRIBUTIONS = st.builds(
    Attribution,
    **dict.fromkeys(
        ("feature", "team", "environment", "user_id", "session_id", "trace_id", "parent_span_id", "agent_name"), TEXTS
    ),
    tags=st.dictionaries(TEXTS, TEXTS, max_size=30),
)
ASKS = st.builds(
    Ask,
    operation=st.sampled_from(["chat", "image", "embedding"]) | TEXTS.filter(bool),
    is_stream=st.booleans(),
    text_bytes=NUMBERS,
    attribution=ATTRIBUTIONS,
    **dict.fromkeys(("model", "prompt_hash", "prompt_prefix_hash", "service_tier"), TEXTS),
)
SEENS = st.builds(
    Seen,
    usage=USAGES,
    stated=st.sampled_from(Stated),
    text_bytes=NUMBERS,
    is_whole=st.booleans(),
    is_readable=st.booleans(),
    **dict.fromkeys(("model", "response_id", "service_tier", "finish_reason", "error_type"), TEXTS),
)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    ask=ASKS,
    seen=SEENS,
    outcome=st.sampled_from(Outcome),
    status=st.integers(-5, 2_000),
    retries=st.none() | NUMBERS,
    latency=st.floats(),
    headers=st.lists(
        st.tuples(
            st.sampled_from([b"x-request-id", b"CF-Ray", b"x-ratelimit-remaining-tokens", b"x-other"]),
            st.binary(max_size=300),
        )
    ),
    seconds=st.integers(-1_000, 0),
)
def test_an_event_is_never_refused(ask, seen, outcome, status, retries, latency, headers, seconds):
    body = event(
        told(
            ask=ask,
            seen=seen,
            outcome=outcome,
            http_status=status,
            retries=retries,
            latency_ms=latency,
            first_ms=latency,
            headers=headers,
            at=AT + timedelta(seconds=seconds),
        )
    )

    assert stored(body).call_id == CALL_ID


NUMERALS = ("0", "7", "-0", "-1", "1.0", "1.5", "1e3", "100000000", "1000000001", "true", "null", '"9"')
DETAILS = st.dictionaries(
    st.sampled_from(["cached_tokens", "audio_tokens", "reasoning_tokens", "x"]), st.sampled_from(NUMERALS)
)


def literal(members):
    return "{" + ",".join(f'"{name}":{value}' for name, value in members.items()) + "}"


@settings(deadline=None, max_examples=150)
@given(
    counts=st.dictionaries(
        st.sampled_from(["prompt_tokens", "completion_tokens", "total_tokens", "cost", "queue_time"]),
        st.sampled_from(NUMERALS),
    ),
    inputs=DETAILS,
    outputs=DETAILS,
)
def test_no_usage_of_a_chat_makes_ingestion_refuse_the_event(counts, inputs, outputs):
    details = {"prompt_tokens_details": literal(inputs), "completion_tokens_details": literal(outputs)}
    usage = literal({**counts, **details}).encode()

    assert stored(event(told(seen=Seen(usage=usage, is_whole=True)))).call_id == CALL_ID


def test_a_usual_usage_longer_than_ingestion_reads_is_left_out():
    usage = b'{"prompt_tokens":9,"completion_tokens":4,"prompt_tokens_details":{%s}}' % (b" " * 20_000)

    call = stored(event(told(seen=Seen(usage=usage, is_whole=True, text_bytes=8))))

    assert (call.usage.output_tokens, call.usage_estimated) == (2, True)
