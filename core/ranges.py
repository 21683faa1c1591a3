"""Which time range a query string means: names of usual ranges, two dates, or two moments. Pure, and never an error."""

from calendar import monthrange
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from core.periods import DAY, Period, hour_end, hour_start

RANGES: Final[dict[str, str]] = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
# Named after the calendar, so that a saved view or a bookmark of "this month" moves on with it.
CALENDAR_RANGES: Final[dict[str, str]] = {
    "today": "Today",
    "yesterday": "Yesterday",
    "month": "This month",
    "last-month": "Last month",
    "365d": "12 months",
}
DEFAULT_RANGE: Final = "7d"
CUSTOM: Final = "custom"
EXACT: Final = "exact"  # from one moment to another, as findings of rules are about
LONGEST_DAYS: Final = 760  # rollups are kept for 25 months
_YEARS: Final = range(1970, 9999)

type Values = Mapping[str, Sequence[str]]


def read_range(values: Values, *, now: datetime, zone: ZoneInfo) -> tuple[str, Period, str]:
    """Name, period and, when the wish could not be met, why."""
    if _first(values, "since") or _first(values, "until"):
        exact, problem = _exact(_first(values, "since"), _first(values, "until"), zone=zone)
        return (EXACT, exact, "") if exact else _default(problem, now=now, zone=zone)
    first, last = _first(values, "from"), _first(values, "to")
    name = _first(values, "range") or (CUSTOM if first or last else DEFAULT_RANGE)
    if name in RANGES or name in CALENDAR_RANGES:
        return name, named_period(name, now=now, zone=zone), ""
    problem = f"The range must be one of {', '.join([*RANGES, *CALENDAR_RANGES])}, or two dates."
    if name == CUSTOM:
        period, problem = _custom(first, last, now=now, zone=zone)
        if period:
            return CUSTOM, period, problem
    return _default(problem, now=now, zone=zone)


def named_period(name: str, *, now: datetime, zone: ZoneInfo) -> Period:
    """The period of one of ``RANGES`` or ``CALENDAR_RANGES``."""
    if name == "24h":
        return Period.of_hours(24, until=now, zone=zone)
    today = now.astimezone(zone).date()
    first, last = _CALENDAR[name](today) if name in _CALENDAR else (today - timedelta(days=range_days(name) - 1), today)
    return Period.of_days(first, last, zone)


def range_days(name: str) -> int:
    """How many days one of the ranges that are counted in days has."""
    return 1 if name == "24h" else int(name.removesuffix("d"))


def compared_period(name: str, period: Period, *, now: datetime) -> Period:
    """The period before: of a month the month before, of everything else as many days."""
    if name not in {"month", "last-month"}:
        return period.previous(now=now)
    last_before = period.first_day - DAY
    first = last_before.replace(day=1)
    last = min(first + timedelta(days=period.day_count - 1), last_before) if name == "month" else last_before
    return period.compared(first, last, now=now)


def year_before(period: Period, *, now: datetime) -> Period:
    """The same days of the calendar a year earlier; 29 February becomes the 28th."""
    return period.moved(period.first_day - _a_year_earlier(period.first_day), now=now)


_CALENDAR: Final = {
    "today": lambda today: (today, today),
    "yesterday": lambda today: (today - DAY, today - DAY),
    "month": lambda today: (today.replace(day=1), today),
    "last-month": lambda today: ((today.replace(day=1) - DAY).replace(day=1), today.replace(day=1) - DAY),
}


def _a_year_earlier(day: date) -> date:
    last = monthrange(day.year - 1, day.month)[1]
    return day.replace(year=day.year - 1, day=min(day.day, last))


def _default(problem: str, *, now: datetime, zone: ZoneInfo) -> tuple[str, Period, str]:
    return DEFAULT_RANGE, named_period(DEFAULT_RANGE, now=now, zone=zone), f"{problem} The last 7 days are shown."


def _first(values: Values, name: str) -> str:
    return next(iter(values.get(name, ())), "")


def _custom(first: str, last: str, *, now: datetime, zone: ZoneInfo) -> tuple[Period | None, str]:
    """The days from ``first`` to ``last``, both shown; without a last day, up to today."""
    today = now.astimezone(zone).date()
    start = _day(first or last)
    end = _day(last) if last else today
    if start is None or end is None:
        return None, "Dates are written like 2026-07-31."
    end = min(end, today + DAY)  # a clock ahead of ours may be in tomorrow already
    if start > end:
        return None, "The first day must not be after the last one or in the future."
    if (end - start).days >= LONGEST_DAYS:
        latest = end - timedelta(days=LONGEST_DAYS - 1)
        return Period.of_days(latest, end, zone), f"A range is at most {LONGEST_DAYS} days: the latest are shown."
    return Period.of_days(start, end, zone), ""


def _exact(since: str, until: str, *, zone: ZoneInfo) -> tuple[Period | None, str]:
    """The local hours from ``since`` to before ``until``, two moments with their offsets."""
    start, end = _moment(since), _moment(until)
    if start is None or end is None:
        return None, "Moments are written like 2026-07-31T14:00:00+00:00."
    if start >= end or end - start > timedelta(days=LONGEST_DAYS):
        return None, f"The end must be after the start, by at most {LONGEST_DAYS} days."
    return Period(hour_start(start, zone), hour_end(end - timedelta(microseconds=1), zone), zone), ""


def _moment(text: str) -> datetime | None:
    """An instant; a plus sign that was not percent-encoded arrives as a blank."""
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None and moment.year in _YEARS else None


def _day(text: str) -> date | None:
    """A date, or the date of an RFC 3339 instant as it is written; None when it is neither or out of reach."""
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        return None
    return day if day.year in _YEARS else None
