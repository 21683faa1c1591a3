"""What passes is passed on byte by byte, both ways; the one exception is exactly as large as promised."""

import hashlib
import http.client
import json

import pytest

from tests.fake_provider import SOUND, encoded, says, unpacked
from tests.gateway.scene import CHAT, OWN, STORED, chat
from tests.provider_faults import one_byte_at_a_time, paced

pytestmark = pytest.mark.resilience

ODD_BODIES = {
    "whitespace": b' \t\r\n{ "model" :\n"gpt-4o" ,"messages":[ ] }\r\n\r\n',
    "unknown-fields": b'{"model":"gpt-4o","zzz":{"a":[1,{"b":null}]},"messages":[]}',
    "numbers": b'{"model":"gpt-4o","messages":[],"seed":123456789012345678901234567890.10,"t":1e400,"u":-0.0,"v":1E+2}',
    "duplicate-keys": b'{"model":"a","model":"gpt-4o","messages":[],"messages":[{}],"stream":false,"stream":false}',
    "escapes": rb'{"model":"gpt-4o","messages":[{"role":"user","content":"\ud83d\ude00 \u0000 \ud83d / \/ \u00e9"}]}',
    "order": b'{"z":1,"messages":[],"a":2,"model":"gpt-4o"}',
    "mark-in-front": b'\xef\xbb\xbf{"model":"gpt-4o","messages":[]}',
    "not-text": b'{"model":"gpt-4o","messages":[{"role":"user","content":"\xff\xfe\x80"}]}',
    "cut-off": b'{"model":"gpt-4o","messages":[{"role":"us',
    "not-json": b"model=gpt-4o&messages=none",
    "not-a-number": b'{"model":"gpt-4o","messages":[],"temperature":NaN}',
    "deep": b'{"model":"gpt-4o","messages":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "a-list": b"[1, 2, 3]",
    "a-word": b'"gpt-4o"',
    "wrong-types": b'{"model":7,"messages":"x","stream":"yes","user":[],"metadata":3,"stream_options":5}',
    "nothing": b"",
}
VERDICT = b'{"object": "chat.completion",\n "id": "x",  "choices": [ ]}\n'


@pytest.mark.parametrize("body", ODD_BODIES.values(), ids=ODD_BODIES.keys())
def test_a_body_arrives_as_it_was_written(gateway, body):
    gateway.provider.says(says(200, VERDICT))

    answer = gateway.ask(body)

    assert (answer.status, answer.body) == (200, VERDICT)
    (received,) = gateway.provider.received
    assert received.body == body


def test_a_body_in_chunks_arrives_whole(gateway):
    body = chat(padding="x" * 100_000)
    connection = gateway.connect()
    headers = {"Authorization": f"Bearer {gateway.key}", "Content-Type": "application/json"}

    connection.request("POST", CHAT, iter([body[:7], body[7:9], body[9:]]), headers, encode_chunked=True)
    response = connection.getresponse()

    assert response.status == 200
    response.read()
    connection.close()
    assert [received.body for received in gateway.provider.received] == [body]


def test_an_upload_arrives_with_its_boundary_and_every_byte(gateway):
    boundary = "=_odd'()+_,-./:=?boundary"
    file = bytes(range(256)) * 300
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--{boundary}\r\n'
        'Content-Disposition: form-data; name="file"; filename="ä; b.bin"\r\n\r\n'
    ).encode() + file
    body += f"\r\n--{boundary}--\r\nepilogue".encode()
    content_type = f'multipart/form-data; boundary="{boundary}"'

    answer = gateway.ask(body, "/v1/proxy/openai/v1/files", headers={"Content-Type": content_type})

    assert answer.status == 200
    (received,) = gateway.provider.received
    assert received.body == body
    assert received.value("content-type") == content_type


def test_sound_comes_back_as_it_is(gateway):
    answer = gateway.ask(json.dumps({"model": "tts-1", "input": "Hi"}), "/v1/proxy/openai/v1/audio/speech")

    assert answer.body == SOUND
    assert answer.value("content-type") == "audio/mpeg"
    assert answer.value("content-length") == str(len(SOUND))


