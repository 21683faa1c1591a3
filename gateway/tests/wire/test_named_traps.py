"""The traps that gateway.md names, as far as they are about reading answers."""

import gzip
import json

import brotli
import pytest
import zstandard

from gateway.tests.wire.made import ASK, cut, document, named, passed, seen_of, sse, stored, told, watching
from gateway.types import Dialect, Outcome, Seen, Stated
from gateway.wire.events import event


def chunk(text="", *, usage=None, finish=None, **more):
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "model": "gpt-4o-2024-08-06",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}],
        **({"usage": usage} if usage else {}),
        **more,
    }


USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
LAST = {"id": "chatcmpl-1", "model": "gpt-4o-2024-08-06", "choices": [], "usage": USAGE}
CLAUDE = named(
    {
        "type": "message_start",
        "message": {"id": "msg_1", "model": "claude-x", "usage": {"input_tokens": 25, "output_tokens": 1}},
    },
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Grüße"}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 15}},
    {"type": "message_stop"},
)


def usage(seen):
    return json.loads(seen.usage)


def test_usage_in_a_chunk_whose_choices_are_not_empty_is_read():
    seen = seen_of(sse(chunk("Hi"), chunk("", finish="stop", usage=USAGE)))

    assert (usage(seen), seen.stated, seen.finish_reason) == (USAGE, Stated.ALL, "stop")


def test_usage_in_any_chunk_is_read_not_only_in_the_last():
    assert usage(seen_of(sse(LAST, chunk("late")))) == USAGE


def test_cumulative_counts_are_taken_and_not_summed():
    first, last = {"promptTokenCount": 8, "candidatesTokenCount": 2}, {"promptTokenCount": 8, "candidatesTokenCount": 7}
    pieces = [
        {"candidates": [{"content": {"parts": [{"text": "a"}]}}], "usageMetadata": first},
        {"candidates": [{"content": {"parts": [{"text": "b"}]}, "finishReason": "STOP"}], "usageMetadata": last},
    ]

    seen = seen_of(sse(*pieces, done=False), dialect=Dialect.GEMINI)

    assert (usage(seen), seen.stated, seen.text_bytes, seen.finish_reason) == (last, Stated.ALL, 2, "STOP")


def test_the_two_parts_of_a_message_are_one_usage_object():
    seen = seen_of(CLAUDE, dialect=Dialect.ANTHROPIC)

    assert usage(seen) == {"input_tokens": 25, "output_tokens": 15}
    assert (seen.stated, seen.model, seen.response_id) == (Stated.ALL, "claude-x", "msg_1")
    assert (seen.finish_reason, seen.text_bytes) == ("end_turn", 7)


def test_what_was_read_does_not_become_less_when_a_later_part_says_0():
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 25, "output_tokens": 1}}}
    delta = {"type": "message_delta", "delta": {}, "usage": {"input_tokens": 0, "output_tokens": 15}}

    assert usage(seen_of(named(start, delta))) == {"input_tokens": 25, "output_tokens": 15}


@pytest.mark.parametrize("cost", [0, 0.0, "0"])
def test_a_providers_cost_of_0_is_never_reported(cost):
    call = stored(event(told(seen=Seen(usage=json.dumps(USAGE | {"cost": cost}).encode(), is_whole=True))))

    assert (call.reported_cost_usd, call.usage.input_tokens) == (None, 9)


def test_a_providers_cost_above_0_stays():
    call = stored(event(told(seen=Seen(usage=json.dumps(USAGE | {"cost": 0.00014}).encode(), is_whole=True))))

    assert str(call.reported_cost_usd) == "0.00014"


def test_a_fee_of_0_on_ones_own_key_does_not_hide_what_the_upstream_charges():
    stated = USAGE | {"cost": 0, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.25}}

    call = stored(event(told(seen=Seen(usage=json.dumps(stated).encode(), is_whole=True))))

    assert str(call.reported_cost_usd) == "0.25"


def test_a_stream_the_client_leaves_is_billed_by_what_was_stated_and_an_estimate_of_the_rest():
    watched = watching(dialect=Dialect.ANTHROPIC)
    watched.feed(CLAUDE[: CLAUDE.index(b"event: message_delta")])

    found = document(seen=watched.seen, provider="anthropic", outcome=Outcome.CLIENT_LEFT)

    assert found["usage"] == {"input_tokens": 25, "output_tokens": 2}
    assert (found["usage_estimated"], found["status"]) == (True, "ok")


