"""What a dashboard is made of, as values: pure, the same whether a form, a file or the API made it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from core.ranges import CALENDAR_RANGES, RANGES
from dashboards.boards.grid import Place
from dashboards.explore.question import Question, Shape
from dashboards.filters import DIMENSIONS, SEARCHES

LONGEST_NAME: Final = 100
LONGEST_DESCRIPTION: Final = 300
LONGEST_TEXT: Final = 5_000
MOST_WIDGETS: Final = 50
MOST_BOARDS: Final = 200

# What a dashboard and its widgets can be narrowed by.
FILTERS: Final = (*DIMENSIONS, "status", *SEARCHES)

# What a dashboard can open with.
OPENING_RANGES: Final[Mapping[str, str]] = MappingProxyType(
    {**{name: f"The last {text}" for name, text in RANGES.items()}, **CALENDAR_RANGES}
)

type Pairs = tuple[tuple[str, str], ...]


class Kind(StrEnum):
    """How a widget shows the answer to its question; a text has none."""

    STAT = "stat"
    TIME_SERIES = "time_series"
    BAR = "bar"
    DONUT = "donut"
    TABLE = "table"
    HEAT_MAP = "heat_map"
    TEXT = "text"

    @property
    def label(self) -> str:
        return _LABELS[self]

    @property
    def shape(self) -> Shape:
        """How its question is asked."""
        return Shape.TIME if self in _OVER_TIME else Shape.RANKING

    @property
    def most_groupings(self) -> int:
        """By how many dimensions at once it can show an answer."""
        return _GROUPINGS[self]


_LABELS: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        Kind.STAT: "Figure",
        Kind.TIME_SERIES: "Time series",
        Kind.BAR: "Bars",
        Kind.DONUT: "Ring",
        Kind.TABLE: "Table",
        Kind.HEAT_MAP: "Heat map",
        Kind.TEXT: "Text",
    }
)
_OVER_TIME: Final = frozenset({Kind.STAT, Kind.TIME_SERIES, Kind.HEAT_MAP})
_GROUPINGS: Final[Mapping[Kind, int]] = MappingProxyType(
    {
        Kind.STAT: 0,
        Kind.TIME_SERIES: 2,
        Kind.BAR: 2,
        Kind.DONUT: 1,
        Kind.TABLE: 2,
        Kind.HEAT_MAP: 1,
        Kind.TEXT: 0,
    }
)
# Columns and rows of a new widget.
SIZES: Final[Mapping[Kind, tuple[int, int]]] = MappingProxyType(
    {
        Kind.STAT: (3, 2),
        Kind.TIME_SERIES: (6, 4),
        Kind.BAR: (6, 4),
        Kind.DONUT: (4, 4),
        Kind.TABLE: (6, 4),
        Kind.HEAT_MAP: (6, 4),
        Kind.TEXT: (6, 2),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WidgetTerms:
    """A widget as somebody wants it: ``question`` is None for a text, ``place`` where there is room."""

    kind: Kind
    title: str = ""
    question: Question | None = None
    filters: Pairs = ()
    text: str = ""
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardTerms:
    """A dashboard as somebody wants it. ``range`` is what it opens with; ``filters`` hold for every widget."""

    name: str
    description: str = ""
    range: str = ""
    filters: Pairs = ()
    widgets: tuple[WidgetTerms, ...] = ()


def stored(filters: Pairs) -> list[list[str]]:
    """Pairs as a JSON column keeps them."""
    return [[name, value] for name, value in filters]


def loaded(column: Any) -> Pairs:
    """Pairs from a JSON column."""
    return tuple((name, value) for name, value in column)
