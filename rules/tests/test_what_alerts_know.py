"""Alerts lie below rules and name what they route by; the names must be those of the rules."""

from rules.alerts import matching
from rules.engine.thresholds import CATALOGUE


def test_routes_offer_the_rules_there_are_under_the_names_of_their_pages():
    assert {rule.value: spec.title for rule, spec in CATALOGUE.items()} == matching.RULES
