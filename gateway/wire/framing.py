"""Pieces of a streamed answer (events of SSE, lines, items of an array), whatever chunks their bytes come in.

All cut a stream so that the cuts joined together are the stream, byte by byte. A piece longer than a bound passes
unread, in parts, and what comes after it is read again.
"""

import re
from collections.abc import Iterator
from typing import Final, Protocol

LONGEST: Final = 8 * 2**20  # bytes of one piece; pictures come inside of events, some with their usage
_LINE: Final = rb"(?>\r\n|\n|\r)"
_EVENT_END: Final = re.compile(_LINE + _LINE)
_LINE_END: Final = re.compile(rb"\n")
_LOOK_BACK: Final = 3  # an end may begin in the chunk before
_LINES: Final = re.compile(_LINE)
_LATE: Final = b"\n"
_MARKS: Final = re.compile(rb'[\\"{}\[\]]')
_OPENING, _CLOSING, _QUOTE, _ESCAPE = b"{[", b"}]", ord('"'), ord("\\")

type Piece = tuple[bytes, bool]  # with its end, and whether it may be read


class Cutter(Protocol):
    """Cuts a stream into what belongs together."""

    def feed(self, chunk: bytes) -> Iterator[Piece]: ...

    def finish(self) -> Piece:
        """What came after the last end."""


class _Pending:
    """What is not decided yet."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._pending = bytearray()
        self._is_skipping = False  # inside of a piece that is too long to be held

    def finish(self) -> Piece:
        rest = bytes(self._pending)
        self._pending.clear()
        return rest, not self._is_skipping

    def _take(self, end: int) -> Piece:
        piece = bytes(self._pending[:end])
        del self._pending[:end]
        may_be_read, self._is_skipping = not self._is_skipping, False
        return piece, may_be_read

    def _overflow(self, keep: int = 0) -> Iterator[Piece]:
        """What need not be held, because it will not be read."""
        if len(self._pending) > self._longest or self._is_skipping:
            end = max(len(self._pending) - keep, 0)
            passed = bytes(self._pending[:end])
            del self._pending[:end]
            self._is_skipping = True
            if passed:
                yield passed, False


class Pieces(_Pending):
    """Events of SSE, which a blank line ends, or lines."""

    def __init__(self, *, is_sse: bool, longest: int = LONGEST) -> None:
        super().__init__(longest)
        self._end = _EVENT_END if is_sse else _LINE_END
        self._is_late = False  # a CR ended the last piece and its chunk: an LF that comes next is its, too

    def feed(self, chunk: bytes) -> Iterator[Piece]:
        if self._is_late and chunk:
            self._is_late = False
            if chunk.startswith(_LATE):
                yield _LATE, False
                chunk = chunk[1:]
        if not self._pending and not self._is_skipping and chunk.endswith(b"\n\n") and b"\r" not in chunk:
            yield from self._whole(chunk)
            return
        yield from self._search(chunk)

    def _whole(self, chunk: bytes) -> Iterator[Piece]:
        """The usual: a chunk is one event, or some; without copying it about."""
        ends = [found.end() for found in self._end.finditer(chunk)] if chunk.count(b"\n\n") > 1 else [len(chunk)]
        if self._end is _LINE_END or ends[-1] != len(chunk):
            yield from self._search(chunk)
            return
        start = 0
        for end in ends:
            yield chunk[start:end], True
            start = end

    def _search(self, chunk: bytes) -> Iterator[Piece]:
        searched = max(0, len(self._pending) - _LOOK_BACK)
        self._pending += chunk
        ends = [found.end() for found in self._end.finditer(self._pending, searched)]
        if ends:
            self._is_late = ends[-1] == len(self._pending) and self._pending.endswith(b"\r")
        start = 0
        for end in ends:
            yield self._take(end - start)
            start = end
        yield from self._overflow(_LOOK_BACK)


class Items(_Pending):
    """Objects of a JSON array, as Gemini streams without ``alt=sse``; brackets and commas go with the item after."""

    def __init__(self, *, longest: int = LONGEST) -> None:
        super().__init__(longest)
        self._depth = self._searched = 0
        self._is_text = False

    def feed(self, chunk: bytes) -> Iterator[Piece]:
        self._pending += chunk
        while (end := self._next_end()) is not None:
            self._searched = 0
            yield self._take(end)
        before = len(self._pending)
        yield from self._overflow()
        self._searched -= before - len(self._pending)

    def finish(self) -> Piece:
        rest, _ = super().finish()
        return rest, False

    def _next_end(self) -> int | None:
        while (found := _MARKS.search(self._pending, self._searched)) is not None:
            mark, at = found[0][0], found.end()
            del found  # it holds on to the buffer
            if mark == _ESCAPE and self._is_text:
                at += 1
            elif mark == _QUOTE:
                self._is_text = not self._is_text
            elif not self._is_text and self._closes(mark):
                return at
            self._searched = at
        self._searched = max(self._searched, len(self._pending))
        return None

    def _closes(self, mark: int) -> bool:
        """Whether it ends an item: an object right inside of the array."""
        if mark in _OPENING:
            self._depth += 1
        elif mark in _CLOSING:
            self._depth -= 1
            return self._depth == 1
        return False


def item_of(piece: bytes) -> bytes:
    """The object of a piece of ``Items``."""
    return piece[max(piece.find(b"{"), 0) :]


def data_of(event: bytes) -> bytes:
    """The data of an SSE event (WHATWG HTML, "interpreting an event stream"), its lines joined; b'' without any."""
    if event.startswith(b"data:") and event.endswith(b"\n\n") and event.count(b"\n") == 2 and b"\r" not in event:  # noqa: PLR2004
        return event[5:-2].removeprefix(b" ")  # the usual
    found = [line[5:].removeprefix(b" ") for line in _LINES.split(event) if line.startswith(b"data:")]
    return found[0] if len(found) == 1 else b"\n".join(found)
