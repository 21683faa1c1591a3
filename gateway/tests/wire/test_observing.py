import base64
import json
import random
import struct
import zlib

import pytest

from gateway.tests.wire.made import ASK, cut, named, passed, seen_of, sse, watching
from gateway.types import Ask, Dialect, Stated

JSON = "application/json"
CHAT = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
TOKENS = {"input_tokens": 9, "output_tokens": 4}
OURS = b'data: {"id":"c1","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4}}\n\n'


def document(answer, **how):
    return seen_of(json.dumps(answer).encode(), kind=JSON, **how)


def lines(*documents):
    return "".join(json.dumps(one) + "\n" for one in documents).encode()


def frame(payload, **headers):
    packed = b"".join(
        bytes([len(name) + 1])
        + b":"
        + name.replace("_", "-").encode()
        + b"\x07"
        + struct.pack(">H", len(value))
        + value
        for name, value in ((name, text.encode()) for name, text in headers.items())
    )
    body = json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(packed) + len(body), len(packed))
    return prelude + struct.pack(">I", zlib.crc32(prelude)) + packed + body + b"\0\0\0\0"


def responses(kind, **more):
    return {"type": kind, "response": {"id": "resp_1", "model": "gpt-4o", "status": "x", **more}}


# --- One document ---

WHOLE = [
    (
        {
            "id": "c1",
            "model": "m",
            "choices": [{"message": {"content": "Hey"}, "finish_reason": "stop"}],
            "usage": CHAT,
        },
        CHAT,
        "stop",
        3,
    ),
    (
        {"id": "c1", "model": "m", "choices": [{"text": "Hey", "finish_reason": "length"}], "usage": CHAT},
        CHAT,
        "length",
        3,
    ),
    (
        {
            "id": "resp_1",
            "object": "response",
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"},
            "output": [{"type": "message", "content": [{"type": "output_text", "text": "Hey", "annotations": []}]}],
            "usage": TOKENS,
        },
        TOKENS,
        "max_output_tokens",
        3,
    ),
    (
        {"object": "list", "data": [{"embedding": [0.1, 0.2]}], "usage": {"prompt_tokens": 8}},
        {"prompt_tokens": 8},
        "",
        0,
    ),
    ({"created": 1, "data": [{"b64_json": "AAAA"}], "usage": TOKENS}, TOKENS, "", 0),
    ({"text": "Hey", "usage": {"type": "duration", "seconds": 7}}, {"type": "duration", "seconds": 7}, "", 3),
    (
        {
            "id": "msg_1",
            "type": "message",
            "content": [{"type": "text", "text": "Hey"}],
            "stop_reason": "end_turn",
            "usage": TOKENS,
        },
        TOKENS,
        "end_turn",
        3,
    ),
    (
        {
            "candidates": [{"content": {"parts": [{"text": "Hey"}], "role": "model"}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 3},
        },
        {"promptTokenCount": 3},
        "STOP",
        3,
    ),
    (
        {
            "message": {"role": "assistant", "content": "Hey"},
            "done": True,
            "done_reason": "stop",
            "prompt_eval_count": 9,
            "eval_count": 4,
        },
        TOKENS,
        "stop",
        3,
    ),
    (
        {"text": "Hey", "finish_reason": "COMPLETE", "meta": {"billed_units": TOKENS}},
        {"billed_units": TOKENS},
        "COMPLETE",
        3,
    ),
    (
        {
            "message": {"content": [{"type": "text", "text": "Hey"}]},
            "finish_reason": "COMPLETE",
            "usage": {"billed_units": TOKENS},
        },
        {"billed_units": TOKENS},
        "COMPLETE",
        3,
    ),
    (
        {"output": {"message": {"content": [{"text": "Hey"}]}}, "stopReason": "end_turn", "usage": {"inputTokens": 9}},
        {"inputTokens": 9},
        "end_turn",
        3,
    ),
]


@pytest.mark.parametrize(("answer", "usage", "finish", "size"), WHOLE)
def test_one_document_of_each_api_states_its_usage(answer, usage, finish, size):
    seen = document(answer)

    assert (json.loads(seen.usage), seen.stated) == (usage, Stated.ALL)
    assert (seen.finish_reason, seen.text_bytes, seen.error_type, seen.is_whole) == (finish, size, "", True)


def test_a_document_that_is_larger_than_we_hold_passes_unread():
    answer = b'{"a": "' + b"x" * (33 * 2**20) + b'", "usage": {"prompt_tokens": 1}}'

    seen = seen_of(answer, kind=JSON, size=2**20)

    assert (seen.is_readable, seen.usage) == (False, b"")


@pytest.mark.parametrize("kind", ["audio/mpeg", "image/png", JSON, ""])
@pytest.mark.parametrize("start", [b"ID3\x04", b"\x89PNG", b"RIFF", b"\xff\xfb", b"plain words"])
def test_sound_and_pictures_pass_and_are_not_held(kind, start):
    watched = watching(kind=kind)
    watched.feed(start)

    assert not watched.seen.is_readable
    assert passed(watched, [bytes(1_000)]) == bytes(1_000)


# --- Streams ---


def test_the_responses_api_states_its_usage_when_it_is_completed():
    answer = named(
        responses("response.created", usage=None),
        {"type": "response.output_text.delta", "item_id": "msg_1", "delta": "Hey"},
        {"type": "response.output_text.done", "text": "Hey"},
        responses("response.completed", usage=TOKENS, output=[{"content": [{"text": "Hey"}]}], service_tier="flex"),
    )

    seen = seen_of(answer, size=11)

    assert (json.loads(seen.usage), seen.stated, seen.text_bytes) == (TOKENS, Stated.ALL, 3)
    assert (seen.response_id, seen.model, seen.service_tier, seen.is_whole) == ("resp_1", "gpt-4o", "flex", True)


@pytest.mark.parametrize(
    ("last", "error", "finish"),
    [
        (
            responses("response.incomplete", usage=TOKENS, incomplete_details={"reason": "content_filter"}),
            "",
            "content_filter",
        ),
        (
            responses("response.failed", usage=TOKENS, error={"code": "server_error", "message": "secret"}),
            "server_error",
            "",
        ),
    ],
)
def test_a_response_that_does_not_complete_is_whole_and_says_why(last, error, finish):
    watched = watching()
    watched.feed(named(last))

    seen = watched.seen
    assert (json.loads(seen.usage), seen.error_type, seen.finish_reason, seen.is_whole) == (TOKENS, error, finish, True)


@pytest.mark.parametrize("size", [1, 30, 10_000])
def test_ollama_streams_lines_and_states_its_counts_in_the_last(size):
    answer = lines(
        {"model": "llama3", "message": {"content": "He"}, "done": False},
        {"model": "llama3", "message": {"content": "y", "thinking": "hm"}, "done": False},
        {"model": "llama3", "message": {"content": ""}, "done": True, "prompt_eval_count": 9, "eval_count": 4},
    )

    seen = seen_of(answer, size=size, kind="text/plain", dialect=Dialect.OLLAMA)

    assert (json.loads(seen.usage), seen.text_bytes, seen.model) == (TOKENS, 5, "llama3")


@pytest.mark.parametrize("size", [1, 30, 10_000])
def test_gemini_streams_an_array_that_is_read_before_it_ends(size):
    one = {"candidates": [{"content": {"parts": [{"text": "He"}]}}], "usageMetadata": {"promptTokenCount": 3}}
    answer = json.dumps([one, one], indent=2).encode()
    watched = watching(kind=JSON, dialect=Dialect.GEMINI)
    for chunk in cut(answer[:-3], size):
        watched.feed(chunk)

    assert (watched.seen.text_bytes, watched.seen.stated, watched.seen.is_whole) == (2, Stated.SO_FAR, False)
    assert passed(watched, [answer[-3:]]) == answer[-3:]
    assert (watched.seen.text_bytes, watched.seen.is_whole) == (4, True)


def test_cohere_states_its_usage_at_the_end_in_both_versions():
    second = named(
        {"type": "content-delta", "delta": {"message": {"content": {"text": "Hey"}}}},
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": {"billed_units": TOKENS}}},
    )
    first = lines(
        {"event_type": "text-generation", "text": "Hey", "is_finished": False},
        {
            "event_type": "stream-end",
            "is_finished": True,
            "response": {"text": "Hey", "meta": {"billed_units": TOKENS}},
        },
    )

    for answer in (second, first):
        seen = seen_of(answer, dialect=Dialect.COHERE)
        assert (json.loads(seen.usage), seen.stated, seen.text_bytes) == (
            {"billed_units": TOKENS},
            Stated.ALL,
            3,
        )


def test_groq_states_its_usage_beside():
    seen = seen_of(
        sse({"id": "c1", "choices": [{"delta": {}, "finish_reason": "stop"}], "x_groq": {"id": "r", "usage": CHAT}})
    )

    assert json.loads(seen.usage) == CHAT


def test_tools_and_reasoning_are_written_too_and_pictures_are_no_text():
    delta = {
        "reasoning_content": "ab",
        "reasoning_details": [{"text": "ab"}],
        "tool_calls": [{"id": "call_1", "function": {"name": "f", "arguments": '{"a":1}'}}],
    }

    seen = seen_of(sse({"choices": [{"delta": delta}]}, {"choices": [{"delta": {"audio": {"data": "AAAA"}}}]}))

    assert seen.text_bytes == 9


@pytest.mark.parametrize("size", [1, 13, 10_000])
def test_bedrocks_frames_are_read(size):
    answer = b"".join(
        [
            frame({"role": "assistant"}, event_type="messageStart"),
            frame({"contentBlockIndex": 0, "delta": {"text": "Hey"}, "p": "abc"}, event_type="contentBlockDelta"),
            frame({"stopReason": "end_turn"}, event_type="messageStop"),
            frame({"usage": {"inputTokens": 9, "outputTokens": 4}}, event_type="metadata"),
        ]
    )

    seen = seen_of(answer, size=size, kind="application/vnd.amazon.eventstream", dialect=Dialect.BEDROCK)

    assert (json.loads(seen.usage), seen.stated) == ({"inputTokens": 9, "outputTokens": 4}, Stated.ALL)
    assert (seen.finish_reason, seen.text_bytes) == ("end_turn", 3)


def test_a_models_own_events_inside_of_frames_are_read():
    own = [
        {"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 9, "output_tokens": 1}}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 4}},
    ]
    answer = b"".join(
        frame({"bytes": base64.b64encode(json.dumps(one).encode()).decode()}, event_type="chunk") for one in own
    )

    seen = seen_of(answer, kind="application/vnd.amazon.eventstream")

    assert (json.loads(seen.usage), seen.response_id) == (TOKENS, "msg_1")


def test_a_failure_inside_of_frames_is_named():
    answer = frame({"message": "secret"}, exception_type="throttlingException")

    assert seen_of(answer, kind="application/vnd.amazon.eventstream").error_type == "throttlingException"


# --- Errors ---


@pytest.mark.parametrize(
    ("body", "named_as"),
    [
        ({"error": {"message": "secret", "type": "invalid_request_error", "code": "x"}}, "invalid_request_error"),
        ({"error": {"message": "secret", "type": None, "code": "429"}}, "429"),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "secret"}}, "overloaded_error"),
        ({"error": {"code": 400, "message": "secret", "status": "INVALID_ARGUMENT"}}, "INVALID_ARGUMENT"),
        ([{"error": {"code": 503, "message": "secret", "status": "UNAVAILABLE"}}], "UNAVAILABLE"),
        ({"object": "error", "message": "secret", "type": "BadRequestError", "code": 400}, "BadRequestError"),
        ({"error": "the secret words, which are no name!"}, "error"),
        ({"__type": "com.amazon#ThrottlingException", "message": "secret"}, "ThrottlingException"),
        ({"message": "secret"}, ""),
        ({"detail": [{"input": "secret"}]}, ""),
    ],
)
def test_the_providers_word_for_an_error_is_kept_and_its_sentence_is_not(body, named_as):
    assert document(body, status=400).error_type == named_as


