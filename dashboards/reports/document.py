"""A report as every form of it is written: sections of sentences, figures, charts and tables, ready to read. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

type Tone = Literal["", "good", "bad", "high", "medium", "low"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that is read first; ``change`` is against the period before, ``note`` what belongs to it."""

    label: str
    value: str
    note: str = ""
    change: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell; ``share`` (0 to 1) is drawn as a bar behind the text, ``path`` leads to the page about it."""

    text: str
    note: str = ""
    share: float | None = None
    tone: Tone = ""
    path: str = ""

    @property
    def percent(self) -> str:
        """The share as a number of hundredths, as SVG takes it."""
        return f"{min(max(self.share or 0, 0), 1) * 100:.2f}"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of as many cells as there are columns; ``more`` says what was left out."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    more: str = ""

    @property
    def lines(self) -> list[list[tuple[Column, Cell]]]:
        """The rows, each cell with its column."""
        return [list(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing, and the same in a sentence for who cannot see it."""

    svg: str
    alternative: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part. ``empty`` stands in the place of everything else where there is nothing to show."""

    key: str
    title: str
    sentences: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    chart: Chart | None = None
    table: Table | None = None
    empty: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    title: str
    subject: str
    period: str
    made: str
    sections: Sequence[Section]
    notes: Sequence[str]
