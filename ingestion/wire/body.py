"""Bounded decompression: a body is never larger in memory than the limit, whatever it claims to be."""

import zlib
from collections.abc import Callable, Iterable
from typing import Protocol

from ingestion.wire.errors import BadEncoding, BodyTooLarge, UnsupportedEncoding

_GZIP_ONLY = 16 + zlib.MAX_WBITS
_SLICE = 65_536
_MEMBERS_AT_MOST = 1_000  # each costs a decompressor; honest clients send one


class Decoder(Protocol):
    """One content coding, fed piece by piece."""

    def feed(self, chunk: bytes, room: int) -> bytes:
        """Decoded bytes of ``chunk``, at most ``room + 1`` of them: one more than allowed shows the excess."""

    def close(self) -> None:
        """:raises BadEncoding: the stream ended early."""


class _Identity:
    def feed(self, chunk: bytes, room: int) -> bytes:
        return chunk

    def close(self) -> None:
        return


class _Gzip:
    """RFC 1952, including several members one after the other."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=_GZIP_ONLY)
        self._members = 0

    def feed(self, chunk: bytes, room: int) -> bytes:
        out = bytearray()
        for start in range(0, len(chunk), _SLICE):
            self._feed_slice(chunk[start : start + _SLICE], out, room)
        return bytes(out)

    def close(self) -> None:
        if self._members and not self._member.eof:
            raise BadEncoding("the gzip stream is cut off")

    def _feed_slice(self, pending: bytes, out: bytearray, room: int) -> None:
        while pending and len(out) <= room:
            self._next_member_if_finished()
            out += self._inflate(pending, room + 1 - len(out))
            pending = self._member.unused_data if self._member.eof else self._member.unconsumed_tail

    def _next_member_if_finished(self) -> None:
        if self._members and not self._member.eof:
            return
        self._members += 1
        if self._members > _MEMBERS_AT_MOST:
            raise BadEncoding("the gzip stream has too many members")
        self._member = zlib.decompressobj(wbits=_GZIP_ONLY)

    def _inflate(self, data: bytes, at_most: int) -> bytes:
        try:
            return self._member.decompress(data, at_most)
        except zlib.error as error:
            raise BadEncoding("the gzip stream is damaged") from error


# deflate and zstd land here: a class like _Gzip and its name.
_DECODERS: dict[str, Callable[[], Decoder]] = {
    "": _Identity,
    "identity": _Identity,
    "gzip": _Gzip,
    "x-gzip": _Gzip,
}


class BoundedBody:
    """Collects a request body as it arrives and stops at ``limit`` decoded bytes.

    :raises UnsupportedEncoding: ``content_encoding`` is not one we read, or names several codings.
    """

    def __init__(self, *, content_encoding: str, limit: int) -> None:
        name = content_encoding.strip().lower()
        if name not in _DECODERS:
            raise UnsupportedEncoding("Content-Encoding must be gzip or identity")
        self._decoder = _DECODERS[name]()
        self._limit = limit
        self._wire_room = (
            limit + limit // 100 + _SLICE
        )  # compression never adds more; empty blocks could go on for ever
        self._body = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Take one piece as it came from the socket.

        :raises BodyTooLarge: the decoded body would exceed the limit; nothing beyond limit + 1 bytes is ever inflated.
        :raises BadEncoding: the stream is damaged.
        """
        self._wire_room -= len(chunk)
        decoded = self._decoder.feed(chunk, self._limit - len(self._body))
        if self._wire_room < 0 or len(self._body) + len(decoded) > self._limit:
            raise BodyTooLarge(f"the body must be at most {self._limit} bytes once decompressed")
        self._body += decoded

    def finish(self) -> bytes:
        """The whole decoded body.

        :raises BadEncoding: the stream ended early.
        """
        self._decoder.close()
        return bytes(self._body)


def read_body(chunks: Iterable[bytes], *, content_encoding: str, limit: int) -> bytes:
    """Decode a body that is already here in pieces; errors as in ``BoundedBody``."""
    body = BoundedBody(content_encoding=content_encoding, limit=limit)
    for chunk in chunks:
        body.feed(chunk)
    return body.finish()
