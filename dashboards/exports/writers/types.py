"""What every format is told: columns, what the file is about, and pages of rows as text. Pure.

Rows come as text that the database has written, because making Python objects of a million rows only to write them
down again costs more than everything else. A page is lines of CSV (RFC 4180; an empty field without quotes is null)
or lines of JSON, as the format asks for.

A file is only ever appended to, and ``state`` is what has to be known to go on with it. Together with the number of
bytes written it is kept after every page: whoever takes over cuts the file there and goes on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Final, Protocol

type State = dict[str, Any]
"""JSON-able."""
MONEY_DIGITS: Final = 20
"""Decimals of an amount where a format has to fix them; what has more is rounded there."""
type Read = Callable[[int, int], bytes]
"""The bytes of the file from one offset to before another."""


class WriteError(Exception):
    """The file cannot hold it; the message is shown to people."""


class Kind(StrEnum):
    """What a column holds; money is US dollars, moments are UTC."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    MONEY = "money"
    MOMENT = "moment"
    FLAG = "flag"
    JSON = "json"


class Rendering(StrEnum):
    """How a page of rows is written: ``SAFE_CSV`` is CSV without formulas (core.spreadsheets.plain)."""

    CSV = "csv"
    SAFE_CSV = "safe csv"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Content:
    """What the file is to hold. ``about`` are names and texts that say what it was made of; ``note`` wants them in
    formats too that have no place for them.
    """

    columns: tuple[Column, ...]
    about: tuple[tuple[str, str], ...]
    note: bool = False


class Writer(Protocol):
    """One format. What the methods return is to be appended to the file in this order."""

    rendering: ClassVar[Rendering]
    pages: ClassVar[int]  # that are best written at once
    state: State

    def begin(self) -> bytes:
        """What comes before the first row."""
        ...

    def rows(self, page: bytes) -> bytes:
        """Rows, one or more.

        :raises WriteError: the format has no room for them.
        """
        ...

    def end(self, read: Read) -> bytes:
        """What comes after the last row."""
        ...
