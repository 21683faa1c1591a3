"""An answer as a chart (core.charts): pure, exact, and never more than a chart can show."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from core.charts import OTHER, ChartSpec, Kind, Look, Series, series
from core.formats import Number
from dashboards.charts import REST, has_begun
from dashboards.explore.answer import Answer, Group, Name
from dashboards.explore.metrics import NOTHING, Measured
from dashboards.explore.question import Question

LAYERS: Final = 9  # with "all others" the ten hues of a chart
BARS: Final = 20
SLICES: Final = 6  # as on the overview: the legend stands beside the ring
_SIDE_BY_SIDE: Final = (8, 4)  # bars that do not stack need room: so many names, so many of each
ALL: Final = "All calls"

type Looks = Mapping[str, Look]

_GREY: Final = Look(OTHER)
_ONLY: Final = Look(1)
KIND_LABELS: Final[Mapping[Kind, str]] = {
    "stacked-bar": "Stacked bars",
    "stacked-area": "Stacked areas",
    "line": "Lines",
    "bar": "Bars",
    "donut": "Ring",
}


def kinds(question: Question) -> tuple[Kind, ...]:
    """The kinds of chart that can say it, the usual one first. What does not add up is not stacked."""
    if question.is_over_time:
        return ("stacked-bar", "stacked-area", "line") if question.measures.is_summable else ("line",)
    if not question.measures.is_summable:
        return ("bar",)
    return ("stacked-bar",) if len(question.by) > 1 else ("bar", "donut")


def kind(question: Question, wanted: str) -> Kind:
    """The kind that is ``wanted`` where it can say it, else the usual one."""
    return next((one for one in kinds(question) if one == wanted), kinds(question)[0])


def layers(answer: Answer, wanted: str = "") -> list[tuple[Name, ...]]:
    """What the series of the chart are about, largest first: names of one dimension, or of both."""
    question = answer.question
    if not question.is_over_time and len(question.by) > 1:
        return [(name,) for name in _seconds(answer)]
    most = SLICES if kind(question, wanted) == "donut" else LAYERS
    return [group.names for group in answer.groups[:most]]


def label(names: Iterable[Name]) -> str:
    """What a layer is called; the key of its look."""
    return " · ".join(name.label for name in names)


def chart(answer: Answer, *, looks: Looks, wanted: str = "") -> ChartSpec:
    """The chart of an answer; ``looks`` are those of its ``layers``, ``wanted`` a kind of chart.

    Groups that are not drawn are "all others", exactly; what is unknown is left out, never drawn as nothing.
    """
    question, drawn = answer.question, kind(answer.question, wanted)
    if question.is_over_time:
        spec = _over_time(answer, looks, drawn)
    elif drawn == "donut":
        spec = _ring(answer, looks)
    elif len(question.by) > 1:
        spec = _bars_of_two(answer, looks, drawn)
    else:
        spec = _bars(answer)
    return spec if question.measures.is_summable else {**spec, "unsummed": True}


# --- Over time --------------------------------------------------------------------------------------------------------
def _over_time(answer: Answer, looks: Looks, drawn: Kind) -> ChartSpec:
    buckets = answer.chosen.period.buckets()
    begun = [bucket for bucket in buckets if has_begun(bucket, answer.chosen)]
    future = len(buckets) - len(begun)

    def layer(name: str, look: Look, by_bucket: Mapping[str, Measured]) -> Series:
        values = [answer.value(by_bucket.get(bucket, NOTHING)) for bucket in begun]
        return series(name, look, [*values, *[None] * future])

    shown = [group for group in answer.groups[:LAYERS] if group.series]
    made = [layer(group.label, looks.get(group.label, _GREY), group.series) for group in shown]
    if not answer.question.by:
        made = [layer(answer.metric.label, _ONLY, answer.buckets)]
    elif answer.group_count > len(shown):
        made.append(layer(REST, _GREY, {bucket: _rest_of(answer, bucket, shown) for bucket in begun}))
    is_running = bool(begun) and not future and answer.chosen.now < answer.chosen.period.end
    spec: ChartSpec = {"kind": drawn, "unit": answer.metric.unit, "x": buckets, "series": _said(made)}
    return {**spec, "partial": is_running}


def _rest_of(answer: Answer, bucket: str, shown: Sequence[Group]) -> Measured:
    whole = answer.buckets.get(bucket, NOTHING)
    return whole.without(group.series[bucket] for group in shown if bucket in group.series)


def _said(made: Sequence[Series]) -> list[Series]:
    """Without series that say nothing: only unknown, or nothing at all."""
    return [one for one in made if any(one["data"])]


# --- Of the whole period ----------------------------------------------------------------------------------------------
def _bars(answer: Answer) -> ChartSpec:
    """A bar a group; without a dimension one bar for everything."""
    shown = [group for group in answer.groups[:BARS] if answer.value(group.measured) is not None]
    bars: list[tuple[str, Number | None]] = [(group.label, answer.value(group.measured)) for group in shown]
    if not answer.question.by:
        bars = [(ALL, answer.value(answer.total))]
    elif answer.metric.is_summable and answer.group_count > len(answer.groups[:BARS]):
        bars.append((REST, answer.value(_left_by(answer, answer.groups[:BARS]))))
    data = [value for _, value in bars]
    return {
        "kind": "bar",
        "unit": answer.metric.unit,
        "x": [name for name, _ in bars],
        "series": _said([series(answer.metric.label, _ONLY, data)]),
    }


def _ring(answer: Answer, looks: Looks) -> ChartSpec:
    shown = answer.groups[:SLICES]
    slices = [series(one.label, looks.get(one.label, _GREY), [answer.value(one.measured)]) for one in shown]
    if answer.group_count > len(shown):
        slices.append(series(REST, _GREY, [answer.value(_left_by(answer, shown))]))
    spec: ChartSpec = {"kind": "donut", "unit": answer.metric.unit, "x": [], "series": _said(slices)}
    return {**spec, "total": answer.value(answer.total)}


def _left_by(answer: Answer, shown: Sequence[Group]) -> Measured:
    return answer.total.without(group.measured for group in shown)


def _bars_of_two(answer: Answer, looks: Looks, drawn: Kind) -> ChartSpec:
    """A bar for each value of the first dimension, made of layers that are values of the second."""
    stacks = drawn == "stacked-bar"
    most, many = (BARS, LAYERS) if stacks else _SIDE_BY_SIDE
    firsts, seconds = answer.firsts[:most], _seconds(answer)[:many]
    found = {(group.names[0].stored, group.names[1].stored): group for group in answer.groups}

    def cell(first: Group, second: Name) -> Number | None:
        group = found.get((first.names[0].stored, second.stored))
        return answer.value(group.measured) if group else None

    made = [
        series(second.label, looks.get(second.label, _GREY), [cell(first, second) for first in firsts])
        for second in seconds
    ]
    if stacks:
        made.append(series(REST, _GREY, [_rest(answer, first, made, place) for place, first in enumerate(firsts)]))
    x = [first.label for first in firsts]
    return {"kind": drawn, "unit": answer.metric.unit, "x": x, "series": _said(made)}


def _rest(answer: Answer, first: Group, made: Sequence[Series], place: int) -> Number | None:
    """What the layers leave of a bar: the parts of groups that are not named or not drawn."""
    whole = answer.value(first.measured)
    if whole is None:
        return None
    return Decimal(whole) - sum((Decimal(layer["data"][place] or 0) for layer in made), Decimal(0))


def _seconds(answer: Answer) -> list[Name]:
    """The values of the second dimension, largest first by what is named of them."""
    weights: dict[Name, Decimal] = {}
    for group in answer.groups:
        weights[group.names[1]] = weights.get(group.names[1], Decimal(0)) + _weight(answer, group)
    return sorted(weights, key=lambda name: -weights[name])[:LAYERS]


def _weight(answer: Answer, group: Group) -> Decimal:
    value = answer.value(group.measured) if answer.metric.is_summable else group.measured.calls
    return Decimal(value or 0)
