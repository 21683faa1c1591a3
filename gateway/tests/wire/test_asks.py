import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenops_sdk import identity

from gateway.providers import PRESETS
from gateway.types import Ask, Attribution
from gateway.wire import asks
from gateway.wire.asks import read_ask

OPENAI = PRESETS["openai"].provider
CHAT = b"/v1/chat/completions"
JSON = "application/json"


def ask(body: object, path: bytes = CHAT, *, query: bytes = b"", content_type: str = JSON) -> Ask:
    raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    return read_ask(OPENAI, path, query, content_type, raw)


def test_a_chat():
    body = {
        "model": "gpt-4o",
        "stream": True,
        "messages": [{"role": "user", "content": "Zoë"}],
        "user": "u1",
        "metadata": {"app": "web"},
        "service_tier": "flex",
        "temperature": 0.5,
    }
    whole, prefix = identity.prompt_hashes("gpt-4o", body)

    assert ask(body) == Ask(
        operation="chat",
        model="gpt-4o",
        is_stream=True,
        text_bytes=8,
        prompt_hash=whole,
        prompt_prefix_hash=prefix,
        service_tier="flex",
        attribution=Attribution(user_id="u1", tags={"app": "web"}),
    )


def test_a_message_to_claude():
    found = ask(
        {"model": "claude-sonnet-4", "system": "Be kind.", "messages": [], "metadata": {"user_id": "u1"}},
        b"/v1/messages",
    )

    assert (found.operation, found.model, found.is_stream, found.text_bytes) == ("chat", "claude-sonnet-4", False, 8)
    assert found.attribution == Attribution(user_id="u1")


def test_the_path_of_gemini_names_model_and_stream():
    body = {"contents": [{"parts": [{"text": "hi"}]}], "model": "another", "stream": False, "labels": {"team": "a"}}

    found = ask(body, b"/v1beta/models/gemini-2.5-pro:streamGenerateContent", query=b"alt=sse")

    assert (found.operation, found.model, found.is_stream) == ("chat", "gemini-2.5-pro", True)
    assert found.prompt_hash == identity.prompt_hashes("gemini-2.5-pro", body)[0]
    assert found.attribution == Attribution(team="a")


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (b"/openai/deployments/my-gpt/chat/completions", {"messages": []}, "my-gpt"),
        (b"/openai/deployments/my-gpt/chat/completions", {"model": "gpt-4o"}, "gpt-4o"),
        (b"/openai/deployments/my-gpt/chat/completions", {"model": None}, "my-gpt"),
        (b"/openai/deployments/my-gpt/chat/completions", {"model": 1}, "my-gpt"),
        (b"/v1/predictions", {"version": "abc123", "input": {"prompt": "x"}}, "abc123"),
        (b"/v1/models/meta/llama/predictions", {"input": {}, "version": "v"}, "meta/llama"),
        (b"/model/m%3A0/converse", {"modelId": "other"}, "m:0"),
        (CHAT, {}, ""),
        (CHAT, {"model": "m" * 300}, "m" * 255),
    ],
)
def test_where_the_model_is_said(path, body, expected):
    assert ask(body, path).model == expected


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (CHAT, {"stream": True}, True),
        (CHAT, {"stream": False}, False),
        (CHAT, {"stream": "true"}, False),
        (CHAT, {"stream": 1}, False),
        (CHAT, {}, False),
        (b"/api/chat", {}, True),
        (b"/api/generate", {"stream": None}, True),
        (b"/api/chat", {"stream": False}, False),
        (b"/api/embed", {}, False),
        (b"/api/chat/completions", {}, False),
        (b"/v2/chat", {"stream": True}, True),
        (b"/model/m/converse-stream", {}, True),
        (b"/model/m/converse", {"stream": True}, False),
        (b"/v1/predictions", {"stream": True}, False),
        (b"/p/publishers/anthropic/models/c:rawPredict", {"stream": True}, True),
    ],
)
def test_whether_it_streams(path, body, expected):
    assert ask(body, path).is_stream is expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"service_tier": "priority"}, "priority"),
        ({"serviceTier": {"type": "flex"}}, "flex"),
        ({"service_tier": None}, ""),
        ({"service_tier": 3}, ""),
        ({"service_tier": {"type": 3}}, ""),
        ({"service_tier": "x" * 60}, "x" * 50),
    ],
)
def test_the_service_tier(body, expected):
    assert ask(body).service_tier == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"user": "u"}, Attribution(user_id="u")),
        ({"safety_identifier": "u"}, Attribution(user_id="u")),
        ({"user": {"no": "text"}}, Attribution()),
        ({"requestMetadata": {"app": "web"}}, Attribution(tags={"app": "web"})),
        ({"metadata": "text"}, Attribution()),
        ({"metadata": {"session_id": "s", "n": 3}}, Attribution(session_id="s", tags={"n": "3"})),
    ],
)
def test_whose_it_is(body, expected):
    assert ask(body).attribution == expected


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"null", b"[]", b'"text"', b"\xff\xfe\x00", b"{" * 100_000, b'{"model":"gpt-4o",}'),
        *(b'{"a":' * 50_000, b"model=gpt-4o", b'{"model": "\xff"}'),
    ],
)
def test_what_cannot_be_read_is_still_a_call(body):
    assert ask(body) == Ask(operation="chat")


