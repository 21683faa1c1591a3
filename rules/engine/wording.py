"""Findings in words: for messages and lists. Names of figures are the evidence's; what is unknown is shown by name."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from core import formats
from rules.engine.insights import Evidence, Figure, Insight, Number
from rules.engine.names import Rule
from rules.engine.thresholds import CATALOGUE

LABELS: Final = {
    "allocated": "Memory given",
    "cached_input_tokens": "Input read from the cache",
    "cached_percent": "Share read from the cache",
    "calls": "Calls",
    "calls_a_day": "Calls a day",
    "calls_before": "Calls before",
    "calls_with_one_beginning": "Calls with one beginning",
    "calls_with_one_prompt": "Calls with one prompt",
    "cost": "Cost",
    "days_before": "Days compared with",
    "error_percent": "Errors",
    "error_percent_before": "Errors before",
    "errors": "Failed calls",
    "estimated_calls": "Estimated calls, not included",
    "forecast": "Forecast",
    "forecast_high": "Forecast, at most",
    "forecast_low": "Forecast, at least",
    "input_tokens": "Input tokens",
    "input_tokens_a_call": "Input a call",
    "least_calls": "Calls that day",
    "limit": "Limit",
    "mean_before": "Mean of the days before",
    "output_tokens": "Output tokens",
    "output_tokens_a_call": "Output a call",
    "p95": "95th percentile",
    "p95_before": "95th percentile before",
    "peak_used": "Highest use",
    "percent": "Spent of the limit",
    "prompts": "Prompts",
    "repeats": "Needless calls",
    "samples": "Samples",
    "size": "Size of a call",
    "spent": "Spent",
    "threshold": "Threshold",
    "times": "Times as slow",
    "times_before": "Errors",
    "tokens": "Tokens",
    "unpriced_calls": "Calls without a price",
    "used_percent": "Highest use",
}
_WORDS: Final = {"<": "below", ">": "above", "≥": "at least"}
_SEVERAL: Final = re.compile(r"^(\w+)s\b")
_NOBODY: Final = "no team"
_LARGE: Final = 1_000  # below, a number beside the one it is compared with must not be rounded to it


def label(figure: Figure) -> str:
    return LABELS.get(figure.name, figure.name.replace("_", " ").capitalize())


def text(value: Number, unit: str, *, cost: Callable[[Number], str] = formats.usd) -> str:
    """A number of the evidence with its unit; ``cost`` writes dollars."""
    if unit == "USD":
        return cost(value)
    if unit == "ms":
        return formats.duration_ms(value)
    if unit == "MB":
        return formats.megabytes(value)
    if unit.startswith("%"):
        return f"{formats.percent(Decimal(value) / 100)}{unit[1:]}"
    is_large = "tokens" in unit and value >= _LARGE
    named = _SEVERAL.sub(r"\1", unit) if value == 1 else unit
    return f"{formats.tokens(value) if is_large else _count(value)} {named}"


def against(figure: Figure) -> str:
    """What the figure was compared with: ``below 100 tokens a call``; '' for one that only says how much."""
    if figure.against is None:
        return ""
    return f"{_WORDS[figure.comparison]} {text(figure.against, figure.unit)}"


def title(insight: Insight) -> str:
    """The rule's title and where it was found."""
    name = CATALOGUE[insight.rule].title
    where = place(insight)
    return f"{name}: {where}" if where else name


def place(insight: Insight) -> str:
    """The model, feature, resource and team an insight is about, as far as it is about them."""
    return place_of(dict(insight.subject))


def place_of(columns: Mapping[str, str]) -> str:
    """The same of the columns of an insight that is stored."""
    named = [columns.get(name, "") for name in ("model", "feature", "resource")]
    parts = [" in ".join(part for part in named if part)]
    if "team" in columns:
        parts.append(columns["team"] or _NOBODY)
    return ", ".join(part for part in parts if part)


def deciding(evidence: Evidence) -> Figure | None:
    """The figure that was compared first; None where none was."""
    return next((figure for figure in evidence.figures if figure.comparison), None)


def summary(insight: Insight) -> str:
    """The figure that decided, with what it was compared with."""
    decided = deciding(insight.evidence)
    if decided is None or insight.rule in {Rule.BUDGET_THRESHOLD, Rule.BUDGET_FORECAST}:
        return CATALOGUE[insight.rule].explanation
    return (
        f"{CATALOGUE[insight.rule].explanation} {label(decided)}: {text(decided.value, decided.unit)};"
        f" the rule fires {against(decided)}."
    )


def _count(value: Number) -> str:
    return formats.count(value) if value == int(value) else f"{Decimal(value):,.2f}"
