"""What can be asked about calls: each metric's words, unit and arithmetic. Pure.

A metric is computed from sums, never from other groups' metrics: a rate of all is not the mean of rates.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from itertools import zip_longest
from types import MappingProxyType
from typing import Final

from core.charts import Unit
from core.formats import Number
from ingestion import histogram

_PRICED: Final = ("cost_usd", "unpriced_calls")
_NO_SUMS: Final[Mapping[str, Number]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Measured:
    """Sums over a set of calls, by column of the rollups; nothing was counted in a column that is absent.

    ``counts`` are the buckets (ingestion.histogram) of the one histogram that was asked for.
    """

    sums: Mapping[str, Number] = field(default_factory=lambda: _NO_SUMS)
    counts: Sequence[int] = ()

    def __getitem__(self, column: str) -> Number:
        return self.sums.get(column, 0)

    @property
    def calls(self) -> int:
        return int(self["calls"])

    def without(self, parts: Iterable["Measured"]) -> "Measured":
        """What ``parts`` leave of it, exactly."""
        sums, counts = dict(self.sums), list(self.counts)
        for part in parts:
            for column, value in part.sums.items():
                sums[column] = _difference(sums.get(column, 0), value)
            counts = [mine - theirs for mine, theirs in zip_longest(counts, part.counts, fillvalue=0)]
        return Measured(sums, tuple(counts))


NOTHING: Final = Measured()
type Value = Callable[[Measured], Number | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One number about a set of calls; ``value`` is None where it is unknown, which is never the same as 0.

    ``columns`` are the sums it is computed from, ``histogram`` the packed one. Groups are ordered by the sum of
    ``weight``: of a rate that is what the rate is of, because one call of one failed says little.
    ``is_summable`` means that parts add up to the whole, so that they may be stacked.
    """

    name: str
    label: str
    kind: str
    unit: Unit
    columns: tuple[str, ...]
    weight: str
    value: Value
    histogram: str = ""
    is_summable: bool = True

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns to sum, those of every metric first."""
        return tuple(dict.fromkeys(("calls", *self.columns)))

    @property
    def is_money(self) -> bool:
        return self.unit == "usd"


def _difference(whole: Number, part: Number) -> Number:
    if isinstance(whole, float) or isinstance(part, float):
        return float(whole) - float(part)
    return whole - part


def _sum(column: str) -> Value:
    return lambda measured: measured[column]


def _cost(column: str) -> Value:
    """A cost, or None when not one call of these has a price."""

    def value(measured: Measured) -> Number | None:
        return None if measured.calls and measured["unpriced_calls"] == measured.calls else measured[column]

    return value


def _cost_per_call(measured: Measured) -> Number | None:
    priced = measured.calls - int(measured["unpriced_calls"])
    return Decimal(measured["cost_usd"]) / priced if priced else None


def _ratio(part: str, whole: str) -> Value:
    return lambda measured: float(measured[part]) / float(measured[whole]) if measured[whole] else None


def _per_second(measured: Measured) -> Number | None:
    """Output tokens a second of the time that calls took; only calls that gave a latency are counted in either."""
    milliseconds = float(measured["latency_sum_ms"])
    return float(measured["timed_output_tokens"]) * 1000 / milliseconds if milliseconds > 0 else None


def _percentile(measured: Measured, q: float) -> Number | None:
    return histogram.percentile_of_counts(measured.counts, q) if sum(measured.counts) else None


def _costs() -> Iterable[Metric]:
    kinds = {
        "cost": ("Cost", "cost_usd"),
        "cost_input": ("Cost of input", "cost_input_usd"),
        "cost_cached_input": ("Cost of cached input", "cost_cached_input_usd"),
        "cost_cache_write": ("Cost of cache writes", "cost_cache_write_usd"),
        "cost_output": ("Cost of output", "cost_output_usd"),
        "cost_reasoning": ("Cost of reasoning", "cost_reasoning_usd"),
        "cost_other": ("Other costs", "cost_other_usd"),
    }
    for name, (label, column) in kinds.items():
        columns = (column, "unpriced_calls")
        yield Metric(
            name=name, label=label, kind="Cost", unit="usd", columns=columns, weight=column, value=_cost(column)
        )
    yield Metric(
        name="cost_per_call",
        label="Cost per priced call",
        kind="Cost",
        unit="usd",
        columns=_PRICED,
        weight="cost_usd",
        value=_cost_per_call,
        is_summable=False,
    )


def _tokens() -> Iterable[Metric]:
    yield Metric(
        name="tokens",
        label="Tokens",
        kind="Tokens",
        unit="tokens",
        columns=("input_tokens", "output_tokens"),
        weight="input_tokens + output_tokens",
        value=lambda measured: measured["input_tokens"] + measured["output_tokens"],  # type: ignore[operator]
    )
    kinds = {
        "input_tokens": "Input tokens",
        "cached_input_tokens": "Cached input tokens",
        "cache_write_tokens": "Cache write tokens",
        "output_tokens": "Output tokens",
        "reasoning_tokens": "Reasoning tokens",
    }
    for name, label in kinds.items():
        yield Metric(
            name=name, label=label, kind="Tokens", unit="tokens", columns=(name,), weight=name, value=_sum(name)
        )
    yield Metric(
        name="cached_share",
        label="Cached share of input",
        kind="Tokens",
        unit="percent",
        columns=("cached_input_tokens", "input_tokens"),
        weight="input_tokens",
        value=_ratio("cached_input_tokens", "input_tokens"),
        is_summable=False,
    )


def _calls() -> Iterable[Metric]:
    kinds = {
        "calls": "Calls",
        "errors": "Errors",
        "unpriced_calls": "Unpriced calls",
        "estimated_calls": "Estimated calls",
    }
    for name, label in kinds.items():
        yield Metric(name=name, label=label, kind="Calls", unit="count", columns=(name,), weight=name, value=_sum(name))
    yield Metric(
        name="error_rate",
        label="Error rate",
        kind="Calls",
        unit="percent",
        columns=("errors",),
        weight="calls",
        value=_ratio("errors", "calls"),
        is_summable=False,
    )


def _times() -> Iterable[Metric]:
    for name, label, prefix in (
        ("latency", "Latency", "latency"),
        ("first_token", "Time to first token", "first_token"),
    ):
        calls, total = f"{prefix}_calls", f"{prefix}_sum_ms"
        for percent in (50, 95, 99):
            yield Metric(
                name=f"{name}_p{percent}",
                label=f"{label}, p{percent}",
                kind="Speed",
                unit="ms",
                columns=(calls,),
                weight=calls,
                value=partial(_percentile, q=percent / 100),
                histogram=f"{prefix}_histogram",
                is_summable=False,
            )
        yield Metric(
            name=f"{name}_mean",
            label=f"{label}, mean",
            kind="Speed",
            unit="ms",
            columns=(calls, total),
            weight=calls,
            value=_ratio(total, calls),
            is_summable=False,
        )
    yield Metric(
        name="tokens_per_second",
        label="Output tokens per second",
        kind="Speed",
        unit="tokens_per_s",
        columns=("timed_output_tokens", "latency_sum_ms"),
        weight="timed_output_tokens",
        value=_per_second,
        is_summable=False,
    )


METRICS: Final[Mapping[str, Metric]] = MappingProxyType(
    {metric.name: metric for made in (_costs(), _tokens(), _calls(), _times()) for metric in made}
)
