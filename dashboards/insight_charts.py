"""What an insight looks like over time: the number its rule compares, by day or hour, beside where the rule fires."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from core.charts import ChartSpec, Kind, Series, Unit
from core.formats import Number
from core.periods import HOUR, Period
from core.ranges import EXACT
from dashboards.filters import NONE, Filter
from dashboards.numbers import Sums
from rules.engine.insights import CallFilter, Evidence, Item
from rules.engine.names import Rule

type Measure = Callable[[Sums], Number | None]

_FILTERS: Final = {"provider": "provider", "model_key": "model", "team": "team", "feature": "feature"}
_HASH_SHOWN: Final = 12
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_LONG: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawn chart and its words."""

    spec: ChartSpec
    title: str
    caption: str


@dataclass(frozen=True, slots=True)
class OverTime:
    """How a rule's number is drawn from rollups. ``limit`` names the figure whose comparison is a line of its own.

    ``before`` is how much is shown in front of the window, to see what was normal.
    """

    title: str
    caption: str
    unit: Unit
    name: str
    measure: Measure
    limit: str = ""
    before: timedelta = timedelta()


def _a_call(sums: Sums, tokens: int) -> float | None:
    return round(tokens / sums.calls, 1) if sums.calls else None


def _calls(sums: Sums) -> Number | None:
    return sums.calls


def _cost(sums: Sums) -> Number | None:
    return sums.known_cost_usd


OVER_TIME: Final[Mapping[Rule, OverTime]] = {
    Rule.MODEL_MISUSE: OverTime(
        "Output tokens a call",
        "mean of each day, and below what the model is too much",
        "tokens",
        "Output a call",
        lambda sums: _a_call(sums, sums.output_tokens),
        "output_tokens_a_call",
    ),
    Rule.MODEL_DOWNGRADE: OverTime(
        "Cost of the model", "all calls of the team to it, per day, large ones too", "usd", "Cost", _cost
    ),
    Rule.LONG_PROMPTS: OverTime(
        "Input tokens a call",
        "mean of each day, and above what prompts are long",
        "tokens",
        "Input a call",
        lambda sums: _a_call(sums, sums.input_tokens),
        "input_tokens_a_call",
    ),
    Rule.ERROR_BURST: OverTime(
        "Failed calls",
        "share of each hour’s calls, and above what it is a burst",
        "percent",
        "Failed",
        lambda sums: sums.error_rate,
        "error_percent",
        23 * HOUR,
    ),
    Rule.LATENCY_REGRESSION: OverTime(
        "95th percentile of latency",
        "per day, failed calls too, and above what it is too slow",
        "ms",
        "95th percentile",
        lambda sums: sums.p95_ms,
        "p95",
        _LONG,
    ),
    Rule.UNPRICED_MODEL: OverTime("Calls of the model", "per day", "count", "Calls", _calls),
    Rule.BUDGET_THRESHOLD: OverTime("Spend of the period", "what the budget counts, per day", "usd", "Cost", _cost),
    Rule.BUDGET_FORECAST: OverTime("Spend of the period", "what the budget counts, per day", "usd", "Cost", _cost),
}
_ITEMS: Final[Mapping[Rule, tuple[str, str]]] = {
    Rule.CACHE_WASTE: ("Calls by prompt", "each prompt by the beginning of its hash"),
    Rule.PROMPT_CACHE_OPPORTUNITY: ("Calls by beginning", "each by the beginning of its hash"),
    Rule.SPIKE: ("Calls a day", "of the team; the last day is the one the rule is about"),
}


def of_items(rule: Rule, evidence: Evidence) -> Chart | None:
    """The chart of what the evidence lists: prompts, or days; None where it lists nothing."""
    if rule not in _ITEMS or not evidence.items:
        return None
    title, caption = _ITEMS[rule]
    names = [item.name if _is_day(item) else f"{item.name[:_HASH_SHOWN]}…" for item in evidence.items]
    series = [_series("Calls", 1, [item.value for item in evidence.items])]
    if rule is Rule.SPIKE:
        series.append(_limit(evidence, "calls", len(names)))
    kind: Kind = "line" if rule is Rule.SPIKE else "bar"
    spec: ChartSpec = {"kind": kind, "unit": "count", "x": names, "series": series, "unsummed": rule is Rule.SPIKE}
    return Chart(spec, title, caption)


def filter_of(shape: OverTime, calls: CallFilter, chosen: Filter, *, project_slug: str = "") -> Filter:
    """What rollups are asked for: the calls' own dimensions, over their window and some time before it."""
    zone = chosen.zone
    start = calls.since - shape.before
    if shape.before >= _LONG:
        days = Period(start, calls.until, zone)
        period = Period.of_days(days.first_day, days.last_day, zone)
    else:
        period = Period(start, calls.until, zone)
    pairs = [(_FILTERS[name], value or NONE) for name, values in calls.filters for value in values if name in _FILTERS]
    pairs += [("project", project_slug)] if project_slug else []
    return Filter(range=EXACT, period=period, now=chosen.now, narrowed_by=tuple(pairs), hidden=chosen.hidden)


def over_time(shape: OverTime, evidence: Evidence, buckets: Mapping[str, Sums], asked: Filter) -> Chart:
    """The rule's number in every bucket that has begun, and where it fires."""
    names = [name for name in asked.period.buckets() if _has_begun(name, asked)]
    values = [shape.measure(buckets[name]) if name in buckets else None for name in names]
    series = [_series(shape.name, 1, values)]
    if shape.limit:
        series.append(_limit(evidence, shape.limit, len(names), percent=shape.unit == "percent"))
    kind: Kind = "line" if shape.limit else "stacked-bar"
    spec: ChartSpec = {"kind": kind, "unit": shape.unit, "x": names, "series": series, "unsummed": bool(shape.limit)}
    return Chart(spec, shape.title, shape.caption)


def _limit(evidence: Evidence, name: str, count: int, *, percent: bool = False) -> Series:
    figure = evidence.figure(name)
    against = float(figure.against or 0)
    return _series(
        "Fires " + ("below" if figure.comparison == "<" else "above"), 3, [against / (100 if percent else 1)] * count
    )


def _has_begun(name: str, asked: Filter) -> bool:
    if "T" in name:
        return True  # windows of hours are over
    return date.fromisoformat(name) <= asked.now.astimezone(asked.zone).date()


def _is_day(item: Item) -> bool:
    return _DAY.fullmatch(item.name) is not None


def _series(name: str, color_index: int, data: list[Number | None]) -> Series:
    return {"name": name, "color_index": color_index, "data": data}