def test_an_error_body_is_read_up_to_a_bound():
    body = b'{"x": "' + b"x" * 70_000 + b'", "error": {"type": "late"}}'

    seen = seen_of(body, status=500, kind=JSON, size=1_000)

    assert (seen.error_type, seen.is_readable) == ("", False)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (sse({"error": {"message": "secret", "type": "server_error"}}, done=False), "server_error"),
        (named({"type": "error", "error": {"type": "overloaded_error", "message": "secret"}}), "overloaded_error"),
        (named({"type": "error", "code": "rate_limit_exceeded", "message": "secret"}), "rate_limit_exceeded"),
    ],
)
def test_an_error_inside_of_a_stream_is_seen(answer, error):
    watched = watching()
    watched.feed(answer)

    assert (watched.seen.error_type, watched.seen.is_whole, watched.seen.text_bytes) == (error, False, 0)


# --- Withholding ---

CHUNKS = sse({"id": "c1", "choices": [{"delta": {"content": "日本"}}], "usage": None}, done=False)
AZURE = b'data: {"id":"","choices":[],"prompt_filter_results":[],"usage":null}\n\n'


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("size", range(1, 40))
def test_only_the_added_chunk_is_withheld_wherever_the_stream_is_cut(size, end):
    before, ours, after = (
        part.replace(b"\n", end) for part in (AZURE + b": ping\n\n" + CHUNKS, OURS, b"data: [DONE]\n\n")
    )
    watched = watching(withhold=True)

    assert passed(watched, cut(before + ours + after, size)) == before + after
    assert json.loads(watched.seen.usage) == {"prompt_tokens": 9, "completion_tokens": 4}


