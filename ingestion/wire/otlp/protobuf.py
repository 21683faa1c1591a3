"""OTLP spans from protobuf, one span in memory at a time.

The groups above the spans are walked by hand: parsed as a whole, 32 MB of empty spans would become 2.8 GB of messages.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from ingestion.wire.errors import MalformedBody
from ingestion.wire.otlp.pairs import RawSpan, attributes_of, value_of
from ingestion.wire.otlp.spans import Event, Origin, Span, Value

_RESOURCE_SPANS: Final = 1  # of ExportTraceServiceRequest
_GROUP, _MEMBERS = 1, 2  # ResourceSpans: resource and scope_spans; ScopeSpans: scope and spans
_ATTRIBUTES: Final = 9  # of Span
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED: Final = {_FIXED64: 8, _FIXED32: 4}
_CONTINUED: Final = 0x80
_LONGEST_VARINT: Final = 64
_SMALLEST_MEMBER: Final = 16  # bytes; a span with its ids has more, and groups have spans
_LARGE_SPAN: Final = 2**20
_LARGE_FIELD: Final = 2**16
_MOST_FIELDS: Final = 10_000
_STRING_VALUE: Final = 0x0A

type _Range = tuple[int, int]


def read_spans(body: bytes) -> Iterator[Span]:
    """Spans of an ExportTraceServiceRequest in the order of the body.

    :raises MalformedBody: it is not one; some spans may have been given by then.
    """
    try:
        yield from _Reader(body).spans()
    except (DecodeError, IndexError, UnicodeDecodeError) as error:
        raise MalformedBody("the body is not a valid ExportTraceServiceRequest") from error


class _Reader:
    def __init__(self, body: bytes) -> None:
        self._body = body
        self._members_left = len(body) // _SMALLEST_MEMBER + 100

    def spans(self) -> Iterator[Span]:
        for start, end in self._members((0, len(self._body)), _RESOURCE_SPANS):
            resource = Resource.FromString(self._joined((start, end), _GROUP))
            attributes = _attributes(resource.attributes)
            for scope_spans in self._members((start, end), _MEMBERS):
                scope = InstrumentationScope.FromString(self._joined(scope_spans, _GROUP))
                origin = Origin(attributes, scope.name, scope.version)
                for span_start, span_end in self._members(scope_spans, _MEMBERS):
                    yield _span(self._body[span_start:span_end], origin)

    def _members(self, within: _Range, number: int) -> Iterator[_Range]:
        for found, wire_type, start, end in _fields(self._body, *within):
            if found == number and wire_type == _BYTES:
                self._members_left -= 1
                if self._members_left < 0:
                    raise MalformedBody("the body has too many spans without content")
                yield start, end

    def _joined(self, within: _Range, number: int) -> bytes:
        """A message that is sent in several parts is all of them together (protobuf's merging)."""
        parts = (
            self._body[start:end]
            for found, wire_type, start, end in _fields(self._body, *within)
            if found == number and wire_type == _BYTES
        )
        joined = b"".join(parts)
        if len(joined) > _LARGE_SPAN:
            raise MalformedBody("a resource or a scope is too large")
        return joined


def _fields(body: bytes, position: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Number, wire type and value range of each field of a message.

    :raises DecodeError: the bytes are no message.
    """
    while position < end:
        key, position = _varint(body, position)
        wire_type = key & 7
        if wire_type == _BYTES:
            size, position = _varint(body, position)
            after = position + size
        elif wire_type == _VARINT:
            _, after = _varint(body, position)
        elif wire_type in _FIXED:
            after = position + _FIXED[wire_type]
        else:
            raise DecodeError("a group")
        if after > end or key < 1 << 3:
            raise DecodeError("cut off")
        yield key >> 3, wire_type, position, after
        position = after


def _varint(body: bytes, position: int) -> tuple[int, int]:
    byte = body[position]
    if byte < _CONTINUED:  # most of them
        return byte, position + 1
    value, shift = byte & 0x7F, 7
    while byte >= _CONTINUED:
        position += 1
        byte = body[position]
        value |= (byte & 0x7F) << shift
        shift += 7
        if shift > _LONGEST_VARINT + 6:
            raise DecodeError("a number without end")
    return value, position + 1


def _span(raw: bytes, origin: Origin) -> Span:
    message = RawSpan.FromString(raw if len(raw) < _LARGE_SPAN else _slimmed(raw))
    return Span(
        origin=origin,
        trace_id=message.trace_id.hex(),
        span_id=message.span_id.hex(),
        parent_span_id=message.parent_span_id.hex(),
        name=message.name,
        start_ns=message.start_time_unix_nano,
        end_ns=message.end_time_unix_nano,
        status=message.status.code,
        attributes=attributes_of(message.attributes),
        events=[Event(event.name, event.time_unix_nano, _attributes(event.attributes)) for event in message.events],
    )


def _slimmed(raw: bytes) -> bytes:
    """A huge span without what would multiply in memory: large fields that are not one plain text, and endless ones."""
    kept = bytearray()
    begin = 0
    for count, (number, _, start, end) in enumerate(_fields(raw, 0, len(raw))):
        if count == _MOST_FIELDS:
            break
        if end - start < _LARGE_FIELD or (number == _ATTRIBUTES and _is_text(raw, start, end)):
            kept += raw[begin:end]
        begin = end
    return bytes(kept)


def _is_text(raw: bytes, start: int, end: int) -> bool:
    """Is this KeyValue's value one string?"""
    values = [(at, to) for number, wire_type, at, to in _fields(raw, start, end) if (number, wire_type) == (2, _BYTES)]
    return len(values) == 1 and raw[values[0][0]] == _STRING_VALUE


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Value]:
    return {pair.key: value_of(pair.value) for pair in pairs}
