"""The REST bodies: one event, an array, ``{"events": […]}`` or NDJSON in; calls, rejections and warnings out."""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from ingestion.wire.assembler import Assembler
from ingestion.wire.batch import MOST_SAMPLES, Batch, ParseContext
from ingestion.wire.event import CAMEL_NAMES, SNAKE_NAMES, CamelEvent, Event
from ingestion.wire.field_names import event_names
from ingestion.wire.framing import EVENTS, MOST_EVENTS, BodyReader
from ingestion.wire.surrogates import MARK_UTF8
from ingestion.wire.tolerant import read_members

# Escapes the fast path does not look into: control characters, surrogates, U+FFFF. Any of them takes the long way.
_ODD_ESCAPE = re.compile(rb"\\(?:[bfnrt]|u00[01]|u[dD][89a-fA-F]|u[fF]{4})")
_MOST_OBJECTS = 4 * MOST_EVENTS  # more braces than that, and how many events there are must be known before decoding


class _Dialect(NamedTuple):
    names: Mapping[str, str]
    decode: Callable[[bytes], Event]
    decode_array: Callable[[bytes], list[Event]]


_SNAKE = _Dialect(SNAKE_NAMES, msgspec.json.Decoder(Event).decode, msgspec.json.Decoder(list[Event]).decode)
_CAMEL = _Dialect(
    CAMEL_NAMES,
    msgspec.json.Decoder(CamelEvent).decode,
    msgspec.json.Decoder(list[CamelEvent]).decode,  # type: ignore[valid-type]  # it is made at run time
)


def parse_ingest(body: bytes, *, content_type: str, context: ParseContext) -> Batch:
    """Decode ``POST /api/v1/ingest``. A bad event is a rejection, never an exception.

    No content type, ``text/plain`` and ``…+json`` are read as JSON. In NDJSON a malformed line is one rejected event
    and the index counts lines that are not empty.

    :raises MalformedBody: a JSON document that is not valid, or neither an event nor a list of them.
    :raises TooManyEvents: more than 5,000.
    :raises UnsupportedMediaType: neither JSON nor NDJSON, or not UTF-8.
    """
    parser = _Parser(context, _SNAKE)
    parser.read(body, content_type)
    return parser.batch


def parse_log(body: bytes, *, context: ParseContext) -> Batch:
    """Decode ``POST /log``: one flat event.

    :raises MalformedBody: not one JSON object.
    """
    parser = _Parser(context, _SNAKE)
    parser.read_one(body)
    return parser.batch


def parse_camel(body: bytes, *, context: ParseContext) -> Batch:
    """Decode ``POST /api/ingest``: like a JSON document of ``parse_ingest``, names in camelCase or snake_case.

    :raises MalformedBody: as in ``parse_ingest``.
    :raises TooManyEvents: as in ``parse_ingest``.
    """
    parser = _Parser(context, _CAMEL)
    parser.read_document(body)
    return parser.batch


class _Parser(BodyReader):
    def __init__(self, context: ParseContext, dialect: _Dialect) -> None:
        self.batch = Batch()
        super().__init__(self.batch, EVENTS)
        self._names = dialect.names
        self._decode = dialect.decode
        self._decode_array = dialect.decode_array
        self._assembler = Assembler(context, self.batch)

    def _add_document(self, document: bytes) -> None:
        events = self._plain_array(document)
        if events is None:
            super()._add_document(document)
            return
        if len(events) > MOST_EVENTS:
            raise EVENTS.too_many
        for index, event in enumerate(events):
            self._assembler.add(event, index, [])
        self.batch.total = len(events)
        if self.batch.rejected:
            self._sample(self._pieces(document))

    def _plain_array(self, document: bytes) -> list[Event] | None:
        """The events of an array without anything unusual, decoded at one go; None means: look at each."""
        if not document.lstrip().startswith(b"[") or document.count(b"{") > _MOST_OBJECTS or _is_odd(document):
            return None
        try:
            return self._decode_array(document)
        except (msgspec.DecodeError, RecursionError):
            return None

    def _sample(self, events: list[bytes]) -> None:
        """The names of the first refused events, which nobody looked at while all went well."""
        for rejection in self.batch.rejected[:MOST_SAMPLES]:
            self.batch.refused_names[rejection.index] = event_names(events[rejection.index])

    def _add(self, raw: bytes) -> None:
        self._read(raw)
        if self.batch.wants_names():
            self.batch.refused_names[self.batch.total - 1] = event_names(raw)

    def _read(self, raw: bytes) -> None:
        if _is_odd(raw):
            self._add_carefully(raw)
            return
        try:
            event = self._decode(raw)
        except (msgspec.DecodeError, RecursionError):
            self._add_carefully(raw)
            return
        self._assembler.add(event, self.batch.total, [])
        self.batch.total += 1

    def _add_carefully(self, raw: bytes) -> None:
        index = self.batch.total
        members = read_members(raw, self._names)
        self.batch.content_fields_dropped += members.content_fields
        if any(error.field == "" for error in members.errors):
            self._refuse(None, members.errors)
            return
        for name in members.unknown:
            self.batch.warn(index, name, "is not a field we know: dropped")
        if members.names_source:
            self.batch.warn(index, "source", "is set by the server: ignored")
        self._assembler.add(Event(**members.values), index, members.errors)
        self.batch.total += 1


def _is_odd(raw: bytes) -> bool:
    return (b"\\" in raw and _ODD_ESCAPE.search(raw) is not None) or MARK_UTF8 in raw
