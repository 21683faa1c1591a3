"""What careless and hostile senders do to a real server: clear refusals, bounded memory, neighbours unaffected."""

import contextlib
import gzip
import http.client
import json
import random
import socket
from collections import Counter
from collections.abc import Iterable, Iterator

import psutil
import pytest

from tests.resilience.installation import server
from tests.resilience.sizes import SIZE
from tests.servers import RunningServer

pytestmark = pytest.mark.resilience

_MB = 2**20
_MOST_GROWTH = 64 * _MB  # what bodies in flight may take anyway
_BOMB = gzip.compress(b"[" + b" " * (100 * _MB), compresslevel=9)
_EVENT = b'{"model": "m"}'


@pytest.fixture
def edge(empty, tmp_path) -> Iterator[RunningServer]:
    with server(empty, tmp_path / "edge.log") as running:
        yield running


def resident(edge: RunningServer) -> int:
    root = psutil.Process(edge.process.pid)
    return sum(one.memory_info().rss for one in (root, *root.children(recursive=True)))


def post_all(edge: RunningServer, key: str, bodies: Iterable[bytes], **headers: str) -> Counter[int]:
    """How often each status was answered; one connection, opened again when the server closes it."""
    statuses: Counter[int] = Counter()
    sent = {"Content-Type": "application/json", "TS-API-Key": key} | headers
    connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=60)
    with contextlib.closing(connection):
        for body in bodies:
            connection.request("POST", "/api/v1/ingest", body, sent)
            response = connection.getresponse()
            response.read()
            statuses[response.status] += 1
    return statuses


def malformed(count: int) -> Iterator[bytes]:
    """Cut off, of the wrong kind, deep, binary: always another one, always the same ones."""
    chance = random.Random(7)  # noqa: S311 - the same every time is the point
    whole = json.dumps([{"model": "m", "tags": {"a": "b"}}] * 20).encode()
    kinds = (
        lambda: whole[: chance.randrange(1, len(whole) - 1)],
        lambda: chance.randbytes(chance.randrange(1, 2_000)),
        lambda: b"[" * chance.randrange(1, 5_000),
        lambda: b'{"model": ' + b"9" * chance.randrange(1, 5_000),
        lambda: b'[{"model": "' + b"x" * chance.randrange(300, 3_000) + b'"}]',
        lambda: b'[{"model": "m", "input_tokens": -1}, {"model": null}, 7]',
    )
    return (chance.choice(kinds)() for _ in range(count))


def test_malformed_bodies_are_4xx_and_leave_nothing_behind(edge, empty):
    post_all(edge, empty.key, malformed(100))
    before = resident(edge)

    statuses = post_all(edge, empty.key, malformed(500 * SIZE))

    assert set(statuses) == {400}
    assert resident(edge) - before < _MOST_GROWTH
    assert post_all(edge, empty.neighbours_key, [_EVENT]) == {202: 1}
    assert sum(empty.stored().values()) == 1


def test_bombs_are_413_and_are_never_inflated(edge, empty):
    post_all(edge, empty.key, [_BOMB], **{"Content-Encoding": "gzip"})
    before = resident(edge)

    statuses = post_all(edge, empty.key, [_BOMB] * 10 * SIZE, **{"Content-Encoding": "gzip"})

    assert statuses == {413: 10 * SIZE}
    assert resident(edge) - before < _MOST_GROWTH
    assert post_all(edge, empty.neighbours_key, [_EVENT]) == {202: 1}


def answer_to(edge: RunningServer, key: str, *, declared: int, sent: bytes) -> bytes:
    """The head of the answer to a body that is declared larger than what is sent of it."""
    with socket.create_connection(("127.0.0.1", edge.port), timeout=60) as connection:
        connection.sendall(_head(key, declared) + sent)
        return connection.recv(65_536)


def _head(key: str, declared: int) -> bytes:
    return (
        f"POST /api/v1/ingest HTTP/1.1\r\nHost: localhost\r\nTS-API-Key: {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {declared}\r\n\r\n"
    ).encode()


def test_an_oversized_body_is_413_before_it_is_sent(edge, empty):
    answer = answer_to(edge, empty.key, declared=11 * _MB, sent=b"")

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"problem+json" in answer


def test_slow_clients_keep_nobody_waiting(edge, empty):
    """Heads that never end and bodies that hardly arrive hold connections, not the server."""
    event = _EVENT + b" " * 100
    with contextlib.ExitStack() as stack:
        slow = [
            stack.enter_context(socket.create_connection(("127.0.0.1", edge.port), timeout=60))
            for _ in range(40 * min(SIZE, 10))
        ]
        heads, bodies = slow[::2], slow[1::2]
        for connection in heads:
            connection.sendall(_head(empty.key, len(event))[:-30])
        for connection in bodies:
            connection.sendall(_head(empty.key, len(event)) + event[:1])

        others = post_all(edge, empty.neighbours_key, [_EVENT] * 50)

        for connection in heads:
            connection.sendall(_head(empty.key, len(event))[-30:] + event)
        for connection in bodies:
            connection.sendall(event[1:])
        answers = [connection.recv(65_536)[:12] for connection in slow]

    assert others == {202: 50}
    assert set(answers) == {b"HTTP/1.1 202"}
    assert sum(empty.stored().values()) == 50 + len(slow)
