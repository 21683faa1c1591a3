import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers import PRESETS
from gateway.wire.paths import LONGEST, PathError, split, target_path

OPENAI = PRESETS["openai"].provider
BEDROCK = PRESETS["bedrock"].provider


def test_the_provider_and_the_rest_are_told_apart():
    assert split(b"/v1/proxy/openai/v1/chat/completions") == ("openai", b"/v1/chat/completions")
    assert split(b"/v1/proxy/lm-studio/models") == ("lm-studio", b"/models")
    assert split(b"/v1/proxy/openai/") == ("openai", b"/")
    assert split(b"/v1/proxy/openai") == ("openai", b"/")


@pytest.mark.parametrize(
    "rest",
    [
        b"/v1beta/models/gemini-2.5-pro:generateContent",
        b"/v1/files/file%20name%C3%A9",
        b"/v1/a%3Ab%3ac",
        b"/v1/models/..name/...",
        b"/v1/a;b=c,d@e!$&'()*+~_",
        b"/v1/models/",
        b"/v1/100%25",
    ],
)
def test_what_is_allowed_keeps_its_bytes(rest):
    assert split(b"/v1/proxy/openai" + rest) == ("openai", rest)
    assert target_path(OPENAI, rest) in {rest, b"/v1" + rest}


@pytest.mark.parametrize(
    "rest",
    [
        b"/..",
        b"/../admin",
        b"/v1/../../admin",
        b"/./v1",
        b"/v1/.",
        b"/%2e%2e/admin",
        b"/%2E%2e/admin",
        b"/.%2e/admin",
        b"/v1/%2e",
        b"/v1/..%2fadmin",
        b"/v1/x%2f..%2fadmin",
        b"/%252e%252e/admin",
        b"/..%252fadmin",
        b"/%25252e%25252e/admin",
        b"/v1/a\\b",
        b"/v1/a%5cb",
        b"/v1/a%5Cb",
        b"/v1/a%00b",
        b"/v1/a%0d%0aHost:x",
        b"/v1/a%7fb",
        b"/v1/a\x00b",
        b"/v1/a\r\nb",
        b"/v1/a b",
        b"/v1/a\tb",
        b"/v1/\xc3\xa9",
        b"//evil.example/v1",
        b"/v1//chat",
        b"/v1/chat//",
        b"/http://evil.example/",
        b"/v1/a%",
        b"/v1/a%2",
        b"/v1/a%zz",
        b"/v1/a?b",
        b"/v1/tko_Ab3dEf7h_secret/x",
        b"/v1/key=%74ko_Ab3dEf7h_secret",
        b"/v1/a#b",
    ],
)
def test_what_two_servers_could_read_differently_is_refused(rest):
    with pytest.raises(PathError):
        split(b"/v1/proxy/openai" + rest)
    with pytest.raises(PathError):
        target_path(OPENAI, rest)


@pytest.mark.parametrize(
    "path",
    [
        b"",
        b"http://evil.example/v1/proxy/openai/v1/models",
        b"https://api.openai.com/v1/models",
        b"evil.example:443",
        b"*",
        b"/v1/proxy/",
        b"/v1/proxy",
        b"/v1/proxy//v1/models",
        b"/v1/proxy/../openai/v1",
        b"/v1/proxy/OpenAI/v1",
        b"/v1/proxy/open%61i/v1",
        b"/v1/proxy/-openai/v1",
        b"/v1/proxy/open_ai/v1",
        b"/v1/proxy/openai\n/v1",
        b"/v1/proxy/" + b"a" * 51 + b"/v1",
        b"/v2/proxy/openai/v1",
        b"/v1/proxy/openai/" + b"a" * LONGEST,
    ],
)
def test_other_paths_are_refused(path):
    with pytest.raises(PathError) as refused:
        split(path)

    assert "evil" not in str(refused.value)


def test_an_encoded_slash_goes_only_where_ids_have_slashes():
    rest = b"/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.claude/converse"

    assert split(b"/v1/proxy/bedrock" + rest) == ("bedrock", rest)
    assert target_path(BEDROCK, rest) == rest
    for other in ("openai", "google", "replicate"):
        with pytest.raises(PathError, match="encoded slash"):
            target_path(PRESETS[other].provider, rest)
    with pytest.raises(PathError, match="dot segments"):
        target_path(BEDROCK, b"/model/x%2F..%2Fy/converse")


@pytest.mark.parametrize(
    ("base", "rest", "expected"),
    [
        ("/v1", b"/v1", b"/v1"),
        ("/v1", b"/v1/", b"/v1/"),
        ("/v1", b"/v1beta/x", b"/v1/v1beta/x"),
        ("/v1", b"/v10/x", b"/v1/v10/x"),
        ("/v1", b"/V1/x", b"/v1/V1/x"),
        ("/v1", b"/x/v1", b"/v1/x/v1"),
        ("/v1", b"/", b"/v1/"),
        ("/v1", b"x", b"/v1/x"),
        ("/openai/v1", b"/openai/x", b"/openai/v1/openai/x"),
        ("/openai/v1", b"/openai/v1/x", b"/openai/v1/x"),
        ("", b"/v1/x", b"/v1/x"),
    ],
)
def test_whether_a_path_begins_with_the_base_path_is_told_by_segments(base, rest, expected):
    assert target_path(dataclasses.replace(OPENAI, base_path=base), rest) == expected


@given(st.binary(max_size=60))
def test_whatever_comes_is_forwarded_as_it_is_or_refused(rest):
    try:
        slug, given_rest = split(b"/v1/proxy/openai/" + rest)
        target = target_path(OPENAI, given_rest)
    except PathError:
        return

    assert slug == "openai"
    assert target.endswith(b"/" + rest)
    assert target.startswith(b"/v1")
    assert not set(b"\r\n\x00 \\?#") & set(target)
    assert b".." not in target.split(b"/")
