import base64
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers import PRESETS
from gateway.types import Auth
from gateway.wire.headers import HeaderError, query_to_upstream, to_client, to_upstream

OPENAI = PRESETS["openai"].provider
ANTHROPIC = PRESETS["anthropic"].provider
GOOGLE = PRESETS["google"].provider
AZURE = PRESETS["azure"].provider
OLLAMA = PRESETS["ollama"].provider
BY_QUERY = dataclasses.replace(GOOGLE, auth=Auth.QUERY, auth_name="key")
OURS = "tko_Ab3dEf7h_" + "0" * 40
IDENTITY = (b"accept-encoding", b"identity")


def test_what_the_caller_said_passes_in_its_order_and_spelling():
    given = [(b"X-B", b"2"), (b"content-type", b"application/json"), (b"x-a", b" 1 "), (b"X-B", b"3 \xc3\xa9")]

    assert to_upstream(given, OPENAI, None) == [*given, IDENTITY]


@pytest.mark.parametrize(
    "name",
    [
        *(b"Connection", b"Keep-Alive", b"Proxy-Connection", b"TE", b"Trailer", b"Transfer-Encoding", b"Upgrade"),
        *(b"Proxy-Authorization", b"Proxy-Authenticate", b"TS-API-Key", b"X-TokenOps-Key", b"X-TokenOps-Feature"),
        *(b"X-TokenOps-Inject-Usage", b"Helicone-Auth", b"Helicone-Property-A", b"x-portkey-api-key", b"Cookie"),
        *(b"x-portkey-metadata", b"Forwarded", b"X-Forwarded-For", b"X-Forwarded-Host", b"X-Real-Ip", b"Via", b"Host"),
        *(b"Content-Length", b"Expect", b"CF-Connecting-IP"),
    ],
)
def test_what_is_ours_or_of_this_connection_stays_here(name):
    assert to_upstream([(name, b"x"), (name.lower(), b"y"), (b"a", b"b")], OPENAI, None) == [(b"a", b"b"), IDENTITY]


def test_headers_named_in_connection_stay_here():
    given = [(b"connection", b"keep-alive, X-Hop"), (b"x-hop", b"1"), (b"Connection", b"x-too"), (b"X-Too", b"1")]

    assert to_upstream([*given, (b"x-end", b"1")], OPENAI, None) == [(b"x-end", b"1"), IDENTITY]
    assert dict(to_client([*given, (b"x-end", b"1")])).keys().isdisjoint({b"x-hop", b"X-Too", b"connection"})


def test_the_callers_own_key_passes_in_the_providers_place():
    given = [(b"authorization", b"Bearer sk-1"), (b"x-api-key", b"sk-2")]

    assert to_upstream(given, OPENAI, None) == [*given, IDENTITY]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("authorization", f"Bearer {OURS}"),
        ("Authorization", f"bearer   {OURS}"),
        ("authorization", OURS),
        ("authorization", "Basic " + base64.b64encode(f"user:{OURS}".encode()).decode()),
        ("x-api-key", f"  {OURS}"),
        ("x-whatever", OURS),
        ("sec-websocket-protocol", f"realtime, openai-insecure-api-key.{OURS}"),
        ("baggage", f'key="{OURS}"'),
    ],
)
@pytest.mark.parametrize("credential", [None, "", "sk-stored"])
def test_a_key_of_ours_never_goes_upstream(name, value, credential):
    sent = to_upstream([(name.encode(), value.encode())], OPENAI, credential)

    assert not any(b"tko_" in value or name == b"x-whatever" for name, value in sent)
    assert len(sent) == (2 if credential else 1)


