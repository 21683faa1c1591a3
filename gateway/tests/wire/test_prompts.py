import hashlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenops_sdk import identity, recording

from gateway.wire.prompts import prompt_hashes, text_bytes
from ingestion.wire.otlp.content import Places, prompt_of
from ingestion.wire.otlp.spans import Origin, Span

MESSAGES = [{"role": "user", "content": "Zoë 🙂"}, {"role": "assistant", "content": "1.0"}]
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"b": 1, "a": 2}}}]


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_hashes_are_those_of_the_contract():
    whole, prefix = prompt_hashes("m", {"messages": [{"role": "user", "content": "é"}], "temperature": 1, "tools": []})

    assert whole == sha('{"messages":[{"content":"é","role":"user"}],"model":"m"}')
    assert prefix == sha('{"first":{"content":"é","role":"user"}}')


@pytest.mark.parametrize(
    "request_",
    [
        {"messages": MESSAGES},
        {"messages": MESSAGES, "tools": TOOLS, "system": "Be kind.", "stream": True, "user": "u"},
        {"input": "text"},
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": "x"}]}], "instructions": "no"},
        {"contents": [{"parts": [{"text": "x"}]}]},
        {"system": "only"},
        {"tools": TOOLS},
        {"messages": [{"content": [1e22, 0.1, -0.0, 10**30]}]},
        {"messages": [], "tools": TOOLS},
        {"prompt": "of a completion has none"},
        {"messages": MESSAGES, "input": "both"},
        {"messages": [{"content": "half a pair \ud83d"}]},
        {},
    ],
)
def test_the_same_request_hashes_as_in_the_sdk(request_):
    assert prompt_hashes("gpt-4o", request_) == identity.prompt_hashes("gpt-4o", request_)


def test_the_same_whole_prompt_hashes_as_in_the_receiver_of_spans():
    span = Span(
        origin=Origin(),
        attributes={
            "gen_ai.input.messages": json.dumps(MESSAGES),
            "gen_ai.system_instructions": "Be kind.",
            "gen_ai.tool.definitions": json.dumps(TOOLS),
        },
    )

    whole, _ = prompt_hashes("m", {"messages": MESSAGES, "system": "Be kind.", "tools": TOOLS})

    assert whole == prompt_of(span, "m", Places()).whole


def test_a_prompt_that_goes_on_keeps_its_prefix():
    one, two = prompt_hashes("m", {"messages": MESSAGES[:1]}), prompt_hashes("m", {"messages": MESSAGES})

    assert one[0] != two[0]
    assert one[1] == two[1]
    assert prompt_hashes("m", {"messages": MESSAGES[1:]})[1] != one[1]


@pytest.mark.parametrize("nothing", [{}, {"messages": []}, {"messages": None, "input": ""}, {"prompt": "x"}])
def test_without_a_prompt_there_is_no_hash(nothing):
    assert prompt_hashes("m", nothing) == ("", "")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # a busy machine is no failure
@given(st.dictionaries(st.sampled_from(["messages", "input", "contents", "system", "tools", "x"]), json_values))
def test_whatever_is_asked_hashes_as_in_the_sdk(request_):
    assert prompt_hashes("m", request_) == identity.prompt_hashes("m", request_)


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ("abc", 3),
        ("Zoë", 4),
        ("🙂", 4),
        ("\ud83d", 1),
        (None, 0),
        (12, 0),
        ([], 0),
        ([{"role": "user", "content": "Zoë"}], 8),
        ({"a": {"b": ["x", ["y"]]}}, 2),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}, 9),
        ({"type": "base64", "media_type": "image/png", "data": "AAAA"}, 15),
        ({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}, 9),
        ({"input_audio": {"data": "AAAA", "format": "wav"}}, 3),
        ({"file": {"file_data": "AAAA", "filename": "a"}}, 1),
        ({"data": "a text that is called so"}, 24),
    ],
)
def test_text_is_measured_in_utf_8_and_media_is_none(value, size):
    assert text_bytes(value) == size


def test_without_media_text_is_measured_as_in_the_sdk():
    assert text_bytes(MESSAGES) == recording.text_bytes(MESSAGES)


def test_depth_is_no_problem():
    deep: object = "x"
    for _ in range(100_000):
        deep = [deep]

    assert text_bytes(deep) == 1
