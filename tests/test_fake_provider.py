"""The provider on loopback does what tests of the gateway rely on: it keeps what came, and fails as it was told."""

import contextlib
import http.client
import json
import zlib

import pytest

from tests import provider_faults as faults
from tests.fake_provider import encoded, fake_provider, unpacked
from tests.resilience.processes import wait_until

CHAT = "/v1/chat/completions"
ASKED = json.dumps({"model": "gpt-4o", "messages": [], "stream": True}).encode()


@pytest.fixture
def provider():
    with fake_provider() as running:
        yield running


def ask(provider, body=ASKED, path=CHAT, **options):
    """Status and body; what there is of it when it breaks off."""
    connection = http.client.HTTPConnection("127.0.0.1", provider.server_address[1], timeout=20)
    with contextlib.closing(connection):
        connection.request("POST", path, body, **options)
        response = connection.getresponse()
        found = b""
        with contextlib.suppress(http.client.IncompleteRead, OSError):
            while piece := response.read1(65_536):
                found += piece
        return response.status, found


def test_it_keeps_headers_in_order_and_bodies_as_they_came(provider):
    ask(provider, b"\x00\xff", "/v1/files?x=%2F", headers={"X-B": "1", "x-a": "\xe4", "X-b": "2"})

    (received,) = provider.received
    assert (received.method, received.target, received.path) == ("POST", "/v1/files?x=%2F", "/v1/files")
    assert [pair for pair in received.headers if pair[0].lower() in {b"x-a", b"x-b"}] == [
        (b"X-B", b"1"),
        (b"x-a", b"\xe4"),
        (b"X-b", b"2"),
    ]
    assert (received.values("x-b"), received.body) == (["1", "2"], b"\x00\xff")


def test_it_reads_bodies_in_chunks(provider):
    ask(provider, iter([ASKED[:3], ASKED[3:]]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})

    assert [received.body for received in provider.received] == [ASKED]


def test_equal_numbers_are_equal_answers(provider):
    first, second = ask(provider), ask(provider)
    provider.numbers_from(0)

    assert first != second
    assert ask(provider) == first


@pytest.mark.parametrize("encoding", ["gzip", "br"])
def test_compressed_answers_are_the_same_answers(provider, encoding):
    _, plain = ask(provider)
    provider.numbers_from(0)
    provider.says(encoded(encoding))

    assert unpacked(encoding, ask(provider)[1]) == plain


@pytest.mark.parametrize("behaviour", [faults.hang_up, faults.reset, faults.no_http])
def test_faults_before_an_answer(provider, behaviour):
    provider.says(behaviour)

    with pytest.raises((http.client.HTTPException, OSError)):
        ask(provider)


@pytest.mark.parametrize("then", [faults.hang_up, faults.reset])
def test_faults_in_the_middle_of_one(provider, then):
    provider.says(faults.after(2, then))

    status, found = ask(provider)

    assert status == 200
    assert found.count(b"data: ") == 2


@pytest.mark.parametrize("behaviour", [faults.one_byte_at_a_time, faults.as_type("text/plain")])
def test_odd_ways_to_say_the_usual(provider, behaviour):
    usual = ask(provider)
    provider.numbers_from(0)
    provider.says(behaviour)

    assert ask(provider) == usual


def test_the_bomb_is_small_and_sound():
    body = faults.bomb_body()
    opened = zlib.decompressobj(wbits=31)
    size = len(opened.decompress(body, 2**20))
    while opened.unconsumed_tail:
        size += len(opened.decompress(opened.unconsumed_tail, 2**24))

    assert (size, opened.eof) == (faults.BOMB_BYTES, True)
    assert len(body) < 2**20


def test_who_leaves_is_remembered(provider):
    provider.says(faults.paced)
    connection = http.client.HTTPConnection("127.0.0.1", provider.server_address[1], timeout=20)
    connection.request("POST", CHAT, ASKED)
    response = connection.getresponse()
    assert response.readline().startswith(b"data: ")

    response.close()
    connection.close()

    wait_until(lambda: bool(provider.left), "the provider to notice")
    assert [received.body for received in provider.left] == [ASKED]
