"""Stored insights in words: numbers with their units, where a rule fires, what an evidence's JSON gives again."""

from decimal import Decimal

import pytest

from core.scope import org_scope
from rules import insight_words
from rules.engine.insights import evidence_json, evidence_of
from rules.engine.wording import text
from rules.models import Insight
from rules.tests.factories import evidence, make_insight


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (1, "prompts", "1 prompt"),
        (Decimal(1), "calls a day", "1 call a day"),
        (2, "calls", "2 calls"),
        (Decimal("0.5"), "calls a day", "0.50 calls a day"),
        (Decimal("41.1"), "% of the calls", "41.1% of the calls"),
    ],
)
def test_a_number_agrees_with_its_unit(value, unit, words):
    assert text(value, unit) == words


def test_an_evidences_json_gives_the_same_evidence_again():
    document = evidence(project_id=5, filters={"team": ["a", "b"], "counted": ["true"]})

    assert evidence_json(evidence_of(document)) == document


def test_the_figure_that_decided_says_where_the_rule_fires(acme, acme_project):
    made = make_insight(acme, acme_project)

    with org_scope(acme.pk):
        insight = Insight.objects.select_related("budget").get(pk=made.pk)
        assert insight_words.title(insight) == "Premium model for short answers: gpt-4o in titles, search"
        assert insight_words.cause(insight).endswith(
            "Output a call: 9.50 tokens a call; the rule fires below 100 tokens a call."
        )


def test_an_insight_without_a_comparison_says_what_the_rule_looks_for(acme, acme_project):
    made = make_insight(acme, acme_project, evidence=evidence(project_id=acme_project.pk, figures=[]))

    with org_scope(acme.pk):
        insight = Insight.objects.select_related("budget").get(pk=made.pk)
        assert insight_words.decided(insight_words.evidence(insight)) is None
        assert insight_words.cause(insight) == insight_words.spec(insight).explanation
