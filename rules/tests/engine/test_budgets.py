"""Thresholds that stay reached, and forecasts with a range."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from rules.engine.budgets import BudgetPeriod, Metric, Stretch, forecast, reached, severity_of, stretch_at
from rules.engine.names import Rule, Severity
from rules.tests.engine.scenes import AS_OF, budget, found, snapshot

WEEK = tuple([Decimal(1)] * 168)  # a dollar an hour


def hours(*daily):
    """Whole days of hourly spend, the oldest first."""
    return tuple(Decimal(amount) for amount in daily for _ in range(24))


@pytest.mark.parametrize(
    ("threshold", "severity"),
    [(1, "low"), (50, "low"), (79, "low"), (80, "medium"), (99, "medium"), (100, "high"), (150, "high")],
)
def test_severities_of_thresholds(threshold, severity):
    assert severity_of(threshold) == Severity(severity)


def test_a_threshold_that_was_reached_is_not_taken_back_within_its_period():
    spent_less = budget("10", fired=frozenset({50, 80}))

    assert reached(spent_less) == [50, 80]


def test_a_reached_threshold_of_a_budget_that_no_longer_has_it_is_gone():
    assert reached(budget("10", fired=frozenset({50}), thresholds=(80,))) == []


def test_budgets_of_one_scope_are_independent():
    budgets = (budget("90", budget_id=1), budget("90", budget_id=2, limit="1000"))

    insights = found(Rule.BUDGET_THRESHOLD, snapshot(budgets=budgets))

    assert [insight.column("budget") for insight in insights] == ["1", "1"]
    assert len({insight.fingerprint for insight in insights}) == 2


def test_the_next_period_is_another_insight():
    (now,) = found(Rule.BUDGET_THRESHOLD, snapshot(budgets=(budget("60"),)))
    later = datetime(2026, 12, 3, tzinfo=UTC)
    (then,) = found(Rule.BUDGET_THRESHOLD, snapshot(budgets=(budget("60", as_of=later),), as_of=later))

    assert now.fingerprint != then.fingerprint


def test_calls_that_are_not_in_the_spend_are_counted_beside_it():
    (insight,) = found(Rule.BUDGET_THRESHOLD, snapshot(budgets=(budget("60", unpriced_calls=3, estimated_calls=2),)))

    assert insight.evidence.figure("unpriced_calls").value == 3
    assert insight.evidence.figure("estimated_calls").value == 2


def test_a_forecast_adds_the_mean_pace_of_the_last_week_for_what_is_left():
    ahead = forecast(budget("50", hours=WEEK), AS_OF)

    # from 26 November 15:20 to the end of the month: 4 days, 8 hours and 40 minutes
    left = Decimal(4 * 24 + 8) + Decimal(2) / 3
    assert ahead.expected == (50 + left).quantize(Decimal("1e-12"))
    assert ahead.low == ahead.high == ahead.expected


def test_the_range_of_a_forecast_goes_by_the_quietest_and_the_busiest_day():
    as_of = datetime(2026, 11, 30, 12, tzinfo=UTC)
    ahead = forecast(budget("50", as_of=as_of, hours=hours(1, 2, 3, 4, 5, 6, 0)), as_of)

    assert (ahead.low, ahead.expected, ahead.high) == (Decimal(50), Decimal(86), Decimal(122))


@pytest.mark.parametrize(("count", "known"), [(23, False), (24, True)])
def test_a_forecast_needs_a_day_since_the_first_call(count, known):
    assert (forecast(budget(hours=WEEK[:count]), AS_OF) is not None) is known


@pytest.mark.parametrize(
    ("as_of", "known"),
    [(datetime(2026, 11, 3, 23, 59, tzinfo=UTC), False), (datetime(2026, 11, 4, tzinfo=UTC), True)],
)
def test_a_forecast_waits_for_a_tenth_of_the_period(as_of, known):
    assert (forecast(budget(as_of=as_of, hours=WEEK), as_of) is not None) is known


def test_an_hour_has_no_forecast():
    assert forecast(budget(period=BudgetPeriod.HOUR, hours=WEEK), AS_OF) is None


def test_a_part_of_a_day_is_in_the_mean_and_in_no_daily_mean():
    as_of = datetime(2026, 11, 30, 23, tzinfo=UTC)
    spent = (Decimal(100), *hours(1))

    ahead = forecast(budget("0", as_of=as_of, hours=spent), as_of)

    assert ahead.low == ahead.high == Decimal(1)
    assert ahead.expected == Decimal("4.96")


@pytest.mark.parametrize(("limit", "fires"), [("154.666666666667", False), ("154.66", True)])
def test_a_forecast_fires_only_above_the_limit(limit, fires):
    insights = found(Rule.BUDGET_FORECAST, snapshot(budgets=(budget("50", limit=limit, hours=WEEK),)))

    assert [insight.severity for insight in insights] == ([Severity.MEDIUM] if fires else [])


def test_only_the_low_end_of_a_forecast_counts():
    busy = hours(100, 100, 100, 100, 100, 100, 0)

    assert found(Rule.BUDGET_FORECAST, snapshot(budgets=(budget("50", hours=busy),))) == []


def test_tokens_are_summed_as_money_is():
    tokens = budget("800", limit="1000", metric=Metric.TOKENS, hours=tuple([Decimal(10)] * 168))

    (forecast_,) = found(Rule.BUDGET_FORECAST, snapshot(budgets=(tokens,)))

    assert forecast_.evidence.figure("limit").unit == "tokens"
    assert [one.column("threshold") for one in found(Rule.BUDGET_THRESHOLD, snapshot(budgets=(tokens,)))] == [
        "50",
        "80",
    ]


def test_a_day_of_25_hours_is_further_from_its_end():
    zone = ZoneInfo("Europe/Berlin")
    stretch = stretch_at(BudgetPeriod.DAY, datetime(2026, 10, 25, 11, tzinfo=UTC), zone)
    as_of = datetime(2026, 10, 25, 12, 30, tzinfo=UTC)

    assert stretch.share_over(as_of) == Decimal("0.58")
    ahead = forecast(replace(budget("0", hours=WEEK), period=BudgetPeriod.DAY, stretch=stretch), as_of)
    assert ahead.expected == Decimal("10.5")


def test_a_period_that_is_over_has_nothing_ahead():
    over = replace(budget("7", hours=WEEK), stretch=Stretch(AS_OF.replace(day=1), AS_OF.replace(day=2), AS_OF.date()))

    assert forecast(over, AS_OF).high == Decimal(7)
