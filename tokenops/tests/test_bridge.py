import asyncio
import contextlib
import hashlib
import json
from io import BytesIO
from itertools import count

import pytest

from core.logs import request_id
from tokenops.bridge import Bridge, build_environ

OK = ("200 OK", [("Content-Type", "text/plain")])
MB = 2**20


class Client:
    """The other end of one connection: sends ``messages``, then stays until ``leave`` is set."""

    def __init__(self, *messages, leave_after=None, answers=None):
        self.sent = []
        self._messages = list(messages) or [{"type": "http.request"}]
        self._leave_after = leave_after
        self._answers = answers or (lambda _: None)
        self._gone = asyncio.Event()

    def receive(self):
        """A future and not a coroutine, as Granian's is."""
        return asyncio.ensure_future(self._next())

    async def _next(self):
        if self._messages:
            return self._messages.pop(0)
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        if (pending := self._answers(len(self.sent))) is not None:
            await pending
        self.sent.append(message)
        if self._leave_after == len(self.sent):
            self._gone.set()

    @property
    def has_sent_all(self):
        return not self._messages

    @property
    def status(self):
        return self.sent[0]["status"]

    @property
    def headers(self):
        return dict(self.sent[0]["headers"])

    @property
    def bodies(self):
        return [message["body"] for message in self.sent[1:]]


def scope(*headers, method="GET", path="/", **extra):
    return {
        "type": "http",
        "method": method,
        "http_version": "1.1",
        "path": path,
        "query_string": b"",
        "headers": list(headers),
    } | extra


def serve(app, client=None, *, limit=10 * MB, patience=30.0, **request):
    client = client or Client()

    async def run():
        bridge = Bridge(app, threads=2, max_body_bytes=limit, patience=patience)
        try:
            await bridge(scope(*request.pop("headers", ()), **request), client.receive, client.send)
        finally:
            bridge.close()

    asyncio.run(run())
    return client


def text_app(body):
    def app(environ, start_response):
        start_response(*OK)
        return [body]

    return app


def reader_app(seen):
    def app(environ, start_response):
        seen["length"] = environ["CONTENT_LENGTH"]
        seen["body"] = environ["wsgi.input"].read()
        start_response(*OK)
        return []

    return app


def never(environ, start_response):
    raise AssertionError("the application must not be called")


def test_a_small_answer_goes_out_in_one_step():
    client = serve(text_app(b"hello"))

    assert client.status == 200
    assert client.headers == {b"content-type": b"text/plain"}
    assert client.sent[1:] == [{"type": "http.response.body", "body": b"hello", "more_body": False}]


def test_an_empty_answer_is_still_an_answer():
    client = serve(text_app(b""))

    assert client.bodies == [b""]


def test_chunks_of_a_body_without_a_declared_length_are_joined_and_measured():
    seen = {}
    pieces = [
        {"type": "http.request", "body": b"one ", "more_body": True},
        {"type": "http.request", "body": b"two", "more_body": True},
        {"type": "http.request"},
    ]

    serve(reader_app(seen), Client(*pieces), method="POST", headers=[(b"transfer-encoding", b"chunked")])

    assert seen == {"length": "7", "body": b"one two"}


def test_a_body_larger_than_memory_arrives_whole():
    seen, piece = {}, bytes(range(256)) * 4096
    pieces = [{"type": "http.request", "body": piece, "more_body": number < 2} for number in range(3)]

    serve(reader_app(seen), Client(*pieces), method="POST")

    assert seen["length"] == str(3 * MB)
    assert hashlib.sha256(seen["body"]).digest() == hashlib.sha256(piece * 3).digest()


def test_a_declared_length_over_the_limit_is_refused_before_it_is_sent():
    headers = [(b"content-length", b"11"), (b"expect", b"100-continue")]

    client = serve(never, Client({"type": "never read"}), limit=10, headers=headers)

    assert client.status == 413
    assert client.headers[b"content-type"] == b"application/problem+json"
    assert client.headers[b"connection"] == b"close"
    assert json.loads(client.bodies[0])["detail"] == "A request body may have 10 bytes at most."


def test_an_undeclared_body_over_the_limit_is_refused():
    pieces = [{"type": "http.request", "body": b"12345", "more_body": True}] * 3
    client = Client(*pieces, {"type": "http.request", "body": b"the end"})

    serve(never, client, limit=10)

    assert client.status == 413
    assert client.has_sent_all


def test_a_refused_body_that_never_ends_is_not_read_for_ever():
    endless = [{"type": "http.request", "body": bytes(2**20), "more_body": True}] * 100
    client = Client(*endless)

    serve(never, client, limit=10)

    assert client.status == 413
    assert not client.has_sent_all


def test_a_body_of_exactly_the_limit_is_served():
    seen = {}

    client = serve(reader_app(seen), Client({"type": "http.request", "body": b"1234567890"}), limit=10)

    assert client.status == 200
    assert seen["body"] == b"1234567890"


def test_a_body_that_does_not_come_is_given_up():
    client = serve(never, Client({"type": "http.request", "body": b"half", "more_body": True}), patience=0.01)

    assert client.status == 408


