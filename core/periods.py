"""Stretches of time as an organization sees them: local days and hours, half-open, whatever the clocks do."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

QUARTER = timedelta(minutes=15)  # offsets of zones, and their changes, are multiples of it
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
HOURLY_DAYS = 3


class Granularity(StrEnum):
    """How wide one bucket of a chart is."""

    HOUR = "hour"
    DAY = "day"


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which a local day begins; where midnight is skipped, the first instant after it."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def hour_start(moment: datetime, zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which the local hour of ``moment`` began, as Postgres' ``date_trunc('hour', …, zone)``."""
    local = moment.astimezone(zone)
    return (moment - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)).astimezone(
        UTC
    )


def hour_end(moment: datetime, zone: ZoneInfo) -> datetime:
    """When the local hour of ``moment`` ends; where the clock changes inside it, an hour after it began."""
    after = hour_start(moment, zone) + HOUR
    begins = hour_start(after, zone)
    return begins if begins > moment else after


@dataclass(frozen=True, slots=True)
class Sources:
    """Which rollup rows make up a period: local dates of daily rows, and instants of hourly rows; all half-open."""

    days: tuple[date, date] | None
    hours: tuple[tuple[datetime, datetime], ...]


@dataclass(frozen=True, slots=True)
class Period:
    """From ``start`` up to, not including, ``end``: two instants (UTC) on local hour boundaries of ``zone``."""

    start: datetime
    end: datetime
    zone: ZoneInfo

    @classmethod
    def of_days(cls, first: date, last: date, zone: ZoneInfo) -> "Period":
        """All of the local days from ``first`` to ``last``, both included."""
        return cls(midnight(first, zone), midnight(last + DAY, zone), zone)

    @classmethod
    def of_hours(cls, hours: int, *, until: datetime, zone: ZoneInfo) -> "Period":
        """The local hour that ``until`` is in, and the ones before it."""
        end = hour_end(until, zone)
        return cls(end - hours * HOUR, end, zone)

    @property
    def first_day(self) -> date:
        return self.start.astimezone(self.zone).date()

    @property
    def last_day(self) -> date:
        return (self.end - timedelta(microseconds=1)).astimezone(self.zone).date()

    @property
    def day_count(self) -> int:
        """Local days the period touches; a day of 23 or 25 hours is one."""
        return (self.last_day - self.first_day).days + 1

    @property
    def is_whole_days(self) -> bool:
        return self == Period.of_days(self.first_day, self.last_day, self.zone)

    @property
    def granularity(self) -> Granularity:
        """Hours up to three days, days beyond."""
        return Granularity.HOUR if self.day_count <= HOURLY_DAYS else Granularity.DAY

    def days_text(self, *, today: date) -> str:
        """The local days for people: ``5 Jul``, ``5 – 11 Jul``, ``28 Jun – 4 Jul``; other years are named."""
        first, last = self.first_day, self.last_day
        if not self.is_whole_days and first == last:
            hours = [f"{moment.astimezone(self.zone):%H:%M}" for moment in (self.start, self.end)]
            return f"{first.day} {first:%b}, {' – '.join(hours)}"
        end = f"{last.day} {last:%b}" + ("" if last.year == today.year else f" {last.year}")
        if first == last:
            return end
        start = str(first.day) if (first.year, first.month) == (last.year, last.month) else f"{first.day} {first:%b}"
        return f"{start} – {end}" if first.year == last.year else f"{start} {first.year} – {end}"

    def previous(self, *, now: datetime) -> "Period":
        """The equally long period before this one, cut at the same local time when this one is not over yet.

        A Tuesday noon is compared with last Tuesday up to noon, so that a day that has only begun is no drop.
        """
        if not self.is_whole_days:
            length = self.end - self.start
            return Period(self.start - length, self.start, self.zone)
        return self.moved(timedelta(days=self.day_count), now=now)

    def moved(self, back: timedelta, *, now: datetime) -> "Period":
        """The same days, or the same hours of the clock, some days earlier; cut as ``previous`` is."""
        if not self.is_whole_days:
            start = _shifted(self.start, back, self.zone)
            return Period(start, max(_shifted(self.end, back, self.zone), start + HOUR), self.zone)
        return self.compared(self.first_day - back, self.last_day - back, now=now)

    def compared(self, first: date, last: date, *, now: datetime) -> "Period":
        """The local days from ``first`` to ``last``, cut where these days are when ``now`` is inside this period."""
        whole = Period.of_days(first, last, self.zone)
        elapsed = hour_end(now, self.zone)
        if not self.start < elapsed < self.end:
            return whole
        end = max(_shifted(elapsed, self.first_day - first, self.zone), whole.start + HOUR)
        return Period(whole.start, min(end, whole.end), self.zone)

    def buckets(self) -> list[str]:
        """Every bucket in order, as charts name them: ``2026-07-12``, or ``2026-07-12T14:00:00+02:00`` for an hour."""
        if self.granularity is Granularity.DAY:
            return [(self.first_day + timedelta(days=n)).isoformat() for n in range(self.day_count)]
        return [self.hour_name(start) for start in self.hours()]

    def hour_name(self, start: datetime) -> str:
        """The bucket name of the hour that begins at ``start``, on the local clock."""
        return start.astimezone(self.zone).isoformat(timespec="seconds")

    def sources(self) -> Sources:
        """Hourly rows for short periods; daily rows for long ones, with hourly rows for partial days at the ends."""
        if self.granularity is Granularity.HOUR:
            return Sources(None, ((self.start, self.end),))
        first, end = self.first_day, self.last_day + DAY
        if midnight(first, self.zone) < self.start:
            first += DAY
        if midnight(end, self.zone) > self.end:
            end -= DAY
        edges = ((self.start, midnight(first, self.zone)), (midnight(end, self.zone), self.end))
        return Sources((first, end), tuple(edge for edge in edges if edge[0] < edge[1]))

    def hours(self) -> Iterable[datetime]:
        """Where the hours begin, asked of every quarter: where clocks change by half an hour, hours overlap."""
        quarters = range((self.end - self.start) // QUARTER)
        return dict.fromkeys(hour_start(self.start + n * QUARTER, self.zone) for n in quarters)


def _shifted(moment: datetime, back: timedelta, zone: ZoneInfo) -> datetime:
    """The same reading of the local clock, some days earlier."""
    local = moment.astimezone(zone).replace(tzinfo=None) - back
    return local.replace(tzinfo=zone).astimezone(UTC)
