"""Key figures and breakdowns as the templates show them: text, change and share. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import islice
from typing import Final

from core import formats
from core.formats import Number
from dashboards.charts import Measure, spark
from dashboards.filters import Filter, Source
from dashboards.numbers import Overview, Sums
from ingestion import histogram

ROWS: Final = 10  # rows of a breakdown
_LONG: Final = 1_000_000
type Show = Callable[[Number | None], str]

STATUS_CALLS: Final = {"": "Calls", "ok": "Calls without error", "error": "Calls with an error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One key figure. ``current`` and ``previous`` are the numbers its change is made of; None is unknown."""

    label: str
    value: str
    current: Number | None
    previous: Number | None
    better: str = ""
    note: str = ""
    spark: Sequence[Number | None] = ()

    @property
    def unknown(self) -> bool:
        return self.current is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a breakdown; ``share`` is 0 to 1 of all, None when it cannot be told."""

    label: str
    href: str
    value: str
    share: float | None
    color_index: int | None = None
    note: str = ""


def figures(numbers: Overview, chosen: Filter, *, show_cost: Show = formats.usd) -> list[Figure]:
    """Spend, tokens, calls, errors and latency; of a status or an end user only what is summed by it.

    Without a comparison there is nothing before.
    """
    shown = _known(numbers, chosen, show_cost)
    return shown if chosen.is_compared else [replace(figure, previous=None) for figure in shown]


def _known(numbers: Overview, chosen: Filter, show_cost: Show) -> list[Figure]:
    if chosen.status:
        return [_calls(numbers, chosen)]
    known = [
        _spend(numbers, chosen, show_cost),
        _tokens(numbers, chosen),
        _calls(numbers, chosen),
        _errors(numbers, chosen),
    ]
    return known if chosen.source is Source.USERS else [*known, _latency(numbers, chosen)]


def breakdown(
    groups: Iterable[tuple[str, str, Sums]], *, total: Sums, chosen: Filter, show_cost: Show = formats.usd
) -> list[Row]:
    """(label, href, sums) of the first groups with their part of the spend, or of the calls of the chosen status."""
    measure, show = (_status_calls(chosen), formats.count) if chosen.status else (_cost, show_cost)
    whole = measure(total)
    return [
        Row(
            label=label,
            href=href,
            value=show(measure(sums)),
            share=_share(measure(sums), whole),
            note="" if chosen.status else _unpriced(sums),
        )
        for label, href, sums in islice(groups, ROWS)
    ]


def amount(tokens: int) -> str:
    """Tokens of one call: every digit up to a million, then as long as a column is wide."""
    return formats.count(tokens) if tokens < _LONG else formats.tokens(tokens)


def _spend(numbers: Overview, chosen: Filter, show_cost: Show) -> Figure:
    total = numbers.total
    return Figure(
        label="Spend",
        value=show_cost(total.known_cost_usd),
        current=total.known_cost_usd,
        previous=numbers.before.known_cost_usd,
        better="lower",
        note=_estimated(total),
        spark=spark(numbers, chosen, _cost),
    )


def _tokens(numbers: Overview, chosen: Filter) -> Figure:
    total = numbers.total
    return Figure(
        label="Tokens",
        value=formats.tokens(total.tokens),
        current=total.tokens,
        previous=numbers.before.tokens,
        note=f"{formats.tokens(total.input_tokens)} in, {formats.tokens(total.output_tokens)} out"
        if total.calls
        else "",
        spark=spark(numbers, chosen, lambda sums: sums.tokens),
    )


def _calls(numbers: Overview, chosen: Filter) -> Figure:
    measure = _status_calls(chosen)
    note = f"{formats.percent(_share(measure(numbers.total), numbers.total.calls))} of all calls"
    return Figure(
        label=STATUS_CALLS[chosen.status],
        value=formats.count(measure(numbers.total)),
        current=measure(numbers.total),
        previous=measure(numbers.before),
        better={"error": "lower"}.get(chosen.status, ""),
        note=note if chosen.status else "",
        spark=spark(numbers, chosen, measure),
    )


def _errors(numbers: Overview, chosen: Filter) -> Figure:
    total = numbers.total
    return Figure(
        label="Errors",
        value=formats.count(total.errors),
        current=total.errors,
        previous=numbers.before.errors,
        better="lower",
        note=f"{formats.percent(total.error_rate)} of calls" if total.calls else "",
        spark=spark(numbers, chosen, lambda sums: sums.errors),
    )


def _latency(numbers: Overview, chosen: Filter) -> Figure:
    total = numbers.total
    return Figure(
        label="p95 latency",
        value=formats.duration_ms(total.p95_ms),
        current=total.p95_ms,
        previous=_earlier_latency(total.p95_ms, numbers.before.p95_ms),
        better="lower",
        note=f"p50 {formats.duration_ms(total.p50_ms)}" if total.latency else "",
        spark=spark(numbers, chosen, lambda sums: sums.p95_ms),
    )


def _earlier_latency(now_ms: float | None, before_ms: float | None) -> float | None:
    """A step to the next bucket of the histogram may be a change of nothing: that counts as none."""
    if now_ms is None or before_ms is None:
        return before_ms
    return before_ms if histogram.is_apart(now_ms, before_ms) else now_ms


def _cost(sums: Sums) -> Number | None:
    return sums.known_cost_usd


def _status_calls(chosen: Filter) -> Measure:
    return lambda sums: sums.with_status(chosen.status)


def _share(part: Number | None, whole: Number | None) -> float | None:
    """A fraction of nothing cannot be told."""
    return float(Decimal(part) / Decimal(whole)) if part is not None and whole else None


def _estimated(sums: Sums) -> str:
    return f"≈ {_calls_of(sums.estimated_calls)} estimated" if sums.estimated_calls else ""


def _unpriced(sums: Sums) -> str:
    return f"{formats.count(sums.unpriced_calls)} unpriced" if sums.unpriced_calls else ""


def _calls_of(count: int) -> str:
    return f"{formats.count(count)} {'call' if count == 1 else 'calls'}"
