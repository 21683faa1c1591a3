"""The explorer as its template shows it: the controls, the chart's words and where each group leads. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from core import formats
from core.charts import ChartSpec, Kind
from core.currencies import IN_DOLLARS
from core.periods import Granularity
from dashboards.bars import address
from dashboards.explore import drawing
from dashboards.explore.answer import CANDIDATES, Answer
from dashboards.explore.dimensions import LABELS
from dashboards.explore.drawing import BARS, KIND_LABELS, LAYERS, SLICES, Looks
from dashboards.explore.metrics import METRICS
from dashboards.explore.question import DEFAULT_TOP, Question, Shape
from dashboards.explore.tables import Line, Show, Table, table
from dashboards.filters import DUPLICATES, WITHOUT, Filter, Source
from ingestion.daily_tables import MOST_USERS
from ingestion.store import MOST_VALUES, OTHER

_TOPS: Final = (10, 20, DEFAULT_TOP, 100, 200)
_SHAPES: Final = {Shape.TIME: "Over time", Shape.RANKING: "Ranking"}

type Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a control."""

    value: str
    text: str
    is_chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """The form: each control with its choices; ``metrics`` are in groups with a title."""

    metrics: list[tuple[str, list[Choice]]]
    by: list[Choice]
    then: list[Choice]
    shapes: list[Choice]
    kinds: list[Choice]
    tops: list[Choice]


@dataclass(frozen=True, slots=True)
class LinkedLine:
    """A line of the table with the explorer narrowed to it, and the log with its calls; empty where there is none."""

    line: Line
    url: str
    calls_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplorerPage:
    """Everything below the controls."""

    chart: ChartSpec
    title: str
    subtitle: str
    empty: str
    table: Table
    table_caption: str
    lines: list[LinkedLine]
    total_calls_url: str
    notices: list[str]


# --- Controls ---------------------------------------------------------------------------------------------------------
def controls(question: Question, wanted: Kind, *, of_project: bool) -> Controls:
    """What can be asked; a project is nothing to group the calls of one project by."""
    metrics = groupby(METRICS.values(), key=lambda metric: metric.kind)
    first, second = [*question.by, "", ""][:2]
    names = {name: text for name, text in LABELS.items() if not (of_project and name == "project")}
    return Controls(
        metrics=[
            (title, [Choice(one.name, one.label, one.name == question.metric) for one in kind])
            for title, kind in metrics
        ],
        by=_choices({"": "Nothing"} | names, first),
        then=_choices({"": "Nothing else"} | {name: text for name, text in names.items() if name != first}, second),
        shapes=_choices(_SHAPES, question.shape),
        kinds=_choices({name: KIND_LABELS[name] for name in drawing.kinds(question)}, wanted),
        tops=_choices({str(top): str(top) for top in sorted({*_TOPS, question.top})}, str(question.top)),
    )


def _choices[Name: str](texts: Mapping[Name, str], chosen: str) -> list[Choice]:
    return [Choice(str(value), text, value == chosen) for value, text in texts.items()]


def pairs(question: Question, wanted: Kind) -> Pairs:
    """What an address says beside the filter; the usual kind of chart needs no word."""
    usual = drawing.kinds(question)[0]
    return [*question.pairs, *([] if wanted == usual else [("chart", str(wanted))])]


# --- The answer -------------------------------------------------------------------------------------------------------
def explorer_page(
    answer: Answer,
    chosen: Filter,
    wanted: Kind,
    *,
    path: str,
    calls_path: str,
    looks: Looks,
    show_cost: Show = formats.usd,
    currency: str = IN_DOLLARS.name,
) -> ExplorerPage:
    """The page at ``path``; ``chosen`` is what was asked for, which may be longer than what the answer read."""
    made = table(answer, show_cost=show_cost)
    keep = pairs(answer.question, wanted)
    return ExplorerPage(
        chart=drawing.chart(answer, looks=looks, wanted=wanted),
        title=title(answer.question),
        subtitle=_subtitle(answer, wanted, currency),
        empty=_empty(answer),
        table=made,
        table_caption=_table_caption(answer),
        lines=[
            _linked(line, chosen, answer.chosen, path=path, calls_path=calls_path, keep=keep) for line in made.lines
        ],
        total_calls_url=_calls_url(calls_path, answer.chosen),
        notices=_notices(answer),
    )


