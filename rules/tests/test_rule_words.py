"""Conditions in words say every number that decides, and no other."""

from decimal import Decimal
from string import Formatter

import pytest

from rules import rule_words
from rules.engine.names import Rule
from rules.engine.thresholds import CATALOGUE, RuleConfig


def names(template):
    return {name for _, name, _, _ in Formatter().parse(template) if name}


@pytest.mark.parametrize("rule", Rule)
def test_the_sentence_has_every_threshold_of_the_rule(rule):
    assert names(rule_words._SENTENCES[rule]) == set(CATALOGUE[rule].defaults())


@pytest.mark.parametrize("rule", Rule)
def test_the_formula_compares_with_thresholds_of_the_rule(rule):
    assert names(rule_words._FORMULAS[rule]) <= set(CATALOGUE[rule].defaults())


def test_the_numbers_are_those_that_hold():
    config = RuleConfig(values={"input_tokens": Decimal(4000)})

    assert rule_words.formula(Rule.LONG_PROMPTS) == "calls ≥ 50 and input tokens ÷ calls > 2,000"
    assert rule_words.formula(Rule.LONG_PROMPTS, config) == "calls ≥ 50 and input tokens ÷ calls > 4,000"
    assert "more than 4,000 input tokens" in rule_words.condition(Rule.LONG_PROMPTS, config)


@pytest.mark.parametrize(
    ("value", "text"), [("2000", "2,000"), ("0.50", "0.5"), ("1.1", "1.1"), ("10.0", "10"), ("1000000", "1,000,000")]
)
def test_numbers_read_as_people_write_them(value, text):
    assert rule_words.number(Decimal(value)) == text