@pytest.mark.parametrize("path", ["/v1/proxy/openai/v1/chat/completions", "/v1/proxy/openai/chat/completions"])
def test_the_base_path_is_put_before_what_does_not_begin_with_it(gateway, path):
    gateway.ask(chat(), path)

    assert [received.target for received in gateway.provider.received] == ["/v1/chat/completions"]


def test_a_query_arrives_as_it_was_written(gateway):
    query = "a=1&a=2&empty=&b=%2F%20+%C3%A4&=x&c"

    gateway.ask(chat(), f"{CHAT}?{query}")

    assert [received.target for received in gateway.provider.received] == [f"/v1/chat/completions?{query}"]


def test_a_path_keeps_its_escapes(gateway):
    gateway.ask(method="GET", path="/v1/proxy/openai/v1/models/ft%3Agpt-4o%3Aacme%20x")

    assert [received.target for received in gateway.provider.received] == ["/v1/models/ft%3Agpt-4o%3Aacme%20x"]


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "PATCH", "OPTIONS", "HEAD"])
def test_every_method_is_passed_on_and_no_list_is_a_call(gateway, feature, method):
    gateway.provider.says(says(200, b"" if method == "HEAD" else b"{}"))

    answer = gateway.ask(
        method=method, path="/v1/proxy/openai/v1/files/file-1", headers={"X-TokenOps-Feature": feature}
    )

    assert answer.status == 200
    assert [received.method for received in gateway.provider.received] == [method]
    gateway.drained()
    assert gateway.calls(feature=feature) == []


# --- The one exception ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        chat(stream=True),
        b'{"stream":true,"model":"gpt-4o","messages":[{"role":"user","content":"\xc3\xa4 \\"stream_options\\": {}"}]}',
        b' {\n "messages" : [], "model": "gpt-4o",\t"stream" : true \n} \n',
        b'{"model":"gpt-4o","stream":true,"n":123456789012345678901234567890.10,"n":2,"messages":[]}',
    ],
)
def test_what_is_spliced_in_is_all_that_changes(gateway, feature, body):
    answer = gateway.ask(body, headers={"X-TokenOps-Feature": feature})

    (received,) = gateway.provider.received
    spliced = b'"stream_options":{"include_usage":true}'
    assert received.json["stream_options"] == {"include_usage": True}
    start, _, end = received.body.partition(spliced)
    assert body in {start.removesuffix(b",") + end, start + end.removeprefix(b",")}
    assert answer.body == direct(gateway, body)  # what it would have been without: no chunk more
    call = gateway.call(feature)
    assert (call.input_tokens, call.output_tokens, call.usage_estimated) == (20, 5, False)


def direct(gateway, body):
    """What the provider says to ``body`` when nobody stands between, with the same number as the last answer."""
    provider = gateway.provider
    provider.numbers_from(provider.numbers_now - 1)
    connection = http.client.HTTPConnection("127.0.0.1", provider.server_address[1], timeout=60)
    connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
    found = connection.getresponse().read()
    connection.close()
    return found


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (chat(stream=True), {"X-TokenOps-Inject-Usage": "off"}),
        (chat(stream=True, stream_options={"include_usage": True}), {}),
        (chat(stream=True, stream_options={"include_usage": False}), {}),
        (chat(stream=True, stream_options=None), {"X-TokenOps-Inject-Usage": "off"}),
        (chat(), {}),
    ],
)
def test_a_call_that_says_what_it_wants_is_left_alone(gateway, body, headers):
    answer = gateway.ask(body, headers=headers)

    (received,) = gateway.provider.received
    assert received.body == body
    assert answer.body == direct(gateway, body)


# --- Encodings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("encoding", ["gzip", "br"])
def test_a_compressed_answer_passes_as_it_is_and_is_read(gateway, feature, encoding, stream):
    body = chat(stream=True, stream_options={"include_usage": True}) if stream else chat()
    gateway.provider.says(encoded(encoding))

    answer = gateway.ask(body, headers={"X-TokenOps-Feature": feature, "Accept-Encoding": encoding})

    assert answer.value("content-encoding") == encoding
    assert unpacked(encoding, answer.body) == direct(gateway, body)
    call = gateway.call(feature)
    assert (call.input_tokens, call.cached_input_tokens, call.output_tokens) == (20, 8, 5)
    assert (call.usage_estimated, call.stream, call.finish_reason) == (False, stream, "stop")


