"""Bounded decompression: a body is never larger in memory than the limit, whatever it claims to be."""

import zlib
from collections.abc import Callable, Iterable
from typing import Protocol

import zstandard

from ingestion.wire.errors import BadEncoding, BodyTooLarge, UnsupportedEncoding

_GZIP_ONLY = 16 + zlib.MAX_WBITS
_ZLIB_HEADER = 2  # bytes
_SLICE = 65_536
# The decompressor returns all that its input becomes: at most 128 KB a block, and no block is shorter than 4 bytes.
_ZSTD_SLICE = 256
_ZSTD_WINDOW = 8 * 2**20
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


class _Deflate:
    """RFC 9110's deflate, which is zlib's format (RFC 1950); also without zlib's frame, as some clients send it."""

    def __init__(self) -> None:
        self._stream: zlib._Decompress | None = None
        self._head = b""

    def feed(self, chunk: bytes, room: int) -> bytes:
        if self._stream is None:
            self._head += chunk
            if len(self._head) < _ZLIB_HEADER:
                return b""
            chunk, self._head = self._head, b""
            self._stream = zlib.decompressobj(wbits=zlib.MAX_WBITS if _is_zlib(chunk) else -zlib.MAX_WBITS)
        return self._inflate(self._stream, chunk, room + 1)

    def close(self) -> None:
        if self._head or (self._stream and not self._stream.eof):
            raise BadEncoding("the deflate stream is cut off")

    def _inflate(self, stream: "zlib._Decompress", chunk: bytes, at_most: int) -> bytes:
        try:
            decoded = stream.decompress(chunk, at_most)
        except zlib.error as error:
            raise BadEncoding("the deflate stream is damaged") from error
        if stream.unused_data:
            raise BadEncoding("the deflate stream goes on after its end")
        return decoded


def _is_zlib(start: bytes) -> bool:
    """Whether a stream's first two bytes are zlib's header: method 8, and a multiple of 31 together."""
    return start[0] & 0x0F == zlib.DEFLATED and int.from_bytes(start[:_ZLIB_HEADER]) % 31 == 0


class _Zstd:
    """RFC 8878 with the largest window RFC 9659 allows in HTTP, including several frames one after the other."""

    def __init__(self) -> None:
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._frame = self._decompressor.decompressobj()
        self._frames = 0

    def feed(self, chunk: bytes, room: int) -> bytes:
        out = bytearray()
        for start in range(0, len(chunk), _ZSTD_SLICE):
            self._feed_slice(chunk[start : start + _ZSTD_SLICE], out)
            if len(out) > room:
                break
        return bytes(out[: room + 1])

    def close(self) -> None:
        if self._frames and not self._frame.eof:
            raise BadEncoding("the zstd stream is cut off")

    def _feed_slice(self, pending: bytes, out: bytearray) -> None:
        while pending:
            self._next_frame_if_finished()
            try:
                out += self._frame.decompress(pending)
            except zstandard.ZstdError as error:
                raise BadEncoding("the zstd stream is damaged, or its window is larger than 8 MB") from error
            pending = self._frame.unused_data if self._frame.eof else b""

    def _next_frame_if_finished(self) -> None:
        if self._frames and not self._frame.eof:
            return
        self._frames += 1
        if self._frames > _MEMBERS_AT_MOST:
            raise BadEncoding("the zstd stream has too many frames")
        self._frame = self._decompressor.decompressobj()


_DECODERS: dict[str, Callable[[], Decoder]] = {
    "": _Identity,
    "identity": _Identity,
    "gzip": _Gzip,
    "x-gzip": _Gzip,
    "deflate": _Deflate,
    "zstd": _Zstd,
}
ENCODINGS = ("gzip", "deflate", "zstd", "identity")
"""Names of the codings that are read, as the API's document lists them."""


class BoundedBody:
    """Collects a request body as it arrives and stops at ``limit`` decoded bytes.

    :raises UnsupportedEncoding: ``content_encoding`` is not one we read, or names several codings.
    """

    def __init__(self, *, content_encoding: str, limit: int) -> None:
        name = content_encoding.strip().lower()
        if name not in _DECODERS:
            raise UnsupportedEncoding(f"Content-Encoding must be one of {', '.join(ENCODINGS)}")
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
