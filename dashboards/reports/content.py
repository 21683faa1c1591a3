"""From the numbers of a report to what it says, the same in every form. Pure.

A cost that is not known is written "unknown", calls without a price are counted beside every sum that they are
missing from, and ≈ marks a sum with estimated calls in it.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from core import formats
from dashboards.reports import content_ahead, content_findings, drawing, money
from dashboards.reports.document import Cell, Chart, Column, Document, Figure, Section, Table
from dashboards.reports.drawing import Point
from dashboards.reports.numbers import SECTIONS, Group, Numbers, Ranking, Sums
from dashboards.reports.spans import Days, days_text
from rules.alerts.messages.message import clip

SHOWN: Final = 20  # rows of a table
_NO_CALLS: Final = "No calls in this period."
type Name = Callable[[Group], str]

_GROUPS: Final = {"teams": "Team", "models": "Model", "features": "Feature"}


def compose(numbers: Numbers) -> Document:
    """The report in words, with the sections that were asked for."""
    wanted = [_SECTIONS[key](numbers) for key in SECTIONS if numbers.shows(key)]
    return Document(
        title="Cost and optimization report",
        subject=subject(numbers),
        period=period(numbers),
        made=made(numbers),
        sections=(_summary(numbers), *wanted),
        notes=tuple(_notes(numbers)),
    )


def subject(numbers: Numbers) -> str:
    """``Acme``, or ``Acme, project Web``."""
    organization = clip(numbers.organization, 100)
    return f"{organization}, project {clip(numbers.project, 100)}" if numbers.project else organization


def period(numbers: Numbers) -> str:
    """``1 – 31 Oct 2026``; every year is named, because a report is read much later."""
    return days_text(Days(numbers.first_day, numbers.last_day))


def titles(sections: Sequence[str]) -> list[str]:
    """What sections are called."""
    return [SECTIONS[key] for key in sections if key in SECTIONS]


def _day(day: date) -> str:
    return f"{day.day} {day:%b} {day.year}"


def made(numbers: Numbers) -> str:
    local = numbers.made_at.astimezone(ZoneInfo(numbers.zone))
    return f"{_day(local.date())}, {local:%H:%M} ({numbers.zone.replace('_', ' ')})"


# --- The summary ---


def _summary(numbers: Numbers) -> Section:
    return Section(
        key="summary",
        title="Executive summary",
        sentences=tuple(_sentences(numbers)),
        figures=tuple(_figures(numbers)),
    )


def _sentences(numbers: Numbers) -> Iterator[str]:
    total = numbers.total
    if not total.calls:
        yield f"No calls arrived {_within(numbers)}. As soon as an application sends some, the next report has them."
    else:
        cost = money.cost(total, numbers.currency)
        yield f"{calls(total.calls)} cost {cost} {_within(numbers)}{_against(numbers)}."
    if total.unpriced_calls:
        are = "is" if total.unpriced_calls == 1 else "are"
        yield f"{calls(total.unpriced_calls)} without a price {are} not included: what they cost is unknown."
    yield from content_findings.sentences(numbers)


def _within(numbers: Numbers) -> str:
    first, last = numbers.first_day, numbers.last_day
    return f"on {_day(first)}" if first == last else f"from {_day(first)} to {_day(last)}"


def _against(numbers: Numbers) -> str:
    if numbers.before is None:
        return ""
    change = formats.delta(numbers.total.known_cost_usd, numbers.before.known_cost_usd)
    if change is None or change.direction == "new":
        return ""
    return f", {change.text} against {numbers.before_words}"


def _figures(numbers: Numbers) -> Iterator[Figure]:
    total, before = numbers.total, numbers.before
    yield Figure("LLM spend", money.cost(total, numbers.currency), gaps(total), _change(numbers, _known))
    yield Figure("Calls", formats.count(total.calls), "", _change(numbers, lambda sums: Decimal(sums.calls)))
    tokens = f"{formats.tokens(total.input_tokens)} in, {formats.tokens(total.output_tokens)} out"
    yield Figure("Tokens", formats.tokens(total.tokens), tokens, _change(numbers, lambda sums: Decimal(sums.tokens)))
    rate = Decimal(total.errors) / total.calls if total.calls else None
    earlier = f"{formats.percent(Decimal(before.errors) / before.calls)} before" if before and before.calls else ""
    yield Figure("Errors", formats.percent(rate), earlier)
    yield from content_findings.figures(numbers)
    yield from content_ahead.figures(numbers)


def _known(sums: Sums) -> Decimal | None:
    return sums.known_cost_usd


def _change(numbers: Numbers, of: Callable[[Sums], Decimal | None]) -> str:
    found = formats.delta(of(numbers.total), of(numbers.before)) if numbers.before else None
    return "" if found is None else found.text


def gaps(sums: Sums) -> str:
    """What the cost leaves out, and what of it is an estimate."""
    parts = []
    if sums.unpriced_calls:
        parts.append(f"{formats.count(sums.unpriced_calls)} unpriced")
    if sums.estimated_calls:
        parts.append(f"≈ {formats.count(sums.estimated_calls)} estimated")
    return ", ".join(parts)


def calls(count: int) -> str:
    return f"{formats.count(count)} {'call' if count == 1 else 'calls'}"


# --- Sections ---


def _spend(numbers: Numbers) -> Section:
    if not numbers.total.calls:
        return Section(key="spend", title=SECTIONS["spend"], empty=_NO_CALLS)
    return Section(key="spend", title=SECTIONS["spend"], chart=_chart(numbers))


def _chart(numbers: Numbers) -> Chart:
    points = [Point(f"{one.day.day} {one.day:%b}", one.sums.known_cost_usd) for one in numbers.days]
    title = f"Cost by day, {period(numbers)}"
    svg = drawing.bars(points, write=lambda usd: money.compact(usd, numbers.currency), title=title)
    known = [one for one in numbers.days if one.sums.known_cost_usd is not None]
    most = max(known, key=lambda one: one.sums.cost_usd, default=None)
    if most is None:
        return Chart(svg, "The cost of no day is known.")
    amount = money.shown(most.sums.cost_usd, numbers.currency)
    return Chart(svg, f"Cost by day. The most was spent on {_day(most.day)}: {amount}.")


def _ranked(key: str, numbers: Numbers, ranking: Ranking, name: Name) -> Section:
    if not ranking.groups:
        return Section(key=key, title=SECTIONS[key], empty=_NO_CALLS)
    rows = [_row(numbers, group, name(group)) for group in ranking.groups[:SHOWN]]
    columns = (Column(_GROUPS[key]), Column("Calls", True), Column("Tokens", True), Column("Share", True))
    table = Table((*columns, Column("Cost", True)), rows, more_than(ranking.count, len(rows)))
    return Section(key=key, title=SECTIONS[key], table=table)


def _row(numbers: Numbers, group: Group, name: str) -> list[Cell]:
    sums = group.sums
    share = share_of(sums, numbers.total)
    return [
        Cell(name, share=share),
        Cell(formats.count(sums.calls)),
        Cell(formats.tokens(sums.tokens)),
        Cell(formats.percent(share)),
        Cell(money.cost(sums, numbers.currency), gaps(sums)),
    ]


def share_of(part: Sums, whole: Sums) -> float | None:
    """Of the known cost; None where either is unknown, or nothing was spent."""
    if not whole.cost_usd or part.known_cost_usd is None:
        return None
    return float(part.cost_usd / whole.cost_usd)


def more_than(count: int, shown: int) -> str:
    """What a table leaves out."""
    return f"and {formats.count(count - shown)} more" if count > shown else ""


def model_name(group: Group) -> str:
    return clip(f"{group.within} / {group.name}" if group.within else group.name)


def team_name(group: Group) -> str:
    return clip(group.name) or "No team"


def feature_name(group: Group) -> str:
    return clip(group.name) or "None"


_SECTIONS: Final[dict[str, Callable[[Numbers], Section]]] = {
    "spend": _spend,
    "teams": lambda numbers: _ranked("teams", numbers, numbers.teams, team_name),
    "models": lambda numbers: _ranked("models", numbers, numbers.models, model_name),
    "features": lambda numbers: _ranked("features", numbers, numbers.features, feature_name),
    "insights": content_findings.insights,
    "savings": content_findings.savings,
    "forecast": content_ahead.forecast,
    "resources": content_ahead.resources,
}


# --- Notes ---


def _notes(numbers: Numbers) -> Sequence[str]:
    notes = [_whose(numbers.hidden_projects), money.terms(numbers.currency)]
    if numbers.total.estimated_calls:
        notes.append("≈ marks sums with calls whose usage was estimated, because a stream ended before it was told.")
    if _is_running(numbers):
        notes.append("The last day is not over: its numbers are those up to the moment the report was made.")
    return [note for note in notes if note]


def _whose(hidden: int) -> str:
    made = "It is made with the rights of whoever ordered it"
    if not hidden:
        return f"{made}: it shows what they may see."
    projects, are = ("project", "is") if hidden == 1 else ("projects", "are")
    return f"{made}: {formats.count(hidden)} {projects} that they may not see {are} left out of every sum."


def _is_running(numbers: Numbers) -> bool:
    made: datetime = numbers.made_at.astimezone(ZoneInfo(numbers.zone))
    return numbers.last_day >= made.date()