def test_a_word_that_only_ends_like_our_keys_passes():
    given = [(b"x-name", b"my_tko_name"), (b"authorization", b"Basic !!!")]

    assert to_upstream(given, OPENAI, None) == [*given, IDENTITY]


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        (OPENAI, [(b"authorization", b"Bearer sk-stored")]),
        (AZURE, [(b"api-key", b"sk-stored")]),
        (GOOGLE, [(b"x-goog-api-key", b"sk-stored")]),
        (BY_QUERY, []),
        (OLLAMA, []),
    ],
)
def test_a_stored_credential_replaces_whatever_stands_where_one_may_stand(provider, expected):
    given = [
        (b"Authorization", b"Bearer sk-own"),
        (b"x-api-key", b"sk-own"),
        (b"API-Key", b"sk-own"),
        (b"x-goog-api-key", b"sk-own"),
        (b"a", b"b"),
    ]

    assert to_upstream(given, provider, "sk-stored") == [(b"a", b"b"), IDENTITY, *expected]


def test_a_header_of_an_own_scheme_is_replaced_too():
    own = dataclasses.replace(OPENAI, auth=Auth.HEADER, auth_name="x-secret")

    assert to_upstream([(b"X-Secret", b"mine")], own, "stored") == [IDENTITY, (b"x-secret", b"stored")]


def test_required_headers_are_added_only_where_the_client_sends_none():
    version = (b"anthropic-version", b"2023-06-01")

    assert to_upstream([], ANTHROPIC, None) == [version, IDENTITY]
    assert to_upstream([(b"Anthropic-Version", b"2024-01-01")], ANTHROPIC, None) == [
        (b"Anthropic-Version", b"2024-01-01"),
        IDENTITY,
    ]


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ([], b"identity"),
        ([b""], b"identity"),
        ([b"gzip"], b"gzip"),
        ([b"gzip, deflate, br, zstd"], b"gzip, deflate, br, zstd"),
        ([b"gzip", b"br"], b"gzip, br"),
        ([b"GZIP;q=0.5,  BR ; q=1.0"], b"gzip;q=0.5, br"),
        ([b"x-gzip"], b"gzip"),
        ([b"compress, snappy"], b"identity"),
        ([b"identity"], b"identity"),
        ([b"gzip;q=0, identity"], b"gzip;q=0, identity"),
        ([b"gzip;q=0.000"], b"gzip;q=0"),
        ([b"gzip;q=nonsense"], b"gzip;q=0"),
        ([b"*"], b"gzip, deflate, br, zstd"),
        ([b"br;q=0, *;q=0.1"], b"br;q=0, gzip;q=0.1, deflate;q=0.1, zstd;q=0.1"),
        ([b"*;q=0"], b"identity"),
        ([b"br, compress, *;q=0"], b"br"),
    ],
)
def test_only_encodings_we_can_read_are_accepted(accepted, expected):
    sent = to_upstream([(b"Accept-Encoding", value) for value in accepted], OPENAI, None)

    assert sent == [(b"accept-encoding", expected)]


@pytest.mark.parametrize(
    "header",
    [
        (b"x", b"a\r\nHost: evil"),
        (b"x", b"a\nb"),
        (b"x", b"a\0b"),
        (b"x\r\ny", b"1"),
        (b"x y", b"1"),
        (b"", b"1"),
        (b"x:", b"1"),
        (b"x\xe9", b"1"),
    ],
)
def test_an_injected_header_is_refused_without_being_repeated(header):
    with pytest.raises(HeaderError) as refused:
        to_upstream([header], OPENAI, None)

    assert refused.value.status == 400
    assert "evil" not in str(refused.value)
    assert header not in to_client([header])


def test_a_stored_credential_cannot_inject_either():
    with pytest.raises(HeaderError) as refused:
        to_upstream([], OPENAI, "sk\r\nx: y")

    assert "sk" not in str(refused.value)


def test_a_header_block_over_64_kb_is_refused():
    to_upstream([(b"x", b"a" * 65_000)], OPENAI, None)

    with pytest.raises(HeaderError) as refused:
        to_upstream([(b"x%d" % n, b"a" * 1_000) for n in range(66)], OPENAI, None)
    assert refused.value.status == 431


ISOLATED = [(b"content-security-policy", b"default-src 'none'; sandbox"), (b"x-content-type-options", b"nosniff")]