def test_only_one_chunk_is_withheld():
    assert passed(watching(withhold=True), [CHUNKS + OURS + OURS]) == CHUNKS + OURS


@pytest.mark.parametrize(
    "kept", [CHUNKS, AZURE, sse({"choices": [{"delta": {}}], "usage": CHAT}, done=False), b"data: x\n\n"]
)
def test_nothing_else_is_withheld(kept):
    assert passed(watching(withhold=True), [kept, kept]) == kept + kept


def test_events_are_handed_on_as_soon_as_they_are_whole():
    watched = watching(withhold=True)

    assert watched.feed(CHUNKS + b"data: {") == CHUNKS
    assert watched.feed(b'"choices":[{}]}\n\n') == b'data: {"choices":[{}]}\n\n'


def test_the_added_chunk_may_be_the_last_and_lack_its_end():
    assert passed(watching(withhold=True), [CHUNKS + OURS[:-2]]) == CHUNKS


def test_an_event_too_long_to_be_the_one_is_not_held_back():
    watched = watching(withhold=True)
    long = b"data: " + b"x" * 100_000

    assert len(watched.feed(long)) > 90_000
    assert passed(watched, [b"\n\n" + OURS]) == b"xxx\n\n"


def test_a_compressed_answer_passes_whole():
    packed = zlib.compress(CHUNKS + OURS)

    assert passed(watching(withhold=True, encoding="deflate"), cut(packed, 5)) == packed


