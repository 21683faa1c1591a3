"""An observer for every answer: it reads beside the bytes that pass, and changes none of them but one.

The one is the chunk that ``include_usage`` brought and the client did not ask for: empty ``choices`` and a ``usage``.
An answer from which it is to be taken must come uncompressed.
"""

from collections.abc import Iterator
from typing import Final

from gateway.types import Ask, Dialect, Observer, Provider, Seen
from gateway.wire.decoding import Decoder, UnreadableError, decoder
from gateway.wire.framing import Pieces, data_of
from gateway.wire.reading import Reader, items_of, members_of

_MOST_DOCUMENT: Final = 32 * 2**20
_MOST_ERROR: Final = 64 * 2**10
_FIRST_ERROR: Final = 400
_DONE: Final = b"[DONE]"
_BINARY: Final = ("audio/", "image/", "video/", "amazon.eventstream", "multipart/", "application/zip")
_UNNAMED: Final = "octet-stream"
_BLANK: Final = b" \t\r\n\xef\xbb\xbf"


def observer(
    provider: Provider, ask: Ask, *, status: int, content_type: str, content_encoding: str, withhold_usage: bool
) -> Observer:
    """The observer of an answer with this status and these headers."""
    reading = decoder(content_encoding)
    kind = content_type.lower()
    is_binary = any(binary in kind for binary in _BINARY) or (_UNNAMED in kind and not ask.is_stream)
    if reading is None or not ask.operation or is_binary:
        return Unread()
    is_error = status >= _FIRST_ERROR
    watched = Watched(
        reading,
        most=_MOST_ERROR if is_error else _MOST_DOCUMENT,
        are_lines="ndjson" in kind or provider.dialect is Dialect.OLLAMA,
    )
    return Withholding(watched) if withhold_usage and not is_error else watched


class Unread:
    """Bytes that say nothing to us."""

    def __init__(self) -> None:
        self.seen = Seen(is_readable=False)

    def feed(self, chunk: bytes) -> bytes:
        return chunk

    def finish(self) -> bytes:
        self.seen.is_whole = True
        return b""


class Watched:
    """Reads what passes: events, lines or one document, as its first bytes tell, whatever its content type says."""

    def __init__(self, reading: Decoder, *, most: int, are_lines: bool) -> None:
        self._decoder, self._most, self._are_lines = reading, most, are_lines
        self._reader = Reader()
        self._pieces: Pieces | None = None
        self._is_sse = False
        self._document: list[bytes] = []
        self._size = 0
        self._is_begun = False

    @property
    def seen(self) -> Seen:
        return self._reader.seen

    def feed(self, chunk: bytes) -> bytes:
        if self.seen.is_readable:
            try:
                self._look_at(self._decoder.feed(chunk))
            except UnreadableError:
                self._give_up()
        return chunk

    def finish(self) -> bytes:
        if self._pieces:
            self._read(*self._pieces.finish())
        elif self.seen.is_readable:
            self._read_document(b"".join(self._document))
        self.seen.is_whole = True
        self._document.clear()
        return b""

    def pieces_of(self, chunk: bytes) -> Iterator[bytes]:
        """The same for uncompressed events, in pieces that were read or need not be."""
        for piece, is_whole in self._cut(chunk):
            self._read(piece, is_whole)
            yield piece

    def _look_at(self, data: bytes) -> None:
        if not self._is_begun:
            self._begin(data)
        if self._pieces:
            for piece, is_whole in self._pieces.feed(data):
                self._read(piece, is_whole)
            return
        self._size += len(data)
        if self._size > self._most:
            self._give_up()
        else:
            self._document.append(data)

    def _begin(self, data: bytes) -> None:
        """What the first byte that is no blank tells: a JSON document begins with a bracket, events with a name."""
        start = data.lstrip(_BLANK)[:1]
        if not start:
            return
        self._is_begun = True
        self._is_sse = start not in b'{["'
        if self._is_sse or self._are_lines:
            self._pieces = Pieces(is_sse=self._is_sse)

    def _cut(self, chunk: bytes) -> Iterator[tuple[bytes, bool]]:
        if not self._is_begun:
            self._begin(chunk)
        if self._pieces is None:
            self._look_at(chunk)
            return iter([(chunk, False)])
        return self._pieces.feed(chunk)

    def rest(self) -> bytes:
        """What is held back of an unfinished event."""
        if self._pieces is None:
            return b""
        piece, is_whole = self._pieces.finish()
        self._read(piece, is_whole)
        return piece

    def _read(self, piece: bytes, is_whole: bool) -> None:
        if not is_whole or not piece:
            return
        data = data_of(piece) if self._is_sse else piece
        if data.strip() == _DONE:
            self.seen.is_whole = True
        elif data:
            self._reader.read(data)

    def _read_document(self, document: bytes) -> None:
        """One object, or an array of them, as Gemini streams without ``alt=sse``."""
        stripped = document.strip(_BLANK)
        if stripped.startswith(b"["):
            for item in items_of(stripped):
                self._reader.read(item)
        else:
            self._reader.read(stripped)

    def _give_up(self) -> None:
        self.seen.is_readable = False
        self._document.clear()


class Withholding:
    """Passes events on one by one, and one of them not."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._has_withheld = False

    @property
    def seen(self) -> Seen:
        return self._watched.seen

    def feed(self, chunk: bytes) -> bytes:
        return b"".join(piece for piece in self._watched.pieces_of(chunk) if not self._is_ours(piece))

    def finish(self) -> bytes:
        rest = self._watched.rest()
        self._watched.finish()
        return b"" if self._is_ours(rest) else rest

    def _is_ours(self, piece: bytes) -> bool:
        """The chunk that nobody asked for: no choices, and the usage."""
        if self._has_withheld or b'"usage"' not in piece:
            return False
        members = members_of(data_of(piece))
        usage, choices = bytes(members.get("usage", b"null")), bytes(members.get("choices", b""))
        self._has_withheld = usage.startswith(b"{") and choices.startswith(b"[") and not choices[1:-1].strip()
        return self._has_withheld
