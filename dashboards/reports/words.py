"""Reports and schedules in words, alike on every page."""

import calendar
from typing import Final

from dashboards.reports.models import Report, Schedule
from dashboards.reports.spans import LABELS, Days, Span, days_text
from dashboards.reports.timing import LAST_DAY, Cadence

WEEKDAYS: Final = tuple(calendar.day_name)
_ELEVENTH, _THIRTEENTH = 11, 13
_ENDINGS: Final = {1: "st", 2: "nd", 3: "rd"}


def rhythm(schedule: Schedule) -> str:
    """``Every Monday at 09:00``; the clock is the organization's."""
    at = schedule.at.isoformat("minutes")
    match schedule.cadence:
        case Cadence.WEEKLY:
            return f"Every {WEEKDAYS[schedule.weekday]} at {at}"
        case Cadence.MONTHLY if schedule.month_day == LAST_DAY:
            return f"On the last day of every month at {at}"
        case Cadence.MONTHLY:
            return f"On the {_ordinal(schedule.month_day)} of every month at {at}"
    return f"Every day at {at}"


def span(name: str) -> str:
    return LABELS[Span(name)]


def days(report: Report) -> str:
    """``1 – 31 Oct 2026``."""
    return days_text(Days(report.first_day, report.last_day))


def made_by(report: Report | Schedule) -> str:
    """Whose rights count; '' for somebody who is gone."""
    if report.runs_as is not None:
        return report.runs_as.name or report.runs_as.email
    return f"API key {report.api_key.name}" if report.api_key is not None else ""


def size(count: int) -> str:
    """Of a file: ``141 KB``."""
    return f"{max(1, round(count / 1_000)):,} KB"


def _ordinal(number: int) -> str:
    is_teen = _ELEVENTH <= number <= _THIRTEENTH
    return f"{number}{'th' if is_teen else _ENDINGS.get(number % 10, 'th')}"
