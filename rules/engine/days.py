"""Local days and full hours: which stretch of time a rule looks at. A day of 23 or 25 hours is one day."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Window:
    """The half-open stretch [since, until), in UTC, and how many days a saving in it stands for."""

    since: datetime
    until: datetime
    days: int


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which a local day begins; the first moment after the gap where clocks skip midnight."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def today(as_of: datetime, zone: ZoneInfo) -> date:
    """The running local day."""
    return as_of.astimezone(zone).date()


def days_window(first: date, end: date, zone: ZoneInfo) -> Window:
    """Local days from ``first`` to before ``end``."""
    return Window(midnight(first, zone), midnight(end, zone), (end - first).days)


def full_days(as_of: datetime, zone: ZoneInfo, days: int) -> Window:
    """The last ``days`` local days that are over at ``as_of``."""
    end = today(as_of, zone)
    return days_window(end - timedelta(days=days), end, zone)


def one_day(day: date, zone: ZoneInfo) -> Window:
    return days_window(day, day + timedelta(days=1), zone)


def running_hour(as_of: datetime, zone: ZoneInfo) -> datetime:
    """The start, in UTC, of the local hour that is not over at ``as_of``; hourly rollups begin there too."""
    local = as_of.astimezone(zone)
    part = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return as_of.astimezone(UTC) - part


def hours_before(end: datetime, hours: int) -> Window:
    """The ``hours`` that end at ``end``; a saving in them stands for a day at least."""
    return Window(end - timedelta(hours=hours), end, max(1, hours // 24))
