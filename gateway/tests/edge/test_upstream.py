"""The client of the providers against a server that misbehaves in every way a server can."""

import asyncio
import socket
from contextlib import asynccontextmanager

import pytest

from core.addresses import networks
from gateway.edge.upstream import (
    BrokenError,
    NotAllowedError,
    StoppingError,
    TimedOutError,
    UnreachableError,
    Upstream,
)
from gateway.tests.edge.raw import in_a_loop, serving
from gateway.types import Dialect, Provider, Timeouts

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


LOOPBACK = networks(["127.0.0.0/8"])
SECRET = "sk-never-shown"
AUTHORIZED = [(b"authorization", SECRET.encode())]
SOON = 0.05  # seconds; an upstream of these tests that is waited for never answers


def provider(*, is_own=False, **timeouts):
    return Provider(
        slug="raw",
        name="Raw",
        canonical="raw",
        origin="",
        base_path="",
        dialect=Dialect.OPENAI,
        timeouts=Timeouts(**timeouts),
        is_own=is_own,
    )


@asynccontextmanager
async def client(**options):
    upstream = Upstream(**options)
    try:
        yield upstream
    finally:
        await upstream.close()


async def ask(upstream, url, *, of=None, method="POST", headers=AUTHORIZED, body=b"{}"):
    return await upstream.open(of or provider(), method=method, url=url, headers=headers, body=body)


async def whole(answer):
    try:
        return b"".join([chunk async for chunk in answer.chunks()])
    finally:
        await answer.close()


def saying(*pieces, then=None):
    """A script: on every request the pieces, then ``then`` (e.g. wait until the client is gone)."""

    async def script(peer):
        while await peer.head():
            await peer.say(*pieces)
            if then:
                return await then(peer)
        return None

    return script


async def closing(peer):
    """Then an orderly end of the connection."""


async def resetting(peer):
    peer.reset()


async def waiting(peer):
    await peer.gone()


def refused_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# What is sent


async def sent_by(**options):
    async with serving(saying(OK)) as raw, client() as upstream:
        await whole(await ask(upstream, raw.url + options.pop("target", "/v1/chat"), **options))
        return raw.heads[0].decode("latin-1").split("\r\n")


@in_a_loop
async def test_nothing_is_added_to_a_request_but_host_and_length():
    sent = await sent_by(headers=[(b"X-Two", b"b"), (b"x-one", b"a"), (b"X-Two", b"c")], body=b"{}")

    assert sent[0] == "POST /v1/chat HTTP/1.1"
    assert [line for line in sent[1:] if line and not line.startswith("Host:")] == [
        "X-Two: b",
        "x-one: a",
        "X-Two: c",
        "Content-Length: 2",
    ]


@in_a_loop
async def test_a_url_is_sent_as_it_is_written():
    sent = await sent_by(target="/v1/models/a%2Db:generate%43;x=1?alt=sse&q=%7e+%20", method="GET", body=None)

    assert sent[0] == "GET /v1/models/a%2Db:generate%43;x=1?alt=sse&q=%7e+%20 HTTP/1.1"


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
@in_a_loop
async def test_a_request_without_a_body_is_sent_without_one(method):
    async with serving(saying(b"HTTP/1.1 204 No Content\r\n\r\n")) as raw, client() as upstream:
        answer = await ask(upstream, raw.url + "/v1/files/1", method=method, body=None)

        assert (answer.status, await whole(answer)) == (204, b"")
        assert b"transfer-encoding" not in raw.heads[0].lower()


@in_a_loop
async def test_the_length_of_the_body_is_what_its_bytes_say():
    sent = await sent_by(headers=[(b"content-length", b"999")], body=b"{}")

    assert [line for line in sent if line.lower().startswith("content-length")] == ["Content-Length: 2"]


async def pieces():
    yield b"ab"
    yield b"c"


