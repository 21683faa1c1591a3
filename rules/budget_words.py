"""Budgets in words and formatted numbers, alike on every page."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from core import formats
from rules.budget_selectors import BudgetRow, Standing
from rules.models import Budget, BudgetState

_HUES: Final[dict[Standing, int | None]] = {"paused": 0, "over": 8, "warned": 2, "ahead": 2, "ok": None}
_BADGES: Final[dict[Standing, tuple[str, str]]] = {
    "paused": ("", "Paused"),
    "over": ("badge-error", "Over budget"),
    "warned": ("badge-warn", "{reached} % reached"),
    "ahead": ("badge-warn", "Will not last"),
    "ok": ("badge-ok", "Within budget"),
}
EACH: Final = {"hour": "an hour", "day": "a day", "week": "a week", "month": "a month"}
RUNNING: Final = {"hour": "This hour", "day": "Today", "week": "This week", "month": "This month"}


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """A budget as a row of a list and as the head of its page."""

    row: BudgetRow
    scope: str
    limit: str
    spent: str
    left: str
    is_over: bool
    forecast: str
    forecast_range: str
    hue: int | None
    badge: str
    standing: str


def line(row: BudgetRow) -> BudgetLine:
    budget = row.budget
    badge, words = _BADGES[row.standing]
    over = row.left < 0
    return BudgetLine(
        row=row,
        scope=scope(budget),
        limit=f"{amount(budget, budget.limit)} {EACH[budget.period]}",
        spent=amount(budget, row.spent),
        left=amount(budget, abs(row.left)),
        is_over=over,
        forecast=amount(budget, row.forecast.expected) if row.forecast else "",
        forecast_range=_range(budget, row.forecast.low, row.forecast.high) if row.forecast else "",
        hue=_HUES[row.standing],
        badge=badge,
        standing=words.format(reached=max(row.reached, default=0)),
    )


def amount(budget: Budget, value: Decimal) -> str:
    """Dollars, or tokens with their unit."""
    return formats.usd(value) if budget.metric == Budget.Metric.COST_USD else f"{formats.tokens(value)} tokens"


def _range(budget: Budget, low: Decimal, high: Decimal) -> str:
    return f"{amount(budget, low)} to {amount(budget, high)}"


def scope(budget: Budget) -> str:
    """What a budget counts."""
    match budget.scope:
        case Budget.Scope.TEAM:
            return f"Team {budget.team}"
        case Budget.Scope.PROJECT:
            return f"Project {_project(budget)}"
        case Budget.Scope.FEATURE:
            return f"Feature {budget.feature} of {_project(budget)}"
        case Budget.Scope.USER:
            return f"End user {budget.user_id}"
        case Budget.Scope.KEY:
            return f"API key {budget.api_key.name if budget.api_key else ''}"
    return "The whole organization"


def _project(budget: Budget) -> str:
    return budget.project.name if budget.project else ""


@dataclass(frozen=True, slots=True)
class PastLine:
    """A period that is over, or not watched any more."""

    state: BudgetState
    spent: str
    share: Decimal
    reached: str


def past_line(budget: Budget, state: BudgetState) -> PastLine:
    reached = ", ".join(f"{one} %" for one in sorted(state.fired))
    return PastLine(state, amount(budget, state.spent), state.spent / budget.limit, reached)


@dataclass(frozen=True, slots=True)
class ThresholdLine:
    """A threshold, the amount it stands for, and whether it was reached in the running period."""

    percent: int
    amount: str
    is_reached: bool
    reached_at: object


def threshold_lines(row: BudgetRow, reached_at: dict[int, object]) -> list[ThresholdLine]:
    """The budget's thresholds; those that fired in the running period and were taken off since stay listed."""
    every = sorted({*row.budget.thresholds, *row.fired})
    return [
        ThresholdLine(
            percent=one,
            amount=amount(row.budget, row.budget.limit * one / 100),
            is_reached=one in row.reached or one in row.fired,
            reached_at=reached_at.get(one),
        )
        for one in every
    ]
