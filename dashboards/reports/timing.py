"""When a scheduled report is due, on the organization's clock. Pure; "now" is always given."""

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

_DAY: Final = timedelta(days=1)
LAST_DAY: Final = 31  # of the month: the 31st is the last day of every month


class Cadence(StrEnum):
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True)
class Plan:
    """How often, and at which reading of the local clock. ``weekday`` counts from Monday, 0; ``month_day`` from 1.

    A month that is too short has its slot on its last day.
    """

    cadence: Cadence
    at: time
    weekday: int = 0
    month_day: int = 1


def next_slot(plan: Plan, after: datetime, zone: ZoneInfo) -> datetime:
    """The first slot (UTC) later than ``after``.

    A slot is a local day: where the clock shows the time twice, the first counts; where it skips it, the slot is as
    much later as the clock jumps. So a day never has two slots, and never none.
    """
    day = after.astimezone(zone).date() - _DAY
    while True:
        day = _next_day(plan, day)
        slot = _moment(day, plan.at, zone)
        if slot > after:
            return slot


def last_slot(plan: Plan, until: datetime, zone: ZoneInfo) -> datetime:
    """The latest slot (UTC) not later than ``until``: of those that were missed, the only one worth catching up."""
    day = until.astimezone(zone).date() + _DAY
    while True:
        day = _previous_day(plan, day)
        slot = _moment(day, plan.at, zone)
        if slot <= until:
            return slot


def _moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at.replace(fold=0), zone).astimezone(UTC)


def _next_day(plan: Plan, day: date) -> date:
    """The first day of the plan after ``day``."""
    day += _DAY
    while not _is_due_on(plan, day):
        day += _DAY
    return day


def _previous_day(plan: Plan, day: date) -> date:
    day -= _DAY
    while not _is_due_on(plan, day):
        day -= _DAY
    return day


def _is_due_on(plan: Plan, day: date) -> bool:
    match plan.cadence:
        case Cadence.DAILY:
            return True
        case Cadence.WEEKLY:
            return day.weekday() == plan.weekday
    return day.day == min(plan.month_day, calendar.monthrange(day.year, day.month)[1])
