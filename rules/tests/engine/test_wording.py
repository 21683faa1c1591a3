"""Findings in words."""

from decimal import Decimal

import pytest

from rules.engine import wording
from rules.engine.insights import Figure
from rules.engine.names import Rule
from rules.tests.engine.scenes import budget, found, resource_row, size_row, sizes, snapshot, team_days
from rules.tests.engine.test_evaluate import EVERYTHING


def test_a_title_says_what_and_where():
    (misuse,) = found(Rule.MODEL_MISUSE, snapshot(sizes=sizes(size_row())))
    (spike,) = found(Rule.SPIKE, snapshot(**team_days(1, 1, 1, 500, team="")))
    (memory,) = found(Rule.RAM_OVER_PROVISION, snapshot(resources=(resource_row(),)))

    assert wording.title(misuse) == "Premium model for short answers: gpt-4o in routing, support"
    assert wording.title(spike) == "Spike in traffic: no team"
    assert wording.title(memory) == "More memory than it needs: ocr"


def test_a_summary_has_the_number_that_decided():
    (misuse,) = found(Rule.MODEL_MISUSE, snapshot(sizes=sizes(size_row())))

    assert wording.summary(misuse).endswith(
        "Output a call: 99.98 tokens a call; the rule fires below 100 tokens a call."
    )


def test_a_budget_needs_no_place():
    (insight,) = found(Rule.BUDGET_THRESHOLD, snapshot(budgets=(budget("60"),)))

    assert wording.title(insight) == "Budget reached"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (Decimal("12.5"), "USD", "$12.50"),
        (1_234_567, "tokens", "1.2\u00a0M tokens"),
        (42, "calls", "42 calls"),
        (Decimal("2.5"), "times", "2.50 times"),
        (Decimal("38.4"), "% of the calls", "38.4% of the calls"),
    ],
)
def test_numbers_have_their_unit(value, unit, text):
    assert wording.text(value, unit) == text


def test_every_figure_of_every_rule_has_a_label():
    from rules.engine.evaluate import evaluate

    names = {figure.name for insight in evaluate(EVERYTHING, {}) for figure in insight.evidence.figures}

    assert names <= wording.LABELS.keys()


def test_a_figure_that_is_not_known_is_shown_by_its_name():
    assert wording.label(Figure("some_thing", 1, "x")) == "Some thing"
    assert wording.against(Figure("some_thing", 1, "x")) == ""
