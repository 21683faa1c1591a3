"""OTLP spans from JSON, as exporters write it and not only as the specification wants it.

64-bit numbers come as strings or numbers, ids as hex in either case, names in camelCase or snake_case, enums as
numbers or names; members nobody knows are ignored.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Raw

from ingestion.wire.errors import MalformedBody
from ingestion.wire.otlp.spans import ERROR, NO_ATTRIBUTES, OK, Attributes, Event, Origin, Span, Value
from ingestion.wire.surrogates import mark_lone_surrogates

_BOM: Final = b"\xef\xbb\xbf"
_INTEGER: Final = re.compile(r"-?\d{1,40}", re.ASCII)
_FLOATS: Final = frozenset({"NaN", "Infinity", "-Infinity"})
_STATUSES: Final = {"STATUS_CODE_OK": OK, "STATUS_CODE_ERROR": ERROR, str(OK): OK, str(ERROR): ERROR}
_DEEPEST: Final = 32
_MOST_COMMAS: Final = 4_000_000  # 32 MB of spans have about a million; each entry of a list costs memory
_NOT_TRACES: Final = ("resourceLogs", "resource_logs", "resourceMetrics", "resource_metrics")
_NOT_PAIRS: Final = "attributes must be a list of objects with key and value"

_OBJECT: Final = msgspec.json.Decoder(dict[str, Raw])
_LIST: Final = msgspec.json.Decoder(list[Raw])
_ANY: Final = msgspec.json.Decoder()

type _Members = dict[str, Raw]
type _Object = dict[str, object]


class _Unreadable(ValueError):  # noqa: N818 - the name says what is wrong
    """A part of a span has another form than OTLP's; the text says which."""


def read_spans(body: bytes) -> Iterator[Span]:
    """Spans of an ExportTraceServiceRequest in the order of the body; one that cannot be read has a ``problem``.

    :raises MalformedBody: not JSON, or the members above the spans are not what they have to be.
    """
    body = _utf8(body)
    if body.count(b",") > _MOST_COMMAS:
        raise MalformedBody("the body has too many members")
    request = _request(body)
    if any(name in request for name in _NOT_TRACES):
        raise MalformedBody("this endpoint takes traces: resourceSpans, neither logs nor metrics")
    for resource_spans in _objects(request, "resourceSpans", "resource_spans"):
        resource = _plain(resource_spans.get("resource"))
        for scope_spans in _objects(resource_spans, "scopeSpans", "scope_spans"):
            origin = _origin(resource, _plain(scope_spans.get("scope")))
            for raw in _list(scope_spans, "spans"):
                yield _read(raw, origin)


def _utf8(body: bytes) -> bytes:
    try:
        if not body.isascii():
            body.decode()
    except UnicodeDecodeError as error:
        raise MalformedBody("the body is not valid UTF-8") from error
    return body.removeprefix(_BOM)


def _request(body: bytes) -> _Members:
    """The members of the document, if need be after its lone surrogates were marked."""
    try:
        return _decoded(_OBJECT, body, "the body must be an object with resourceSpans")
    except MalformedBody:
        marked = mark_lone_surrogates(body)
        if marked == body:
            raise
        return _decoded(_OBJECT, marked, "the body must be an object with resourceSpans")


def _decoded[T](decoder: msgspec.json.Decoder[T], raw: Raw | bytes, otherwise: str) -> T:
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise MalformedBody(otherwise) from error
    except msgspec.DecodeError as error:
        raise MalformedBody("the body is not valid JSON") from error
    except RecursionError as error:
        raise MalformedBody("the body is nested too deeply") from error


def _list(members: _Members, *names: str) -> list[Raw]:
    raw = next((members[name] for name in names if name in members), None)
    if raw is None or bytes(raw) == b"null":
        return []
    return _decoded(_LIST, raw, f"{names[0]} must be a list")


def _objects(members: _Members, *names: str) -> Iterator[_Members]:
    for raw in _list(members, *names):
        yield _decoded(_OBJECT, raw, f"{names[0]} must be a list of objects")


def _plain(raw: Raw | None) -> _Object:
    if raw is None:
        return {}
    value = _decoded(_ANY, raw, "the body is not valid JSON")
    if value is not None and not isinstance(value, dict):
        raise MalformedBody("resource and scope must be objects")
    return value or {}


def _origin(resource: _Object, scope: _Object) -> Origin:
    name, version = scope.get("name"), scope.get("version")
    origin = Origin(
        scope_name=name if isinstance(name, str) else "", scope_version=version if isinstance(version, str) else ""
    )
    try:
        origin.resource = _attributes(resource)
    except _Unreadable as problem:
        origin.problem = f"resource: {problem}"
    return origin


