"""A period's spend as a chart: totals so far, the limit, and the way to the forecast."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from core import charts
from rules import budget_charts
from rules.engine.budgets import BudgetPeriod, Forecast, Metric, stretch_at
from rules.tests.budgets import HOUR, NOW


def drawn(period, zone, *, by_hour, spent, forecast=None, as_of=NOW, metric=Metric.COST_USD):
    return budget_charts.burn_down(
        metric=metric,
        limit=Decimal(100),
        period=period,
        stretch=stretch_at(period, as_of, zone),
        by_hour=by_hour,
        spent=spent,
        forecast=forecast,
        as_of=as_of,
        zone=zone,
    )


def data(spec, name):
    return next(list(series["data"]) for series in spec["series"] if series["name"] == name)


def test_a_day_is_drawn_by_the_hour_up_to_now(utc):
    by_hour = {NOW.replace(hour=8, minute=0): Decimal(3), NOW.replace(hour=10, minute=0): Decimal(2)}

    spec = drawn(BudgetPeriod.DAY, utc, by_hour=by_hour, spent=Decimal(5))

    assert spec["x"][0] == "2026-07-14T00:00:00+00:00"
    assert len(spec["x"]) == 24
    assert data(spec, "Spent") == [0] * 8 + [3, 3, 5] + [None] * 13
    assert data(spec, "Limit") == [100] * 24
    assert [series["name"] for series in spec["series"]] == ["Spent", "Limit"]


def test_the_forecast_leads_from_now_to_the_end_with_its_range(utc):
    forecast = Forecast(Decimal(33), Decimal(19), Decimal(47))

    spec = drawn(
        BudgetPeriod.DAY, utc, by_hour={}, spent=Decimal(5), forecast=forecast, as_of=NOW.replace(hour=10, minute=0)
    )

    expected = data(spec, "Forecast")
    assert expected[:10] == [None] * 10
    assert expected[10] == 5
    assert expected[11] == 9  # two of fourteen hours ahead: 5 + 28 × 2 ÷ 14
    assert (expected[-1], data(spec, "At least")[-1], data(spec, "At most")[-1]) == (33, 19, 47)
    assert [series.get("dashed", False) for series in spec["series"]] == [False, True, False, True, True]


def test_in_the_last_bucket_the_forecast_is_a_point(utc):
    forecast = Forecast(Decimal(30), Decimal(20), Decimal(40))

    spec = drawn(
        BudgetPeriod.DAY, utc, by_hour={}, spent=Decimal(5), forecast=forecast, as_of=NOW.replace(hour=23, minute=30)
    )

    assert data(spec, "Forecast") == [None] * 23 + [30]


def test_a_month_is_drawn_by_the_day(berlin):
    by_hour = {datetime(2026, 6, 30, 22, tzinfo=UTC): Decimal(1), datetime(2026, 7, 13, 22, tzinfo=UTC): Decimal(2)}

    spec = drawn(BudgetPeriod.MONTH, berlin, by_hour=by_hour, spent=Decimal(3))

    assert (spec["x"][0], spec["x"][-1], len(spec["x"])) == ("2026-07-01", "2026-07-31", 31)
    assert data(spec, "Spent") == [1] * 13 + [3] + [None] * 17


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 7, 14), 24)])
def test_a_day_has_the_hours_its_clocks_have(berlin, day, hours):
    as_of = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)

    spec = drawn(BudgetPeriod.DAY, berlin, by_hour={}, spent=Decimal(0), as_of=as_of)

    assert len(set(spec["x"])) == hours


def test_a_week_is_drawn_by_the_hour_from_monday_on(berlin):
    as_of = datetime(2026, 3, 26, tzinfo=UTC)  # a Thursday; on Sunday an hour is skipped

    spec = drawn(BudgetPeriod.WEEK, berlin, by_hour={}, spent=Decimal(0), as_of=as_of)

    assert spec["x"][0] == "2026-03-23T00:00:00+01:00"
    assert len(spec["x"]) == 7 * 24 - 1


def test_an_hourly_budget_shows_the_hours_before_each_against_the_limit(utc):
    by_hour = {NOW.replace(minute=0): Decimal(4), NOW.replace(minute=0) - HOUR: Decimal(7)}

    spec = budget_charts.last_hours(metric=Metric.TOKENS, limit=Decimal(9), by_hour=by_hour, as_of=NOW, zone=utc)

    assert (len(spec["x"]), spec["x"][-1], spec["unit"]) == (24, "2026-07-14T10:00:00+00:00", "tokens")
    assert data(spec, "Spent in the hour") == [0] * 22 + [7, 4]


def test_totals_so_far_have_no_sum_in_the_legend(utc):
    spec = drawn(BudgetPeriod.DAY, utc, by_hour={NOW - timedelta(hours=2): Decimal(3)}, spent=Decimal(3))

    assert [entry.total for entry in charts.legend(spec)] == ["", ""]