def title(question: Question) -> str:
    """``Cost by model and feature``."""
    names = " and ".join(LABELS[name] if name == "key" else LABELS[name].lower() for name in question.by)
    return f"{question.measures.label} by {names}" if names else question.measures.label


def _linked(
    line: Line, chosen: Filter, read: Filter, *, path: str, calls_path: str, keep: Sequence[tuple[str, str]]
) -> LinkedLine:
    """Names beyond the kept ones have calls of many names, which the log cannot find by theirs."""
    filters = line.group.filters if line.group else None
    if filters is None or line.group is None:
        return LinkedLine(line, "", "")
    is_rest = any(name.is_rest for name in line.group.names)
    calls_url = "" if is_rest else _calls_url(calls_path, read.only(**filters))
    return LinkedLine(line, address(path, chosen.only(**filters), *keep), calls_url)


def _calls_url(path: str, chosen: Filter) -> str:
    """The log of the calls that were counted: without second records of one call, which no sum has."""
    return address(path, chosen.only(**{DUPLICATES: WITHOUT}))


def _subtitle(answer: Answer, wanted: Kind, currency: str) -> str:
    """``US dollars, per day, the largest 9 of 11``."""
    shown = _drawn(answer, wanted)
    order = "largest" if _is_by_value(answer) else "busiest"
    parts = [
        currency if answer.metric.is_money else "",
        _per(answer),
        f"the {order} {shown} of {formats.count(answer.group_count)}" if 0 < shown < answer.group_count else "",
    ]
    return ", ".join(part for part in parts if part)


def _per(answer: Answer) -> str:
    if not answer.question.is_over_time:
        return "of the whole period"
    return "per hour" if answer.chosen.granularity is Granularity.HOUR else "per day"


def _drawn(answer: Answer, wanted: Kind) -> int:
    """How many groups the chart names; layers of bars are no groups."""
    if answer.question.is_over_time:
        return min(len(answer.groups), LAYERS)
    if len(answer.question.by) > 1:
        return 0
    return min(len(answer.groups), SLICES if wanted == "donut" else BARS)


def _table_caption(answer: Answer) -> str:
    order = "largest first" if _is_by_value(answer) else "most calls first"
    if not answer.question.by:
        return "everything in this period"
    if not answer.rest_count:
        return order
    return f"{order}, {formats.count(len(answer.groups))} of {formats.count(answer.group_count)}"


def _is_by_value(answer: Answer) -> bool:
    return answer.metric.is_summable or not answer.question.is_over_time


def _empty(answer: Answer) -> str:
    return {
        "Cost": "No call in this period has a price.",
        "Speed": "No call in this period says how long it took.",
    }.get(answer.metric.kind, "None in this period.")


def _notices(answer: Answer) -> list[str]:
    """Sentences about what the numbers leave out or put together."""
    return [
        *_about_rest(answer),
        *(
            [f"The {CANDIDATES} with most calls are put in order; there are {formats.count(answer.group_count)}."]
            if answer.is_sampled
            else []
        ),
    ]


def _about_rest(answer: Answer) -> Iterator[str]:
    names = {name.dimension for group in answer.groups for name in group.names if name.is_rest}
    if names:
        most = MOST_USERS if names == {"user"} and answer.source is Source.USERS else MOST_VALUES
        yield f"Beyond {formats.count(most)} values a day, everything else is counted as {OTHER}."


def source_note(answer: Answer) -> str:
    """Where the numbers come from, when not from the sums of every dimension; for the filter bar."""
    return answer.sentence or ("From daily sums per user" if answer.source is Source.USERS else "")