def test_a_client_that_leaves_while_sending_is_not_served():
    pieces = [{"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}]

    client = serve(never, Client(*pieces))

    assert client.sent == []


def test_a_stream_is_sent_in_steps_of_64_kb():
    def app(environ, start_response):
        start_response(*OK)
        return (b"x" * 2**14 for _ in range(10))

    client = serve(app)

    assert [len(body) for body in client.bodies] == [2**16, 2**16, 2**15]
    assert [message["more_body"] for message in client.sent[1:]] == [True, True, False]


class Endless:
    """A stream nobody will ever read to the end."""

    def __init__(self):
        self.chunks = 0
        self.is_closed = False

    def __call__(self, environ, start_response):
        start_response(*OK)
        return self

    def __iter__(self):
        for self.chunks in count(1):
            yield b"x" * 2**16

    def close(self):
        self.is_closed = True


def test_a_stream_ends_and_is_closed_when_its_reader_leaves():
    app = Endless()

    serve(app, Client(leave_after=4))

    assert app.is_closed


def test_a_stream_ends_and_is_closed_when_its_reader_stops_reading():
    app = Endless()

    async def forever():
        await asyncio.Event().wait()

    serve(app, Client(answers=lambda sent: forever() if sent == 3 else None), patience=0.05)

    assert app.is_closed
    assert app.chunks == 3


def test_a_stream_ends_and_is_closed_when_the_connection_breaks():
    app = Endless()

    async def broken():
        raise ConnectionResetError

    serve(app, Client(answers=lambda sent: broken() if sent == 2 else None))

    assert app.is_closed


def test_a_failing_application_is_a_500_that_tells_nothing(caplog):
    def app(environ, start_response):
        raise ValueError("secret detail")

    client = serve(app)

    assert client.status == 500
    assert b"secret" not in client.bodies[0]
    assert "the web application failed" in caplog.text


def test_an_application_that_never_starts_its_answer_is_a_500():
    client = serve(lambda environ, start_response: [b"body without a head"])

    assert client.status == 500


def test_an_application_that_fails_half_way_cuts_the_connection():
    def app(environ, start_response):
        start_response(*OK)
        yield b"x" * 2**16
        raise ValueError("half way")

    client = Client()
    with pytest.raises(ValueError, match="half way"):
        serve(app, client)

    assert [message.get("more_body") for message in client.sent] == [None, True]


def test_an_application_may_replace_its_head_until_it_is_sent():
    def app(environ, start_response):
        start_response(*OK)
        try:
            raise ValueError
        except ValueError as error:
            start_response("503 Busy", [], (ValueError, error, error.__traceback__))
        return [b"later"]

    assert serve(app).status == 503


def test_the_write_callable_of_pep_3333_works():
    def app(environ, start_response):
        start_response(*OK)(b"written ")
        return [b"returned"]

    assert serve(app).bodies == [b"written returned"]


def test_every_set_cookie_survives():
    cookies = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Set-Cookie", "c=3")]

    def app(environ, start_response):
        start_response("200 OK", cookies)
        return []

    assert serve(app).sent[0]["headers"] == [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"set-cookie", b"c=3")]


def test_the_thread_knows_the_request_id():
    seen = []

    def app(environ, start_response):
        seen.append(request_id.get())
        start_response(*OK)
        return []

    token = request_id.set("request-1234")
    with contextlib.ExitStack() as stack:
        stack.callback(request_id.reset, token)
        serve(app)

    assert seen == ["request-1234"]


def test_environ_joins_repeated_headers_and_drops_what_could_be_mistaken_for_another():
    headers = [
        (b"host", b"tokenops.test"),
        (b"cookie", b"a=1"),
        (b"cookie", b"b=2"),
        (b"accept", b"text/html"),
        (b"accept", b"*/*"),
        (b"x_forwarded_for", b"10.0.0.1"),
        (b"content-type", b"application/json"),
        (b"content-length", b"99"),
        (b"transfer-encoding", b"chunked"),
    ]

    environ = build_environ(scope(*headers), BytesIO(), 7)

    assert environ["HTTP_HOST"] == "tokenops.test"
    assert environ["HTTP_COOKIE"] == "a=1; b=2"
    assert environ["HTTP_ACCEPT"] == "text/html,*/*"
    assert environ["CONTENT_TYPE"] == "application/json"
    assert environ["CONTENT_LENGTH"] == "7"
    assert not [key for key in environ if "FORWARDED" in key or "TRANSFER" in key]


def test_environ_carries_the_address_and_the_path_in_the_bytes_wsgi_expects():
    request = scope(
        method="PUT",
        path="/é",
        raw_path=b"/%C3%A9",
        query_string=b"q=%20",
        scheme="https",
        client=("192.0.2.7", 5000),
        server=("tokenops.test", 443),
    )

    environ = build_environ(request, BytesIO(), 0)

    assert environ["PATH_INFO"].encode("latin-1") == "/é".encode()
    assert (environ["REQUEST_METHOD"], environ["QUERY_STRING"]) == ("PUT", "q=%20")
    assert (environ["REMOTE_ADDR"], environ["SERVER_NAME"], environ["SERVER_PORT"]) == (
        "192.0.2.7",
        "tokenops.test",
        "443",
    )
    assert environ["wsgi.url_scheme"] == "https"


def test_environ_of_a_unix_socket_has_no_addresses():
    environ = build_environ(scope(path="/é"), BytesIO(), 0)

    assert environ["PATH_INFO"].encode("latin-1") == "/é".encode()
    assert (environ["REMOTE_ADDR"], environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("", "localhost", "80")
