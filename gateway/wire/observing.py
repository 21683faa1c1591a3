"""An observer for every answer: it reads beside the bytes that pass, and changes none of them but one event.

The one is the chunk that ``include_usage`` brought and the client did not ask for: empty ``choices`` and a ``usage``.
"""

import re
from typing import Final

from gateway.types import Ask, Observer, Provider, Seen
from gateway.wire.decoding import Decoder, UnreadableError, decoder, is_plain
from gateway.wire.eventstream import Frames, NotFramedError
from gateway.wire.framing import Cutter, Items, Pieces, data_of, item_of
from gateway.wire.reading import Reader, items_of, members_of

_MOST_DOCUMENT: Final = 32 * 2**20
_MOST_ERROR: Final = 64 * 2**10
_MOST_WITHHELD: Final = 64 * 2**10  # no chunk of usage is longer
_FIRST_ERROR: Final = 400
_DONE: Final = b"[DONE]"
_FRAMED: Final = "amazon.eventstream"
_BLANK: Final = b" \t\r\n\xef\xbb\xbf"
_EVENT_STARTS: Final = b"deir:"  # data, event, id, retry, or a comment
_NO_CHOICES: Final = re.compile(rb'"choices"\s*:\s*\[\s*\]')


def observer(
    provider: Provider, ask: Ask, *, status: int, content_type: str, content_encoding: str, withhold_usage: bool
) -> Observer:
    """The observer of an answer with this status and these headers; what its bytes are decides more than they do.

    With ``withhold_usage`` what passes is changed, which cannot be done inside of a compressed stream: whoever splices
    ``include_usage`` into a request asks for the identity. A compressed answer passes whole all the same.
    """
    reading = decoder(content_encoding)
    if reading is None or not ask.operation:
        return Unread()
    is_error = status >= _FIRST_ERROR
    if _FRAMED in content_type.lower():
        return Watched(reading, Framed())
    watched = Watched(reading, Answer(most=_MOST_ERROR if is_error else _MOST_DOCUMENT))
    return Withholding(watched) if withhold_usage and not is_error and is_plain(content_encoding) else watched


class Unread:
    """Bytes that say nothing to us."""

    def __init__(self) -> None:
        self.seen = Seen(is_readable=False)

    def feed(self, chunk: bytes) -> bytes:
        return chunk

    def finish(self) -> bytes:
        self.seen.is_whole = True
        return b""


class Answer:
    """What uncompressed bytes tell: events, lines, items or one document, as the first of them show.

    Whatever the content type says: errors come as JSON where a stream was asked for, and streams come as text.
    """

    def __init__(self, *, most: int) -> None:
        self.reader = Reader()
        self._most = most
        self._document = bytearray()
        self._cutter: Cutter | None = None
        self._is_begun = self._is_sse = False
        self._may_be_lines = True

    def look_at(self, data: bytes) -> None:
        """:raises UnreadableError: it is nothing we read, or too much of it."""
        if self._cutter is None:
            data = self._collected(data)
        cutter = self._cutter
        if cutter and data:
            for piece, is_whole in cutter.feed(data):
                if is_whole:
                    self._read(piece)

    def _collected(self, data: bytes) -> bytes:
        """All that came as soon as it is clear how it is to be cut; b'' before, and for a document."""
        self._document += data
        if not self._is_begun:
            self._begin()
        if self._may_be_lines and b"\n" in data:
            self._begin_lines()
        if self._cutter is None:
            if len(self._document) > self._most:
                raise UnreadableError
            return b""
        data = bytes(self._document)
        self._document.clear()
        return data

    def end(self) -> None:
        """Nothing more comes."""
        if self._cutter:
            rest, is_whole = self._cutter.finish()
            if rest and is_whole:
                self._read(rest)
        elif self._document:
            self.reader.read_document(bytes(self._document).strip(_BLANK))
        self.forget()

    def forget(self) -> None:
        self._document.clear()

    def _begin(self) -> None:
        """A JSON document begins with a bracket, a stream of events with the name of a field."""
        start = self._document.lstrip(_BLANK)[:1]
        if not start:
            return
        self._is_begun = True
        self._may_be_lines = start == b"{"
        self._is_sse = start in _EVENT_STARTS
        if self._is_sse:
            self._cutter = Pieces(is_sse=True)
        elif start == b"[":
            self._cutter = Items()
        elif start != b"{":
            raise UnreadableError

    def _begin_lines(self) -> None:
        """A first line that is an object on its own: more of them may come."""
        if not self._is_begun:
            return
        first, _, _ = self._document.lstrip(_BLANK).partition(b"\n")
        self._may_be_lines = False
        if len(first) <= _MOST_WITHHELD and members_of(bytes(first)):
            self._cutter = Pieces(is_sse=False)

    def _read(self, piece: bytes) -> None:
        if self._is_sse:
            self._read_data(data_of(piece))
        elif isinstance(self._cutter, Items):
            self.reader.read_event(item_of(piece))
        else:
            self.reader.read_event(piece.strip(_BLANK))

    def _read_data(self, data: bytes) -> None:
        if data.startswith(_DONE):
            self.reader.seen.is_whole = True
        elif data:
            self.reader.read_event(data)