@pytest.mark.parametrize(
    ("headers", "framing", "expected"),
    [
        ([(b"content-length", b"3")], "content-length: 3", b"abc"),
        ([], "transfer-encoding: chunked", b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"),
    ],
)
@in_a_loop
async def test_an_upload_in_pieces_has_the_length_it_was_given_or_is_chunked(headers, framing, expected):
    bodies = []

    async def script(peer):
        await peer.head()
        bodies.append(await peer.reader.readexactly(len(expected)))
        await peer.say(OK)

    async with serving(script) as raw, client() as upstream:
        await whole(await ask(upstream, raw.url, headers=headers, body=pieces()))

    assert framing in raw.heads[0].decode().lower()
    assert bodies == [expected]


@in_a_loop
async def test_a_large_body_arrives_whole():
    body, bodies = bytes(range(256)) * 4_096, []

    async def script(peer):
        await peer.head()
        bodies.append(await peer.reader.readexactly(len(body)))
        await peer.say(OK)

    async with serving(script) as raw, client() as upstream:
        await whole(await ask(upstream, raw.url, body=body))

    assert bodies == [body]
    assert b"transfer-encoding" not in raw.heads[0].lower()


@in_a_loop
async def test_an_upload_that_ends_early_ends_the_request():
    async def failing():
        yield b"ab"
        raise RuntimeError("the client left")

    async with serving(saying(then=waiting)) as raw, client() as upstream:
        with pytest.raises(BrokenError):
            await ask(upstream, raw.url, body=failing())

        await raw.left.wait()


# What comes back


@in_a_loop
async def test_headers_come_back_raw_in_order_and_as_often_as_sent():
    named = b"X-B: 1\r\nset-cookie: a=1\r\nx-a: \xe9\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n"
    head = b"HTTP/1.1 429 Slow Down\r\n" + named + b"\r\n"
    async with serving(saying(head)) as raw, client() as upstream:
        answer = await ask(upstream, raw.url)
        await whole(answer)
        await whole(await ask(upstream, raw.url))

    assert answer.status == 429
    assert list(answer.headers) == [
        (b"X-B", b"1"),
        (b"set-cookie", b"a=1"),
        (b"x-a", b"\xe9"),
        (b"Set-Cookie", b"b=2"),
        (b"Content-Length", b"0"),
    ]
    assert b"cookie" not in raw.heads[1].lower()


@in_a_loop
async def test_a_redirect_is_an_answer():
    async with serving(saying(b"HTTP/1.1 307 Elsewhere\r\nLocation: /v2\r\nContent-Length: 0\r\n\r\n")) as raw:
        async with client() as upstream:
            answer = await ask(upstream, raw.url)
            await whole(answer)

        assert answer.status == 307
        assert len(raw.heads) == 1


@in_a_loop
async def test_what_is_compressed_stays_so():
    body = b"\x1f\x8b not even gzip"
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with serving(saying(head + body)) as raw, client() as upstream:
        assert await whole(await ask(upstream, raw.url)) == body


@pytest.mark.parametrize(
    "pieces",
    [
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK,),
        (CHUNKED, b"1;name=value\r\no\r\n", b"1\r\nk\r\n0\r\nX-Trailer: 1\r\n\r\n"),
        tuple(bytes([byte]) for byte in OK),
        (b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 60_000 + b"\r\nContent-Length: 2\r\n\r\nok",),
    ],
    ids=["interim answers", "chunk extensions and trailers", "byte by byte", "60 KB in a header"],
)
@in_a_loop
async def test_what_http_allows_is_understood(pieces):
    async with serving(saying(*pieces)) as raw, client() as upstream:
        answer = await ask(upstream, raw.url)

        assert (answer.status, await whole(answer)) == (200, b"ok")


@in_a_loop
async def test_an_answer_without_a_length_ends_with_its_connection():
    async with serving(saying(b"HTTP/1.1 200 OK\r\n\r\nok", then=closing)) as raw, client() as upstream:
        assert await whole(await ask(upstream, raw.url)) == b"ok"


@in_a_loop
async def test_pieces_are_handed_on_before_the_next_one_is_there():
    read = asyncio.Event()

    async def script(peer):
        await peer.head()
        await peer.say(CHUNKED, b"1\r\na\r\n")
        await read.wait()
        await peer.say(b"1\r\nb\r\n0\r\n\r\n")

    async with serving(script) as raw, client() as upstream:
        answer = await ask(upstream, raw.url)
        chunks = answer.chunks()

        assert await anext(chunks) == b"a"
        read.set()
        assert await anext(chunks) == b"b"
        await answer.close()


