"""The second look at an event the fast path refused: every member on its own, so that each mistake gets its answer."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any, cast

import msgspec
from msgspec import Raw
from msgspec.inspect import (
    BoolType,
    DictType,
    FloatType,
    IntType,
    RawType,
    StrType,
    StructType,
    Type,
    UnionType,
    type_info,
)

from ingestion.wire.amounts import NumberError, exact_float, whole_number
from ingestion.wire.batch import FieldError
from ingestion.wire.content import is_content, shown_name
from ingestion.wire.event import SET_BY_SERVER, Event
from ingestion.wire.surrogates import MARK, mark_lone_surrogates

_LONGEST_SCALAR = 2_000
_MOST_MEMBERS = 100_000

_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_ANYTHING = msgspec.json.Decoder(float_hook=exact_float)
_TEXT = msgspec.json.Decoder(str)
_CONTROL = re.compile(r"[\x00-\x1f]")

type Reader = Callable[[bytes], object]
type Readers = Mapping[str, Reader]


class FieldProblem(ValueError):  # noqa: N818 - the name says what is wrong
    """A member that cannot be used; the text says what is allowed and never what was sent."""


class Members(msgspec.Struct):
    """An event taken apart: usable values by member of its struct, and what is to be said about the others."""

    values: dict[str, Any] = {}
    errors: list[FieldError] = []
    unknown: list[str] = []
    content_fields: int = 0
    names_source: bool = False


def read_members(raw: bytes, names: Mapping[str, str], readers: Readers | None = None) -> Members:
    """Read what can be read; ``names`` maps accepted member names to those of ``readers``, else of ``Event``.

    Members that carry content or that nobody knows are never decoded. Of two names for one member the first wins.
    """
    readers = _READERS if readers is None else readers
    found = Members()
    for name, value in _split(raw, found).items():
        target = names.get(name)
        if target is not None:
            if target not in found.values:
                _read_into(found, name, target, bytes(value), readers[target])
        elif name == SET_BY_SERVER:
            found.names_source = True
        elif is_content(name):
            found.content_fields += 1
        else:
            found.unknown.append(shown_name(name))
    return found


def _split(raw: bytes, found: Members) -> dict[str, Raw]:
    if raw.count(b'":') > _MOST_MEMBERS:
        found.errors.append(FieldError("", "has too many members"))
        return {}
    try:
        return _members(raw)
    except FieldProblem as problem:
        found.errors.append(FieldError("", str(problem)))
        return {}


def _members(raw: bytes) -> dict[str, Raw]:
    try:
        return _MEMBERS.decode(raw)
    except msgspec.ValidationError as error:
        raise FieldProblem("must be an object") from error
    except RecursionError as error:
        raise FieldProblem("is nested too deeply") from error
    except msgspec.DecodeError as error:
        marked = mark_lone_surrogates(raw)
        if marked != raw:
            return _members(marked)
        raise FieldProblem("is not valid JSON") from error


def _read_into(found: Members, name: str, target: str, raw: bytes, read: Reader) -> None:
    if raw == b"null":
        return
    try:
        found.values[target] = read(raw)
    except FieldProblem as problem:
        found.errors.append(FieldError(name, str(problem)))


def read_text(raw: bytes, longest: int) -> str:
    """A string without U+0000, lone surrogates (marked before) and U+FFFF; other control characters become spaces.

    :raises FieldProblem: anything else, or too long.
    """
    try:
        text = _TEXT.decode(raw)
    except msgspec.ValidationError as error:
        raise FieldProblem("must be a string") from error
    if len(text) > longest:
        raise FieldProblem(f"must be at most {longest} characters")
    return _clean(text)


def _clean(text: str) -> str:
    if "\0" in text:
        raise FieldProblem("must not contain U+0000")
    if MARK in text:
        raise FieldProblem("must be valid Unicode, without lone surrogates")
    return _CONTROL.sub(" ", text)


def is_given(raw: Raw) -> bool:
    """Is the member present and not null?"""
    return bytes(raw) not in {b"", b"null"}


def read_anything(raw: bytes, *, longest: int = _LONGEST_SCALAR) -> object:
    """A short JSON value, its numbers exact (int or Decimal).

    :raises FieldProblem: longer than any sensible value, out of every range, or nested too deeply.
    """
    if len(raw) > longest:
        raise FieldProblem("is too long")
    try:
        return _ANYTHING.decode(raw)
    except msgspec.ValidationError as error:
        raise FieldProblem("is out of range") from error
    except RecursionError as error:
        raise FieldProblem("is nested too deeply") from error


def _identifier(raw: bytes, longest: int) -> str:
    text = read_text(raw, longest)
    if text != _TEXT.decode(raw):
        raise FieldProblem("must not contain control characters")
    return text


def _whole(raw: bytes, most: int) -> int:
    try:
        return whole_number(read_anything(raw), at_most=most)
    except NumberError as error:
        raise FieldProblem(str(error)) from error


def _milliseconds(raw: bytes, most: int) -> float:
    value = read_anything(raw)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise FieldProblem("must be a number")
    if not 0 <= value <= most:
        raise FieldProblem("must be ≥ 0" if value < 0 else f"must be ≤ {most}")
    return float(value)


def _flag(raw: bytes) -> bool:
    if raw not in {b"true", b"false"}:
        raise FieldProblem("must be true or false")
    return raw == b"true"


def _tags(raw: bytes, *, most: int, longest_key: int, longest_value: int) -> dict[str, str]:
    members = _members(raw)
    if len(members) > most:
        raise FieldProblem(f"must have at most {most} keys")
    return {
        _tag_key(k, longest_key): _tag_value(bytes(v), longest_value) for k, v in members.items() if bytes(v) != b"null"
    }


def _tag_key(key: str, longest: int) -> str:
    if len(key) > longest:
        raise FieldProblem(f"keys must be at most {longest} characters")
    return _clean(key)


def _tag_value(raw: bytes, longest: int) -> str:
    """Numbers and booleans are kept as their JSON text."""
    if raw[:1] == b'"':
        return read_text(raw, longest)
    if raw[:1] in {b"{", b"["}:
        raise FieldProblem("values must be strings, numbers or booleans")
    if len(raw) > longest:
        raise FieldProblem(f"must be at most {longest} characters")
    return raw.decode()


def _reader(name: str, kind: Type) -> Reader:
    """The careful twin of a type the fast path decodes."""
    match kind:
        case StrType(max_length=int(longest)):
            return partial(_identifier if name == "id" else read_text, longest=longest)
        case IntType(le=int(most)):
            return partial(_whole, most=most)
        case FloatType(le=limit) if limit is not None:
            return partial(_milliseconds, most=int(limit))
        case BoolType():
            return _flag
        case DictType(max_length=int(most), key_type=StrType(max_length=int(k)), value_type=StrType(max_length=int(v))):
            return partial(_tags, most=most, longest_key=k, longest_value=v)
        case RawType():
            return Raw
        case _:
            raise TypeError(f"no careful reader for {name}")


def _without_none(kind: Type) -> Type:
    return kind.types[0] if isinstance(kind, UnionType) else kind


def readers_of(struct: type[msgspec.Struct]) -> Readers:
    """How each member of an event's struct is read on its own."""
    members = cast("StructType", type_info(struct)).fields
    return {member.name: _reader(member.name, _without_none(member.type)) for member in members}


_READERS = readers_of(Event)
