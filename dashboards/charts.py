"""Numbers to chart specs (core.charts): pure, exact, and the same order and colours in every chart of a page."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final

from core.charts import OTHER, ChartSpec, Kind, Look, Series, Unit, series
from core.formats import Number
from dashboards.comparison import LABELS, earlier_buckets
from dashboards.filters import Filter
from dashboards.numbers import ModelName, Overview, Sums

SLICES: Final = 6  # of the ring; its legend stands beside it, and seven entries fit its height
SHOWN: Final = 9  # models with a colour of their own; with "all others" the legend has ten entries
REST: Final = "All others"

type Measure = Callable[[Sums], Number | None]
type Looks = Mapping[ModelName, Look]

_NOTHING: Final = Sums()
_GREY: Final = Look(OTHER)
# Disjoint parts of the tokens, so that stacking them gives the total. Counts that contradict each other stay ≥ 0.
_TOKEN_KINDS: Final[tuple[tuple[str, Look, Measure], ...]] = (
    ("Input", Look(1), lambda sums: max(sums.input_tokens - sums.cached_input_tokens, 0)),
    ("Cached input", Look(6), lambda sums: sums.cached_input_tokens),
    ("Output", Look(2), lambda sums: max(sums.output_tokens - sums.reasoning_tokens, 0)),
    ("Reasoning", Look(4), lambda sums: sums.reasoning_tokens),
)


def model_names(models: Iterable[ModelName]) -> dict[ModelName, str]:
    """What to call each model: its name, with the provider where two providers sell one of that name."""
    listed = list(models)
    keys = [model.model_key for model in listed]
    return {
        model: f"{model.model_key} ({model.provider or 'no provider'})"
        if keys.count(model.model_key) > 1
        else model.model_key
        for model in listed
    }


def shown_models(numbers: Overview) -> list[ModelName]:
    """The models that charts name, largest first; everything behind them is "all others"."""
    return list(numbers.models)[:SHOWN]


def cost_over_time(numbers: Overview, chosen: Filter, looks: Looks) -> ChartSpec:
    """Dollars by model and bucket. A model none of whose calls has a price is left out: unknown is not zero."""
    return _over_time(numbers, chosen, looks, unit="usd", measure=lambda sums: sums.known_cost_usd)


def calls_over_time(numbers: Overview, chosen: Filter, looks: Looks) -> ChartSpec:
    """Calls of the chosen status by model and bucket."""
    return _over_time(numbers, chosen, looks, unit="count", measure=lambda sums: sums.with_status(chosen.status))


def tokens_over_time(numbers: Overview, chosen: Filter) -> ChartSpec:
    """Tokens by kind and bucket; the kinds add up to all tokens."""
    kinds = [series(name, look, _by_bucket(numbers.buckets, chosen, measure)) for name, look, measure in _TOKEN_KINDS]
    layers = [*(kind for kind in kinds if any(kind["data"])), *_earlier(numbers, chosen, lambda sums: sums.tokens)]
    return _spec("stacked-area", "tokens", chosen.period.buckets(), layers, chosen)


def cost_by_model(numbers: Overview, looks: Looks) -> ChartSpec:
    """Each model's part of the spend."""
    return _share(numbers, looks, unit="usd", measure=lambda sums: sums.known_cost_usd)


def calls_by_model(numbers: Overview, chosen: Filter, looks: Looks) -> ChartSpec:
    """Each model's part of the calls of the chosen status."""
    return _share(numbers, looks, unit="count", measure=lambda sums: sums.with_status(chosen.status))


def latency_by_model(numbers: Overview) -> ChartSpec:
    """Median and 95th percentile per model in milliseconds, for the models that gave latencies."""
    timed = [(model, sums) for model, sums in numbers.models.items() if sums.latency][:SHOWN]
    names = model_names(numbers.models)
    return {
        "kind": "bar",
        "unit": "ms",
        "x": [names[model] for model, _ in timed],
        "series": [
            series("p50", Look(1), [sums.p50_ms for _, sums in timed]),
            series("p95", Look(2), [sums.p95_ms for _, sums in timed]),
        ],
    }