# What goes wrong


@pytest.mark.parametrize(
    ("pieces", "then"),
    [
        ((), closing),
        ((), resetting),
        ((b"HTTP/1.1 200 OK\r\nContent-",), closing),
        ((b"SSH-2.0-OpenSSH\r\n\r\n",), waiting),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",), waiting),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok",), waiting),
        ((b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",), waiting),
        ((b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 1_000 + b"\r\n",), waiting),
        ((b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",), waiting),
    ],
    ids=[
        "end",
        "reset",
        "half a head",
        "no http",
        "no length",
        "two lengths",
        "huge header",
        "many headers",
        "upgrade",
    ],
)
@in_a_loop
async def test_no_answer_is_told_as_broken(pieces, then):
    async with serving(saying(*pieces, then=then)) as raw, client() as upstream:
        with pytest.raises(BrokenError) as caught:
            await ask(upstream, raw.url)

    assert SECRET not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize(
    ("pieces", "then"),
    [
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",), closing),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",), resetting),
        ((CHUNKED + b"2\r\nok\r\n",), closing),
        ((CHUNKED + b"2\r\nok\r\n", b"not hexadecimal\r\n"), waiting),
    ],
    ids=["too short", "reset", "no last chunk", "no chunk"],
)
@in_a_loop
async def test_an_answer_that_breaks_off_is_told_after_what_came(pieces, then):
    async with serving(saying(*pieces, then=then)) as raw, client() as upstream:
        with pytest.raises(BrokenError):  # while opening where one packet has both the beginning and the fault
            await whole(await ask(upstream, raw.url))


@in_a_loop
async def test_a_request_that_may_have_been_read_is_not_sent_again():
    async def script(peer):
        if peer.upstream.connections == 1:
            await peer.head()
            await peer.say(OK)
        await peer.head()

    async with serving(script) as raw, client() as upstream:
        await whole(await ask(upstream, raw.url))
        with pytest.raises(BrokenError):
            await ask(upstream, raw.url)

    assert (len(raw.heads), raw.connections) == (2, 1)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://127.0.0.1:{port}/", "The connection was refused or failed."),
        ("http://name.invalid:{port}/", "Its host name has no address."),
    ],
)
@in_a_loop
async def test_an_upstream_that_cannot_be_reached_is_told_so(url, sentence):
    def lookup(host, port, family, kind):
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    async with client(lookup=lookup) as upstream:
        with pytest.raises(UnreachableError) as caught:
            await ask(upstream, url.format(port=refused_port()))

    assert str(caught.value) == sentence


@in_a_loop
async def test_an_upstream_that_does_not_speak_tls_is_told_so():
    async def script(peer):
        await peer.reader.read(1)
        await peer.say(OK)

    async with serving(script) as raw, client() as upstream:
        with pytest.raises(UnreachableError) as caught:
            await ask(upstream, raw.url.replace("http:", "https:"))

    assert str(caught.value) == "No encrypted connection could be made."


# What takes too long


@in_a_loop
async def test_a_connection_that_is_not_made_in_time_is_given_up():
    let_go = asyncio.Event()
    loop = asyncio.get_running_loop()

    def lookup(host, port, family, kind):
        asyncio.run_coroutine_threadsafe(let_go.wait(), loop).result()
        return []

    async with client(lookup=lookup) as upstream:
        with pytest.raises(TimedOutError, match="No connection within"):
            await ask(upstream, "http://slow.example/", of=provider(connect=SOON))
        let_go.set()


