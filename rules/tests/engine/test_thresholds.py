"""One catalogue of numbers: defaults as the product says, bounds that refuse the rest."""

from decimal import Decimal

import pytest

from rules.engine.names import Rule
from rules.engine.thresholds import CATALOGUE, SIZES, RuleConfig, ThresholdError, checked
from rules.tests.engine.scenes import GEMINI_PRO, found, size_row, sizes, snapshot

EVERY = [(rule, threshold) for rule, spec in CATALOGUE.items() for threshold in spec.thresholds]

DEFAULTS = {
    Rule.MODEL_MISUSE: {"days": 7, "calls": 50, "output_tokens": 100},
    Rule.MODEL_DOWNGRADE: {"days": 7, "size": 100, "calls_a_day": 100},
    Rule.LONG_PROMPTS: {"days": 7, "calls": 50, "input_tokens": 2000},
    Rule.CACHE_WASTE: {"calls": 50},
    Rule.SPIKE: {"calls": 100, "times": 3, "times_high": 10, "baseline_days": 7, "least_days": 3},
    Rule.RAM_OVER_PROVISION: {"days": 7, "samples": 20, "used_percent": 40},
    Rule.PROMPT_CACHE_OPPORTUNITY: {"calls": 50, "input_tokens": 1024, "cached_percent": 10},
    Rule.ERROR_BURST: {"calls": 50, "error_percent": 10, "times": 3, "baseline_days": 7},
    Rule.LATENCY_REGRESSION: {"calls": 100, "times": 2, "hours": 24, "baseline_days": 7},
    Rule.UNPRICED_MODEL: {"days": 7, "calls": 1},
    Rule.BUDGET_THRESHOLD: {},
    Rule.BUDGET_FORECAST: {},
}


def test_defaults_are_the_products():
    assert {rule: spec.defaults() for rule, spec in CATALOGUE.items()} == DEFAULTS


@pytest.mark.parametrize(("rule", "threshold"), EVERY, ids=lambda one: getattr(one, "name", str(one)))
def test_every_number_is_explained_and_its_default_and_bounds_are_allowed(rule, threshold):
    threshold.check(threshold.default)
    for bound in threshold.choices or (threshold.lowest, threshold.highest):
        threshold.check(bound)

    assert threshold.label
    assert threshold.unit
    assert threshold.explanation.endswith(".")


@pytest.mark.parametrize(("rule", "threshold"), EVERY, ids=lambda one: getattr(one, "name", str(one)))
@pytest.mark.parametrize("wrong", ["below", "above", "NaN", "Infinity", "many", True, None, [1]])
def test_what_is_out_of_bounds_or_no_number_is_refused_without_repeating_it(rule, threshold, wrong):
    value = {"below": threshold.lowest - Decimal("0.01"), "above": threshold.highest + 1}.get(str(wrong), wrong)

    with pytest.raises(ThresholdError) as error:
        checked(rule, {threshold.name: value})

    assert error.value.name == threshold.name
    assert str(value) not in str(error.value) or len(str(value)) < 3


def test_a_number_between_the_sizes_that_calls_are_counted_by_is_refused():
    with pytest.raises(ThresholdError, match="must be one of 50, 100, 200, 500, 1000 tokens"):
        checked(Rule.MODEL_DOWNGRADE, {"size": 150})

    assert checked(Rule.MODEL_DOWNGRADE, {"size": "200"}) == {"size": Decimal(200)}
    assert SIZES == (50, 100, 200, 500, 1_000)


def test_half_a_call_is_refused():
    with pytest.raises(ThresholdError, match="whole number"):
        checked(Rule.SPIKE, {"calls": "100.5"})


def test_an_unknown_threshold_is_refused():
    with pytest.raises(ThresholdError, match="has no such threshold; it has calls"):
        checked(Rule.CACHE_WASTE, {"days": 7})


@pytest.mark.parametrize(("size", "fires"), [(50, False), (100, True), (200, True)])
def test_a_projects_own_number_is_used(size, fires):
    taken = snapshot(sizes=sizes(size_row(GEMINI_PRO, below=100, calls=700)))

    insights = found(Rule.MODEL_DOWNGRADE, taken, RuleConfig(values={"size": Decimal(size)}))

    assert bool(insights) is fires
