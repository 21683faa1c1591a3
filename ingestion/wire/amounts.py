"""Numbers from JSON that a database and a bill can trust: exact, finite, in range."""

import re
from decimal import Decimal, InvalidOperation

MAX_COUNT = 10**9
"""No call reads or writes more tokens; larger values are mistakes."""

_MOST_DECIMALS = 30
_LONGEST_NUMBER = 200
_PLAIN_DECIMAL = re.compile(r"[+-]?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_ABSURD = Decimal("Infinity")


class NumberError(ValueError):
    """The number is refused; the text says what is allowed and never what was sent."""


def exact_float(text: str) -> Decimal:
    """A JSON number with a fraction or an exponent, without a detour over binary; infinite when it is absurdly long."""
    try:
        return Decimal(text) if len(text) <= _LONGEST_NUMBER else _ABSURD
    except InvalidOperation:
        return _ABSURD


def whole_number(value: object, *, at_most: int = MAX_COUNT) -> int:
    """An integer from 0. ``12.0`` and ``1.2e1`` are integers, as others write them; ``true`` and ``"12"`` are not.

    :raises NumberError: anything else.
    """
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise NumberError("must be an integer")
    _check_range(value, at_most)
    if value != int(value):
        raise NumberError("must be an integer")
    return int(value)


def decimal_number(value: object, *, at_most: int) -> Decimal:
    """A JSON number from 0, exactly as written, at most 30 decimal places.

    :raises NumberError: anything else.
    """
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise NumberError("must be a number")
    _check_range(value, at_most)
    number = Decimal(value)
    if _decimals(number) > _MOST_DECIMALS:
        raise NumberError(f"must have at most {_MOST_DECIMALS} decimal places")
    return number.copy_abs()  # -0 is 0


def decimal_text(value: object, *, at_most: int) -> Decimal:
    """Like ``decimal_number``, but a plain decimal string is a number too, as money often travels.

    :raises NumberError: anything else.
    """
    if isinstance(value, str):
        if not _PLAIN_DECIMAL.fullmatch(value):
            raise NumberError("must be a decimal number")
        value = Decimal(value)
    return decimal_number(value, at_most=at_most)


def _check_range(value: int | Decimal, at_most: int) -> None:
    if value < 0:
        raise NumberError("must be ≥ 0")
    if value > at_most:
        raise NumberError(f"must be ≤ {at_most}")


def _decimals(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return -exponent if number and isinstance(exponent, int) else 0
