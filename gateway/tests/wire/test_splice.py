import dataclasses
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.providers import PRESETS
from gateway.types import Ask
from gateway.wire.splice import include_usage, is_askable

OPENAI = PRESETS["openai"].provider
AZURE = PRESETS["azure"].provider
STREAM = Ask(operation="chat", is_stream=True)
MEMBER = b'"stream_options":{"include_usage":true}'
INNER = b'"include_usage":true'


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{}", b"{" + MEMBER + b"}"),
        (b'{"stream":true}', b"{" + MEMBER + b',"stream":true}'),
        (b' \r\n\t{ "stream" : true } \n', b" \r\n\t{" + MEMBER + b', "stream" : true } \n'),
        (b"{ \n }", b"{" + MEMBER + b" \n }"),
        (b'\xef\xbb\xbf{"a":1}', b"\xef\xbb\xbf{" + MEMBER + b',"a":1}'),
        (b'{"a":1,"a":2}', b"{" + MEMBER + b',"a":1,"a":2}'),
        (b'{"n":1.0e+05,"u":"\\u00e9\xc3\xa9"}', b"{" + MEMBER + b',"n":1.0e+05,"u":"\\u00e9\xc3\xa9"}'),
        (
            b'{"x":"\\"stream_options\\":{\\"include_usage\\":true}"}',
            b"{" + MEMBER + b',"x":"\\"stream_options\\":{\\"include_usage\\":true}"}',
        ),
        (
            b'{"x":{"stream_options":{"include_usage":true}}}',
            b"{" + MEMBER + b',"x":{"stream_options":{"include_usage":true}}}',
        ),
        (b'{"x":["stream_options",{}]}', b"{" + MEMBER + b',"x":["stream_options",{}]}'),
        (b'{"x":"stream_options"}', b"{" + MEMBER + b',"x":"stream_options"}'),
        (b'{"Stream_Options":{}}', b"{" + MEMBER + b',"Stream_Options":{}}'),
    ],
)
def test_the_member_is_put_in_front_and_every_other_byte_stays(body, expected):
    assert include_usage(body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"stream_options":{}}', b'{"stream_options":{' + INNER + b"}}"),
        (b'{"stream_options" : { } ,"a":1}', b'{"stream_options" : {' + INNER + b' } ,"a":1}'),
        (b'{"stream_options":null,"a":1}', b'{"stream_options":{' + INNER + b'},"a":1}'),
        (b'{"stream_options":{"x":1}}', b'{"stream_options":{' + INNER + b',"x":1}}'),
        (b'{"stream\\u005foptions": {}}', b'{"stream\\u005foptions": {' + INNER + b"}}"),
        (
            b'{"x":{"stream_options":{}},"stream_options":{},"y":"stream_options"}',
            b'{"x":{"stream_options":{}},"stream_options":{' + INNER + b'},"y":"stream_options"}',
        ),
        (
            b'{"stream_options":{"include_usage":true},"stream_options":{}}',
            b'{"stream_options":{"include_usage":true},"stream_options":{' + INNER + b"}}",
        ),
        (
            b'{"m":"}]\\\\","stream_options":{"include_obfuscation":false}}',
            b'{"m":"}]\\\\","stream_options":{' + INNER + b',"include_obfuscation":false}}',
        ),
    ],
)
def test_options_without_the_member_get_it_inside(body, expected):
    assert include_usage(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        b'{"stream_options":{"include_usage":true}}',
        b'{"stream_options":{"include_usage":false}}',
        b'{"stream_options":{"include_usage":null}}',
        b'{"stream_options":{"x":1,"include_usage":true}}',
        b'{"stream_options":{},"stream_options":{"include_usage":true}}',
        b'{"stream_options":[]}',
        b'{"stream_options":"x"}',
        b'{"stream_options":1}',
    ],
)
def test_a_client_that_has_a_word_on_it_is_left_alone(body):
    assert include_usage(body) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b'[{"a":1}]',
        b'"{}"',
        b"{",
        b'{"a":1',
        b'{"a":1}x',
        b'{"a":1}{}',
        b"{a:1}",
        b'{"a":}',
        b"\xff\xfe{\x00}\x00",
        b'{"a":' * 5_000,
        b'--boundary\r\nContent-Disposition: form-data; name="stream"\r\n\r\ntrue',
    ],
)
def test_what_is_no_object_is_left_alone(body):
    assert include_usage(body) is None


