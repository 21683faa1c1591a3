"""Windows in local time, also on days that have 23 or 25 hours."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from rules.engine.budgets import BudgetPeriod, stretch_at
from rules.engine.days import full_days, hours_before, midnight, one_day, running_hour, today
from rules.engine.names import Rule
from rules.tests.engine.scenes import at, found, size_row, sizes, snapshot, team_days

BERLIN = ZoneInfo("Europe/Berlin")
KATHMANDU = ZoneInfo("Asia/Kathmandu")
HAVANA = ZoneInfo("America/Havana")  # skips midnight itself


def test_a_day_is_from_midnight_to_midnight_where_the_organization_is():
    as_of = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)

    assert today(as_of, BERLIN) == date(2026, 7, 2)
    assert one_day(date(2026, 7, 2), BERLIN).since == datetime(2026, 7, 1, 22, tzinfo=UTC)


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)])
def test_a_day_of_23_or_25_hours_is_one_day(day, hours):
    window = one_day(day, BERLIN)

    assert window.until - window.since == timedelta(hours=hours)
    assert window.days == 1


def test_seven_full_days_end_at_the_last_midnight():
    window = full_days(datetime(2026, 10, 28, 9, tzinfo=UTC), BERLIN, 7)

    assert window.since == datetime(2026, 10, 20, 22, tzinfo=UTC)
    assert window.until == datetime(2026, 10, 27, 23, tzinfo=UTC)
    assert (window.days, window.until - window.since) == (7, timedelta(days=7, hours=1))


def test_a_day_whose_midnight_does_not_exist_begins_when_the_clocks_jump():
    assert midnight(date(2026, 3, 8), HAVANA) == datetime(2026, 3, 8, 5, tzinfo=UTC)


def test_hours_are_local_too():
    as_of = datetime(2026, 7, 1, 10, 20, 5, tzinfo=UTC)

    assert running_hour(as_of, KATHMANDU) == datetime(2026, 7, 1, 10, 15, tzinfo=UTC)
    assert running_hour(as_of, BERLIN) == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert hours_before(running_hour(as_of, BERLIN), 24).days == 1


@pytest.mark.parametrize(
    ("period", "since", "until"),
    [
        (BudgetPeriod.HOUR, datetime(2026, 10, 25, 1, tzinfo=UTC), datetime(2026, 10, 25, 2, tzinfo=UTC)),
        (BudgetPeriod.DAY, datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC)),
        (BudgetPeriod.WEEK, datetime(2026, 10, 18, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC)),
        (BudgetPeriod.MONTH, datetime(2026, 9, 30, 22, tzinfo=UTC), datetime(2026, 10, 31, 23, tzinfo=UTC)),
    ],
)
def test_periods_of_budgets_are_local_and_half_open(period, since, until):
    stretch = stretch_at(period, datetime(2026, 10, 25, 1, 30, tzinfo=UTC), BERLIN)

    assert (stretch.since, stretch.until) == (since, until)
    assert stretch_at(period, until, BERLIN).since == until


def test_a_month_goes_over_the_end_of_the_year():
    stretch = stretch_at(BudgetPeriod.MONTH, datetime(2026, 12, 31, 12, tzinfo=UTC), BERLIN)

    assert (stretch.first_day, stretch.until) == (date(2026, 12, 1), datetime(2026, 12, 31, 23, tzinfo=UTC))


def test_the_filter_of_an_insight_is_the_local_window():
    taken = snapshot(sizes=sizes(size_row()), zone=BERLIN)

    (insight,) = found(Rule.MODEL_MISUSE, at(taken, datetime(2026, 10, 28, 9, tzinfo=UTC)))

    assert insight.evidence.calls.since == datetime(2026, 10, 20, 22, tzinfo=UTC)
    assert insight.evidence.calls.until == datetime(2026, 10, 27, 23, tzinfo=UTC)


def test_a_spike_counts_the_calls_of_a_day_of_25_hours_as_one_day():
    rows = team_days(40, 40, 40, 150, last=date(2026, 10, 25))
    taken = snapshot(zone=BERLIN, as_of=datetime(2026, 10, 25, 22, 59, tzinfo=UTC), **rows)

    (insight,) = found(Rule.SPIKE, taken)

    assert insight.evidence.window.until - insight.evidence.window.since == timedelta(hours=25)
