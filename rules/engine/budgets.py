"""Periods, thresholds and forecasts of budgets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from ingestion.pricing.calculator import EXACT
from rules.engine.days import midnight, running_hour, today
from rules.engine.names import Severity

DEFAULT_THRESHOLDS: Final = (50, 80, 100)  # percent of the limit
FORECAST_HOURS: Final = 168
LEAST_HOURS: Final = 24
_FORECAST_FROM: Final = 10  # percent of the period
_HIGH_FROM, _MEDIUM_FROM = 100, 80
_PLACES: Final = Decimal("1e-12")
_MICROSECOND: Final = timedelta(microseconds=1)
_HOUR: Final = timedelta(hours=1)


class BudgetPeriod(StrEnum):
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Metric(StrEnum):
    COST_USD = "cost_usd"
    TOKENS = "tokens"


@dataclass(frozen=True, slots=True)
class Stretch:
    """A budget's running period, half-open, in UTC. ``first_day`` is the local date it begins on."""

    since: datetime
    until: datetime
    first_day: date

    def share_over(self, as_of: datetime) -> Decimal:
        """How much of the period is over, from 0 to 1. A day of 25 hours is a longer one."""
        return EXACT.quantize(Decimal((as_of - self.since) / (self.until - self.since)), _PLACES)

    @property
    def key(self) -> str:
        """What tells this period from the budget's others."""
        return self.since.isoformat()


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSpend:
    """A budget and what was spent in its running period; ``limit`` and ``spent`` are USD or tokens, by ``metric``.

    ``fired`` are thresholds that were reached in this period before: they are not taken back. ``hours`` is the spend
    of each of the last full hours since the first call, at most 168, the oldest first.
    """

    budget_id: int
    name: str
    project_id: int | None
    team: str
    metric: Metric
    period: BudgetPeriod
    limit: Decimal
    thresholds: tuple[int, ...]
    stretch: Stretch
    spent: Decimal
    unpriced_calls: int = 0
    estimated_calls: int = 0
    fired: frozenset[int] = frozenset()
    hours: tuple[Decimal, ...] = ()
    filters: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def unit(self) -> str:
        return "USD" if self.metric is Metric.COST_USD else "tokens"


@dataclass(frozen=True, slots=True)
class Forecast:
    """What will have been spent at the end of the period, at the mean, the lowest and the highest daily pace."""

    expected: Decimal
    low: Decimal
    high: Decimal


def stretch_at(period: BudgetPeriod, as_of: datetime, zone: ZoneInfo) -> Stretch:
    """The period that runs at ``as_of``: the local hour, day, week from Monday, or calendar month."""
    day = today(as_of, zone)
    if period is BudgetPeriod.HOUR:
        start = running_hour(as_of, zone)
        return Stretch(start, start + _HOUR, day)
    first, end = _days(period, day)
    return Stretch(midnight(first, zone), midnight(end, zone), first)


def _days(period: BudgetPeriod, day: date) -> tuple[date, date]:
    if period is BudgetPeriod.DAY:
        return day, day + timedelta(days=1)
    if period is BudgetPeriod.WEEK:
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=7)
    first = day.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1)


def reached(budget: BudgetSpend) -> list[int]:
    """The thresholds that the spend is at or above, or was within this period, the lowest first."""
    return [
        threshold
        for threshold in sorted(budget.thresholds)
        if threshold in budget.fired or budget.spent * 100 >= threshold * budget.limit
    ]


def severity_of(threshold: int) -> Severity:
    if threshold >= _HIGH_FROM:
        return Severity.HIGH
    return Severity.MEDIUM if threshold >= _MEDIUM_FROM else Severity.LOW


def forecast(budget: BudgetSpend, as_of: datetime) -> Forecast | None:
    """Spend + remaining hours × mean hourly spend of the last 168 hours; the range by the days among them.

    None for hours, before a tenth of the period is over, and with less than 24 hours since the first call.
    """
    if budget.period is BudgetPeriod.HOUR or not _is_far_enough(budget.stretch, as_of):
        return None
    if len(budget.hours) < LEAST_HOURS:
        return None
    daily = _daily_means(budget.hours)
    expected = _mean(budget.hours)
    ahead = [_ahead(budget, as_of, pace) for pace in (expected, min(daily), max(daily))]
    return Forecast(*ahead)


def _is_far_enough(stretch: Stretch, as_of: datetime) -> bool:
    return (as_of - stretch.since) * 100 >= (stretch.until - stretch.since) * _FORECAST_FROM


def _ahead(budget: BudgetSpend, as_of: datetime, an_hour: Decimal) -> Decimal:
    left = max(budget.stretch.until - as_of, timedelta()) // _MICROSECOND
    rest = EXACT.divide(EXACT.multiply(an_hour, Decimal(left)), Decimal(_HOUR // _MICROSECOND))
    return EXACT.quantize(EXACT.add(budget.spent, rest), _PLACES)


def _daily_means(hours: Sequence[Decimal]) -> list[Decimal]:
    """Mean hourly spend of each whole block of 24 hours, counted back from the last full hour."""
    ends = range(len(hours), LEAST_HOURS - 1, -LEAST_HOURS)
    return [_mean(hours[end - LEAST_HOURS : end]) for end in ends]


def _mean(amounts: Sequence[Decimal]) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        total = EXACT.add(total, amount)
    return EXACT.divide(total, Decimal(len(amounts)))
