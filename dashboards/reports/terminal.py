"""The report as plain text, for CI logs, stand-ups and chats: no colours and no boxes, one line an issue. Pure."""

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

from core import formats
from dashboards.reports import content, content_ahead, content_findings, money
from dashboards.reports.numbers import Group, Insight, Numbers
from rules.alerts.messages.message import clip

TOP: Final = 5
_LABEL: Final = 24
_NAME: Final = 44
_WIDE: Final = frozenset("WF")


def render(numbers: Numbers) -> str:
    """Lines without trailing blanks, each ended by a newline."""
    lines = [*_header(numbers), "", *_summary(numbers), "", *_issues(numbers)]
    lines += ["", *_top("TOP MODELS", numbers, numbers.models.groups, content.model_name)]
    lines += ["", *_top("TOP FEATURES", numbers, numbers.features.groups, content.feature_name)]
    return "".join(f"{_plain(line)}\n" for line in lines)


def _header(numbers: Numbers) -> Iterator[str]:
    yield "TOKENOPS COST OPTIMIZATION REPORT"
    yield f"{content.subject(numbers)}, {content.period(numbers)}"
    yield f"Made {content.made(numbers)}"
    if numbers.hidden_projects:
        projects = "project" if numbers.hidden_projects == 1 else "projects"
        yield f"Without {formats.count(numbers.hidden_projects)} {projects} that may not be seen"


def _summary(numbers: Numbers) -> Iterator[str]:
    found, resources = numbers.findings, numbers.resources
    yield "EXECUTIVE SUMMARY"
    yield _fact("Calls analysed", formats.count(numbers.total.calls))
    yield _fact("Cloud entries analysed", formats.count(resources.entries))
    yield _fact("LLM spend", money.cost(numbers.total, numbers.currency), content.gaps(numbers.total))
    yield _fact("Cloud spend", _cloud_spend(numbers), content_ahead.without_cost(resources))
    yield _fact("Issues", formats.count(found.open_count), content_findings.severities(numbers))
    upper = "some of it an upper bound" if found.potential.is_upper_bound else ""
    yield _fact("Savings a month", money.shown(found.potential.month_usd, numbers.currency), upper)
    yield _fact("Savings a year", money.shown(found.potential.year_usd, numbers.currency), upper)


def _cloud_spend(numbers: Numbers) -> str:
    return money.shown(numbers.resources.cost_usd, numbers.currency) if numbers.resources.entries else "none"


def _fact(label: str, value: str, note: str = "") -> str:
    return f"  {label.ljust(_LABEL)}{value}" + (f" ({note})" if note else "")


def _issues(numbers: Numbers) -> Iterator[str]:
    found = numbers.findings
    yield "ISSUES"
    if not found.open_count:
        yield "  none"
    for one in found.open:
        yield f"  {issue(one, numbers)}"
    left = found.open_count - len(found.open)
    if left:
        yield f"  and {formats.count(left)} more"


def issue(one: Insight, numbers: Numbers) -> str:
    """``[HIGH] MODEL_MISUSE search gpt-4o in titles; Output a call: 9.50 …; saves $12 a month``, on one line."""
    head = f"[{one.severity.upper()}] {one.rule} {clip(one.team, 40) or '-'}"
    details = [clip(one.place, 80), clip(one.evidence, 160)]
    if one.saving_month_usd is not None:
        upto = "up to " if one.is_upper_bound else ""
        details.append(f"saves {upto}{money.shown(one.saving_month_usd, numbers.currency)} a month")
    return f"{head} {'; '.join(part for part in details if part)}"


def _top(title: str, numbers: Numbers, groups: Sequence[Group], name: content.Name) -> Iterator[str]:
    yield title
    if not groups:
        yield "  none"
    for group in groups[:TOP]:
        share = content.share_of(group.sums, numbers.total)
        amount = money.cost(group.sums, numbers.currency).rjust(14)
        part = f"{formats.percent(share).rjust(7)}" if share is not None else " " * 7
        yield f"  {_padded(name(group), _NAME)}{amount}{part}  {content.calls(group.sums.calls)}"


def _padded(text: str, most: int) -> str:
    """``text`` in so many columns of a terminal, where letters of some scripts take two."""
    shown, used = "", 0
    for letter in text:
        width = _width(letter)
        if used + width > most - 1:
            shown = f"{shown}…"
            break
        shown, used = shown + letter, used + width
    return shown + " " * max(0, most - columns(shown))


def columns(text: str) -> int:
    """How many columns a terminal gives the text."""
    return sum(map(_width, text))


def _width(letter: str) -> int:
    if not letter or unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in _WIDE else 1


def _plain(line: str) -> str:
    return line.replace(formats.NBSP, " ").rstrip()
