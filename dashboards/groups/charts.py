"""Charts of one model. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from core.charts import ChartSpec, Kind, Series, Unit
from core.formats import Number
from dashboards.charts import has_begun
from dashboards.filters import Filter
from dashboards.groups.totals import Totals

type Layer = tuple[str, int, Callable[[Totals], Number | None]]

_NOTHING: Final = Totals()
# Disjoint parts, so that stacking them gives the total. Counts that contradict each other stay ≥ 0.
_TOKENS: Final[Sequence[Layer]] = (
    ("Input", 1, lambda totals: max(totals.tokens.input_tokens - totals.tokens.cached_input_tokens, 0)),
    ("Cached input", 6, lambda totals: totals.tokens.cached_input_tokens),
    ("Output", 2, lambda totals: max(totals.tokens.output_tokens - totals.tokens.reasoning_tokens, 0)),
    ("Reasoning", 4, lambda totals: totals.tokens.reasoning_tokens),
)
_COST: Final[Sequence[Layer]] = (("Cost", 1, lambda totals: totals.known_cost_usd),)
_CALLS: Final[Sequence[Layer]] = (
    ("Without error", 1, lambda totals: totals.calls - totals.errors),
    ("With an error", 2, lambda totals: totals.errors),
)
_LATENCY: Final[Sequence[Layer]] = (
    ("p50", 1, lambda totals: totals.p50_ms),
    ("p95", 2, lambda totals: totals.p95_ms),
    ("First token, p50", 3, lambda totals: totals.first_token_ms),
)


def cost(buckets: Mapping[str, Totals], chosen: Filter) -> ChartSpec:
    return _chart("stacked-bar", "usd", _COST, buckets, chosen)


def tokens(buckets: Mapping[str, Totals], chosen: Filter) -> ChartSpec:
    return _chart("stacked-area", "tokens", _TOKENS, buckets, chosen)


def calls(buckets: Mapping[str, Totals], chosen: Filter) -> ChartSpec:
    """Calls with and without an error; of one status, where only that is asked for."""
    wanted = {"ok": _CALLS[:1], "error": _CALLS[1:]}.get(chosen.status, _CALLS)
    return _chart("stacked-bar", "count", wanted, buckets, chosen)


def latency(buckets: Mapping[str, Totals], chosen: Filter) -> ChartSpec:
    """A bucket in which no call gave a time is unknown, not fast."""
    return _chart("line", "ms", _LATENCY, buckets, chosen)


def _chart(kind: Kind, unit: Unit, layers: Sequence[Layer], buckets: Mapping[str, Totals], chosen: Filter) -> ChartSpec:
    names = chosen.period.buckets()
    series: list[Series] = [
        {"name": name, "color_index": color, "data": [_value(measure, buckets, name, chosen) for name in names]}
        for name, color, measure in layers
    ]
    is_running = has_begun(names[-1], chosen) and chosen.now < chosen.period.end
    shown = [one for one in series if any(one["data"])]
    return {"kind": kind, "unit": unit, "x": names, "series": shown, "partial": is_running}


def _value(
    measure: Callable[[Totals], Number | None], buckets: Mapping[str, Totals], name: str, chosen: Filter
) -> Number | None:
    return measure(buckets.get(name, _NOTHING)) if has_begun(name, chosen) else None
