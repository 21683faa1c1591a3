"""Prices pasted as lines of text: one model a line, all of them right or none is taken. Pure."""

import csv
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final

import msgspec

from ingestion.pricing.own import REQUIRED, UNIT_NAMES

COLUMNS: Final = ("provider", "model", "input", "cached_input", "cache_write", "output")
MOST_LINES: Final = 500
MOST_USD: Final = Decimal(1_000_000)
MOST_PLACES: Final = 12
LONGEST_MODEL, LONGEST_PROVIDER = 255, 100
_OTHER_NAMES: Final = {
    "cached": "cached_input",
    "cache_read": "cached_input",
    "in": "input",
    "out": "output",
    "vendor": "provider",
    "model_id": "model",
    "request": "requests",
}


class PastedPrice(msgspec.Struct, frozen=True, kw_only=True):
    """One line: prices in USD by the names of ``UNIT_NAMES``."""

    line: int
    provider: str
    model: str
    prices: dict[str, Decimal]


class BadLine(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a line; the message repeats no value."""

    line: int
    message: str


class PasteError(ValueError):
    """Some lines cannot be used, so none is."""

    def __init__(self, bad: Sequence[BadLine]) -> None:
        super().__init__(f"{len(bad)} lines cannot be used")
        self.bad = list(bad)


def read(text: str) -> list[PastedPrice]:
    """The prices in ``text``: fields separated by tabs, semicolons or commas, a first line of names if there is one.

    Without names the columns are ``COLUMNS``. Empty lines and lines that begin with ``#`` are passed over.

    :raises PasteError: every line that is wrong, with its number from 1.
    """
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if _says_something(line)]
    if not lines:
        raise PasteError([BadLine(line=1, message="Paste at least one line.")])
    if len(lines) > MOST_LINES + 1:
        raise PasteError([BadLine(line=lines[MOST_LINES + 1][0], message=f"At most {MOST_LINES} lines at once.")])
    separator = next((mark for mark in "\t;" if mark in lines[0][1]), ",")
    columns, rows = _header(lines, separator)
    return _all_or_nothing(columns, rows, separator)


def amount(text: str) -> Decimal:
    """A price as people write it: ``2.5``, ``$2.50``, ``1e-6``.

    :raises ValueError: with a message for people; it repeats no value.
    """
    try:
        value = Decimal(text.strip().removeprefix("$").strip())
    except InvalidOperation:
        raise ValueError("is not a number; use a point for decimals and no thousands separators") from None
    if not value.is_finite() or value < 0:
        raise ValueError("must be 0 or more")
    if value > MOST_USD:
        raise ValueError(f"must be at most {MOST_USD:,f}")
    if -int(value.normalize().as_tuple().exponent) > MOST_PLACES:
        raise ValueError(f"may have at most {MOST_PLACES} decimal places")
    return value


def _says_something(line: str) -> bool:
    return bool(line.strip(" \t,;")) and not line.lstrip().startswith("#")


def _header(lines: list[tuple[int, str]], separator: str) -> tuple[Sequence[str], list[tuple[int, str]]]:
    (number, first), *rest = lines
    names = [_column(field) for field in _fields(first, separator)]
    if "model" not in names:
        return COLUMNS, lines
    unknown = [position for position, name in enumerate(names, 1) if name not in {"provider", "model", *UNIT_NAMES}]
    if unknown:
        message = (
            f"Column {unknown[0]} has a name that is not known; use {', '.join(('provider', 'model', *UNIT_NAMES))}."
        )
        raise PasteError([BadLine(line=number, message=message)])
    if len(set(names)) < len(names):
        raise PasteError([BadLine(line=number, message="Two columns have the same name.")])
    return names, rest


def _column(field: str) -> str:
    name = field.strip().lower().replace(" ", "_").replace("-", "_").removesuffix("_tokens").removesuffix("_mtok")
    return _OTHER_NAMES.get(name, name)


def _fields(line: str, separator: str) -> list[str]:
    return [field.strip() for field in next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])]


def _all_or_nothing(columns: Sequence[str], rows: list[tuple[int, str]], separator: str) -> list[PastedPrice]:
    found: list[PastedPrice] = []
    bad: list[BadLine] = []
    seen: dict[tuple[str, str], int] = {}
    for number, line in rows:
        price = _price(number, dict(zip(columns, _fields(line, separator), strict=False)))
        wrong = list(_wrong(number, line, columns, separator)) or (price if isinstance(price, list) else [])
        if not wrong and isinstance(price, PastedPrice):
            first = seen.setdefault((price.provider.lower(), price.model.lower()), number)
            if first != number:
                wrong = [f"This is the same provider and model as line {first}."]
            else:
                found.append(price)
        bad += [BadLine(line=number, message=message) for message in wrong]
    if bad:
        raise PasteError(bad)
    if not found:
        raise PasteError([BadLine(line=1, message="Paste at least one line below the names of the columns.")])
    return found


def _wrong(number: int, line: str, columns: Sequence[str], separator: str) -> Iterator[str]:
    if len(_fields(line, separator)) > len(columns):
        yield f"There are more than {len(columns)} fields."


def _price(number: int, fields: dict[str, str]) -> PastedPrice | list[str]:
    """The line's price, or what is wrong with it."""
    model, provider = fields.get("model", ""), fields.get("provider", "")
    wrong: list[str] = []
    if not model:
        wrong.append("The model is missing.")
    if len(model) > LONGEST_MODEL or len(provider) > LONGEST_PROVIDER or "\0" in model + provider:
        wrong.append("The model or the provider is too long.")
    prices: dict[str, Decimal] = {}
    for name in UNIT_NAMES:
        text = fields.get(name, "")
        if not text:
            if name in REQUIRED:
                wrong.append(f"The price of {name} is missing; write 0 if it costs nothing.")
            continue
        try:
            prices[name] = amount(text)
        except ValueError as error:
            wrong.append(f"The price of {name.replace('_', ' ')} {error}.")
    return wrong or PastedPrice(line=number, provider=provider, model=model, prices=prices)