@in_a_loop
async def test_an_answer_that_does_not_begin_in_time_is_given_up_and_cut():
    async with serving(saying(then=waiting)) as raw, client() as upstream:
        with pytest.raises(TimedOutError, match="No answer within"):
            await ask(upstream, raw.url, of=provider(first_byte=SOON))

        await raw.left.wait()


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        ({"idle": SOON}, "nothing came"),
        ({"total": SOON}, "longer than"),
    ],
)
@in_a_loop
async def test_an_answer_that_stops_is_given_up_by_the_limit_that_comes_first(limits, sentence):
    async with serving(saying(CHUNKED + b"2\r\nok\r\n", then=waiting)) as raw, client() as upstream:
        answer = await ask(upstream, raw.url, of=provider(**limits))
        with pytest.raises(TimedOutError, match=sentence):
            await whole(answer)

        await raw.left.wait()


# Connections


@in_a_loop
async def test_a_connection_is_used_again_after_an_answer_was_read():
    async with serving(saying(OK)) as raw, client() as upstream:
        for _ in range(5):
            await whole(await ask(upstream, raw.url))

    assert (raw.connections, len(raw.heads)) == (1, 5)


@in_a_loop
async def test_as_many_connections_are_open_as_requests():
    release = asyncio.Event()

    async def script(peer):
        await peer.head()
        await release.wait()
        await peer.say(OK)

    async with serving(script) as raw, client() as upstream:
        calls = [asyncio.create_task(ask(upstream, raw.url)) for _ in range(120)]
        while raw.connections < 120:  # beyond what the library opens by default
            await asyncio.sleep(0)
        release.set()

        assert {await whole(answer) for answer in await asyncio.gather(*calls)} == {b"ok"}


@in_a_loop
async def test_every_upstream_has_connections_of_its_own():
    async with serving(saying(OK)) as one, serving(saying(OK)) as other, client() as upstream:
        for raw in (one, other, one, other):
            await whole(await ask(upstream, raw.url))

    assert (one.connections, other.connections) == (1, 1)


@in_a_loop
async def test_closing_before_the_end_cuts_the_upstream_off():
    async with serving(saying(CHUNKED + b"2\r\nok\r\n", then=waiting)) as raw, client() as upstream:
        answer = await ask(upstream, raw.url)
        await anext(answer.chunks())
        await answer.close()

        await raw.left.wait()


@in_a_loop
async def test_a_request_that_is_cancelled_cuts_the_upstream_off():
    async with serving(saying(then=waiting)) as raw, client() as upstream:
        call = asyncio.create_task(ask(upstream, raw.url))
        while not raw.heads:
            await asyncio.sleep(0)
        call.cancel()

        with pytest.raises(asyncio.CancelledError):
            await call
        await raw.left.wait()


@in_a_loop
async def test_an_answer_that_comes_before_the_upload_ends_leaves_no_half_request_behind():
    forever = asyncio.Event()

    async def slow():
        yield b"ab"
        await forever.wait()
        yield b"c"

    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"
    async with serving(saying(refusal)) as raw, client() as upstream:
        answer = await ask(upstream, raw.url, headers=[(b"content-length", b"3")], body=slow())
        assert (answer.status, await whole(answer)) == (413, b"no")
        await whole(await ask(upstream, raw.url))

    assert raw.connections == 2


@in_a_loop
async def test_an_upstream_is_not_read_further_than_somebody_takes():
    said = 0

    async def script(peer):
        nonlocal said
        await peer.head()
        await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
        while said < 100:
            await peer.say(bytes(2**20))
            said += 1

    async with serving(script) as raw, client() as upstream:
        answer = await ask(upstream, raw.url)
        protocol = answer._response.connection.protocol
        while not protocol._reading_paused:
            await asyncio.sleep(0)
        for _ in range(200):
            await asyncio.sleep(0)

        assert answer._response.content.total_bytes < 2**20  # of 100 MB
        assert said < 20  # the rest of it is what the two sockets hold
        assert sum([len(chunk) async for chunk in answer.chunks()]) == 100 * 2**20
        await answer.close()


# Where an organization's provider may lead


def resolving(*addresses):
    def lookup(host, port, family, kind):
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
            for one in addresses
        ]

    return lookup


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "10.0.0.1",
        "169.254.169.254",
        "168.63.129.16",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "0x7f000001",
        "0.0.0.0",  # noqa: S104 - connected to, not bound
    ],
)
@in_a_loop
async def test_an_organizations_provider_does_not_lead_to_this_network(host, scheme):
    async with serving(saying(OK)) as raw, client() as upstream:
        port = raw.url.rpartition(":")[2]
        with pytest.raises(NotAllowedError) as caught:
            await ask(upstream, f"{scheme}://{host}:{port}/", of=provider(is_own=True))

    assert raw.connections == 0
    assert host not in str(caught.value)


