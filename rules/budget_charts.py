"""How a period's spend went and where it leads, as chart specs. Pure: numbers in, numbers out."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from core.charts import OTHER, ChartSpec, Series, Unit
from core.formats import Number
from ingestion.pricing.calculator import EXACT
from rules.engine.budgets import BudgetPeriod, Forecast, Metric, Stretch
from rules.engine.days import midnight, running_hour, today

HOURS_SHOWN: Final = 24  # of an hour's budget, whose period has no shorter sums
HOUR: Final = timedelta(hours=1)
_SPENT, _LIMIT, _AHEAD = 1, 8, OTHER
_UNITS: Final[Mapping[Metric, Unit]] = {Metric.COST_USD: "usd", Metric.TOKENS: "tokens"}
_PLACES: Final = Decimal("1e-12")


def starts(period: BudgetPeriod, stretch: Stretch, zone: ZoneInfo) -> list[datetime]:
    """Where the chart's buckets begin: days of a month, hours of a week or a day, whatever the clocks do."""
    if period is BudgetPeriod.MONTH:
        day, found = stretch.first_day, []
        while midnight(day, zone) < stretch.until:
            found.append(midnight(day, zone))
            day += timedelta(days=1)
        return found
    return hours(stretch.since, stretch.until)


def hours(since: datetime, until: datetime) -> list[datetime]:
    return [since + place * HOUR for place in range((until - since) // HOUR)]


def burn_down(
    *,
    metric: Metric,
    limit: Decimal,
    period: BudgetPeriod,
    stretch: Stretch,
    by_hour: Mapping[datetime, Decimal],
    spent: Decimal,
    forecast: Forecast | None,
    as_of: datetime,
    zone: ZoneInfo,
) -> ChartSpec:
    """What was spent by the end of each bucket, the limit, and the forecast to the period's end with its range."""
    begins = starts(period, stretch, zone)
    ends = [*begins[1:], stretch.until]
    so_far = _summed(begins, ends, by_hour, spent, as_of)
    series = [
        _series("Spent", _SPENT, so_far),
        _series("Limit", _LIMIT, [limit] * len(begins), is_dashed=True),
    ]
    if forecast is not None:
        named = (("Forecast", forecast.expected), ("At least", forecast.low), ("At most", forecast.high))
        series += [
            _series(name, _AHEAD, _leading(begins, ends, spent, goal, as_of), is_dashed=name != "Forecast")
            for name, goal in named
        ]
    return {
        "kind": "line",
        "unit": _UNITS[metric],
        "x": [_label(one, period, zone) for one in begins],
        "series": series,
        "running": True,
    }


def last_hours(
    *, metric: Metric, limit: Decimal, by_hour: Mapping[datetime, Decimal], as_of: datetime, zone: ZoneInfo
) -> ChartSpec:
    """An hourly budget's last periods, the running one at the end."""
    end = running_hour(as_of, zone) + HOUR
    begins = hours(end - HOURS_SHOWN * HOUR, end)
    spent = [by_hour.get(one, Decimal(0)) for one in begins]
    return {
        "kind": "line",
        "unit": _UNITS[metric],
        "x": [_label(one, BudgetPeriod.HOUR, zone) for one in begins],
        "series": [
            _series("Spent in the hour", _SPENT, spent),
            _series("Limit", _LIMIT, [limit] * len(begins), is_dashed=True),
        ],
        "running": True,
    }


def _summed(
    begins: Sequence[datetime],
    ends: Sequence[datetime],
    by_hour: Mapping[datetime, Decimal],
    spent: Decimal,
    as_of: datetime,
) -> list[Number | None]:
    """Running totals. The bucket that is not over has the spend so far, those to come have none."""
    total, found, left = Decimal(0), list[Number | None](), sorted(by_hour)
    for begin, end in zip(begins, ends, strict=True):
        while left and left[0] < end:
            total = EXACT.add(total, by_hour[left.pop(0)])
        found.append(None if begin > as_of else total if end <= as_of else spent)
    return found


def _leading(
    begins: Sequence[datetime],
    ends: Sequence[datetime],
    spent: Decimal,
    goal: Decimal,
    as_of: datetime,
) -> list[Number | None]:
    """A straight line from what is spent in the running bucket to ``goal`` at the end of the last."""
    until = ends[-1]
    found = list[Number | None]()
    for begin, end in zip(begins, ends, strict=True):
        if end <= as_of:
            found.append(None)
        elif begin <= as_of and end < until:
            found.append(spent)
        else:
            found.append(_on_the_way(spent, goal, end - as_of, until - as_of))
    return found


def _on_the_way(spent: Decimal, goal: Decimal, gone: timedelta, whole: timedelta) -> Decimal:
    step = EXACT.multiply(EXACT.subtract(goal, spent), Decimal(gone // timedelta(microseconds=1)))
    part = EXACT.divide(step, Decimal(whole // timedelta(microseconds=1)))
    return EXACT.quantize(EXACT.add(spent, part), _PLACES)


def _label(moment: datetime, period: BudgetPeriod, zone: ZoneInfo) -> str:
    if period is BudgetPeriod.MONTH:
        return today(moment, zone).isoformat()
    return moment.astimezone(zone).isoformat()


def _series(name: str, color: int, data: Sequence[Number | None], *, is_dashed: bool = False) -> Series:
    series: Series = {"name": name, "color_index": color, "data": data}
    if is_dashed:
        series["dashed"] = True
    return series
