"""Exactly at a threshold ``<`` and ``>`` stay silent and ``≥`` speaks; one unit further, they speak."""

from decimal import Decimal

import pytest

from rules.engine.names import Rule
from rules.tests.engine.scenes import (
    GEMINI_PRO,
    SONNET,
    budget,
    error_row,
    found,
    hash_row,
    latencies,
    latency_row,
    resource_row,
    size_row,
    sizes,
    snapshot,
    team_days,
    unpriced_row,
)

TINY = {"model": GEMINI_PRO, "below": 100, "input_tokens": 40_000, "output_tokens": 9_000}
FAST = [100.0] * 100


def _misuse(**row):
    return snapshot(sizes=sizes(size_row(**row)))


def _tiny(**row):
    return snapshot(sizes=sizes(size_row(**{**TINY, **row})))


def _long(**row):
    return snapshot(sizes=sizes(size_row(model=SONNET, **{"output_tokens": 90_000, **row})))


def _prefix(**row):
    return snapshot(hashes=(hash_row("prefix", **row),))


def _latency(recent, before):
    return snapshot(latencies=(latency_row(latencies(*recent), latencies(*before)),))


MISUSE, DOWNGRADE, LONG = Rule.MODEL_MISUSE, Rule.MODEL_DOWNGRADE, Rule.LONG_PROMPTS
WASTE, SPIKE, RAM = Rule.CACHE_WASTE, Rule.SPIKE, Rule.RAM_OVER_PROVISION
PREFIX, ERRORS, SLOW = Rule.PROMPT_CACHE_OPPORTUNITY, Rule.ERROR_BURST, Rule.LATENCY_REGRESSION
UNPRICED, REACHED = Rule.UNPRICED_MODEL, Rule.BUDGET_THRESHOLD

CASES = [
    ("fifty calls are enough", MISUSE, _misuse(calls=50, output_tokens=4_999), True),
    ("49 calls are not", MISUSE, _misuse(calls=49, output_tokens=4_800), False),
    ("100 tokens a call are not below 100", MISUSE, _misuse(calls=50, output_tokens=5_000), False),
    ("one token less is", MISUSE, _misuse(calls=50, output_tokens=4_999), True),
    ("100 tiny calls a day", DOWNGRADE, _tiny(calls=700), True),
    ("one call less in seven days", DOWNGRADE, _tiny(calls=699), False),
    ("calls of 100 tokens are not below 100", DOWNGRADE, _tiny(calls=5_000, below=200), False),
    ("calls below 50 tokens are", DOWNGRADE, _tiny(calls=700, below=50), True),
    ("2,000 tokens a call are not above 2,000", LONG, _long(calls=50, input_tokens=100_000), False),
    ("one token more is", LONG, _long(calls=50, input_tokens=100_001), True),
    ("49 long calls", LONG, _long(calls=49, input_tokens=1_000_000), False),
    ("50 calls with one prompt", WASTE, snapshot(hashes=(hash_row(calls=50),)), True),
    ("49 calls with one prompt", WASTE, snapshot(hashes=(hash_row(calls=49),)), False),
    ("100 calls on a day", SPIKE, snapshot(**team_days(10, 10, 10, 100)), True),
    ("99 calls on a day", SPIKE, snapshot(**team_days(10, 10, 10, 99)), False),
    ("exactly three times the mean", SPIKE, snapshot(**team_days(50, 50, 50, 150)), False),
    ("one call more than three times", SPIKE, snapshot(**team_days(50, 50, 50, 151)), True),
    ("three days before", SPIKE, snapshot(**team_days(1, 1, 1, 500)), True),
    ("two days before", SPIKE, snapshot(**team_days(1, 1, 500)), False),
    ("20 samples", RAM, snapshot(resources=(resource_row(samples=20),)), True),
    ("19 samples", RAM, snapshot(resources=(resource_row(samples=19),)), False),
    ("40 % is not below 40 %", RAM, snapshot(resources=(resource_row(peak_share="0.4"),)), False),
    ("a hair less is", RAM, snapshot(resources=(resource_row(peak_share="0.39999999"),)), True),
    ("50 calls of 1,024 tokens", PREFIX, _prefix(calls=50, input_tokens=51_200), True),
    ("one token less in the mean", PREFIX, _prefix(calls=50, input_tokens=51_199), False),
    ("49 calls with one beginning", PREFIX, _prefix(calls=49, input_tokens=90_000), False),
    ("10 % cached is not below 10 %", PREFIX, _prefix(input_tokens=60_000, cached=6_000), False),
    ("one cached token less is", PREFIX, _prefix(input_tokens=60_000, cached=5_999), True),
    ("50 calls in the hour", ERRORS, snapshot(errors=(error_row(calls=50, errors=6),)), True),
    ("49 calls in the hour", ERRORS, snapshot(errors=(error_row(calls=49, errors=30),)), False),
    ("10 % of errors is not above 10 %", ERRORS, snapshot(errors=(error_row(calls=50, errors=5),)), False),
    ("three times the rate before", ERRORS, snapshot(errors=(error_row(50, 15, 1000, 100),)), False),
    ("more than three times", ERRORS, snapshot(errors=(error_row(50, 16, 1000, 100),)), True),
    ("nothing before", ERRORS, snapshot(errors=(error_row(50, 6, 0, 0),)), True),
    ("100 calls in both", SLOW, _latency([1000.0] * 100, FAST), True),
    ("99 calls now", SLOW, _latency([1000.0] * 99, FAST), False),
    ("99 calls before", SLOW, _latency([1000.0] * 100, FAST[:99]), False),
    ("as fast as before", SLOW, _latency(FAST, FAST), False),
    ("one unpriced call", UNPRICED, snapshot(unpriced=(unpriced_row(1),)), True),
    ("none", UNPRICED, snapshot(unpriced=(unpriced_row(0),)), False),
    ("exactly half of the limit", REACHED, snapshot(budgets=(budget("50"),)), True),
    ("a millionth less", REACHED, snapshot(budgets=(budget("49.999999"),)), False),
]


