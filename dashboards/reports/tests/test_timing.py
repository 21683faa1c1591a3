"""When scheduled reports are due: local clocks, days of 23 and 25 hours, months that are too short."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.reports.timing import Cadence, Plan, last_slot, next_slot


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


BERLIN, UTC_ZONE, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC"), ZoneInfo("America/New_York")
DAILY = Plan(Cadence.DAILY, time(8))
ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo"]
).map(ZoneInfo)
MOMENTS = st.integers(0, 6 * 365 * 24 * 60).map(lambda minutes: utc(2024, 1, 1) + timedelta(minutes=minutes))
PLANS = st.builds(
    Plan,
    st.sampled_from(list(Cadence)),
    st.times().map(lambda at: at.replace(second=0, microsecond=0, tzinfo=None, fold=0)),
    st.integers(0, 6),
    st.integers(1, 31),
)


@pytest.mark.parametrize(
    ("plan", "after", "zone", "expected"),
    [
        (DAILY, utc(2026, 7, 15, 7), UTC_ZONE, utc(2026, 7, 15, 8)),
        (DAILY, utc(2026, 7, 15, 8), UTC_ZONE, utc(2026, 7, 16, 8)),
        (DAILY, utc(2026, 7, 15, 5, 59), BERLIN, utc(2026, 7, 15, 6)),
        (DAILY, utc(2026, 1, 15, 6, 59), BERLIN, utc(2026, 1, 15, 7)),
        (Plan(Cadence.WEEKLY, time(8), weekday=0), utc(2026, 7, 15, 12), UTC_ZONE, utc(2026, 7, 20, 8)),
        (Plan(Cadence.WEEKLY, time(8), weekday=2), utc(2026, 7, 15, 12), UTC_ZONE, utc(2026, 7, 22, 8)),
        (Plan(Cadence.MONTHLY, time(8), month_day=1), utc(2026, 7, 15), UTC_ZONE, utc(2026, 8, 1, 8)),
        (Plan(Cadence.MONTHLY, time(8), month_day=31), utc(2026, 2, 1), UTC_ZONE, utc(2026, 2, 28, 8)),
        (Plan(Cadence.MONTHLY, time(8), month_day=30), utc(2028, 2, 1), UTC_ZONE, utc(2028, 2, 29, 8)),
        (Plan(Cadence.MONTHLY, time(8), month_day=31), utc(2026, 4, 30, 8), UTC_ZONE, utc(2026, 5, 31, 8)),
    ],
)
def test_the_next_slot(plan, after, zone, expected):
    assert next_slot(plan, after, zone) == expected


def test_a_time_that_the_clock_skips_is_as_much_later():
    plan = Plan(Cadence.DAILY, time(2, 30))

    skipped = next_slot(plan, utc(2026, 3, 28, 12), BERLIN)

    assert skipped.astimezone(BERLIN).time() == time(3, 30)
    assert next_slot(plan, skipped, BERLIN) == utc(2026, 3, 30, 0, 30)


def test_a_time_that_the_clock_shows_twice_has_one_slot():
    plan = Plan(Cadence.DAILY, time(2, 30))

    first = next_slot(plan, utc(2026, 10, 24, 12), BERLIN)

    assert first == utc(2026, 10, 25, 0, 30)
    assert next_slot(plan, first, BERLIN) == utc(2026, 10, 26, 1, 30)


def test_of_missed_slots_the_latest_is_found():
    assert last_slot(DAILY, utc(2026, 7, 20, 7, 59), UTC_ZONE) == utc(2026, 7, 19, 8)
    assert last_slot(DAILY, utc(2026, 7, 20, 8), UTC_ZONE) == utc(2026, 7, 20, 8)


def test_the_31st_is_the_last_day_of_every_month():
    plan, found = Plan(Cadence.MONTHLY, time(8), month_day=31), utc(2026, 1, 1)
    days = []
    for _ in range(12):
        found = next_slot(plan, found, NEW_YORK)
        days.append(found.astimezone(NEW_YORK).date())

    assert days == [date(2026, month + 1, 1) - timedelta(days=1) for month in range(1, 12)] + [date(2026, 12, 31)]


@given(PLANS, MOMENTS, ZONES)
def test_a_slot_is_later_than_what_it_follows_and_the_last_one_until_itself(plan, after, zone):
    slot = next_slot(plan, after, zone)

    assert slot > after
    assert last_slot(plan, slot, zone) == slot
    assert last_slot(plan, slot - timedelta(microseconds=1), zone) < slot


@given(PLANS, MOMENTS, ZONES)
def test_nothing_lies_between_the_last_slot_and_the_next(plan, moment, zone):
    last, following = last_slot(plan, moment, zone), next_slot(plan, moment, zone)

    assert last <= moment < following
    assert next_slot(plan, last, zone) == following


@given(MOMENTS, ZONES, st.times().map(lambda at: at.replace(second=0, microsecond=0, tzinfo=None, fold=0)))
def test_every_local_day_has_exactly_one_daily_slot(moment, zone, at):
    plan = Plan(Cadence.DAILY, at)
    slots = [next_slot(plan, moment, zone)]
    for _ in range(9):
        slots.append(next_slot(plan, slots[-1], zone))

    days = [slot.astimezone(zone).date() for slot in slots]

    assert days == [days[0] + timedelta(days=n) for n in range(10)]