class Framed:
    """AWS's event stream."""

    def __init__(self) -> None:
        self.reader = Reader()
        self._frames = Frames()

    def look_at(self, data: bytes) -> None:
        """:raises UnreadableError: it is no such stream."""
        try:
            for frame in self._frames.feed(data):
                if frame.failure:
                    self.reader.fail(frame.failure)
                    continue
                self.reader.read_event(frame.payload)
                if frame.kind == "metadata":  # the last one of a conversation
                    self.reader.seen.is_whole = True
        except NotFramedError as error:
            raise UnreadableError from error

    def end(self) -> None:
        """Nothing more comes."""

    def forget(self) -> None:
        self._frames = Frames()


class Watched:
    """Bytes that pass unchanged and are read beside."""

    def __init__(self, decoder: Decoder, answer: Answer | Framed) -> None:
        self._decoder, self._answer = decoder, answer

    @property
    def seen(self) -> Seen:
        return self._answer.reader.seen

    def feed(self, chunk: bytes) -> bytes:
        seen = self._answer.reader.seen
        if seen.is_readable and chunk:
            try:
                for data in self._decoder.feed(chunk):
                    self._answer.look_at(data)
            except UnreadableError:
                seen.is_readable = False
                self._answer.forget()
        return chunk

    def finish(self) -> bytes:
        if self.seen.is_readable:
            self._answer.end()
        self.seen.is_whole = True
        return b""


class Withholding:
    """Passes events on as they are complete, and one of them not.

    Only an event that is not complete is held back, and only while it is short enough to be the one.
    """

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._cutter = Pieces(is_sse=True, longest=_MOST_WITHHELD)
        self._is_stream: bool | None = None
        self._has_withheld = self._is_after = False

    @property
    def seen(self) -> Seen:
        return self._watched.seen

    def feed(self, chunk: bytes) -> bytes:
        self._watched.feed(chunk)
        if self._is_stream is None:
            self._is_stream = _is_stream(chunk)
        if not self._is_stream or (self._has_withheld and not self._is_after):
            return self._left() + chunk
        return b"".join([piece for piece, is_whole in self._cutter.feed(chunk) if self._passes(piece, is_whole)])

    def finish(self) -> bytes:
        self._watched.finish()
        rest, is_whole = self._cutter.finish()
        return rest if rest and self._passes(rest, is_whole) else b""

    def _left(self) -> bytes:
        """What the cutter still holds when nothing is to be cut any more."""
        return self._cutter.finish()[0]

    def _passes(self, piece: bytes, is_whole: bool) -> bool:
        if self._is_after:  # an LF that came later than its CR goes with the event it ends
            self._is_after = False
            if piece == b"\n":
                return False
        if is_whole and not self._has_withheld and _is_ours(piece):
            self._has_withheld = True
            self._is_after = piece.endswith(b"\r")
            return False
        return True


def _is_stream(chunk: bytes) -> bool | None:
    """None: it does not show yet."""
    start = chunk.lstrip(_BLANK)[:1]
    return start in _EVENT_STARTS if start else None


def _is_ours(piece: bytes) -> bool:
    """The chunk that nobody asked for: no choices, and the usage."""
    if b'"usage"' not in piece or not _NO_CHOICES.search(piece):
        return False
    members = members_of(data_of(piece))
    return bytes(members.get("usage", b"")).startswith(b"{") and not items_of(members.get("choices", b"[0]"))
