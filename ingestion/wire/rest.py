"""The REST bodies: one event, an array, ``{"events": […]}`` or NDJSON in; calls, rejections and warnings out."""

import re
from collections.abc import Callable, Mapping
from io import BytesIO
from json import JSONDecoder
from typing import NamedTuple

import msgspec
from msgspec import UNSET, Raw, UnsetType

from ingestion.wire.assembler import Assembler
from ingestion.wire.batch import MOST_SAMPLES, Batch, FieldError, ParseContext
from ingestion.wire.errors import MalformedBody, TooManyEvents, UnsupportedMediaType
from ingestion.wire.event import CAMEL_NAMES, SNAKE_NAMES, CamelEvent, Event
from ingestion.wire.field_names import event_names
from ingestion.wire.surrogates import MARK_UTF8, mark_lone_surrogates
from ingestion.wire.tolerant import read_members

MOST_EVENTS = 5_000
NDJSON_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"})
JSON_TYPES = frozenset({"", "application/json", "text/json", "text/plain"})
_CHARSETS = frozenset({"", "utf-8", "utf8", "us-ascii", "ascii"})

_BOM = b"\xef\xbb\xbf"
_FIRST = re.compile(rb"[ \t\r\n]*(.?)", re.DOTALL)
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\";\s]*)", re.IGNORECASE)
# Escapes the fast path does not look into: control characters, surrogates, U+FFFF. Any of them takes the long way.
_ODD_ESCAPE = re.compile(rb"\\(?:[bfnrt]|u00[01]|u[dD][89a-fA-F]|u[fF]{4})")
_TOO_MANY = f"at most {MOST_EVENTS} events in one request"
_NOT_EVENTS = "the body must be an event, an array of events, or an object with a list of events"
_SUSPICIOUSLY_MANY_COMMAS = 500_000
_MOST_OBJECTS = 4 * MOST_EVENTS  # more braces than that, and how many events there are must be known before decoding


class _Envelope(msgspec.Struct):
    events: Raw | UnsetType = UNSET


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
_ENVELOPE = msgspec.json.Decoder(_Envelope)
_ITEMS = msgspec.json.Decoder(list[Raw])
_ONE = msgspec.json.Decoder(Raw)
_STEP = JSONDecoder(parse_int=len, parse_float=len)  # the values do not matter, their size does
_BETWEEN = re.compile(r"[ \t\r\n]*,?[ \t\r\n]*")


def parse_ingest(body: bytes, *, content_type: str, context: ParseContext) -> Batch:
    """Decode ``POST /api/v1/ingest``. A bad event is a rejection, never an exception.

    No content type, ``text/plain`` and ``…+json`` are read as JSON. In NDJSON a malformed line is one rejected event
    and the index counts lines that are not empty.

    :raises MalformedBody: a JSON document that is not valid, or neither an event nor a list of them.
    :raises TooManyEvents: more than 5,000.
    :raises UnsupportedMediaType: neither JSON nor NDJSON, or not UTF-8.
    """
    media_type = _media_type(content_type)
    parser = _Parser(context, _SNAKE)
    if media_type in NDJSON_TYPES:
        parser.add_lines(body)
    else:
        parser.add_document(_document(body))
    return parser.batch


def parse_log(body: bytes, *, context: ParseContext) -> Batch:
    """Decode ``POST /log``: one flat event.

    :raises MalformedBody: not one JSON object.
    """
    parser = _Parser(context, _SNAKE)
    parser.add_all(_mended(_document(body), _only))
    return parser.batch


def parse_camel(body: bytes, *, context: ParseContext) -> Batch:
    """Decode ``POST /api/ingest``: like a JSON document of ``parse_ingest``, names in camelCase or snake_case.

    :raises MalformedBody: as in ``parse_ingest``.
    :raises TooManyEvents: as in ``parse_ingest``.
    """
    parser = _Parser(context, _CAMEL)
    parser.add_document(_document(body))
    return parser.batch