def test_a_stream_the_client_leaves_without_any_counts_is_estimated():
    watched = watching()
    watched.feed(sse(chunk("Grüße"), chunk(" an alle"), done=False))

    found = document(seen=watched.seen, outcome=Outcome.CLIENT_LEFT)

    assert (found["input_tokens"], found["output_tokens"], found["usage_estimated"]) == (11, 4, True)


def test_counts_that_still_grew_when_the_client_left_are_partial():
    watched = watching()
    watched.feed(sse(chunk("Hi", usage=USAGE), done=False))

    found = document(seen=watched.seen, outcome=Outcome.CLIENT_LEFT)

    assert (found["usage"], found["usage_partial"], "usage_estimated" in found) == (USAGE, True, False)


def test_a_call_that_is_not_streamed_and_that_the_client_left_is_recorded_with_its_usage():
    answer = json.dumps({"id": "chatcmpl-1", "choices": [{"message": {"content": "Hi"}}], "usage": USAGE}).encode()

    found = document(seen=seen_of(answer, kind="application/json"), outcome=Outcome.CLIENT_LEFT)

    assert (found["usage"], "usage_partial" in found, found["status"]) == (USAGE, False, "ok")


def test_the_same_request_id_is_no_identity_of_a_call():
    headers = [(b"X-Request-Id", b"req_1")]
    other = "019945b8-3c60-7abc-8def-ffffffffffff"

    first, second = document(headers=headers), document(headers=headers, call_id=other)

    assert first["upstream_request_id"] == second["upstream_request_id"] == "req_1"
    assert first["id"] != second["id"]
    assert "response_id" not in first | second


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64])
def test_chunk_boundaries_inside_characters_and_inside_data_do_not_matter(size):
    answer = sse(chunk("日本語 – ü"), chunk("😀", finish="stop"), LAST)

    seen = seen_of(answer, size=size)

    assert seen == seen_of(answer)
    assert (usage(seen), seen.text_bytes, seen.is_whole) == (USAGE, 20, True)


def test_a_line_of_10_megabytes_is_passed_and_what_follows_it_is_read():
    long = b'data: {"choices": [{"delta": {"content": "' + b"x" * 10_000_000 + b'"}}]}\n\n'

    seen = seen_of(sse(chunk("Hi"), done=False) + long + sse(LAST), size=65_536)

    assert (usage(seen), seen.text_bytes, seen.is_readable) == (USAGE, 2, True)


@pytest.mark.parametrize(
    ("encoding", "encode"), [("gzip", gzip.compress), ("br", brotli.compress), ("zstd", zstandard.compress)]
)
@pytest.mark.parametrize("size", [1, 100])
def test_compressed_answers_are_read_and_pass_as_they_came(encoding, encode, size):
    seen = seen_of(encode(sse(chunk("Hi"), LAST)), size=size, encoding=encoding)

    assert (usage(seen), seen.is_whole) == (USAGE, True)


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream", "", "application/octet-stream"])
def test_a_stream_answered_with_one_document_is_read(kind):
    answer = json.dumps({"id": "chatcmpl-1", "choices": [{"message": {"content": "Hi"}}], "usage": USAGE}, indent=2)

    assert usage(seen_of(answer.encode(), kind=kind)) == USAGE
    assert passed(watching(kind=kind, withhold=True), cut(answer.encode(), 7)) == answer.encode()


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "", "application/octet-stream"])
def test_a_document_answered_with_a_stream_is_read(kind):
    assert usage(seen_of(sse(chunk("Hi"), LAST), kind=kind)) == USAGE


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 529])
def test_bodies_of_errors_pass_as_they_came(status):
    body = b'{"error": {"message": "secret words", "type": "invalid_request_error", "code": "x"}}\n'

    seen = seen_of(body, status=status, kind="application/json", withhold=True)

    found = document(seen=seen, http_status=status)
    assert (found["error_type"], found["status"], found["http_status"]) == ("invalid_request_error", "error", status)
    assert found.keys().isdisjoint({"usage", "input_tokens", "output_tokens", "usage_estimated"})
    assert b"secret" not in event(told(seen=seen, http_status=status))


def test_what_is_no_call_of_a_model_is_not_looked_at():
    watched = watching(ask=type(ASK)())

    assert passed(watched, [b"x"]) == b"x"
    assert not watched.seen.is_readable