names = st.sampled_from(["stream_options", "include_usage", "stream", "messages", "a", 'q"', "\\", "é", ""])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)
styles = st.fixed_dictionaries(
    {"indent": st.sampled_from([None, 0, 2, "\t"]), "ensure_ascii": st.booleans()},
    optional={"separators": st.sampled_from([(",", ":"), (" , ", " : ")])},
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # a busy machine is no failure
@given(st.dictionaries(names, values, max_size=5), styles, st.binary(max_size=4))
def test_one_run_of_bytes_is_added_and_nothing_else_changes(document, style, junk):
    body = json.dumps(document, **style).encode(errors="replace")
    before = json.loads(body)

    spliced = include_usage(body)

    options = before.get("stream_options")
    if spliced is None:
        assert "stream_options" in before
        assert not isinstance(options, dict | None) or "include_usage" in options
        return
    assert json.loads(spliced) == before | {"stream_options": (options or {}) | {"include_usage": True}}
    is_null = "stream_options" in before and options is None
    place = next((n for n, (a, b) in enumerate(zip(body, spliced, strict=False)) if a != b), len(body))
    rest = body[place + 4 :] if is_null else body[place:]
    assert spliced.startswith(body[:place])
    assert spliced.endswith(rest)
    assert len(spliced) - len(body) <= len(MEMBER) + 1
    assert include_usage(spliced) is None
    if junk.strip(b" \t\r\n"):
        assert include_usage(body + junk) is None


@given(st.binary(max_size=80))
def test_no_body_breaks_it(body):
    spliced = include_usage(body)

    assert spliced is None or spliced.replace(MEMBER, b"", 1).replace(b",", b"") == body.replace(b",", b"")


@pytest.mark.parametrize(
    ("provider", "ask", "path", "query", "expected"),
    [
        (OPENAI, STREAM, b"/v1/chat/completions", b"", True),
        (OPENAI, Ask(operation="completion", is_stream=True), b"/v1/completions", b"", True),
        (OPENAI, Ask(operation="chat"), b"/v1/chat/completions", b"", False),
        (OPENAI, STREAM, b"/v1/responses", b"", False),
        (OPENAI, Ask(operation="audio", is_stream=True), b"/v1/audio/speech", b"", False),
        (PRESETS["mistral"].provider, STREAM, b"/v1/chat/completions", b"", False),
        (PRESETS["ollama"].provider, STREAM, b"/v1/chat/completions", b"", True),
        (PRESETS["ollama"].provider, STREAM, b"/api/chat", b"", False),
        (PRESETS["litellm"].provider, STREAM, b"/v1/messages", b"", False),
        (AZURE, STREAM, b"/openai/deployments/d/chat/completions", b"api-version=2024-10-21", True),
        (AZURE, STREAM, b"/openai/deployments/d/chat/completions", b"a=b&api-version=2025-01-01-preview", True),
        (AZURE, STREAM, b"/openai/deployments/d/chat/completions", b"api-version=2024-09-01-preview", True),
        (AZURE, STREAM, b"/openai/deployments/d/chat/completions", b"api-version=2024-06-01", False),
        (AZURE, STREAM, b"/openai/deployments/d/chat/completions", b"api-version=2023-05-15", False),
        (AZURE, STREAM, b"/openai/v1/chat/completions", b"", True),
        (AZURE, STREAM, b"/openai/v1/chat/completions", b"api-version=preview", True),
        (dataclasses.replace(OPENAI, inject_include_usage=False), STREAM, b"/v1/chat/completions", b"", False),
    ],
)
def test_whose_streams_are_asked(provider, ask, path, query, expected):
    assert is_askable(provider, ask, path, query) is expected
