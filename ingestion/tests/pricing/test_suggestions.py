"""Near models of the catalogue for ids that matching leaves alone."""

from datetime import UTC, datetime

import pytest

from ingestion.pricing.suggestions import suggest
from ingestion.tests.pricing.factories import make_card

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def near(book):
    def found(provider, model):
        suggestion = suggest(provider, model, lambda seller, name: book.catalogue_card(seller, name, NOW))
        return suggestion and (suggestion.card.provider, suggestion.card.catalogue_id, suggestion.why)

    return found


@pytest.mark.parametrize(
    ("provider", "model", "expected"),
    [
        ("litellm", "gpt-4o", ("openai", "gpt-4o", "the same name at another provider")),
        ("openai", "gpt-4o-2031-01-01", ("openai", "gpt-4o", "without its date")),
        ("proxy", "openai/gpt-4o-mini", ("openai", "gpt-4o-mini", "the same name at another provider")),
    ],
)
def test_what_is_taken_off_is_said(near, provider, model, expected):
    assert near(provider, model) == expected


@pytest.mark.parametrize("model", ["northwind-coder-13b", "", "a/b/c", ":free", "ft:", "-2026-01-01"])
def test_what_is_near_nothing_has_no_suggestion(near, model):
    assert near("vllm", model) is None


def test_the_calls_own_provider_goes_first():
    asked = []

    def find(provider, model):
        asked.append((provider, model))
        return make_card({"input_tokens": "1"}, provider=provider) if model == "gpt-4o" else None

    found = suggest("azure.ai.openai", "us.gpt-4o", find)

    assert found is None  # a region stands before an owner: us.anthropic.…, never us.gpt-4o
    assert asked[0] == ("azure.ai.openai", "us.gpt-4o")
    assert suggest("azure.ai.openai", "gpt-4o:free", find).card.provider == "azure.ai.openai"


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        ("eu.anthropic.claude-x", "anthropic.claude-x"),
        ("us-gov.anthropic.claude-x", "anthropic.claude-x"),
        ("meta-llama/llama:free", "meta-llama/llama"),
        ("meta-llama/llama:nitro", "meta-llama/llama"),
        ("anthropic.claude-x-v1:0", "anthropic.claude-x"),
        ("claude-x-20251211", "claude-x"),
        ("claude-x-latest", "claude-x"),
        ("owner/model", "model"),
        ("ft:base:acme::id", "base"),
    ],
)
def test_each_part_that_changes_a_price_is_taken_off_for_the_suggestion(model, asked):
    def find(_provider, name):
        return make_card({"input_tokens": "1"}) if name == asked else None

    assert suggest("p", model, find) is not None


@pytest.mark.parametrize("prices", [{}, {"input_tokens": "-1"}])
def test_a_model_without_a_known_price_is_no_suggestion(prices):
    assert suggest("p", "m", lambda _provider, _model: make_card(prices)) is None
