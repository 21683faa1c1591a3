"""What a report says of insights and savings. Pure."""

from collections.abc import Iterator
from typing import Final

from core import formats
from dashboards.reports import money
from dashboards.reports.document import Cell, Column, Figure, Section, Table, Tone
from dashboards.reports.numbers import SECTIONS, Insight, Numbers, Saving
from rules.alerts.messages.message import clip

SHOWN: Final = 50
_SEVERITIES: Final[tuple[Tone, ...]] = ("high", "medium", "low")
_WHAT_SAVINGS_ARE: Final = (
    "Found counts insights that opened within the period, realised those that ended within it because the rule finds"
    " them no more. Savings are estimates with equal token counts; one cost is saved once."
)


def sentences(numbers: Numbers) -> Iterator[str]:
    found = numbers.findings
    if not found.open_count:
        yield "No insight is open: nothing needs to be done."
        return
    are = "insight is" if found.open_count == 1 else "insights are"
    yield f"{formats.count(found.open_count)} {are} open: {severities(numbers)}."
    if found.potential.month_usd:
        upper = ", some of it an upper bound" if found.potential.is_upper_bound else ""
        month = money.shown(found.potential.month_usd, numbers.currency)
        year = money.shown(found.potential.year_usd, numbers.currency)
        yield f"Acting on them would save {month} a month and {year} a year{upper}."


def severities(numbers: Numbers) -> str:
    """``2 high, 1 low``."""
    counts = numbers.findings.counts
    return ", ".join(f"{formats.count(counts[one])} {one}" for one in _SEVERITIES if counts.get(one))


def figures(numbers: Numbers) -> Iterator[Figure]:
    found = numbers.findings
    yield Figure("Open insights", formats.count(found.open_count), severities(numbers))
    year = money.shown(found.potential.year_usd, numbers.currency)
    yield Figure("Possible savings a month", money.shown(found.potential.month_usd, numbers.currency), f"{year} a year")


def insights(numbers: Numbers) -> Section:
    found = numbers.findings
    if not found.open:
        return Section(
            key="insights", title=SECTIONS["insights"], empty="No insight is open: nothing needs to be done."
        )
    columns = (Column("Severity"), Column("Insight"), Column("Team"), Column("Saves a month", True))
    rows = [_row(numbers, one) for one in found.open[:SHOWN]]
    left = found.open_count - len(rows)
    more = f"and {formats.count(left)} more" if left else ""
    return Section(key="insights", title=SECTIONS["insights"], table=Table(columns, rows, more))


def _row(numbers: Numbers, one: Insight) -> list[Cell]:
    title = f"{one.title}: {clip(one.place)}" if one.place else one.title
    tone: Tone = next((tone for tone in _SEVERITIES if tone == one.severity), "low")
    return [
        Cell(one.severity.capitalize(), tone=tone),
        Cell(title, clip(one.evidence, 300), path=one.path),
        Cell(clip(one.team) or "–"),
        Cell(saving_of(numbers, one), "up to" if one.is_upper_bound and one.saving_month_usd else ""),
    ]


def saving_of(numbers: Numbers, one: Insight) -> str:
    return formats.UNKNOWN if one.saving_month_usd is None else money.shown(one.saving_month_usd, numbers.currency)


def savings(numbers: Numbers) -> Section:
    found = numbers.findings
    return Section(
        key="savings",
        title=SECTIONS["savings"],
        sentences=(_WHAT_SAVINGS_ARE,),
        figures=(
            _figure(numbers, "Open now", found.potential),
            _figure(numbers, "Found", found.found),
            _figure(numbers, "Realised", found.realised),
        ),
    )


def _figure(numbers: Numbers, label: str, saving: Saving) -> Figure:
    are = "insight" if saving.insights == 1 else "insights"
    upper = ", some of it an upper bound" if saving.is_upper_bound else ""
    note = f"a month, of {formats.count(saving.insights)} {are}{upper}"
    return Figure(label, money.shown(saving.month_usd, numbers.currency), note)