@pytest.mark.parametrize("host", ["2130706433", "127.1", "017700000001"])
@in_a_loop
async def test_a_number_that_some_take_for_an_address_is_no_host(host):
    async with serving(saying(OK)) as raw, client(allowed=LOOPBACK) as upstream:
        with pytest.raises(UnreachableError):
            await ask(upstream, f"http://{host}:{raw.url.rpartition(':')[2]}/", of=provider(is_own=True))

    assert raw.connections == 0


@pytest.mark.parametrize("addresses", [("10.0.0.1",), ("203.0.113.1", "127.0.0.1"), ("8.8.8.8", "169.254.169.254")])
@in_a_loop
async def test_one_address_that_is_not_public_makes_a_name_unwelcome(addresses):
    async with client(lookup=resolving(*addresses)) as upstream:
        with pytest.raises(NotAllowedError):
            await ask(upstream, "https://provider.example/", of=provider(is_own=True))


@in_a_loop
async def test_without_tls_a_public_address_is_not_connected_to():
    async with client(lookup=resolving("8.8.8.8")) as upstream:
        with pytest.raises(NotAllowedError):
            await ask(upstream, "http://provider.example/", of=provider(is_own=True))


@pytest.mark.parametrize("host", ["127.0.0.1", "provider.example"])
@in_a_loop
async def test_a_network_the_operator_allows_is_connected_to(host):
    async with serving(saying(OK)) as raw, client(allowed=LOOPBACK, lookup=resolving("127.0.0.1")) as upstream:
        port = raw.url.rpartition(":")[2]
        answer = await ask(upstream, f"http://{host}:{port}/", of=provider(is_own=True))

        assert await whole(answer) == b"ok"


@in_a_loop
async def test_a_connection_of_a_built_in_provider_is_not_taken_for_an_organizations():
    async with serving(saying(OK)) as raw, client() as upstream:
        await whole(await ask(upstream, raw.url))
        with pytest.raises(NotAllowedError):
            await ask(upstream, raw.url, of=provider(is_own=True))

    assert (raw.connections, len(raw.heads)) == (1, 1)


@in_a_loop
async def test_a_name_is_looked_up_once_for_many_connections():
    asked = []

    def lookup(host, port, family, kind):
        asked.append(host)
        return resolving("127.0.0.1")(host, port, family, kind)

    last = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    async with serving(saying(last, then=closing)) as raw, client(lookup=lookup) as upstream:
        port = raw.url.rpartition(":")[2]
        for _ in range(3):
            await whole(await ask(upstream, f"http://provider.example:{port}/"))

    assert (raw.connections, asked) == (3, ["provider.example"])


# When the process stops


@pytest.mark.parametrize("used_before", [False, True])
@in_a_loop
async def test_a_closed_client_sends_nothing_and_says_so(used_before):
    async with serving(saying(OK)) as raw:
        upstream = Upstream()
        if used_before:
            await whole(await ask(upstream, raw.url))
        await upstream.close()

        with pytest.raises(StoppingError) as caught:
            await ask(upstream, raw.url)

    assert len(raw.heads) == int(used_before)
    assert raw.url not in str(caught.value)
    assert not upstream._sessions


@in_a_loop
async def test_a_client_that_is_being_closed_sends_nothing_either():
    """Between the end of one session and that of the next, others have their turn."""
    async with serving(saying(OK)) as raw, client() as upstream:
        await whole(await ask(upstream, raw.url))
        (session,) = upstream._sessions.values()
        end, refused = session.close, []

        async def end_slowly():
            await end()
            with pytest.raises(StoppingError):
                await ask(upstream, raw.url)
            refused.append(True)

        session.close = end_slowly
        await upstream.close()

    assert (refused, len(raw.heads)) == ([True], 1)
