"""An answer of the explorer as a widget shows it, where the explorer itself shows no such thing. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from core import charts
from core.charts import FORMATS, OTHER, ChartSpec, Look
from core.formats import Number
from core.periods import Granularity
from dashboards.boards.types import Kind
from dashboards.charts import REST, has_begun
from dashboards.explore import drawing
from dashboards.explore.answer import Answer
from dashboards.explore.dimensions import LABELS
from dashboards.explore.drawing import Looks
from dashboards.explore.metrics import NOTHING, Metric
from dashboards.explore.question import Question
from dashboards.explore.tables import Show
from dashboards.filters import Filter

HEAT_ROWS: Final = 12
BARS: Final = 12
_ONE: Final = Look(1)
_BETTER: Final = {"Cost": "lower", "Speed": "lower"}
_BETTER_BY_NAME: Final = {
    "tokens_per_second": "higher",
    "cached_share": "higher",
    "errors": "lower",
    "error_rate": "lower",
    "unpriced_calls": "lower",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number, what it was before, and how it went over the period; ``better`` as {% change %} takes it."""

    value: str
    current: Number | None
    previous: Number | None
    better: str
    spark: Sequence[Number | None]

    @property
    def is_known(self) -> bool:
        return self.current is not None


def title_of(question: Question) -> str:
    """What a question is about, in words, for a widget without a title."""
    by = " and ".join(LABELS[name] if name == "key" else LABELS[name].lower() for name in question.by)
    return f"{question.measures.label} by {by}" if by else question.measures.label


def caption_of(question: Question, chosen: Filter) -> str:
    """What is counted, and over time per what."""
    if not question.is_over_time:
        return question.measures.label
    return f"{question.measures.label}, per {'hour' if chosen.granularity is Granularity.HOUR else 'day'}"


def series_wanted(kind: Kind) -> int:
    """How many groups a kind shows bucket by bucket."""
    return {Kind.TIME_SERIES: drawing.LAYERS, Kind.HEAT_MAP: HEAT_ROWS}.get(kind, 1)


def better(metric: Metric) -> str:
    """Which way is good: "lower", "higher", or neither."""
    return _BETTER_BY_NAME.get(metric.name) or _BETTER.get(metric.kind, "")


def figure(answer: Answer, before: Answer | None, *, show_cost: Show) -> Figure:
    value = answer.value(answer.total)
    show = show_cost if answer.metric.is_money else FORMATS[answer.metric.unit]
    begun = [bucket for bucket in answer.chosen.period.buckets() if has_begun(bucket, answer.chosen)]
    return Figure(
        value=show(value),
        current=value,
        previous=before.value(before.total) if before and before.total.calls else None,
        better=better(answer.metric),
        spark=[answer.value(answer.buckets.get(bucket, NOTHING)) for bucket in begun],
    )


def has_colors(kind: Kind, question: Question) -> bool:
    """Whether groups are told apart by colour, and not by where they stand."""
    return kind in {Kind.TIME_SERIES, Kind.DONUT} or (kind is Kind.BAR and len(question.by) > 1)


def wanted(kind: Kind) -> charts.Kind | str:
    """The explorer's kind of chart that a widget is, if it is one."""
    return "donut" if kind is Kind.DONUT else ""


def chart(kind: Kind, answer: Answer, looks: Looks) -> ChartSpec:
    """The chart of a kind that is one."""
    if kind is Kind.HEAT_MAP:
        return _heat_map(answer)
    if not has_colors(kind, answer.question):
        return _ranking(answer)
    return drawing.chart(answer, looks=looks, wanted=wanted(kind))


def _heat_map(answer: Answer) -> ChartSpec:
    """A row for each group, a column for each bucket that has begun."""
    buckets = [bucket for bucket in answer.chosen.period.buckets() if has_begun(bucket, answer.chosen)]
    rows = [(group.label, group.series) for group in answer.groups[:HEAT_ROWS] if group.series]
    if not answer.question.by:
        rows = [(answer.metric.label, answer.buckets)]
    spec: ChartSpec = {
        "kind": "heatmap",
        "unit": answer.metric.unit,
        "x": buckets,
        "series": [
            charts.series(label, _ONE, [answer.value(found.get(bucket, NOTHING)) for bucket in buckets])
            for label, found in rows
        ],
    }
    return spec if answer.metric.is_summable else {**spec, "unsummed": True}


def _ranking(answer: Answer) -> ChartSpec:
    """A bar for each of the first groups, and one for what they leave of a sum."""
    shown = answer.groups[:BARS]
    bars = [charts.series(group.label, _ONE, [answer.value(group.measured)]) for group in shown]
    if not answer.question.by:
        bars = [charts.series(drawing.ALL, _ONE, [answer.value(answer.total)])]
    elif answer.metric.is_summable and answer.group_count > len(shown):
        rest = answer.value(answer.total.without(group.measured for group in shown))
        bars.append(charts.series(REST, Look(OTHER), [rest]))
    spec: ChartSpec = {
        "kind": "ranking",
        "unit": answer.metric.unit,
        "x": [],
        "series": [one for one in bars if any(one["data"])],
        "total": answer.value(answer.total) if answer.metric.is_summable else None,
    }
    return spec if answer.metric.is_summable else {**spec, "unsummed": True}
