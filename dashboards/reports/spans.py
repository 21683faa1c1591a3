"""Which local days a report is about. Pure."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

LONGEST_DAYS: Final = 760  # rollups are kept for 25 months
_DAY: Final = timedelta(days=1)
_WEEK: Final = 7
_MONTH: Final = 30


class Span(StrEnum):
    """A stretch of days relative to the day on which the report is made. Those "before" leave that day out."""

    YESTERDAY = "yesterday"
    WEEK_BEFORE = "week_before"
    LAST_7_DAYS = "last_7_days"
    LAST_30_DAYS = "last_30_days"
    LAST_MONTH = "last_month"
    THIS_MONTH = "this_month"
    CUSTOM = "custom"


LABELS: Final[dict[Span, str]] = {
    Span.YESTERDAY: "The day before",
    Span.WEEK_BEFORE: "The 7 days before",
    Span.LAST_7_DAYS: "Last 7 days, with today",
    Span.LAST_30_DAYS: "Last 30 days, with today",
    Span.LAST_MONTH: "Last month",
    Span.THIS_MONTH: "This month so far",
    Span.CUSTOM: "Days of your choice",
}
ON_DEMAND: Final = (Span.LAST_7_DAYS, Span.LAST_30_DAYS, Span.LAST_MONTH, Span.THIS_MONTH, Span.CUSTOM)
SCHEDULED: Final = (Span.YESTERDAY, Span.WEEK_BEFORE, Span.LAST_MONTH, Span.THIS_MONTH)


class SpanError(ValueError):
    """Days that no report can be about; the text says why."""


@dataclass(frozen=True, slots=True)
class Days:
    """Local days from ``first`` to ``last``, both included."""

    first: date
    last: date

    @property
    def count(self) -> int:
        return (self.last - self.first).days + 1


def days_of(span: Span, *, today: date) -> Days:
    """The days a relative span means on ``today``.

    :raises SpanError: the span is relative to nothing.
    """
    match span:
        case Span.YESTERDAY:
            return Days(today - _DAY, today - _DAY)
        case Span.WEEK_BEFORE:
            return Days(today - _WEEK * _DAY, today - _DAY)
        case Span.LAST_7_DAYS:
            return last_days(_WEEK, today=today)
        case Span.LAST_30_DAYS:
            return last_days(_MONTH, today=today)
        case Span.LAST_MONTH:
            end = today.replace(day=1) - _DAY
            return Days(end.replace(day=1), end)
        case Span.THIS_MONTH:
            return Days(today.replace(day=1), today)
    raise SpanError("Say which days.")


def last_days(count: int, *, today: date) -> Days:
    """``today`` and the days before it, ``count`` together."""
    return Days(today - (count - 1) * _DAY, today)


def chosen_days(first: date | None, last: date | None, *, today: date) -> Days:
    """Days that somebody typed; without a last day up to today.

    :raises SpanError: one is missing, in the future, they are the wrong way round, or too many.
    """
    if first is None:
        raise SpanError("Say which day is the first.")
    end = min(last or today, today)
    if first > today:
        raise SpanError("The first day is in the future.")
    if first > end:
        raise SpanError("The first day is after the last one.")
    if (end - first).days >= LONGEST_DAYS:
        raise SpanError(f"A report is about {LONGEST_DAYS} days at most.")
    return Days(first, end)


def days_text(found: Days) -> str:
    """Every year is named, because a report is read much later."""
    first, last = found.first, found.last
    end = f"{last.day} {last:%b} {last.year}"
    if first == last:
        return end
    if first.year != last.year:
        return f"{first.day} {first:%b} {first.year} – {end}"
    return f"{first.day} – {end}" if first.month == last.month else f"{first.day} {first:%b} – {end}"
