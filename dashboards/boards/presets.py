"""Dashboards to begin with: what people ask most, as the terms of a board. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from dashboards.boards.documents import question_for
from dashboards.boards.grid import Place
from dashboards.boards.types import BoardTerms, Kind, WidgetTerms


@dataclass(frozen=True, slots=True)
class Preset:
    """A dashboard that is there for everybody to make their own of."""

    icon: str
    terms: BoardTerms


def _ask(kind: Kind, title: str, place: tuple[int, int, int, int], metric: str, *by: str, top: int = 10) -> WidgetTerms:
    members: dict[str, Any] = {"metric": metric, "by": list(by), "top": top}
    return WidgetTerms(kind=kind, title=title, question=question_for(kind, members), place=Place(*place))


def _say(title: str, place: tuple[int, int, int, int], text: str) -> WidgetTerms:
    return WidgetTerms(kind=Kind.TEXT, title=title, text=text, place=Place(*place))


_COST: Final = BoardTerms(
    name="Cost",
    description="What is spent, on which models and for what.",
    range="30d",
    widgets=(
        _ask(Kind.STAT, "Spend", (0, 0, 3, 2), "cost"),
        _ask(Kind.STAT, "Calls", (3, 0, 3, 2), "calls"),
        _ask(Kind.STAT, "Cost per call", (6, 0, 3, 2), "cost_per_call"),
        _ask(Kind.STAT, "Calls without a price", (9, 0, 3, 2), "unpriced_calls"),
        _ask(Kind.TIME_SERIES, "Spend by model", (0, 2, 8, 4), "cost", "model"),
        _ask(Kind.DONUT, "Share of models", (8, 2, 4, 4), "cost", "model"),
        _ask(Kind.BAR, "Spend by feature", (0, 6, 6, 4), "cost", "feature"),
        _ask(Kind.TABLE, "Spend by project and model", (6, 6, 6, 4), "cost", "project", "model", top=50),
    ),
)
_RELIABILITY: Final = BoardTerms(
    name="Reliability and latency",
    description="How often calls fail and how long they take.",
    range="7d",
    widgets=(
        _ask(Kind.STAT, "Error rate", (0, 0, 3, 2), "error_rate"),
        _ask(Kind.STAT, "Latency, median", (3, 0, 3, 2), "latency_p50"),
        _ask(Kind.STAT, "Latency, p95", (6, 0, 3, 2), "latency_p95"),
        _ask(Kind.STAT, "Time to first token, p95", (9, 0, 3, 2), "first_token_p95"),
        _ask(Kind.TIME_SERIES, "p95 latency by model", (0, 2, 8, 4), "latency_p95", "model"),
        _ask(Kind.BAR, "Errors by model", (8, 2, 4, 4), "errors", "model"),
        _ask(Kind.HEAT_MAP, "Error rate by feature", (0, 6, 6, 4), "error_rate", "feature"),
        _ask(Kind.TABLE, "Output tokens per second by model", (6, 6, 6, 4), "tokens_per_second", "model", top=50),
    ),
)
_CACHING: Final = BoardTerms(
    name="Caching",
    description="How much of the input the providers had already read.",
    range="30d",
    widgets=(
        _ask(Kind.STAT, "Cached share of input", (0, 0, 4, 2), "cached_share"),
        _ask(Kind.STAT, "Cached input tokens", (4, 0, 4, 2), "cached_input_tokens"),
        _ask(Kind.STAT, "Cost of cached input", (8, 0, 4, 2), "cost_cached_input"),
        _ask(Kind.TIME_SERIES, "Cached share by model", (0, 2, 8, 4), "cached_share", "model"),
        _say(
            "How to read this",
            (8, 2, 4, 4),
            "The cached share is cached input of all input, so it is zero where a provider caches nothing.\n\n"
            "It grows when calls begin with the same words: put instructions and examples first, what changes last.",
        ),
        _ask(Kind.BAR, "Cached share by feature", (0, 6, 6, 4), "cached_share", "feature"),
        _ask(Kind.TABLE, "Uncached cost of input by feature", (6, 6, 6, 4), "cost_input", "feature", top=50),
    ),
)
_TEAMS: Final = BoardTerms(
    name="Team costs",
    description="Who spends what, and on which models.",
    range="30d",
    widgets=(
        _ask(Kind.STAT, "Spend", (0, 0, 3, 2), "cost"),
        _ask(Kind.STAT, "Tokens", (3, 0, 3, 2), "tokens"),
        _say("Teams", (6, 0, 6, 2), "A call is of the team of its project, unless it names another one itself."),
        _ask(Kind.TIME_SERIES, "Spend by team", (0, 2, 8, 4), "cost", "team"),
        _ask(Kind.DONUT, "Share of teams", (8, 2, 4, 4), "cost", "team"),
        _ask(Kind.HEAT_MAP, "When teams spend", (0, 6, 6, 4), "cost", "team"),
        _ask(Kind.TABLE, "Spend by team and model", (6, 6, 6, 4), "cost", "team", "model", top=50),
    ),
)

PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        "cost": Preset("wallet", _COST),
        "reliability": Preset("activity", _RELIABILITY),
        "caching": Preset("database-zap", _CACHING),
        "teams": Preset("users-round", _TEAMS),
    }
)