def _read(raw: Raw, origin: Origin) -> Span:
    try:
        members = _ANY.decode(raw)
        if not isinstance(members, dict):
            return Span(origin=origin, problem="must be an object")
        return _span(members, origin)
    except _Unreadable as problem:
        return Span(origin=origin, problem=str(problem))
    except (msgspec.DecodeError, RecursionError):
        return Span(origin=origin, problem="is out of range or nested too deeply")


def _span(members: _Object, origin: Origin) -> Span:
    status = members.get("status")
    return Span(
        origin=origin,
        trace_id=_id(members, "traceId", "trace_id"),
        span_id=_id(members, "spanId", "span_id"),
        parent_span_id=_id(members, "parentSpanId", "parent_span_id"),
        name=_text(members.get("name")),
        start_ns=_time(members, "startTimeUnixNano", "start_time_unix_nano"),
        end_ns=_time(members, "endTimeUnixNano", "end_time_unix_nano"),
        status=_status(status.get("code")) if isinstance(status, dict) else 0,
        attributes=_attributes(members),
        events=[
            Event(
                _text(event.get("name")),
                _time(event, "timeUnixNano", "time_unix_nano"),
                _attributes(event),
            )
            for event in _given_list(members.get("events"), "events must be a list of objects")
        ],
    )


def _first(members: _Object, camel: str, snake: str) -> object:
    value = members.get(camel)
    return members.get(snake) if value is None else value


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _id(members: _Object, camel: str, snake: str) -> str:
    return _text(_first(members, camel, snake)).lower()


def _time(members: _Object, camel: str, snake: str) -> int:
    value = _first(members, camel, snake)
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if value is None or value == "":
        return 0
    raise _Unreadable("times must be whole nanoseconds since the epoch")


def _status(code: object) -> int:
    if isinstance(code, str):
        return _STATUSES.get(code, 0)
    return code if isinstance(code, int) and code in {OK, ERROR} else 0


def _given_list(value: object, otherwise: str) -> list[_Object]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise _Unreadable(otherwise)
    return value


def _attributes(members: _Object) -> Attributes:
    pairs = _given_list(members.get("attributes"), _NOT_PAIRS)
    return _pairs(pairs, 0) if pairs else NO_ATTRIBUTES


def _pairs(pairs: list[_Object], depth: int) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for pair in pairs:
        key = pair.get("key")
        if not isinstance(key, str):
            raise _Unreadable(_NOT_PAIRS)
        found[key] = _value(pair.get("value"), depth)
    return found


def _value(value: object, depth: int) -> Value:
    """What an AnyValue holds; ``{}``, null and unknown kinds are no value."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise _Unreadable("an attribute's value must be an object such as {stringValue}")
    if depth > _DEEPEST:
        raise _Unreadable("an attribute is nested too deeply")
    for name, held in value.items():
        read = _KINDS.get(name)
        if read is not None and held is not None:
            return read(held, depth)
    return None


def _string(held: object, _depth: int) -> Value:
    return held if isinstance(held, str | int | float) else None


def _int(held: object, _depth: int) -> Value:
    """A number or its text; what is neither stays as it is, so that whoever needs the number refuses it."""
    if isinstance(held, str) and _INTEGER.fullmatch(held):
        return int(held)
    return held if isinstance(held, str | int | float) else None


def _double(held: object, _depth: int) -> Value:
    if isinstance(held, str) and held in _FLOATS:
        return float(held)
    if isinstance(held, int) and not isinstance(held, bool):
        return _as_float(held)
    return held if isinstance(held, str | int | float) else None


def _as_float(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        return float("inf")


def _bool(held: object, _depth: int) -> Value:
    return held if isinstance(held, bool) else None


def _bytes(held: object, _depth: int) -> Value:
    try:
        return base64.b64decode(held, validate=True) if isinstance(held, str) else None
    except (binascii.Error, ValueError):
        return None


def _array(held: object, depth: int) -> Value:
    values = held.get("values") if isinstance(held, dict) else None
    return [_value(entry, depth + 1) for entry in values] if isinstance(values, list) else []


def _map(held: object, depth: int) -> Value:
    pairs = held.get("values") if isinstance(held, dict) else None
    return _pairs(_given_list(pairs, _NOT_PAIRS), depth + 1)


_KINDS: Final = {
    camel: read
    for names, read in (
        (("stringValue", "string_value"), _string),
        (("intValue", "int_value"), _int),
        (("doubleValue", "double_value"), _double),
        (("boolValue", "bool_value"), _bool),
        (("bytesValue", "bytes_value"), _bytes),
        (("arrayValue", "array_value"), _array),
        (("kvlistValue", "kvlist_value"), _map),
    )
    for camel in names
}
