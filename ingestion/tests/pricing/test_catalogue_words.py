"""Every price of the real catalogue can be listed, worded and served."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ingestion.api.prices.serializers import RateCardSerializer, card_document
from ingestion.pricing import rows, sanity, wording
from ingestion.pricing.listing import Entry
from ingestion.pricing.own import PRICE
from ingestion.pricing.units import UNITS
from ingestion.tests.pricing.factories import make_card

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def test_every_card_has_its_prices_in_words(catalogue):
    for card in catalogue:
        for amount in wording.amounts(card):
            assert amount.text == "unknown" or amount.text.startswith("$"), card
            assert amount.per.startswith(("per ", "each")), card
        assert all(wording.conditions(card.window, card.context)), card


def test_every_card_is_a_document_with_the_same_members(catalogue):
    members = set(RateCardSerializer().fields)

    for card in catalogue:
        document = card_document(card, used_calls=None)
        assert document.keys() == members
        assert document["prices"].keys() == card.prices.keys()
        for unit, price in document["prices"].items():
            assert price["per"] == UNITS[unit].per
            assert price["usd"] is None or Decimal(price["usd"]) == card.prices[unit].base


def test_every_model_is_one_row_of_the_list(catalogue):
    found = [
        Entry(card=card, kind="catalogue", model=card.catalogue_id, priced=card)
        for card in catalogue
        if card.is_valid(NOW, 0)
    ]
    found.sort(key=lambda entry: entry.sort_key)

    listed = rows.list_rows(found)

    assert len(listed) == len({(entry.card.provider, entry.model) for entry in found})
    assert len(listed) > 2_000
    standard = [row for row in listed if not row.entry.card.context]
    assert len(standard) > 0.99 * len(listed)


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google", "mistral", "groq"])
def test_no_price_of_a_provider_would_be_asked_about_and_the_price_of_a_token_always_would(catalogue, provider):
    now = [card for card in catalogue if card.provider == provider and not card.context and card.is_valid(NOW, 0)]
    priced = [card for card in now if card.is_priced and {"input_tokens", "output_tokens"} <= card.prices.keys()]

    for card in priced:
        usual = card.prices["input_tokens"].base
        assert not asked(usual, now), card.catalogue_id
        assert asked(usual / 1_000_000, now) or not usual, card.catalogue_id


def asked(amount, peers):
    card = make_card({"input_tokens": str(amount)}, organization_id=1, source=PRICE)
    return sanity.doubts(card, peers)
