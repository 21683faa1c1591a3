"""How the REST bodies hold what they carry: one object, an array, an envelope around one, or NDJSON. Pure."""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from io import BytesIO
from json import JSONDecoder
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from ingestion.wire.batch import Batch, FieldError
from ingestion.wire.errors import MalformedBody, TooManyEvents, UnsupportedMediaType
from ingestion.wire.surrogates import mark_lone_surrogates

MOST_EVENTS = 5_000
NDJSON_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"})
JSON_TYPES = frozenset({"", "application/json", "text/json", "text/plain"})
_CHARSETS = frozenset({"", "utf-8", "utf8", "us-ascii", "ascii"})

_BOM = b"\xef\xbb\xbf"
_FIRST = re.compile(rb"[ \t\r\n]*(.?)", re.DOTALL)
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\";\s]*)", re.IGNORECASE)
_SUSPICIOUSLY_MANY_COMMAS = 500_000
_ITEMS = msgspec.json.Decoder(list[Raw])
_ONE = msgspec.json.Decoder(Raw)
_STEP = JSONDecoder(parse_int=len, parse_float=len)  # the values do not matter, their size does
_BETWEEN = re.compile(r"[ \t\r\n]*,?[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class Shape:
    """What a body carries, in words; ``many`` is also the member of the envelope."""

    one: str
    many: str
    envelope: "msgspec.json.Decoder[Any]" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        envelope = msgspec.defstruct("Envelope", [(self.many, Raw | UnsetType, UNSET)])
        object.__setattr__(self, "envelope", msgspec.json.Decoder(envelope))

    @property
    def expected(self) -> str:
        return f"the body must be {self.one}, an array of {self.many}, or an object with a list of {self.many}"

    @property
    def too_many(self) -> TooManyEvents:
        return TooManyEvents(f"at most {MOST_EVENTS} {self.many} in one request")


EVENTS = Shape("an event", "events")
SAMPLES = Shape("a sample", "samples")


class BodyReader(ABC):
    """Takes a body apart and hands each piece to ``_add``, which counts it in ``batch.total``."""

    def __init__(self, batch: Batch, shape: Shape) -> None:
        self._batch = batch
        self._shape = shape

    @abstractmethod
    def _add(self, raw: bytes) -> None: ...

    def read(self, body: bytes, content_type: str) -> None:
        """JSON or NDJSON; no content type, ``text/plain`` and ``…+json`` are read as JSON.

        In NDJSON a malformed line is one rejected piece and the index counts lines that are not empty.

        :raises MalformedBody: a JSON document that is not valid, or neither one nor a list of them.
        :raises TooManyEvents: more than 5,000.
        :raises UnsupportedMediaType: neither JSON nor NDJSON, or not UTF-8.
        """
        if _media_type(content_type) in NDJSON_TYPES:
            self._read_lines(body)
        else:
            self.read_document(body)

    def read_document(self, body: bytes) -> None:
        """One, an array, or an envelope; errors as in ``read``."""
        self._add_document(_document(body))

    def read_one(self, body: bytes) -> None:
        """:raises MalformedBody: not one JSON object."""
        document = _document(body)
        try:
            self._check_one(document)
        except MalformedBody:
            marked = mark_lone_surrogates(document)
            if marked == document:
                raise
            self._check_one(marked)
            document = marked
        self._add_all([document])

    def _refuse(self, call_id: str | None, errors: list[FieldError]) -> None:
        self._batch.reject(self._batch.total, call_id, errors)
        self._batch.total += 1

    def _add_document(self, document: bytes) -> None:
        try:
            pieces = self._pieces(document)
        except MalformedBody:
            marked = mark_lone_surrogates(document)
            if marked == document:
                raise
            pieces = self._pieces(marked)
        self._add_all(pieces)

    def _add_all(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            self._add(piece)

    def _read_lines(self, body: bytes) -> None:
        for line in BytesIO(body.removeprefix(_BOM)):
            piece = line.strip()
            if not piece:
                continue
            if self._batch.total == MOST_EVENTS:
                raise self._shape.too_many
            if _is_utf8(piece):
                self._add(piece)
            else:
                self._refuse(None, [FieldError("", "is not valid UTF-8")])

    def _pieces(self, document: bytes) -> list[bytes]:
        match _first(document):
            case b"[":
                return self._items(document)
            case b"{":
                inside = getattr(self._json(self._shape.envelope, document), self._shape.many)
                return [document] if inside is UNSET else self._items(bytes(inside))
        raise MalformedBody(self._shape.expected)

    def _check_one(self, document: bytes) -> None:
        if _first(document) != b"{":
            raise MalformedBody(f"the body must be one {self._shape.one.split()[1]}, a JSON object")
        self._json(_ONE, document)

    def _items(self, array: bytes) -> list[bytes]:
        if array.count(b",") > _SUSPICIOUSLY_MANY_COMMAS and _has_too_many(array):
            raise self._shape.too_many
        items = self._json(_ITEMS, array)
        if len(items) > MOST_EVENTS:
            raise self._shape.too_many
        return [bytes(item) for item in items]

    def _json[T](self, decoder: "msgspec.json.Decoder[T]", text: bytes) -> T:
        try:
            return decoder.decode(text)
        except msgspec.ValidationError as error:
            raise MalformedBody(self._shape.expected) from error
        except msgspec.DecodeError as error:
            raise MalformedBody("the body is not valid JSON") from error
        except RecursionError as error:
            raise MalformedBody("the body is nested too deeply") from error


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


def _has_too_many(array: bytes) -> bool:
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
        return False  # the end of the array, or a mistake that decoding will name
    return True
