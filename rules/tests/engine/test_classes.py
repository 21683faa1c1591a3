"""Which models are premium and flagship, and what could take over, by the installed catalogue."""

from datetime import UTC, datetime
from functools import cache

import pytest

from ingestion.pricing.book import PriceBook
from ingestion.pricing.catalogue import catalogue_cards
from rules.engine.alternatives import alternatives
from rules.engine.classes import base_name, is_flagship, is_premium, output_price

AT = datetime(2026, 11, 26, tzinfo=UTC)


@cache
def book():
    return PriceBook(catalogue_cards())


def card(provider, model):
    return book().catalogue_card(provider, model, AT)


PREMIUM = [
    ("openai", "gpt-4o"),
    ("anthropic", "claude-sonnet-4-20250514"),
    ("anthropic", "claude-3-opus-20240229"),
    ("gcp.gemini", "gemini-2.5-pro"),
]
ECONOMY = [
    ("openai", "gpt-4o-mini"),
    ("openai", "gpt-3.5-turbo"),
    ("anthropic", "claude-3-5-haiku-20241022"),
    ("gcp.gemini", "gemini-2.0-flash"),
]


@pytest.mark.parametrize(("provider", "model"), PREMIUM)
def test_premium_models(provider, model):
    found = card(provider, model)

    assert is_premium(found.catalogue_id, found)


@pytest.mark.parametrize(("provider", "model"), ECONOMY)
def test_economy_models(provider, model):
    found = card(provider, model)

    assert not is_premium(found.catalogue_id, found)
    assert not is_flagship(found.catalogue_id)


@pytest.mark.parametrize(
    ("model", "flagship"),
    [
        ("claude-3-opus-latest", True),
        ("claude-3-opus", True),
        ("gemini-2.5-pro", True),
        ("gpt-4o", False),
        ("claude-sonnet-4-0", False),
        ("claude-opus-4-1", True),
        ("claude-opus-5", True),
        ("anthropic/claude-3-opus", True),
        ("us.anthropic.claude-3-opus-20240229-v1:0", True),
        ("gpt-5-pro", True),
        ("gemini-2.5-pro-tts", False),
        ("o3-mini", False),
        ("coder-13b", False),
    ],
)
def test_flagships_are_known_by_name(model, flagship):
    assert is_flagship(model) is flagship


@pytest.mark.parametrize("model", ["gpt-image-1", "gpt-4o-mini-tts", "gpt-realtime", "gemini-2.5-pro-tts"])
def test_pictures_and_speech_are_never_premium_however_much_they_cost(model):
    provider = "gcp.gemini" if model.startswith("gemini") else "openai"
    found = card(provider, model)

    assert output_price(found) >= 8
    assert not is_premium(model, found)


def test_a_model_without_a_card_is_not_premium():
    assert not is_premium("gpt-4o", None)
    assert output_price(card("openai", "text-embedding-3-small")) is None


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("claude-3-opus-latest", "claude-3-opus"),
        ("claude-3-opus-20240229", "claude-3-opus"),
        ("us.anthropic.claude-3-opus-20240229-v1:0", "claude-3-opus"),
        ("anthropic/claude-sonnet-4", "claude-sonnet-4"),
        ("gpt-4o-2024-05-13", "gpt-4o"),
        ("gemini-3-pro-preview", "gemini-3-pro"),
        ("gpt-4.1", "gpt-4.1"),
        ("gpt-5.4-mini", "gpt-5.4-mini"),
    ],
)
def test_dates_and_prefixes_do_not_matter(name, base):
    assert base_name(name) == base


@pytest.mark.parametrize(
    ("provider", "model", "expected"),
    [
        ("openai", "gpt-4o", "gpt-4o-mini"),
        ("anthropic", "claude-sonnet-4-20250514", "claude-3-5-haiku-latest"),
        ("anthropic", "claude-3-opus-20240229", "claude-3-5-haiku-latest"),
        ("gcp.gemini", "gemini-2.5-pro", "gemini-2.0-flash"),
        ("openai", "gpt-4.1", "gpt-4.1-mini"),
        ("openai", "gpt-5", "gpt-5-mini"),
        ("anthropic", "claude-opus-4-5", "claude-haiku-4-5"),
        ("anthropic", "claude-sonnet-4-5", "claude-haiku-4-5"),
        ("anthropic", "claude-opus-5-5", "claude-haiku-5-5"),
        ("gcp.gemini", "gemini-3-pro-preview", "gemini-3-flash-preview"),
        ("openai", "o3", "o4-mini"),
    ],
)
def test_the_alternative_is_a_cheaper_model_that_the_catalogue_prices(provider, model, expected):
    own = card(provider, model)

    found = next(card(provider, name) for name in alternatives(own.catalogue_id) if card(provider, name))

    assert found.catalogue_id == expected
    assert output_price(found) < output_price(own)


@pytest.mark.parametrize("model", ["gpt-4o-mini", "claude-3-5-haiku-latest", "gemini-2.0-flash", "coder-13b", ""])
def test_a_model_that_is_not_in_the_table_has_no_alternative(model):
    assert list(alternatives(model)) == []


def test_every_premium_model_of_the_catalogue_with_an_alternative_costs_more_than_it():
    checked = 0
    for one in catalogue_cards():
        own = card(one.provider, one.catalogue_id)
        names = list(alternatives(one.catalogue_id)) if own else []
        other = next((card(one.provider, name) for name in names if card(one.provider, name)), None)
        if other is not None and is_premium(one.catalogue_id, own):
            checked += 1
            assert output_price(other) < output_price(own), (one.catalogue_id, other.catalogue_id)

    assert checked > 50
