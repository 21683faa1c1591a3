"""Reading compressed answers beside the bytes that pass, piece by piece and never more than a bound of them."""

import zlib
from collections.abc import Callable
from typing import Final, Protocol

import brotli
import zstandard

MOST_BYTES: Final = 64 * 2**20  # decompressed, of one answer
_AT_ONCE: Final = 1 * 2**20


class UnreadableError(ValueError):
    """It is not what it says it is, or too much of it."""


class Decoder(Protocol):
    def feed(self, chunk: bytes) -> bytes:
        """:raises UnreadableError: it cannot be read on."""


class Identity:
    def feed(self, chunk: bytes) -> bytes:
        return chunk


class _Zlib:
    """gzip, and deflate with or without zlib's own header."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(wbits=47)  # either header
        self._is_first, self._read = True, 0

    def feed(self, chunk: bytes) -> bytes:
        try:
            return self._all(chunk)
        except zlib.error as error:
            if not self._is_first:
                raise UnreadableError from error
            self._inflate = zlib.decompressobj(wbits=-15)
        try:
            return self._all(chunk)
        except zlib.error as error:
            raise UnreadableError from error

    def _all(self, chunk: bytes) -> bytes:
        found = []
        while chunk:
            found.append(self._inflate.decompress(chunk, _AT_ONCE))
            self._read += len(found[-1])
            if self._read > MOST_BYTES:
                raise UnreadableError
            chunk = self._inflate.unconsumed_tail
        self._is_first = False
        return b"".join(found)


class _Brotli:
    def __init__(self) -> None:
        self._decoder = brotli.Decompressor()
        self._read = 0

    def feed(self, chunk: bytes) -> bytes:
        found = []
        try:
            found.append(self._decoder.process(chunk, output_buffer_limit=_AT_ONCE))
            while not self._decoder.can_accept_more_data():
                found.append(self._decoder.process(b"", output_buffer_limit=_AT_ONCE))
                self._read += len(found[-1])
                if self._read > MOST_BYTES:
                    raise UnreadableError
        except brotli.error as error:
            raise UnreadableError from error
        return b"".join(found)


class _Zstd:
    def __init__(self) -> None:
        self._decoder = zstandard.ZstdDecompressor(max_window_size=8 * 2**20).decompressobj()
        self._read = 0

    def feed(self, chunk: bytes) -> bytes:
        found = []
        try:
            for start in range(0, len(chunk), 256):  # a little at a time: there is no bound for what comes of it
                found.append(self._decoder.decompress(chunk[start : start + 256]))
                self._read += len(found[-1])
                if self._read > MOST_BYTES:
                    raise UnreadableError
        except zstandard.ZstdError as error:
            raise UnreadableError from error
        return b"".join(found)


_DECODERS: Final[dict[str, Callable[[], Decoder]]] = {
    "": Identity,
    "identity": Identity,
    "gzip": _Zlib,
    "x-gzip": _Zlib,
    "deflate": _Zlib,
    "br": _Brotli,
    "zstd": _Zstd,
}


def decoder(content_encoding: str) -> Decoder | None:
    """None for a coding, or several, that we do not read."""
    made = _DECODERS.get(content_encoding.strip().lower())
    return made() if made else None