def test_an_answer_keeps_its_headers_their_order_and_spelling():
    given = [
        (b"Content-Type", b"text/event-stream"),
        (b"x-request-id", b"r1"),
        (b"X-RateLimit-Remaining-Requests", b"9"),
        (b"content-encoding", b"br"),
        (b"content-length", b"12"),
        (b"retry-after", b"1"),
        (b"vary", b"a"),
        (b"vary", b"b"),
    ]

    assert to_client(given) == [*given, *ISOLATED]


@pytest.mark.parametrize(
    "name",
    [
        *(b"Connection", b"Transfer-Encoding", b"Keep-Alive", b"Trailer", b"Upgrade", b"Proxy-Authenticate"),
        *(b"Set-Cookie", b"Strict-Transport-Security", b"Alt-Svc", b"Clear-Site-Data", b"Service-Worker-Allowed"),
        *(b"Content-Security-Policy", b"Report-To", b"Refresh"),
    ],
)
def test_what_an_upstream_says_of_its_own_origin_or_connection_is_not_said_in_ours(name):
    assert to_client([(name, b"x"), (b"a", b"b")]) == [(b"a", b"b"), *ISOLATED]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"", b""),
        (b"alt=sse", b"alt=sse"),
        (b"a=%2F&&b&=c&a=+%20", b"a=%2F&&b&=c&a=+%20"),
        (b"key=AIza&alt=sse", b"key=AIza&alt=sse"),
        (f"key={OURS}&alt=sse".encode(), b"alt=sse"),
        (f"alt=sse&key={OURS}".encode(), b"alt=sse"),
        (f"anything={OURS}".encode(), b""),
        (f"key=%74ko_{OURS[4:]}&x=1".encode(), b"x=1"),
        (f"key=+{OURS}&x=1".encode(), b"x=1"),
        (f"{OURS}&x=1".encode(), b"x=1"),
    ],
)
def test_a_query_passes_without_our_keys(query, expected):
    assert query_to_upstream(query, GOOGLE, None) == expected


@pytest.mark.parametrize("query", [b"key=AIza&alt=sse", b"alt=sse&k%65y=AIza", b"api_key=x&alt=sse"])
def test_with_a_stored_credential_nobody_elses_key_is_in_the_query(query):
    assert query_to_upstream(query, GOOGLE, "stored") == b"alt=sse"
    assert query_to_upstream(query, BY_QUERY, "sto&red") == b"alt=sse&key=sto%26red"


def test_a_key_in_the_query_of_a_provider_that_wants_it_there():
    assert query_to_upstream(b"", BY_QUERY, "stored") == b"key=stored"
    assert query_to_upstream(b"key=own", BY_QUERY, None) == b"key=own"
    assert query_to_upstream(b"", BY_QUERY, None) == b""


@pytest.mark.parametrize("query", [b"a=b c", b"a=\r\nx", b"a=\0", b"a=\xc3\xa9", b"a=b#c"])
def test_a_query_that_would_break_the_request_line_is_refused(query):
    with pytest.raises(HeaderError) as refused:
        query_to_upstream(query, GOOGLE, None)
    assert refused.value.status == 400


def test_an_endless_query_is_refused():
    with pytest.raises(HeaderError) as refused:
        query_to_upstream(b"a" * 70_000, GOOGLE, None)
    assert refused.value.status == 414


@given(
    st.lists(
        st.tuples(st.from_regex(rb"[a-zA-Z-]{1,12}", fullmatch=True), st.binary(max_size=20)),
        max_size=8,
    ),
    st.sampled_from([None, "", "sk-stored"]),
)
def test_no_headers_break_it_and_none_are_invented(headers, credential):
    try:
        sent = to_upstream(headers, OPENAI, credential)
    except HeaderError:
        assert any(set(b"\r\n\0") & set(value) for _, value in headers)
        return

    added = {(b"authorization", b"Bearer sk-stored")} if credential else set()
    assert {header for header in sent if header[0] != b"accept-encoding"} <= set(headers) | added
