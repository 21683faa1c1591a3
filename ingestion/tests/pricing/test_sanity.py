"""Prices of a token typed as prices of a million."""

from decimal import Decimal

import pytest

from ingestion.pricing import own, sanity
from ingestion.tests.pricing.factories import make_card

GPT_4O = make_card({"input_tokens": "2.50", "output_tokens": "10", "cache_read_tokens": "1.25"})
MINI = make_card({"input_tokens": "0.15", "output_tokens": "0.60"})


def asked(prices, *peers):
    amounts = {name: Decimal(text) for name, text in prices.items()}
    card = own.price_card(organization_id=1, model="m", provider="openai", prices=amounts, valid_from=None)
    return [(doubt.field, doubt.message) for doubt in sanity.doubts(card, peers)]


def test_usual_prices_raise_no_question():
    assert asked({"input": "2.25", "output": "9", "cached_input": "0.5"}, GPT_4O, MINI) == []


def test_the_price_of_a_token_is_asked_about_with_the_number_spelled_out():
    assert asked({"input": "0.0000025", "output": "10"}, GPT_4O) == [
        ("input", "That is $0.0000025 per million tokens; did you mean $2.50?")
    ]


def test_the_price_of_a_thousand_tokens_is_asked_about():
    assert asked({"input": "0.0025", "output": "0.01"}, GPT_4O) == [
        ("input", "That is $0.0025 per million tokens; did you mean $2.50?"),
        ("output", "That is $0.01 per million tokens; did you mean $10.00?"),
    ]


def test_a_price_a_million_times_too_high_is_asked_about():
    assert asked({"input": "2500000", "output": "10"}, GPT_4O) == [
        ("input", "That is $2,500,000.00 per million tokens; did you mean $2.50?")
    ]


@pytest.mark.parametrize(
    ("amount", "is_asked"), [("0.0016", False), ("0.0015", True), ("249.99", False), ("250", True)]
)
def test_a_hundred_times_off_every_peer_is_far(amount, is_asked):
    assert bool(asked({"input": amount, "output": "1"}, GPT_4O, MINI)) is is_asked


@pytest.mark.parametrize(
    ("amount", "is_asked"), [("0.0001", False), ("0.00009", True), ("0.1", False), ("900000", False)]
)
def test_without_peers_only_the_tiniest_prices_are_asked_about(amount, is_asked):
    assert bool(asked({"input": amount, "output": "1"})) is is_asked


def test_a_question_without_a_likely_answer_suggests_none():
    assert asked({"input": "0.000000000001", "output": "10"}, GPT_4O) == [
        ("input", "That is $0.000000000001 per million tokens; is that what you mean?")
    ]


def test_a_free_model_raises_no_question():
    assert asked({"input": "0", "output": "0"}, GPT_4O) == []


def test_free_and_unknown_peers_say_nothing_about_a_price():
    free, unknown = make_card({"input_tokens": "0"}), make_card({"input_tokens": "-1"})

    assert asked({"input": "0.01", "output": "1"}, free, unknown) == []


def test_a_fee_for_requests_is_not_held_against_tokens():
    assert asked({"input": "2", "output": "8", "requests": "0.00001"}, GPT_4O) == []
