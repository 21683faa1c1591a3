"""Calendar months of an organization, and what one is compared with. Pure."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from core.periods import HOUR, Period, hour_end

KEPT_MONTHS: Final = 24  # before this one; rollups are kept for 25
_TEXT: Final = len("2026-07")


@dataclass(frozen=True, slots=True)
class Month:
    """A local calendar month as of ``now``."""

    first_day: date
    now: datetime
    zone: ZoneInfo

    @property
    def key(self) -> str:
        """How a query string names it: ``2026-07``."""
        return f"{self.first_day:%Y-%m}"

    @property
    def name(self) -> str:
        return f"{self.first_day:%B %Y}"

    @property
    def last_day(self) -> date:
        return self.first_day.replace(day=monthrange(self.first_day.year, self.first_day.month)[1])

    @property
    def period(self) -> Period:
        return Period.of_days(self.first_day, self.last_day, self.zone)

    @property
    def is_running(self) -> bool:
        return self.period.start <= self.now < self.period.end

    @property
    def before(self) -> "Month":
        return Month((self.first_day - timedelta(days=1)).replace(day=1), self.now, self.zone)

    @property
    def compared(self) -> Period:
        """The month before; of a running month the same days of it, up to the same local hour.

        On the 31st the whole of a shorter month before is over too.
        """
        whole = self.before.period
        if not self.is_running:
            return whole
        reached = hour_end(self.now, self.zone).astimezone(self.zone)
        if (reached.year, reached.month) != (self.first_day.year, self.first_day.month):
            return whole
        if reached.day > self.before.last_day.day:
            return whole
        day = self.before.first_day.replace(day=reached.day)
        end = datetime.combine(day, time(reached.hour, reached.minute), self.zone)
        return Period(whole.start, max(end.astimezone(whole.start.tzinfo), whole.start + HOUR), self.zone)

    @property
    def compared_with(self) -> str:
        """The same in words."""
        name = f"{self.before.first_day:%B}"
        if self.compared == self.before.period:
            return name
        last = self.compared.last_day
        return f"1 – {last.day} {name}, up to the same hour"


def months(now: datetime, zone: ZoneInfo) -> list[Month]:
    """This month and those before that numbers are kept of, the latest first."""
    found = [Month(now.astimezone(zone).date().replace(day=1), now, zone)]
    while len(found) <= KEPT_MONTHS:
        found.append(found[-1].before)
    return found


def read_month(text: str, *, now: datetime, zone: ZoneInfo) -> tuple[Month, str]:
    """The month a query string asks for, and a sentence where it is another one."""
    known = months(now, zone)
    if not text:
        return known[0], ""
    found = next((month for month in known if month.key == text), None)
    if found is not None:
        return found, ""
    return known[
        0
    ], f"There are numbers of {known[-1].name} to {known[0].name}. A month is written like {known[0].key}."
