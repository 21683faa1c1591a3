import sys
from decimal import Decimal

import pytest

from sdk_tests.providers import ANTHROPIC_USAGE, GOOGLE_USAGE, OPENAI_USAGE, RESPONSES_USAGE
from tokenops_sdk import estimate_cost


@pytest.mark.parametrize(
    ("model", "usage", "dollars"),
    [
        ("gpt-4o", OPENAI_USAGE, "0.00009"),  # 12 × 2.5 + 8 × 1.25 + 5 × 10, a million
        ("gpt-4o", RESPONSES_USAGE, "0.00009"),
        ("claude-sonnet-4-20250514", ANTHROPIC_USAGE, "0.0001149"),  # 10 × 3 + 8 × 0.3 + 2 × 3.75 + 5 × 15
        ("gemini-2.5-pro", GOOGLE_USAGE, "0.000066"),  # 12 × 1.25 + 8 × 0.125 + 5 × 10
    ],
)
def test_every_shape_costs_what_its_tokens_do(model, usage, dollars):
    assert estimate_cost(model, usage) == Decimal(dollars)


def test_an_unknown_model_has_no_cost_and_not_the_cost_zero():
    assert estimate_cost("house-model", OPENAI_USAGE) is None


def test_a_usage_of_no_known_shape_is_said():
    with pytest.raises(ValueError, match="a usage object"):
        estimate_cost("gpt-4o", {"tokens": 5})


def test_the_missing_catalogue_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "genai_prices", None)

    with pytest.raises(ImportError, match=r"pip install 'tokenops-sdk\[prices\]'"):
        estimate_cost("gpt-4o", OPENAI_USAGE)
