"""What a report says of the month to come and of cloud resources. Pure."""

from collections.abc import Iterator
from decimal import Decimal

from core import formats
from dashboards.reports import money
from dashboards.reports.document import Cell, Column, Figure, Section, Table, Tone
from dashboards.reports.numbers import SECTIONS, Budget, Forecast, Numbers, Range, Resources
from rules.alerts.messages.message import clip

_EACH = {"hour": "an hour", "day": "a day", "week": "a week", "month": "a month"}
_BAD = frozenset({"Over budget", "Will not last"})


def figures(numbers: Numbers) -> Iterator[Figure]:
    ahead = numbers.forecast
    if ahead is not None and ahead.forecast is not None:
        yield _expected(numbers, ahead, ahead.forecast)
    if numbers.resources.entries:
        yield _cloud_spend(numbers)


def _expected(numbers: Numbers, ahead: Forecast, found: Range) -> Figure:
    low, high = money.shown(found.low, numbers.currency), money.shown(found.high, numbers.currency)
    label = f"Forecast for {ahead.month:%B}"
    return Figure(label, money.shown(found.expected, numbers.currency), f"{low} to {high}")


def _cloud_spend(numbers: Numbers) -> Figure:
    found = numbers.resources
    return Figure("Cloud spend", money.shown(found.cost_usd, numbers.currency), without_cost(found))


def without_cost(found: Resources) -> str:
    """How many entries a cloud spend leaves out."""
    left = found.without_cost
    if not left:
        return ""
    return f"{formats.count(left)} {'entry' if left == 1 else 'entries'} without a cost"


# --- Forecast and budgets ---


def forecast(numbers: Numbers) -> Section:
    title, ahead = SECTIONS["forecast"], numbers.forecast
    if ahead is None:
        return Section(key="forecast", title=title, empty="There is no forecast.")
    so_far = Figure(
        f"{ahead.month:%B} so far", money.cost(ahead.spent, numbers.currency), _unpriced(ahead.spent.unpriced_calls)
    )
    shown = [so_far]
    sentences = [
        "The rest of the month at the pace of the last 168 hours, from the slowest day among them to the fastest."
    ]
    if ahead.spent.calls and ahead.spent.unpriced_calls == ahead.spent.calls:
        sentences = ["There is no forecast: no call of the month has a price."]
    elif ahead.forecast is None:
        sentences = ["There is no forecast before a tenth of the month is over and a day of calls is known."]
    else:
        shown.append(_expected(numbers, ahead, ahead.forecast))
    if not ahead.budgets:
        sentences.append("No budget is set.")
    return Section(key="forecast", title=title, sentences=sentences, figures=shown, table=_budgets(numbers, ahead))


def _unpriced(count: int) -> str:
    return f"{formats.count(count)} unpriced" if count else ""


def _budgets(numbers: Numbers, ahead: Forecast) -> Table | None:
    if not ahead.budgets:
        return None
    columns = (
        Column("Budget"),
        Column("State"),
        Column("Spent", True),
        Column("Forecast", True),
        Column("Limit", True),
    )
    more = f"and {formats.count(ahead.more_budgets)} more" if ahead.more_budgets else ""
    return Table(columns, [_budget(numbers, one) for one in ahead.budgets], more)


def _budget(numbers: Numbers, one: Budget) -> list[Cell]:
    def amount(value: Decimal) -> str:
        return f"{formats.tokens(value)} tokens" if one.is_tokens else money.shown(value, numbers.currency)

    tone: Tone = "bad" if one.standing in _BAD else ""
    return [
        Cell(clip(one.name), clip(one.scope), share=float(min(Decimal(1), one.spent / one.limit))),
        Cell(one.standing, tone=tone),
        Cell(amount(one.spent), _unpriced(one.unpriced_calls)),
        Cell(amount(one.forecast.expected) if one.forecast else formats.UNKNOWN),
        Cell(amount(one.limit), _EACH[one.period]),
    ]


# --- Cloud resources ---


def resources(numbers: Numbers) -> Section:
    title, found = SECTIONS["resources"], numbers.resources
    if not found.entries:
        return Section(key="resources", title=title, empty="No samples of cloud functions or workers in this period.")
    shown = (
        Figure("Entries", formats.count(found.entries), f"of {formats.count(found.count)} resources"),
        _cloud_spend(numbers),
    )
    columns = (
        Column("Resource"),
        Column("Team"),
        Column("Memory given", True),
        Column("Peak", True),
        Column("Cost", True),
    )
    rows = [
        [
            Cell(clip(one.name), clip(one.kind)),
            Cell(clip(one.team) or "–"),
            Cell(formats.megabytes(one.allocated_mb)),
            Cell(formats.megabytes(one.peak_mb)),
            Cell(money.shown(one.cost_usd, numbers.currency)),
        ]
        for one in found.largest
    ]
    left = found.count - len(rows)
    table = Table(columns, rows, f"and {formats.count(left)} more" if left > 0 else "")
    return Section(key="resources", title=title, figures=shown, table=table)
