"""Insights to what a template shows: groups by severity and team, chips and facets. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dashboards.bars import Chip, Link
from dashboards.insight_filters import FACETS, SEVERITIES, VIEWS, InsightQuery, shown
from rules.insight_words import Reading
from rules.models import Insight

MOST: Final = 500
UP_TO: Final = "some of it an upper bound"
ESTIMATED: Final = "as estimated"


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the list: an insight, where it is told in full, and the number that decided."""

    insight: Insight
    title: str
    place: str
    url: str
    decided: Reading | None


@dataclass(frozen=True, slots=True)
class Team:
    """A team's insights of one severity; '' is no team."""

    name: str
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class Group:
    """All insights of one severity, by team."""

    severity: str
    label: str
    count: int
    teams: list[Team]


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Facet:
    name: str
    label: str
    options: list[Option]


@dataclass(frozen=True, slots=True)
class Bar:
    """Everything between the page's title and its numbers."""

    views: list[Link]
    active: str
    chips: list[Chip]
    facets: list[Facet]
    clear_url: str


def groups(lines: Iterable[Line]) -> list[Group]:
    """By severity, the worst first, then by team in the order of their most pressing insight."""
    found: dict[str, dict[str, list[Line]]] = {severity: {} for severity in SEVERITIES}
    for line in lines:
        found[line.insight.severity].setdefault(line.insight.team, []).append(line)
    return [
        Group(
            severity,
            SEVERITIES[severity],
            sum(len(rows) for rows in teams.values()),
            [Team(name, rows) for name, rows in teams.items()],
        )
        for severity, teams in found.items()
        if teams
    ]


def severities_text(found: Sequence[Insight]) -> str:
    """``3 high, 1 low``."""
    counts = {label: sum(one.severity == key for one in found) for key, label in SEVERITIES.items()}
    return ", ".join(f"{count} {label.lower()}" for label, count in counts.items() if count)


def savings_note(found: Sequence[Insight]) -> str:
    """What to know about the sum of savings."""
    return UP_TO if any(one.saving_is_upper_bound and one.saving_month_usd for one in found) else ESTIMATED


def bar(chosen: InsightQuery, *, path: str, offered: Mapping[str, Sequence[tuple[str, str]]]) -> Bar:
    """``offered`` are (value, label) pairs by facet; what was chosen stays on its list."""
    views = [
        Link(name, name, chosen.with_statuses(() if name == "Open" else statuses).address(path))
        for name, statuses in VIEWS.items()
    ]
    pairs = [pair for pair in chosen.pairs if not (pair[0] == "status" and chosen.view)]
    return Bar(
        views=views,
        active=chosen.view,
        chips=[
            Chip(FACETS.get(name, "Contains"), shown(name, value), chosen.without(name, value).address(path))
            for name, value in pairs
        ],
        facets=[_facet(chosen, name, pairs) for name, pairs in offered.items()],
        clear_url=chosen.cleared().address(path),
    )


def _facet(chosen: InsightQuery, name: str, offered: Sequence[tuple[str, str]]) -> Facet:
    picked = chosen.statuses if name == "status" else chosen.values(name)
    known = {value for value, _ in offered}
    missing = [(value, shown(name, value)) for value in picked if value not in known]
    options = [Option(value, label, value in picked) for value, label in [*missing, *offered]]
    return Facet(name, FACETS[name], options)
