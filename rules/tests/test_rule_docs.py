"""docs/rules.md says what the catalogue says."""

from pathlib import Path

import pytest
from django.conf import settings

from rules import rule_docs
from rules.engine.budgets import DEFAULT_THRESHOLDS, FORECAST_HOURS, LEAST_HOURS
from rules.engine.thresholds import CATALOGUE

DOCUMENT = Path(settings.BASE_DIR) / "docs" / "rules.md"


def test_the_document_is_what_the_catalogue_says():
    text = DOCUMENT.read_text(encoding="utf-8")

    assert rule_docs.with_reference(text) == text, "write it anew: make rules-reference"


def test_every_rule_is_there_with_every_number():
    text = rule_docs.reference()

    for spec in CATALOGUE.values():
        part = text.split(f"### {spec.rule}: ")[1].split("### ")[0]
        assert spec.explanation in part
        for threshold in spec.thresholds:
            assert f"| `{threshold.name}` (" in part


def test_a_document_without_the_marks_is_refused():
    with pytest.raises(ValueError, match="marks"):
        rule_docs.with_reference("# Rules")


def test_the_numbers_of_budgets_are_the_engines():
    text = DOCUMENT.read_text(encoding="utf-8").split("## Budgets")[1]

    assert f"last {FORECAST_HOURS} hours, of which there must be {LEAST_HOURS}" in " ".join(text.split())
    assert "({}, {} and {} unless".format(*DEFAULT_THRESHOLDS) in text
