"""What providers do wrong, one behaviour each, for ``tests.fake_provider.FakeProvider.says``."""

import json
import socket
import struct
import zlib
from functools import cache
from typing import Final

from tests.fake_provider import Behaviour, Exchange, headers_of

GARBAGE: Final = b"\xff\xfe: \x00data:{\n\ndata: {not json\n\n: ok\nretry: soon\ndata:\n\nevent: \xc3\ndata: [1,\n\n"
BOMB_BYTES: Final = 512 * 2**20
LINE_BYTES: Final = 10 * 2**20


def hang(exchange: Exchange) -> None:
    """Says nothing until the caller leaves or the test is over."""
    exchange.keeps_alive = False
    exchange.wait()


def hang_up(exchange: Exchange) -> None:
    """Closes the connection without a word."""
    exchange.keeps_alive = False


def reset(exchange: Exchange) -> None:
    """Breaks the connection off as a crashed host does."""
    exchange.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    exchange.socket.close()
    exchange.keeps_alive = False


def after(pieces: int, then: Behaviour) -> Behaviour:
    """The first pieces of the stream that was asked for, and then something else."""

    def behave(exchange: Exchange) -> None:
        reply = exchange.reply()
        exchange.begin_stream(reply)
        for piece in reply.pieces[:pieces]:
            exchange.piece(piece)
        then(exchange)

    return behave


def paced(exchange: Exchange) -> None:
    """One piece of the stream; the others when the test says ``go``."""
    first, *others = exchange.reply().pieces
    exchange.begin_stream(exchange.reply())
    exchange.piece(first)
    if not exchange.wait(exchange.provider.go):
        for piece in [*others, b""]:
            exchange.piece(piece)


def one_byte_at_a_time(exchange: Exchange) -> None:
    """The usual stream with a boundary between any two bytes."""
    reply = exchange.reply()
    exchange.begin_stream(reply)
    for at in range(len(reply.body)):
        exchange.piece(reply.body[at : at + 1])
    exchange.piece(b"")


def no_http(exchange: Exchange) -> None:
    exchange.write(b"this is not HTTP\r\n\r\n")
    exchange.keeps_alive = False


def short(exchange: Exchange) -> None:
    """Promises more than comes."""
    body = exchange.reply().body
    exchange.head(headers_of(exchange, exchange.reply()) | {"Content-Length": str(len(body) + 1)})
    exchange.write(body)
    exchange.keeps_alive = False


def garbage(exchange: Exchange) -> None:
    """A stream of events that is none."""
    _stream(exchange, GARBAGE)


def long_line(exchange: Exchange) -> None:
    """The usual stream behind one line of ten megabytes."""
    noise = {"id": f"chatcmpl-{exchange.number}", "choices": [], "noise": "x" * LINE_BYTES}
    _stream(exchange, b"data: " + json.dumps(noise).encode() + b"\n\n", *exchange.reply().pieces)


def _stream(exchange: Exchange, *pieces: bytes) -> None:
    exchange.begin_stream(exchange.reply())
    for piece in [*pieces, b""]:
        exchange.piece(piece)


def unasked_json(exchange: Exchange) -> None:
    """One document although a stream was asked for."""
    asked = {**exchange.received.json, "stream": False}
    received = exchange.received
    whole = Exchange(
        type(received)(received.method, received.target, received.headers, json.dumps(asked).encode()),
        exchange.provider,
        exchange.socket,
        exchange.number,
    )
    exchange.whole(whole.reply().body, headers_of(exchange, whole.reply()))


def as_type(content_type: str) -> Behaviour:
    """The usual stream under another name."""

    def behave(exchange: Exchange) -> None:
        exchange.begin_stream(exchange.reply(), Content_Type=content_type)
        for piece in [*exchange.reply().pieces, b""]:
            exchange.piece(piece)

    return behave


def bomb(exchange: Exchange) -> None:
    """Half a gigabyte in half a megabyte."""
    reply = exchange.reply()
    exchange.whole(bomb_body(), headers_of(exchange, reply) | {"Content-Encoding": "gzip"})


@cache
def bomb_body() -> bytes:
    """A gzip body made of one compressed block, many times."""
    block = bytes(2**20)
    packer = zlib.compressobj(9, wbits=-15)
    once = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    times = BOMB_BYTES // len(block)
    check = 0
    for _ in range(times):
        check = zlib.crc32(block, check)
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    return head + once * times + b"\x03\x00" + struct.pack("<II", check, BOMB_BYTES % 2**32)
