"""Summaries and steps of traces to what a template shows: names, offsets, bars and addresses. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from core import formats
from core.periods import Period
from dashboards import call_days, waterfall
from dashboards.figures import Show
from dashboards.trace import Place
from dashboards.traces import Kind, Summary
from dashboards.waterfall import WIDTH, Step
from ingestion.models import Call

_NAMES: Final = 2  # of models, features and users in one cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a page calls its kind."""

    one: str
    many: str
    field: str
    icon: str
    what: str


WORDS: Final[Mapping[Kind, Words]] = {
    Kind.TRACE: Words(
        one="Trace", many="Traces", field="trace_id", icon="list-tree", what="One request’s work, call by call"
    ),
    Kind.SESSION: Words(
        one="Session", many="Sessions", field="session_id", icon="messages-square", what="One visit, call by call"
    ),
}


@dataclass(frozen=True, slots=True)
class Names:
    """The first few of some names, and how many more there are."""

    shown: list[str]
    more: int

    @classmethod
    def of(cls, found: Sequence[str]) -> "Names":
        return cls(list(found[:_NAMES]), max(len(found) - _NAMES, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A trace or session on a list."""

    summary: Summary
    url: str
    models: Names
    features: Names
    users: Names
    projects: Names


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A call on the page of its trace; ``offset`` is from the trace's start, ``indent`` how far inside others it is."""

    call: Call
    project_name: str
    url: str
    indent: int
    offset: str
    left: str
    width: str
    total: str


def one_url(path: str, group_id: str, period: Period, *more: tuple[str, str]) -> str:
    """The page at ``path`` about one id, over the days of ``period``."""
    return f"{path}?{urlencode([('id', group_id), *call_days.pairs(period), *more])}"


def lines(found: Iterable[Summary], *, path: str, period: Period, projects: Mapping[int, str]) -> list[Line]:
    """What the list shows; ``path`` is where the page of one is."""
    return [
        Line(
            summary=summary,
            url=one_url(path, summary.id, period),
            models=Names.of(summary.models),
            features=Names.of(summary.features),
            users=Names.of(summary.users),
            projects=Names.of(sorted(projects.get(pk, "A deleted project") for pk in summary.project_ids)),
        )
        for summary in found
    ]


def rows(
    places: Iterable[Place],
    summary: Summary,
    *,
    projects: Mapping[int, str],
    urls: Mapping[tuple[int, str], str],
    show_cost: Show,
) -> list[Row]:
    """The calls of a page; ``urls`` are the pages of calls by project and id."""
    return [
        _row(place.step, place.call, summary, projects=projects, urls=urls, show_cost=show_cost)
        for place in places
        if place.call is not None
    ]


def _row(
    step: Step,
    call: Call,
    summary: Summary,
    *,
    projects: Mapping[int, str],
    urls: Mapping[tuple[int, str], str],
    show_cost: Show,
) -> Row:
    bar = waterfall.bar(step.span, start=summary.started_at, length_ms=summary.duration_ms)
    return Row(
        call=call,
        project_name=projects.get(call.project_id, ""),
        url=urls.get((call.project_id, call.call_id), ""),
        indent=step.depth,
        offset=formats.duration_ms(waterfall.offset_ms(step.span, start=summary.started_at)),
        left=f"{bar.left:g}",
        width=f"{min(bar.width, WIDTH - bar.left):g}",
        total=show_cost(step.total_usd),
    )
