"""What rules share: groups of rows, their sums, and the filter that finds the calls again."""

from collections.abc import Hashable, Iterable
from decimal import Decimal
from fractions import Fraction

from ingestion.pricing.calculator import EXACT, ZERO
from rules.engine.days import Window
from rules.engine.insights import CallFilter
from rules.engine.snapshot import Model, SizeRow, Snapshot, Tokens, Where


def grouped[K: Hashable, R](rows: Iterable[R], keys: Iterable[K]) -> dict[K, list[R]]:
    """``rows`` by their keys, in the order the keys first come."""
    found: dict[K, list[R]] = {}
    for row, key in zip(rows, keys, strict=True):
        found.setdefault(key, []).append(row)
    return found


def by_where(rows: Iterable[SizeRow]) -> dict[Where, list[SizeRow]]:
    rows = list(rows)
    return grouped(rows, [row.where for row in rows])


def total(rows: Iterable[SizeRow]) -> tuple[int, Tokens, Decimal]:
    """Calls, tokens and known cost of all rows."""
    calls, tokens, cost = 0, Tokens(), ZERO
    for row in rows:
        calls += row.calls
        tokens += row.tokens
        cost = EXACT.add(cost, row.cost_usd)
    return calls, tokens, cost


def exceeds(part: int, whole: int, limit: Decimal) -> bool:
    """``part ÷ whole > limit``, exactly."""
    return Fraction(part) > Fraction(limit) * whole


def falls_below(part: int, whole: int, limit: Decimal) -> bool:
    """``part ÷ whole < limit``, exactly."""
    return Fraction(part) < Fraction(limit) * whole


def of_model(model: Model) -> dict[str, str]:
    """The filter of a model's calls."""
    return {"provider": model.provider, "model_key": model.key}


def counted_calls(snapshot: Snapshot, window: Window, **columns: str | Iterable[str]) -> CallFilter:
    """The calls of a window that rules count, with these columns; several values of one are alternatives."""
    named = [(name, (value,) if isinstance(value, str) else tuple(sorted(value))) for name, value in columns.items()]
    return CallFilter(window.since, window.until, (*named, ("counted", ("true",))), snapshot.project_id)


def sized_calls(snapshot: Snapshot, window: Window, **columns: str | Iterable[str]) -> CallFilter:
    """:func:`counted_calls` without those of which nobody knows what they used, as the sizes are."""
    return counted_calls(snapshot, window, **columns, usage_known="true")


def subject(**columns: str) -> tuple[tuple[str, str], ...]:
    """The columns of an insight in the order they are given."""
    return tuple(columns.items())
