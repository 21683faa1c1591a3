"""What somebody wants to know about the calls of a filter: read from a query string or JSON, and written back. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

from dashboards.explore.dimensions import LABELS
from dashboards.explore.metrics import METRICS, Metric

MOST_DIMENSIONS: Final = 2
MOST_GROUPS: Final = 200
DEFAULT_TOP: Final = 50
_DEFAULT_METRIC: Final = "cost"
_DEFAULT_BY: Final = ("model",)
_FIELDS: Final = ("metric", "by", "shape", "top")

type Query = Mapping[str, Iterable[str]]


class Shape(StrEnum):
    """Over the buckets of the period, or the whole period's groups in order."""

    TIME = "time"
    RANKING = "ranking"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A metric by up to two dimensions (``dimensions.LABELS``), of which the ``top`` groups are wanted by name."""

    metric: str = _DEFAULT_METRIC
    by: tuple[str, ...] = _DEFAULT_BY
    shape: Shape = Shape.TIME
    top: int = DEFAULT_TOP

    @property
    def measures(self) -> Metric:
        return METRICS[self.metric]

    @property
    def is_over_time(self) -> bool:
        return self.shape is Shape.TIME

    @classmethod
    def parse(cls, query: Query) -> tuple[Self, list[str]]:
        """Read a query string (name to its values). What cannot be used becomes a sentence and a sane default."""
        problems: list[str] = []
        return cls(
            metric=_metric(_first(query, "metric"), problems),
            by=_by(query, problems),
            shape=_shape(_first(query, "shape"), problems),
            top=_top(_first(query, "top"), problems),
        ), problems

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The canonical (name, value) pairs of a query string; parsing them again gives the same question."""
        pairs = [("metric", self.metric), *(("by", name) for name in self.by or ("",)), ("shape", str(self.shape))]
        return pairs if self.top == DEFAULT_TOP else [*pairs, ("top", str(self.top))]

    def to_json(self) -> dict[str, Any]:
        """As it is stored and as the API writes it."""
        return {"metric": self.metric, "by": list(self.by), "shape": str(self.shape), "top": self.top}

    @classmethod
    def from_json(cls, document: object) -> Self:
        """Read what ``to_json`` wrote, or somebody by hand: strictly, but a field may be left out.

        :raises ValueError: with one sentence that names the field and what it may hold.
        """
        if not isinstance(document, dict):
            raise ValueError("A question is an object with the fields metric, by, shape and top.")
        if document.keys() - set(_FIELDS):
            raise ValueError(f"A question has only the fields {', '.join(_FIELDS)}.")
        default = cls()
        return cls(
            metric=_strict_choice("metric", document.get("metric", default.metric), METRICS),
            by=_strict_by(document.get("by", list(default.by))),
            shape=Shape(_strict_choice("shape", document.get("shape", str(default.shape)), tuple(Shape))),
            top=_strict_top(document.get("top", default.top)),
        )


def _first(query: Query, name: str) -> str:
    return next((text for value in query.get(name, ()) if (text := value.strip())), "")


def _metric(name: str, problems: list[str]) -> str:
    if not name or name in METRICS:
        return name or _DEFAULT_METRIC
    problems.append("There is no such metric; the cost is shown.")
    return _DEFAULT_METRIC


def _by(query: Query, problems: list[str]) -> tuple[str, ...]:
    if "by" not in query:
        return _DEFAULT_BY
    given = [text for value in query["by"] if (text := value.strip())]
    known = [name for name in given if name in LABELS]
    if len(known) < len(given):
        problems.append(f"Calls can be grouped by {_listed(LABELS)}; what else was asked for is left out.")
    distinct = tuple(dict.fromkeys(known))
    if len(distinct) < len(known):
        problems.append("Both groupings were the same; it is shown once.")
    if len(distinct) > MOST_DIMENSIONS:
        problems.append(f"Calls are grouped by at most {MOST_DIMENSIONS} dimensions; the first ones are shown.")
    return distinct[:MOST_DIMENSIONS]


def _shape(name: str, problems: list[str]) -> Shape:
    if not name or name in tuple(Shape):
        return Shape(name or Shape.TIME)
    problems.append("Numbers are shown over time or as a ranking; they are shown over time.")
    return Shape.TIME


def _top(text: str, problems: list[str]) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(MOST_GROUPS))
    if not text or (is_number and 1 <= int(text) <= MOST_GROUPS):
        return int(text or DEFAULT_TOP)
    problems.append(f"From 1 to {MOST_GROUPS} groups can be listed; the first {DEFAULT_TOP} are.")
    return DEFAULT_TOP


def _strict_choice(field: str, value: object, choices: Iterable[str]) -> str:
    if isinstance(value, str) and value in choices:
        return value
    raise ValueError(f"{field} must be one of {_listed(choices)}.")


def _strict_by(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MOST_DIMENSIONS:
        raise ValueError(f"by must be a list of at most {MOST_DIMENSIONS} of {_listed(LABELS)}.")
    names = tuple(_strict_choice("by", name, LABELS) for name in value)
    if len(set(names)) < len(names):
        raise ValueError("by must not name one dimension twice.")
    return names


def _strict_top(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_GROUPS:
        return value
    raise ValueError(f"top must be a whole number from 1 to {MOST_GROUPS}.")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
