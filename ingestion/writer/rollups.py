"""From the calls of a flush to the rows it adds to the rollups, sorted as every writer sorts them."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import localcontext
from operator import itemgetter
from typing import Any, Final

from ingestion import store
from ingestion.histogram import packed
from ingestion.pricing.calculator import EXACT
from ingestion.writer.rows import Dimensions, Measures, Row

type RollupRow = tuple[Any, ...]  # store.rollup_columns
type Day = tuple[int, date]  # project, local date
type Values = tuple[set[str], ...]  # by store.DIMENSIONS, or the end users alone
type Seed = Callable[[Sequence[Day]], dict[Day, Values]]

_HISTOGRAMS: Final = len(store.HISTOGRAMS)
_FIRST_DIMENSION: Final = Dimensions._fields.index(store.DIMENSIONS[0])
_API_KEY: Final = Dimensions._fields.index("api_key_id")
_by_dimensions = itemgetter(0)
_MOST_DAYS: Final = 2_000
_MOST_VALUES_IN_MEMORY: Final = 500_000


class DistinctValues:
    """Which values of a dimension a project's day keeps apart; the rest becomes ``(other)`` in the rollups.

    Approximate on purpose. Each process learns a day from the daily rollups when it first sees it and counts on its
    own from there, so several processes together may keep up to one limit each; a value counted in a flush that then
    fails keeps its place.
    """

    def __init__(self, limit: int = store.MOST_VALUES) -> None:
        self._limit = limit
        self._days: OrderedDict[Day, Values] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def unseen(self, days: Iterable[Day]) -> list[Day]:
        """The days that must be seeded before their rows are capped."""
        with self._lock:
            return sorted(day for day in days if day not in self._days)

    def learn(self, found: dict[Day, Values]) -> None:
        """Remember days as the rollups have them; forgets the oldest when memory is full."""
        with self._lock:
            for day, values in found.items():
                if day not in self._days:
                    self._days[day] = values
                    self._size += sum(map(len, values))
            self._forget_oldest()

    def cap(self, dimensions: Dimensions) -> Dimensions:
        """``dimensions`` with ``(other)`` for each value that came after the limit was reached."""
        named: tuple[Any, ...] = dimensions[_FIRST_DIMENSION:_API_KEY]
        kept = self.keep((dimensions.project_id, dimensions.bucket_date), named)
        if kept == named:
            return dimensions
        changed: dict[str, Any] = dict(zip(store.DIMENSIONS, kept, strict=True))
        return dimensions._replace(**changed)

    def keep(self, day: Day, named: tuple[str, ...]) -> tuple[str, ...]:
        """``named`` with ``(other)`` for each value that came after the limit was reached on that day."""
        known = self._days.get(day)
        if known and all(map(set.__contains__, known, named)):  # nearly always, and nothing known is forgotten
            return named
        with self._lock:
            values = self._days.get(day) or self._days.setdefault(day, tuple(set() for _ in named))
            return tuple(self._kept(value, seen) for value, seen in zip(named, values, strict=True))

    def beyond(self, day: Day, names: set[str]) -> set[str]:
        """Those of ``names``, values of the only dimension there is, that are not kept apart on that day.

        Which ones find a place must not depend on the order in which a request lists its calls.
        """
        new = names.difference(*self._days.get(day, ()))
        return {name for name in sorted(new) if self.keep(day, (name,)) != (name,)}

    def _kept(self, value: str, seen: set[str]) -> str:
        if value not in seen:
            if len(seen) >= self._limit:
                return store.OTHER
            seen.add(value)
            self._size += 1
        return value

    def _forget_oldest(self) -> None:
        while len(self._days) > _MOST_DAYS or (self._size > _MOST_VALUES_IN_MEMORY and len(self._days) > 1):
            _, values = self._days.popitem(last=False)
            self._size -= sum(map(len, values))


def group(rows: Iterable[Row]) -> dict[Dimensions, list[Row]]:
    """Calls by the hourly rollup row they belong to."""
    groups: dict[Dimensions, list[Row]] = {}
    for row in rows:
        found = groups.get(row.dimensions)
        if found is None:
            groups[row.dimensions] = [row]
        else:
            found.append(row)
    return groups


def cap(groups: Mapping[Dimensions, list[Row]], values: DistinctValues) -> dict[Dimensions, list[Row]]:
    """``groups`` with at most so many values a dimension, project and day.

    In the order of their keys, because whoever sorts what is made of them is done at once then.
    """
    capped: dict[Dimensions, list[Row]] = {}
    for dimensions, rows in sorted(groups.items(), key=_by_dimensions):
        capped.setdefault(values.cap(dimensions), []).extend(rows)
    return capped


def measured(groups: Mapping[Dimensions, Sequence[Row]]) -> dict[Dimensions, list[Measures]]:
    """What the calls of each group add to it."""
    return {dimensions: [row.measures for row in rows] for dimensions, rows in groups.items()}


def days(groups: Iterable[Dimensions]) -> set[Day]:
    return {(dimensions.project_id, dimensions.bucket_date) for dimensions in groups}


def rollup_rows(groups: dict[Dimensions, list[Measures]]) -> tuple[list[RollupRow], list[RollupRow]]:
    """Hourly and daily rows, each sorted by its primary key."""
    hourly: list[RollupRow] = []
    by_day: dict[tuple[Any, ...], list[Dimensions]] = {}
    folded: dict[Dimensions, RollupRow] = {}
    with localcontext(EXACT):
        for dimensions, measures in groups.items():
            organization, project, start, day, *rest = dimensions
            folded[dimensions] = fold(measures)
            hourly.append((organization, project, start, *rest, *folded[dimensions]))
            by_day.setdefault((organization, project, day, *rest), []).append(dimensions)
        daily = [(*key, *_merged(hours, groups, folded)) for key, hours in by_day.items()]
    # Behind the key come sums, but keys differ, so they are never compared.
    hourly.sort()
    daily.sort()
    return hourly, daily


def _merged(
    hours: list[Dimensions], groups: dict[Dimensions, list[Measures]], folded: dict[Dimensions, RollupRow]
) -> RollupRow:
    if len(hours) == 1:  # nearly always: calls arrive within the hour
        return folded[hours[0]]
    return fold([measures for hour in hours for measures in groups[hour]])


def fold(measures: Sequence[Measures]) -> RollupRow:
    """``store.SUMS`` of some calls. The decimal context must be exact."""
    if len(measures) == 1:
        (one,) = measures
        return (*one[:-_HISTOGRAMS], *(packed([] if place is None else [place]) for place in one[-_HISTOGRAMS:]))
    columns = list(zip(*measures, strict=True))
    sums = map(sum, columns[:-_HISTOGRAMS])
    histograms = (packed([place for place in column if place is not None]) for column in columns[-_HISTOGRAMS:])
    return (*sums, *histograms)
