"""Numbers to what a template shows: which charts, breakdowns and notices a page has, and where each leads. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from core import formats
from core.charts import ChartSpec, Mark, annotated
from core.currencies import IN_DOLLARS
from core.periods import Granularity
from dashboards import charts
from dashboards.bars import address
from dashboards.charts import Looks
from dashboards.figures import ROWS, STATUS_CALLS, Figure, Row, Show, breakdown, figures
from dashboards.filters import Filter, Source
from dashboards.numbers import Overview, Sums
from ingestion.store import MOST_VALUES, OTHER

NO_EARLIER: Final = "no full earlier period"


@dataclass(frozen=True, slots=True)
class ProjectLine:
    """A project on the organization's page."""

    name: str
    url: str
    sums: Sums
    share: float | None
    status_calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewPage:
    """Everything below the filter bar. A chart that the filter leaves no numbers for is None.

    Where the numbers begin inside the period before there is nothing to be ``compared_with``; ``no_change`` says so.
    """

    figures: list[Figure]
    cost: ChartSpec | None
    tokens: ChartSpec | None
    latency: ChartSpec | None
    calls: ChartSpec | None
    share: ChartSpec
    features: list[Row] | None
    projects: list[ProjectLine] = field(default_factory=list)
    more_projects: int = 0
    compared_with: str
    no_change: str
    notices: list[str]
    period: str
    cost_caption: str
    calls_caption: str
    tokens_caption: str
    share_caption: str
    features_title: str
    features_caption: str
    value_header: str


@dataclass(frozen=True, slots=True)
class ProjectLink:
    """What a project is called and where its page is."""

    name: str
    path: str


def overview_page(
    numbers: Overview,
    chosen: Filter,
    *,
    path: str,
    projects: Mapping[int, ProjectLink] | None,
    looks: Looks,
    marks: Sequence[Mark] = (),
    show_cost: Show = formats.usd,
    currency: str = IN_DOLLARS.name,
) -> OverviewPage:
    """The page at ``path``; ``projects`` only on the organization's. ``looks`` are those of ``charts.shown_models``.

    ``marks`` are laid over the cost; ``show_cost`` writes costs in ``currency``.
    """
    by_status, by_user = bool(chosen.status), chosen.source is Source.USERS
    has_earlier = chosen.is_compared and numbers.reaches_back_to(chosen.previous.first_day)
    return OverviewPage(
        figures=figures(numbers, chosen, show_cost=show_cost),
        cost=None if by_status else annotated(charts.cost_over_time(numbers, chosen, looks), marks),
        tokens=None if by_status else charts.tokens_over_time(numbers, chosen),
        latency=None if by_status or by_user else charts.latency_by_model(numbers),
        calls=charts.calls_over_time(numbers, chosen, looks) if by_status else None,
        share=charts.calls_by_model(numbers, chosen, looks) if by_status else charts.cost_by_model(numbers, looks),
        features=None if by_user else _features(numbers, chosen, path, show_cost),
        projects=[] if projects is None else _project_lines(numbers, chosen, projects),
        more_projects=max(numbers.group_counts.get("project", 0) - len(numbers.projects), 0),
        compared_with=compared_with(chosen) if has_earlier else "",
        no_change=NO_EARLIER if chosen.is_compared and not has_earlier else "",
        notices=_notices(numbers, chosen),
        period=f"{chosen.period.first_day} to {chosen.period.last_day}",
        **_captions(numbers, chosen, currency),
    )


def compared_with(chosen: Filter) -> str:
    """What the changes of the key figures are against, in words."""
    if not chosen.period.is_whole_days:
        return "the same hours last year" if chosen.compare == "year" else "the 24 hours before"
    days = chosen.previous.days_text(today=chosen.now.astimezone(chosen.zone).date())
    return f"{days}, up to the same hour" if chosen.now < chosen.period.end else days


def _captions(numbers: Overview, chosen: Filter, currency: str) -> dict[str, str]:
    """What is counted, by what and per what, in words."""
    per = "per hour" if chosen.granularity is Granularity.HOUR else "per day"
    shown, features = min(len(numbers.features), ROWS), numbers.group_counts.get("feature", 0)
    return {
        "cost_caption": f"{currency} by model, {per}",
        "calls_caption": f"{STATUS_CALLS[chosen.status].lower()} by model, {per}",
        "tokens_caption": f"by kind, {per}",
        "share_caption": "of calls" if chosen.status else "of spend",
        "features_title": "Calls by feature" if chosen.status else "Cost by feature",
        "features_caption": f"the largest {shown} of {features}" if features > shown else "what the calls were for",
        "value_header": "Calls" if chosen.status else "Spend",
    }


def _features(numbers: Overview, chosen: Filter, path: str, show_cost: Show) -> list[Row]:
    groups = [
        (name or "None", address(path, chosen.only(feature=name)), sums)
        for name, sums in numbers.features.items()
        if sums.with_status(chosen.status)
    ]
    return breakdown(groups, total=numbers.total, chosen=chosen, show_cost=show_cost)


def _project_lines(numbers: Overview, chosen: Filter, projects: Mapping[int, ProjectLink]) -> list[ProjectLine]:
    elsewhere = chosen.without_all("project")
    return [
        ProjectLine(
            name=projects[pk].name if pk in projects else f"Deleted project {pk}",
            url=address(projects[pk].path, elsewhere) if pk in projects else "",
            sums=sums,
            share=_share(sums, numbers.total, chosen),
            status_calls=sums.with_status(chosen.status),
        )
        for pk, sums in numbers.projects.items()
        if sums.with_status(chosen.status)
    ]


def _share(part: Sums, whole: Sums, chosen: Filter) -> float | None:
    if chosen.status:
        return part.with_status(chosen.status) / (whole.with_status(chosen.status) or 1)
    return float(part.cost_usd / whole.cost_usd) if whole.cost_usd and part.known_cost_usd is not None else None


def _notices(numbers: Overview, chosen: Filter) -> list[str]:
    """Sentences about what the numbers leave out."""
    notices = []
    if chosen.status:
        notices.append("Spend, tokens and latency are not kept by status: with this filter only calls are shown.")
    elif chosen.source is Source.USERS:
        notices.append("Features and latency are not summed by user: they are shown over at most 3 days.")
    if OTHER in numbers.features or any(model.model_key == OTHER for model in numbers.models):
        notices.append(f"Beyond {formats.count(MOST_VALUES)} values a day, everything else is counted as {OTHER}.")
    return notices
