"""What changed prices add to which rollup rows. Pure.

A rollup row is the sum of what transactions added to it, so the difference that changed calls make may be added at any
time, beside any other writer, in any order: it takes their old measures out of one row and puts the new ones into
another. Only the model key and the costs of a call can change; where the key stays, the costs alone are added.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext
from typing import Any, Final

from ingestion import store
from ingestion.pricing.calculator import EXACT, ZERO
from ingestion.reprice.stored import MODEL_KEY, Change, Price
from ingestion.writer.rollups import RollupRow, rollup_rows
from ingestion.writer.rows import Dimensions, LocalTime, Measures, Target, dimensions, measures

type Groups = dict[Dimensions, list[Measures]]

_COSTS_AT: Final = len(store.FROM_PRICE) - len(store.COSTS)
_HISTOGRAMS: Final = len(store.HISTOGRAMS)
_UNPRICED: Final = store.SUMS.index("unpriced_calls")
_FIRST_COST: Final = store.SUMS.index(store.COSTS[0])
_COST_SUMS: Final = range(_FIRST_COST, _FIRST_COST + len(store.COSTS))


def rollup_deltas(
    changes: Iterable[Change], *, organization_id: int, local_time: LocalTime
) -> dict[str, list[RollupRow]]:
    """Rows to add to each rollup, sorted as every writer sorts them; some of their sums are negative."""
    added: Groups = {}
    removed: Groups = {}
    for change in changes:
        if not change.is_counted:
            continue
        (old, before), (new, after) = sides(change, organization_id=organization_id, local_time=local_time)
        if old == new:
            added.setdefault(new, []).append(_costs_only(before, after))
        else:
            removed.setdefault(old, []).append(before)
            added.setdefault(new, []).append(after)
    plus, minus = rollup_rows(added), rollup_rows(removed)
    tables = (store.HOURLY, store.DAILY)
    return {table: _difference(table, more, less) for table, more, less in zip(tables, plus, minus, strict=True)}


def sides(
    change: Change, *, organization_id: int, local_time: LocalTime
) -> tuple[tuple[Dimensions, Measures], tuple[Dimensions, Measures]]:
    """What a call adds to which row: before, and after."""
    target = Target(organization_id, change.project_id, change.api_key_id, local_time)
    before, after = (
        (dimensions(change.call, price[MODEL_KEY], target), measures(change.call, _costs(price)))
        for price in (change.before, change.after)
    )
    return before, after


def _costs(price: Price) -> tuple[Decimal | None, ...]:
    """``store.COSTS``; a part that a known cost does not tell adds nothing, as in a rebuild."""
    costs = price[_COSTS_AT:]
    return costs if costs[0] is None else tuple(ZERO if cost is None else cost for cost in costs)


def _costs_only(before: Measures, after: Measures) -> Measures:
    """Everything but the price cancels; written as zeros, because floats would leave a rest."""
    with localcontext(EXACT):
        sums = [
            after[n] - before[n] if n == _UNPRICED or n in _COST_SUMS else 0
            for n in range(len(store.SUMS) - _HISTOGRAMS)
        ]
    return (*sums, *[None] * _HISTOGRAMS)


def _difference(table: str, added: Sequence[RollupRow], removed: Sequence[RollupRow]) -> list[RollupRow]:
    """``added`` − ``removed`` by key, without the rows in which nothing is left."""
    key = len(store.rollup_columns(table)) - len(store.SUMS)
    nothing = (0,) * len(store.SUMS)
    sums = {row[:key]: _numbers(row[key:]) for row in added}
    with localcontext(EXACT):
        for row in removed:
            before = sums.get(row[:key], nothing)
            sums[row[:key]] = tuple(a - b for a, b in zip(before, _numbers(row[key:]), strict=True))
    return sorted((*at, *_texts(values)) for at, values in sums.items() if any(values))


def _numbers(sums: tuple[Any, ...]) -> tuple[Any, ...]:
    """Packed histograms as whole numbers: a thousand digits are more than a Decimal context holds."""
    return (*sums[:-_HISTOGRAMS], *(int(Decimal(text)) for text in sums[-_HISTOGRAMS:]))


def _texts(sums: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*sums[:-_HISTOGRAMS], *map(str, sums[-_HISTOGRAMS:]))


def key_of(table: str, row: RollupRow) -> tuple[Any, ...]:
    """``store.rollup_key`` of a row."""
    return row[1 : len(store.rollup_key(table)) + 1]


def calls_of(table: str, row: RollupRow) -> int:
    """How many calls a row adds; negative when it takes some away."""
    calls: int = row[len(store.rollup_key(table)) + 1 + store.SUMS.index("calls")]
    return calls