def spark(numbers: Overview, chosen: Filter, measure: Measure) -> list[Number | None]:
    """One measure over the buckets that have begun."""
    return [measure(numbers.buckets.get(bucket, _NOTHING)) for bucket, begun in _timeline(chosen) if begun]


def has_begun(bucket: str, chosen: Filter) -> bool:
    """Whether a bucket of the filter's period is not wholly in the future."""
    return _begins(bucket, chosen) <= chosen.now


@lru_cache(maxsize=8)
def _timeline(chosen: Filter) -> tuple[tuple[str, bool], ...]:
    """Every bucket and whether it has begun; remembered, because each layer of each chart asks for it."""
    return tuple((bucket, has_begun(bucket, chosen)) for bucket in chosen.period.buckets())


def _begins(bucket: str, chosen: Filter) -> datetime:
    if "T" in bucket:
        return datetime.fromisoformat(bucket)
    return datetime.combine(date.fromisoformat(bucket), datetime.min.time(), chosen.zone)


def _is_running(bucket: str, chosen: Filter) -> bool:
    """Whether the period ends in the running bucket."""
    return has_begun(bucket, chosen) and chosen.now < chosen.period.end


def _over_time(numbers: Overview, chosen: Filter, looks: Looks, *, unit: Unit, measure: Measure) -> ChartSpec:
    shown = [model for model in numbers.series if measure(numbers.models[model])]
    names = model_names(numbers.models)
    layers = [
        series(names[model], looks.get(model, _GREY), _by_bucket(numbers.series[model], chosen, measure))
        for model in shown
    ]
    if measure(numbers.total):
        rest = _rest(_by_bucket(numbers.buckets, chosen, measure), [layer["data"] for layer in layers])
        layers += [series(REST, _GREY, rest)] if any(rest) else []
    layers += _earlier(numbers, chosen, measure)
    return _spec("stacked-bar", unit, chosen.period.buckets(), layers, chosen)


def _share(numbers: Overview, looks: Looks, *, unit: Unit, measure: Measure) -> ChartSpec:
    names = model_names(numbers.models)
    parts = [(model, value) for model, sums in numbers.models.items() if (value := measure(sums))][:SLICES]
    slices = [series(names[model], looks.get(model, _GREY), [value]) for model, value in parts]
    total = measure(numbers.total)
    rest = _rest([total], [layer["data"] for layer in slices])
    slices += [series(REST, _GREY, rest)] if any(rest) else []
    return {"kind": "donut", "unit": unit, "x": [], "series": slices, "total": total}


def _earlier(numbers: Overview, chosen: Filter, measure: Measure) -> list[Series]:
    """The period compared with as a dashed line, bucket by bucket; nothing where it is not whole or was empty."""
    if not numbers.earlier or not numbers.reaches_back_to(chosen.previous.first_day):
        return []
    data = [measure(numbers.earlier.get(name, _NOTHING)) if name else None for name in earlier_buckets(chosen)]
    line: Series = {**series(LABELS[chosen.compare], _GREY, data), "dashed": True}
    return [line] if any(data) else []


def _by_bucket(sums: Mapping[str, Sums], chosen: Filter, measure: Measure) -> list[Number | None]:
    """A value for every bucket: nothing happened is 0, not yet is None."""
    return [measure(sums.get(bucket, _NOTHING)) if begun else None for bucket, begun in _timeline(chosen)]


def _rest(totals: Sequence[Number | None], layers: Sequence[Sequence[Number | None]]) -> list[Number | None]:
    """What the layers leave of the totals, exactly."""
    return [
        None if total is None else Decimal(total) - sum(Decimal(layer[place] or 0) for layer in layers)
        for place, total in enumerate(totals)
    ]


def _spec(kind: Kind, unit: Unit, x: Sequence[str], layers: Sequence[Series], chosen: Filter) -> ChartSpec:
    return {"kind": kind, "unit": unit, "x": x, "series": layers, "partial": _is_running(x[-1], chosen)}