@pytest.mark.parametrize(
    "body",
    [
        b'\xef\xbb\xbf{"model": "gpt-4o"}',
        '{"model": "gpt-4o"}'.encode("utf-16"),
        b'{"model": "gpt-4o", "temperature": NaN}',
        b'{"model": "gpt-4o", "stop": "\\ud83d"}',
    ],
)
def test_what_some_providers_take_beyond_the_standard_is_read(body):
    assert ask(body).model == "gpt-4o"


@pytest.mark.parametrize("content_type", [JSON, "application/json; charset=utf-8", "", "text/plain", "nonsense"])
def test_a_wrong_content_type_does_not_matter(content_type):
    assert ask({"model": "gpt-4o"}, content_type=content_type).model == "gpt-4o"


def form(*parts: str) -> bytes:
    return "".join(f"--b\r\nContent-Disposition: form-data; name={part}\r\n" for part in parts).encode() + b"--b--\r\n"


@pytest.mark.parametrize(
    ("body", "model", "is_stream"),
    [
        (form('"model"\r\n\r\nwhisper-1', '"file"; filename="a.mp3"\r\n\r\nID3\x00'), "whisper-1", False),
        (form('"file"; filename="a"\r\n\r\nx', '"model"\r\nContent-Type: text/plain\r\n\r\nw'), "w", False),
        (form('"model"\r\n\r\nw', '"stream"\r\n\r\ntrue'), "w", True),
        (form('"file"; filename="a"\r\n\r\nx'), "", False),
        (form('"model"\r\n\r\n' + "m" * 500), "", False),
        (b'form-data; name="model"', "", False),
        (b"", "", False),
    ],
)
def test_a_form_says_its_model(body, model, is_stream):
    found = ask(body, b"/v1/audio/transcriptions", content_type="multipart/form-data; boundary=b")

    assert found == Ask(operation="audio", model=model, is_stream=is_stream)


def test_a_body_that_is_not_held_leaves_what_the_path_says():
    assert ask(None) == Ask(operation="chat")
    assert ask(None, b"/model/m/converse-stream") == Ask(operation="chat", model="m", is_stream=True)
    assert ask(None, b"/v1/files") == Ask()


def test_what_is_no_call_is_not_read():
    assert ask({"model": "gpt-4o", "user": "u"}, b"/v1/batches") == Ask()
    assert ask({"model": "claude", "messages": [{"content": "x"}]}, b"/v1/messages/count_tokens") == Ask()


def test_of_a_very_large_body_only_the_head_is_read(monkeypatch):
    monkeypatch.setattr(asks, "LARGEST", 50)
    body = {"model": "gpt-4o", "stream": True, "user": "u", "messages": [{"content": "x" * 100}]}

    assert ask(body) == Ask(operation="chat", model="gpt-4o", is_stream=True, attribution=Attribution(user_id="u"))
    assert ask(b"[" + b"1," * 50) == Ask(operation="chat")


def test_names_of_members_and_what_is_no_content_are_no_text():
    body = {"model": "mmm", "user": "uuu", "metadata": {"a": "b"}, "messages": [{"content": "four"}], "prompt": "two"}

    assert ask(body).text_bytes == 7


@given(
    st.sampled_from([CHAT, b"/api/chat", b"/v1/audio/transcriptions", b"/v1beta/models/x:generateContent"]),
    st.sampled_from([JSON, "multipart/form-data; boundary=b", ""]),
    st.binary(max_size=60)
    | st.dictionaries(
        st.sampled_from(["model", "stream", "user", "metadata", "service_tier", "messages", "tools", "labels"]),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
            max_leaves=4,
        ),
    ).map(lambda document: json.dumps(document).encode()),
)
def test_no_body_breaks_it(path, content_type, body):
    found = read_ask(OPENAI, path, b"", content_type, body)

    assert found.operation
    assert len(found.model) <= 255


def test_half_a_letter_in_a_name_is_left_out_so_that_the_spool_can_write_it_down():
    body = b'{"model": "gpt\\ud83d-4o", "service_tier": "\\udc00flex", "user": "a\\ud83d", "messages": []}'

    found = ask(body)

    assert (found.model, found.service_tier, found.attribution.user_id) == ("gpt-4o", "flex", "a")
    assert msgspec.json.decode(msgspec.json.encode(found), type=Ask) == found