@pytest.mark.parametrize(("name", "rule", "taken", "fires"), CASES, ids=[case[0] for case in CASES])
def test_rules_fire_exactly_where_they_say(name, rule, taken, fires):
    assert [insight.rule for insight in found(rule, taken)] == ([rule] if fires else [])


def test_the_cases_cover_every_rule_but_the_forecast_which_has_tests_of_its_own():
    assert {rule for _, rule, _, _ in CASES} == set(Rule) - {Rule.BUDGET_FORECAST}


def test_percentiles_of_neighbouring_buckets_need_twice_and_the_error_of_both():
    # p95 is read as 100 ms' bucket's middle; 2 × 1.11 times that lies between these two buckets.
    before = latencies(*FAST)
    slower = [
        bool(found(Rule.LATENCY_REGRESSION, snapshot(latencies=(latency_row(latencies(*[one] * 100), before),))))
        for one in (200.0, 210.0, 250.0, 300.0)
    ]

    assert slower == [False, False, True, True]


@pytest.mark.parametrize(
    ("spent", "thresholds"),
    [("79.99", ["50"]), ("80", ["50", "80"]), ("99.99", ["50", "80"]), ("100", ["50", "80", "100"]), ("0", [])],
)
def test_every_reached_threshold_is_an_insight_of_its_own(spent, thresholds):
    insights = found(Rule.BUDGET_THRESHOLD, snapshot(budgets=(budget(spent),)))

    assert sorted((insight.column("threshold") for insight in insights), key=int) == thresholds


def test_money_is_compared_exactly():
    limit = Decimal("0.3")
    spent = Decimal("0.1") + Decimal("0.05")

    assert found(Rule.BUDGET_THRESHOLD, snapshot(budgets=(budget(str(spent), limit=str(limit)),)))
