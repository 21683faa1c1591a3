"""What a question is answered with: the groups that are named, and what they are parts of. Pure; selectors fill it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from core.formats import Number
from dashboards.explore.metrics import NOTHING, Measured, Metric
from dashboards.explore.question import Question
from dashboards.filters import Filter, Source
from ingestion import store

type Stored = tuple[str, ...]
CANDIDATES: Final = 200


@dataclass(frozen=True, slots=True)
class Name:
    """A value of a dimension: its stored columns, and what people read.

    ``filters`` maps filters (dashboards.filters.LABELS) to the stored values that keep just its calls; None where no
    filter can say it, as of a deleted project.
    """

    dimension: str
    stored: Stored
    label: str
    filters: Mapping[str, str] | None = field(compare=False)

    @property
    def is_rest(self) -> bool:
        """Whether it stands for all values that are not kept apart."""
        return store.OTHER in self.stored


@dataclass(frozen=True, slots=True)
class Group:
    """Calls with the same ``names``, one of each dimension asked for; ``series`` has their buckets where asked for."""

    names: tuple[Name, ...]
    measured: Measured
    series: Mapping[str, Measured] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return " · ".join(name.label for name in self.names)

    @property
    def filters(self) -> dict[str, str] | None:
        """The filters that keep just these calls, or None where there are none."""
        found: dict[str, str] = {}
        for name in self.names:
            if name.filters is None:
                return None
            found |= name.filters
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The numbers of a question.

    ``groups`` are largest first; ``group_count`` is how many there were. Only the first have a ``series``. A bucket
    without calls is absent. ``firsts`` are groups of the first of two dimensions, with all of the second in them.
    ``chosen`` is the filter within the days that were read, ``source`` where from, and ``sentence`` what its reader
    should know of that. ``is_sampled`` says that the largest were looked for among the busiest only.
    """

    question: Question
    chosen: Filter
    source: Source
    sentence: str = ""
    total: Measured = NOTHING
    buckets: Mapping[str, Measured] = field(default_factory=dict)
    groups: tuple[Group, ...] = ()
    group_count: int = 0
    firsts: tuple[Group, ...] = ()
    first_count: int = 0
    is_sampled: bool = False

    @property
    def metric(self) -> Metric:
        return self.question.measures

    @property
    def rest(self) -> Measured:
        """What the named groups leave of the total: "All others", exactly."""
        return self.total.without(group.measured for group in self.groups)

    @property
    def rest_count(self) -> int:
        """How many groups are not named."""
        return self.group_count - len(self.groups)

    def value(self, measured: Measured) -> Number | None:
        """The metric of these sums; None where it is unknown."""
        return self.metric.value(measured)
