"""The difference a re-pricing makes, added up slice by slice: totals, by model, by feature, and some calls. Pure."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, localcontext
from typing import Any, Final

import msgspec

from ingestion import store
from ingestion.pricing.calculator import EXACT, ZERO
from ingestion.reprice.stored import MODEL_KEY, Change

MOST_ROWS: Final = 100  # of a breakdown; the rest is one row
MOST_SAMPLES: Final = 10


class Row(msgspec.Struct, kw_only=True):
    """A line of a breakdown: how many calls change, and their known costs before and after."""

    provider: str = ""
    name: str
    calls: int = 0
    old_cost_usd: Decimal = ZERO
    new_cost_usd: Decimal = ZERO

    @property
    def difference_usd(self) -> Decimal:
        return EXACT.subtract(self.new_cost_usd, self.old_cost_usd)


class Sample(msgspec.Struct, kw_only=True):
    """One of the calls whose cost changes most; a cost is None where it is unknown."""

    project_id: int
    started_at: str
    call_id: str
    model: str
    old_cost_usd: Decimal | None
    new_cost_usd: Decimal | None

    @property
    def difference_usd(self) -> Decimal:
        return EXACT.subtract(self.new_cost_usd or ZERO, self.old_cost_usd or ZERO)


class Differences(msgspec.Struct, kw_only=True):
    """What ``reprice_runs.differences`` holds."""

    models: list[Row] = []
    features: list[Row] = []
    samples: list[Sample] = []


class Tally(msgspec.Struct, kw_only=True):
    """Sums over the calls of some slices. Calls that are in no rollup are looked at, not summed."""

    calls_seen: int = 0
    calls_changed: int = 0
    newly_priced: int = 0
    newly_unpriced: int = 0
    calls_skipped: int = 0
    old_cost_usd: Decimal = ZERO
    new_cost_usd: Decimal = ZERO
    differences: Differences = msgspec.field(default_factory=Differences)

    def count(self, changes: Iterable[Change], *, seen: int, unchanged_cost: Decimal) -> None:
        """Add a slice: ``seen`` calls, of which those that do not change cost ``unchanged_cost`` together."""
        self.calls_seen += seen
        found = list(changes)
        self.calls_changed += len(found)
        self.newly_priced += sum(one.old_cost is None and one.new_cost is not None for one in found)
        self.newly_unpriced += sum(one.old_cost is not None and one.new_cost is None for one in found)
        counted = [one for one in found if one.is_counted]
        with localcontext(EXACT):
            self.old_cost_usd += unchanged_cost + sum((one.old_cost or ZERO for one in counted), ZERO)
            self.new_cost_usd += unchanged_cost + sum((one.new_cost or ZERO for one in counted), ZERO)
            differences = self.differences
            differences.models = _merged(differences.models, counted, _by_model)
            differences.features = _merged(differences.features, counted, _by_feature)
            differences.samples = _largest([*differences.samples, *map(_sample, counted)])


def as_json(differences: Differences) -> dict[str, Any]:
    """For a JSON column: money as text, exact."""
    return dict(msgspec.to_builtins(differences))


def from_json(document: Mapping[str, Any]) -> Differences:
    """The inverse of ``as_json``; an empty document is no difference."""
    return msgspec.convert(document, Differences)


def _by_model(change: Change) -> tuple[str, str]:
    return change.call.provider, change.after[MODEL_KEY]


def _by_feature(change: Change) -> tuple[str, str]:
    return "", change.call.feature


def _merged(rows: list[Row], changes: Iterable[Change], key: Callable[[Change], tuple[str, str]]) -> list[Row]:
    """``rows`` with ``changes``, the largest differences first. Which names are kept is decided in order of arrival."""
    known = {(row.provider, row.name): row for row in rows}
    for change in changes:
        place = key(change)
        if place not in known and len(known) >= MOST_ROWS:
            place = ("", store.OTHER)
        row = known.setdefault(place, Row(provider=place[0], name=place[1]))
        row.calls += 1
        row.old_cost_usd += change.old_cost or ZERO
        row.new_cost_usd += change.new_cost or ZERO
    return sorted(known.values(), key=lambda row: (-abs(row.difference_usd), row.provider, row.name))


def _sample(change: Change) -> Sample:
    return Sample(
        project_id=change.project_id,
        started_at=change.call.started_at.isoformat(),
        call_id=change.call.call_id,
        model=change.after[MODEL_KEY],
        old_cost_usd=change.old_cost,
        new_cost_usd=change.new_cost,
    )


def _largest(samples: Iterable[Sample]) -> list[Sample]:
    order = sorted(samples, key=lambda one: (-abs(one.difference_usd), one.started_at, one.call_id))
    return order[:MOST_SAMPLES]
