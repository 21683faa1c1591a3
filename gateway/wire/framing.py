"""Pieces of a streamed answer: events of SSE, or lines, whatever chunks their bytes come in."""

import re
from collections.abc import Iterator
from typing import Final

LONGEST: Final = 2 * 2**20  # bytes of one piece; a longer one passes unread
_EVENT_END: Final = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_LINE_END: Final = re.compile(rb"\n")
_LOOK_BACK: Final = 3  # an end may begin in the chunk before
_LINES: Final = re.compile(rb"\r\n|\n|\r")


class Pieces:
    """Cuts a stream; the cuts joined together are the stream, byte by byte."""

    def __init__(self, *, is_sse: bool) -> None:
        self._end = _EVENT_END if is_sse else _LINE_END
        self._pending = b""
        self._is_skipping = False  # inside of a piece that is too long to be held

    def feed(self, chunk: bytes) -> Iterator[tuple[bytes, bool]]:
        """Whole pieces with their ends, and whether each may be read: the parts of one that is too long may not."""
        searched = max(0, len(self._pending) - _LOOK_BACK)
        buffer, start = self._pending + chunk, 0
        for found in self._end.finditer(buffer, searched):
            yield buffer[start : found.end()], not self._is_skipping
            self._is_skipping, start = False, found.end()
        self._pending = buffer[start:]
        if len(self._pending) > LONGEST or self._is_skipping:
            passed, self._pending = self._pending[:-_LOOK_BACK], self._pending[-_LOOK_BACK:]
            self._is_skipping = True
            if passed:
                yield passed, False

    def finish(self) -> tuple[bytes, bool]:
        """What came after the last end."""
        rest, self._pending = self._pending, b""
        return rest, not self._is_skipping


def data_of(event: bytes) -> bytes:
    """The data of an SSE event (WHATWG HTML, "interpreting an event stream"), its lines joined; b'' without any."""
    found = [line[5:].removeprefix(b" ") for line in _LINES.split(event) if line.startswith(b"data:")]
    return found[0] if len(found) == 1 else b"\n".join(found)
