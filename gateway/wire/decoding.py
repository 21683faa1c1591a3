"""Reading compressed answers beside the bytes that pass: in pieces of bounded size, and no more than a bound of them.

Every decoder hands its output on piece by piece, so that what a small chunk inflates to is never in memory at once.
"""

import zlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol

import brotli
import zstandard

MOST_BYTES: Final = 64 * 2**20  # decompressed, of one answer
_AT_ONCE: Final = 256 * 2**10
_HEADER: Final = 2  # bytes of zlib's
_MOST_MEMBERS: Final = 1_000  # gzip members or zstd frames; each costs a decompressor, honest servers send one
# zstd has no bound for its output: at most 128 KB a block, and no block is shorter than 4 bytes.
_ZSTD_SLICE: Final = 64
_ZSTD_WINDOW: Final = 8 * 2**20  # the largest RFC 9659 allows in HTTP


class UnreadableError(ValueError):
    """It is not what it says it is, or too much of it."""


class Decoder(Protocol):
    """One content coding."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """What ``chunk`` becomes, in pieces; must be read to its end.

        :raises UnreadableError: it cannot be read on.
        """


class Identity:
    """No coding: what comes is what it is."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        yield chunk


class Bounded:
    """A coding whose output counts against the bound."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder, self._room = decoder, MOST_BYTES

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        try:
            for piece in self._decoder.feed(chunk):
                self._room -= len(piece)
                if self._room < 0:
                    raise UnreadableError
                yield piece
        except (zlib.error, brotli.error, zstandard.ZstdError) as error:
            raise UnreadableError from error


class _Gzip:
    """RFC 1952, with several members one after the other."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        self._members = 1

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        while chunk:
            if self._member.eof:
                self._next_member()
            yield self._member.decompress(chunk, _AT_ONCE)
            chunk = self._member.unused_data if self._member.eof else self._member.unconsumed_tail

    def _next_member(self) -> None:
        self._members += 1
        if self._members > _MOST_MEMBERS:
            raise UnreadableError
        self._member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)


class _Deflate:
    """zlib's format (RFC 1950), as RFC 9110 wants it, or without its header, as some servers send it."""

    def __init__(self) -> None:
        self._head = b""
        self._inflate: zlib._Decompress | None = None

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        if self._inflate is None:
            self._head += chunk
            if len(self._head) < _HEADER:
                return
            chunk = self._head
            self._inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS if _is_zlib(chunk) else -zlib.MAX_WBITS)
        while chunk:
            yield self._inflate.decompress(chunk, _AT_ONCE)
            if self._inflate.unused_data:
                raise UnreadableError
            chunk = self._inflate.unconsumed_tail


def _is_zlib(start: bytes) -> bool:
    """Whether the first two bytes are zlib's header: method 8, and a multiple of 31 together."""
    return start[0] & 0x0F == zlib.DEFLATED and int.from_bytes(start[:_HEADER]) % 31 == 0


class _Brotli:
    """RFC 7932."""

    def __init__(self) -> None:
        self._decoder = brotli.Decompressor()

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        if not chunk:
            return
        yield self._decoder.process(chunk, output_buffer_limit=_AT_ONCE)
        while not self._decoder.can_accept_more_data():
            yield self._decoder.process(b"", output_buffer_limit=_AT_ONCE)


class _Zstd:
    """RFC 8878, with several frames one after the other."""

    def __init__(self) -> None:
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._frame = self._decompressor.decompressobj()
        self._frames = 1

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        for start in range(0, len(chunk), _ZSTD_SLICE):
            yield from self._slice(chunk[start : start + _ZSTD_SLICE])

    def _slice(self, pending: bytes) -> Iterator[bytes]:
        while pending:
            if self._frame.eof:
                self._next_frame()
            yield self._frame.decompress(pending)
            pending = self._frame.unused_data if self._frame.eof else b""

    def _next_frame(self) -> None:
        self._frames += 1
        if self._frames > _MOST_MEMBERS:
            raise UnreadableError
        self._frame = self._decompressor.decompressobj()


_DECODERS: Final[dict[str, Callable[[], Decoder]]] = {
    "gzip": _Gzip,
    "x-gzip": _Gzip,
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": _Zstd,
}


def is_plain(content_encoding: str) -> bool:
    """Whether the bytes are what they say, uncompressed."""
    return content_encoding.strip().lower() in {"", "identity"}


def decoder(content_encoding: str) -> Decoder | None:
    """None for a coding, or several, that we do not read."""
    if is_plain(content_encoding):
        return Identity()
    made = _DECODERS.get(content_encoding.strip().lower())
    return Bounded(made()) if made else None