class _Parser:
    def __init__(self, context: ParseContext, dialect: _Dialect) -> None:
        self.batch = Batch()
        self._names = dialect.names
        self._decode = dialect.decode
        self._decode_array = dialect.decode_array
        self._assembler = Assembler(context, self.batch)

    def add_document(self, document: bytes) -> None:
        events = self._plain_array(document)
        if events is None:
            self.add_all(_mended(document, _events))
            return
        if len(events) > MOST_EVENTS:
            raise TooManyEvents(_TOO_MANY)
        for index, event in enumerate(events):
            self._assembler.add(event, index, [])
        self.batch.total = len(events)
        if self.batch.rejected:
            self._sample(_events(document))

    def _sample(self, events: list[bytes]) -> None:
        """The names of the first refused events, which nobody looked at while all went well."""
        for rejection in self.batch.rejected[:MOST_SAMPLES]:
            self.batch.samples[rejection.index] = event_names(events[rejection.index])

    def _plain_array(self, document: bytes) -> list[Event] | None:
        """The events of an array without anything unusual, decoded at one go; None means: look at each."""
        if _first(document) != b"[" or document.count(b"{") > _MOST_OBJECTS or _is_odd(document):
            return None
        try:
            return self._decode_array(document)
        except (msgspec.DecodeError, RecursionError):
            return None

    def add_all(self, events: list[bytes]) -> None:
        for event in events:
            self._add(event)

    def add_lines(self, body: bytes) -> None:
        for line in BytesIO(body.removeprefix(_BOM)):
            event = line.strip()
            if not event:
                continue
            if self.batch.total == MOST_EVENTS:
                raise TooManyEvents(_TOO_MANY)
            if _is_utf8(event):
                self._add(event)
            else:
                self._refuse(None, [FieldError("", "is not valid UTF-8")])

    def _add(self, raw: bytes) -> None:
        self._read(raw)
        if self.batch.wants_sample():
            self.batch.samples[self.batch.total - 1] = event_names(raw)

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

    def _refuse(self, call_id: str | None, errors: list[FieldError]) -> None:
        self.batch.reject(self.batch.total, call_id, errors)
        self.batch.total += 1


def _is_odd(raw: bytes) -> bool:
    return (b"\\" in raw and _ODD_ESCAPE.search(raw) is not None) or MARK_UTF8 in raw


def _media_type(content_type: str) -> str:
    charset = _CHARSET.search(content_type)
    if charset and charset.group(1).lower() not in _CHARSETS:
        raise UnsupportedMediaType("the body must be UTF-8")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type in NDJSON_TYPES or media_type in JSON_TYPES or media_type.endswith("+json"):
        return media_type
    raise UnsupportedMediaType("Content-Type must be application/json or application/x-ndjson")


def _is_utf8(text: bytes) -> bool:
    try:
        return text.isascii() or bool(text.decode())
    except UnicodeDecodeError:
        return False


def _document(body: bytes) -> bytes:
    if not _is_utf8(body):
        raise MalformedBody("the body is not valid UTF-8")
    return body.removeprefix(_BOM)


def _first(document: bytes) -> bytes:
    start = _FIRST.match(document)
    return start.group(1) if start else b""


def _events(document: bytes) -> list[bytes]:
    match _first(document):
        case b"[":
            return _items(document)
        case b"{":
            envelope = _json(_ENVELOPE, document)
            return [document] if envelope.events is UNSET else _items(bytes(envelope.events))
    raise MalformedBody(_NOT_EVENTS)


def _mended(document: bytes, read: Callable[[bytes], list[bytes]]) -> list[bytes]:
    """What ``read`` makes of the document, if need be after its lone surrogates were marked."""
    try:
        return read(document)
    except MalformedBody:
        marked = mark_lone_surrogates(document)
        if marked == document:
            raise
        return read(marked)


def _only(document: bytes) -> list[bytes]:
    if _first(document) != b"{":
        raise MalformedBody("the body must be one event, a JSON object")
    _json(_ONE, document)
    return [document]


def _items(array: bytes) -> list[bytes]:
    if array.count(b",") > _SUSPICIOUSLY_MANY_COMMAS:
        _check_length_first(array)
    items = _json(_ITEMS, array)
    if len(items) > MOST_EVENTS:
        raise TooManyEvents(_TOO_MANY)
    return [bytes(item) for item in items]


def _json[T](decoder: msgspec.json.Decoder[T], text: bytes) -> T:
    try:
        return decoder.decode(text)
    except msgspec.ValidationError as error:
        raise MalformedBody(_NOT_EVENTS) from error
    except msgspec.DecodeError as error:
        raise MalformedBody("the body is not valid JSON") from error
    except RecursionError as error:
        raise MalformedBody("the body is nested too deeply") from error


def _check_length_first(array: bytes) -> None:
    """Ten megabytes of ``1,1,1,…`` would be millions of objects before they are counted: step through them instead."""
    text = array.decode()
    position, count = text.index("[") + 1 if "[" in text else 0, 0
    try:
        while count <= MOST_EVENTS:
            gap = _BETWEEN.match(text, position)
            _, position = _STEP.raw_decode(text, gap.end() if gap else position)
            count += 1
    except RecursionError as error:
        raise MalformedBody("the body is nested too deeply") from error
    except ValueError:
        return  # the end of the array, or a mistake that decoding will name
    raise TooManyEvents(_TOO_MANY)
