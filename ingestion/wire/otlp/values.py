"""Attribute values as the fields of a call need them: texts, counts, seconds, money. Nothing here repeats a value."""

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec

from ingestion.wire.amounts import MAX_COUNT, NumberError, decimal_text, exact_float, whole_number
from ingestion.wire.otlp.names import Names
from ingestion.wire.otlp.spans import Attributes, Value
from ingestion.wire.surrogates import MARK

_CONTROL: Final = re.compile(r"[\x00-\x1f]")
_WHOLE: Final = re.compile(r"[+-]?\d{1,40}(?:\.0*)?", re.ASCII)
_LONGEST_JSON: Final = 2**20
_JSON: Final = msgspec.json.Decoder(float_hook=exact_float)
_MILLISECONDS: Final = 1_000.0
_WORDS: Final = {"true": True, "false": False, "1": True, "0": False}


def text(value: object, longest: int) -> str:
    """A text that may be stored, ``''`` when there is none; numbers are ids here and there and kept as text."""
    if not isinstance(value, str):
        if not isinstance(value, int) or isinstance(value, bool):
            return ""
        value = str(value)
    if len(value) > longest:
        return ""
    if value.isprintable():  # nearly always, and then there is nothing to look for: the mark is not printable
        return "" if not value or value.isspace() else value
    return "" if "\0" in value or MARK in value or value.isspace() else _CONTROL.sub(" ", value)


def first_text(attributes: Attributes, wanted: Names, longest: int) -> str:
    """The first usable text among the attributes called ``wanted``."""
    for name in wanted:
        if name in attributes and (found := text(attributes[name], longest)):
            return found
    return ""


def count(value: Value) -> int:
    """A number of tokens. Numeric texts and JSON like ``{"intValue": "12"}`` are numbers, as exporters send them.

    :raises NumberError: anything but an integer from 0 to 10⁹.
    """
    if type(value) is int and 0 <= value <= MAX_COUNT:  # nearly always
        return value
    if isinstance(value, str):
        value = _number_in(value)
    if isinstance(value, float):
        if not value.is_integer():
            raise NumberError("must be an integer")
        value = int(value)
    return whole_number(value)


def _number_in(value: str) -> Value:
    stripped = value.strip()
    if stripped[:1] == "{":
        held = json_object(stripped).get("intValue")
        stripped = str(held) if isinstance(held, str | int) else ""
    if not _WHOLE.fullmatch(stripped):
        raise NumberError("must be an integer")
    return int(stripped.partition(".")[0])


def milliseconds(value: Value, *, seconds: bool) -> float | None:
    """A duration, or None when it is not one."""
    number = _float(value)
    if number is None:
        return None
    number *= _MILLISECONDS if seconds else 1.0
    return number if 0 <= number <= MAX_COUNT else None


def _float(value: Value) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def money(value: object) -> Decimal | None:
    """US dollars; None when it is no price, which negative and absurd numbers are not."""
    if isinstance(value, float):
        value = Decimal(repr(value)) if math.isfinite(value) else None
    try:
        return decimal_text(value, at_most=MAX_COUNT)
    except NumberError:
        return None


def flag(value: Value) -> bool | None:
    """True or false however it is written, None when it is neither."""
    if isinstance(value, bool):
        return value
    return _WORDS.get(value.lower()) if isinstance(value, str) else None


def json_value(value: Value) -> object:
    """What a JSON text holds, numbers exact; None when it is too long or no JSON. Structures are given as they are."""
    if not isinstance(value, str):
        return value
    if len(value) > _LONGEST_JSON:
        return None
    try:
        return _JSON.decode(value)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return None


def json_object(value: Value) -> Mapping[str, object]:
    """The object a JSON text holds, an empty one when it holds none."""
    found = json_value(value)
    return found if isinstance(found, dict) else {}


def first_of(value: Value) -> Value:
    """The first entry of a list, which some exporters write as JSON; any other value itself."""
    if isinstance(value, str) and value.lstrip()[:1] == "[":
        found = json_value(value)
        value = found if isinstance(found, list) else ""
    if isinstance(value, list):
        return value[0] if value else None
    return value