# --- Anything ---

PARTS = [
    CHUNKS,
    AZURE,
    b'{"error":',
    b'{"a":{}}\n',
    b"[[{",
    b"}]",
    b"data:",
    b"\r",
    b"\n\n",
    b"\xff\xfe",
    b'"',
    b"\\",
    b"[DONE]",
    b"{" * 2_000,
]


@pytest.mark.parametrize("encoding", ["", "gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("kind", ["text/event-stream", "application/vnd.amazon.eventstream"])
def test_whatever_comes_passes_as_it_came_and_never_raises(encoding, kind):
    dice = random.Random(7)  # noqa: S311
    for _ in range(150):
        stream = b"".join(dice.choices(PARTS, k=dice.randrange(8))) + dice.randbytes(dice.randrange(30))
        watched = watching(encoding=encoding, kind=kind, withhold=dice.random() < 0.5, status=dice.choice([200, 500]))

        assert passed(watched, cut(stream, dice.randrange(1, 50))) == stream


@pytest.mark.parametrize(
    "value", [None, 7, "x", [], {}, [[]], [None], {"usage": 7}, {"error": 7}, {"choices": {"a": []}}, "\ud800"]
)
def test_members_of_another_kind_than_anybody_sends_say_nothing_wrong(value):
    names = [
        "id",
        "model",
        "choices",
        "usage",
        "error",
        "delta",
        "response",
        "meta",
        "x_groq",
        "done",
        "type",
        "message",
    ]
    for name in names:
        answer = json.dumps({name: value, "choices" if name != "choices" else "x": [{"delta": {"content": "Hey"}}]})
        for data in (answer.encode(), b"data: " + answer.encode() + b"\n\n"):
            assert seen_of(data, kind="").is_readable


def test_an_ask_that_is_no_call_passes_unread():
    assert not seen_of(b"{}", ask=Ask()).is_readable
    assert seen_of(b"{}", ask=ASK).is_readable


# --- The usual answer of a chat has a quick way, which must see what the careful one sees ---

USUAL = {"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-4o-2024", "usage": CHAT}
CALLED = {"id": "t1", "type": "function", "function": {"name": "find", "arguments": '{"a":1}'}}


@pytest.mark.parametrize(
    "choices",
    [
        [],
        [{"index": 0, "message": {"role": "assistant", "content": "Héllo"}, "finish_reason": "stop"}],
        [{"index": n, "message": {"role": "assistant", "content": "a"}, "finish_reason": None} for n in range(2)],
        [{"message": {"content": None, "refusal": "no", "tool_calls": [CALLED]}, "finish_reason": "tool_calls"}],
        [{"message": {"content": [{"type": "text", "text": "parts"}]}, "finish_reason": "length"}],
        [{"message": {"content": "", "audio": {"data": "AAAA", "transcript": "said"}}, "finish_reason": "stop"}],
        [{"text": "no message", "finish_reason": "stop"}],
    ],
)
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"service_tier": "default", "system_fingerprint": None},
        {"service_tier": None},
        {"model": "m" * 300, "id": "i" * 300},
        {"id": None, "model": 7},
        {"usage": None},
        {"usage": {}},
        {"usage": {"prompt_tokens": 3, "completion_tokens": None}},
        {"usage": [1]},
        {"usage": None, "x_groq": {"usage": CHAT}},
        {"error": {"type": "overloaded"}},
        {"type": "error"},
    ],
)
def test_the_usual_answer_of_a_chat_says_the_same_as_one_of_an_unknown_kind(choices, more):
    usual = {**USUAL, "choices": choices, **more}

    quick = document(usual, ask=Ask(operation="chat", model="gpt-4o"))
    careful = document({**usual, "object": "chat.thing"}, ask=Ask(operation="chat", model="gpt-4o"))

    assert quick == careful
