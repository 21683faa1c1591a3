"""Which days a page reads that is made of single calls: never more than a month of them. Pure."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from core.periods import Period, midnight
from core.ranges import CUSTOM
from dashboards.filters import SEARCH_DAYS, Filter

_BEFORE: Final = timedelta(days=SEARCH_DAYS // 2)
_RANGE: Final = frozenset({"range", "from", "to", "since", "until"})


def bounded(chosen: Filter) -> Filter:
    """Within the days that may be read: the latest of a longer range; the problem says so."""
    if chosen.period.day_count <= SEARCH_DAYS:
        return chosen
    problem = f"Single calls are read for at most {SEARCH_DAYS} days: the latest are shown."
    return replace(_latest(chosen), problems=(*chosen.problems, problem))


def of_one(chosen: Filter, *, asked: frozenset[str]) -> Filter:
    """What the page of one id reads: the days that the names ``asked`` for, else as many as there may be."""
    return bounded(chosen) if asked & _RANGE else _latest(chosen)


def around(chosen: Filter) -> Period:
    """As many days as may be read, ending where the chosen ones do: what was found on these began earlier."""
    first = midnight(chosen.period.last_day - timedelta(days=SEARCH_DAYS - 1), chosen.zone)
    return Period(min(first, chosen.period.start), chosen.period.end, chosen.zone)


def near(moment: datetime, zone: ZoneInfo) -> Period:
    """The days around one call, half of them before it."""
    return _days(moment.astimezone(zone).date() - _BEFORE, zone)


def earlier(period: Period) -> Period:
    """As many days as may be read, up to where these begin."""
    return _days(period.first_day - timedelta(days=SEARCH_DAYS), period.zone)


def later(period: Period, *, now: datetime) -> Period | None:
    """The same from where these end; None when that has not begun."""
    following = _days(period.last_day + timedelta(days=1), period.zone)
    return following if following.start <= now else None


def pairs(period: Period) -> list[tuple[str, str]]:
    """The days in a query string."""
    return [("since", period.start.isoformat()), ("until", period.end.isoformat())]


def _latest(chosen: Filter) -> Filter:
    today = chosen.now.astimezone(chosen.zone).date()
    first = min(chosen.period.last_day, today) - timedelta(days=SEARCH_DAYS - 1)
    return replace(chosen, range=CUSTOM, period=_days(first, chosen.zone))


def _days(first: date, zone: ZoneInfo) -> Period:
    return Period.of_days(first, first + timedelta(days=SEARCH_DAYS - 1), zone)