@pytest.mark.parametrize(
    ("offered", "passed"),
    [
        ("gzip, deflate, br, zstd, compress", {"gzip", "deflate", "br", "zstd"}),
        ("zstd", {"zstd"}),
        ("compress", set()),
        ("identity", set()),
        (None, set()),
    ],
)
def test_a_provider_is_offered_what_the_client_offers_and_we_can_read(gateway, offered, passed):
    headers = {"Accept-Encoding": offered} if offered else {}
    connection = gateway.connect()
    connection.putrequest("POST", CHAT, skip_accept_encoding=True)
    headers |= {"Authorization": f"Bearer {gateway.key}", "Content-Length": str(len(chat()))}
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders(chat())
    connection.getresponse().read()
    connection.close()

    (received,) = gateway.provider.received
    found = {one.partition(";")[0].strip() for one in received.value("accept-encoding").split(",")}
    assert found - {"", "identity"} <= passed


# --- Answers ----------------------------------------------------------------------------------------------------------

VERDICTS = [
    (400, b'{"error": {"message": "bad",\n"code": "x"}}'),
    (401, b'{"error": {"message": "Incorrect API key", "code": "invalid_api_key"}}'),
    (404, b"<html>not found</html>"),
    (418, b""),
    (429, b'{"error": {"type": "rate_limit_error"}}'),
    (500, b"\xff\x00 broken"),
    (503, b'{"error": "overloaded"}'),
    (529, b'{"type": "error", "error": {"type": "overloaded_error"}}'),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("status", "body"), VERDICTS)
def test_an_error_of_the_provider_is_its_own_word(gateway, feature, status, body, stream):
    gateway.provider.says(says(status, body, Retry_After="7", X_Should_Retry="true", X_Odd="a;b, c"))

    answer = gateway.ask(chat(stream=stream), headers={"X-TokenOps-Feature": feature})

    assert (answer.status, answer.body) == (status, body)
    told = {name: answer.value(name) for name in ("retry-after", "x-should-retry", "x-odd", "content-type")}
    assert told == {
        "retry-after": "7",
        "x-should-retry": "true",
        "x-odd": "a;b, c",
        "content-type": "application/json",
    }
    assert len(gateway.provider.received) == 1  # it is the client who may ask again
    call = gateway.call(feature)
    assert (call.status, call.http_status, call.output_tokens, call.usage_estimated) == ("error", status, 0, False)
    assert call.cost_usd in {None, 0}


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_the_clients_to_follow(gateway, status):
    gateway.provider.says(says(status, b"", Location=f"{gateway.provider.url}/elsewhere"))

    answer = gateway.ask(chat())

    assert (answer.status, answer.value("location")) == (status, f"{gateway.provider.url}/elsewhere")
    assert len(gateway.provider.received) == 1


def test_an_answer_without_a_body_has_none(gateway):
    gateway.provider.says(lambda exchange: exchange.head({"X-Here": "yes"}, 204))

    answer = gateway.ask(method="DELETE", path="/v1/proxy/openai/v1/files/file-1")

    assert (answer.status, answer.body, answer.value("x-here")) == (204, b"", "yes")


def test_a_stream_passes_piece_by_piece(gateway, feature):
    body = chat(stream=True, stream_options={"include_usage": True})
    gateway.provider.says(paced)
    connection = gateway.connect()
    headers = {"Authorization": f"Bearer {gateway.key}", "X-TokenOps-Feature": feature}

    connection.request("POST", CHAT, body, headers)
    response = connection.getresponse()
    first = response.readline()  # while the provider waits with the rest
    gateway.provider.go.set()
    rest = response.read()
    connection.close()

    assert first.startswith(b"data: ")
    assert first + rest == direct(gateway, body)
    assert gateway.call(feature).output_tokens == 5


def test_every_piece_boundary_is_the_same_stream(gateway, feature):
    body = chat(stream=True)
    gateway.provider.says(one_byte_at_a_time)

    answer = gateway.ask(body, headers={"X-TokenOps-Feature": feature})

    assert answer.body == direct(gateway, body)
    call = gateway.call(feature)
    assert (call.input_tokens, call.output_tokens, call.response_model) == (20, 5, "gpt-4o-2024-08-06")


def test_the_same_request_id_never_hides_a_second_call(gateway, feature):
    """Providers, and proxies before them, repeat names of requests; every answer is paid for."""
    for _ in range(3):
        gateway.ask(chat(), headers={"X-TokenOps-Feature": feature, "X-Request-Id": "the-same"})
    gateway.drained()

    calls = gateway.calls(feature=feature)
    assert [(call.duplicate_of, call.input_tokens) for call in calls] == [("", 20)] * 3
    assert len({call.call_id for call in calls}) == 3


def test_connections_to_a_provider_are_kept(gateway):
    before = gateway.provider.connections

    for _ in range(12):
        assert gateway.ask(chat()).status == 200

    assert gateway.provider.connections - before <= 2


# --- Sizes ------------------------------------------------------------------------------------------------------------

MB = 2**20


def padded(size: int) -> bytes:
    head, tail = b'{"model":"gpt-4o","messages":[{"role":"user","content":"', b'"}]}'
    return head + b"x" * (size - len(head) - len(tail)) + tail


def test_fifty_megabytes_pass(gateway, feature):
    body = padded(50 * MB)
    gateway.provider.says(says(200, VERDICT))

    answer = gateway.ask(body, headers={"X-TokenOps-Feature": feature})

    assert answer.status == 200
    (received,) = gateway.provider.received
    assert hashlib.sha256(received.body).digest() == hashlib.sha256(body).digest()
    assert gateway.call(feature).model == "gpt-4o"


@pytest.mark.parametrize("content_type", ["application/json", "application/octet-stream"])
@pytest.mark.parametrize("declared", [True, False])
def test_more_than_fifty_megabytes_are_413(gateway, declared, content_type):
    headers = {"Authorization": f"Bearer {gateway.key}", "Content-Type": content_type}
    connection = gateway.connect()
    if declared:  # refused before it is sent
        connection.putrequest("POST", CHAT)
        for name, value in (headers | {"Content-Length": str(50 * MB + 1)}).items():
            connection.putheader(name, value)
        connection.endheaders()
    else:
        _send_what_is_taken(connection, headers)
    response = connection.getresponse()

    assert response.status == 413
    assert json.loads(response.read())["error"]["type"] == "tokenops_error"
    connection.close()
    assert [len(received.body) for received in gateway.provider.received if len(received.body) > 50 * MB] == []


def _send_what_is_taken(connection, headers):
    try:
        connection.request("POST", CHAT, iter([b"x" * MB] * 51), headers, encode_chunked=True)
    except OSError:  # it answered before the end
        return


# --- Whose key --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["TS-API-Key", "X-TokenOps-Key"])
def test_the_callers_own_provider_key_goes_through(gateway, name):
    headers = {name: gateway.ingest_key, "Authorization": f"Bearer {OWN}"}

    assert gateway.ask(chat(), key="", headers=headers).status == 200

    (received,) = gateway.provider.received
    assert received.values("authorization") == [f"Bearer {OWN}"]
    assert name.lower() not in received.names


@pytest.mark.parametrize("name", ["x-goog-api-key", "key"])
def test_googles_two_places_for_a_key_are_exchanged(gateway, name):
    path = "/v1/proxy/google/v1beta/models/gemini-2.5-pro:generateContent"
    asked = json.dumps({"contents": []})
    if name == "key":
        answer = gateway.ask(asked, f"{path}?alt=json&key={gateway.key}&x=1", key="")
    else:
        answer = gateway.ask(asked, path, key="", headers={name: gateway.key})

    assert answer.status == 200
    (received,) = gateway.provider.received
    sent = received.target + repr(received.headers)
    assert sent.count(STORED["google"]) == 1
    assert gateway.key not in sent
    assert received.target.partition("?")[2].replace(f"key={STORED['google']}", "").strip("&") in {
        "",
        "alt=json&x=1",
        "alt=json&&x=1",
    }
