"""Our cost of a call is the catalogue's own ``calc_price``, for every model, date, hour and context."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce
from random import Random
from typing import Any

import pytest
from genai_prices import calc_price
from genai_prices.data import providers
from genai_prices.types import ModelInfo, Provider
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.pricing import matching
from ingestion.pricing.book import PriceBook
from ingestion.pricing.calculator import EXACT, price
from ingestion.pricing.cards import RateCard, second_of_day
from ingestion.pricing.catalogue import SOURCE, catalogue_cards
from ingestion.tests.pricing.factories import as_catalogue_usage, make_call, random_usage
from ingestion.wire.types import Usage

MODELS = [(provider, model) for provider in providers for model in provider.models]
NAMES = {(provider.id, model.id): (provider, model) for provider, model in MODELS}
# A few of Bedrock's ids are not matched by their own clauses.
FINDABLE = sorted(names for names, (provider, model) in NAMES.items() if provider.find_model(model.id))
# The card of each model that prices most units, to draw a usage for.
WIDEST = {
    (card.provider, card.catalogue_id): card
    for card in sorted(catalogue_cards(), key=lambda card: len(card.prices))
    if card.source == SOURCE
}
TIERS: dict[str, dict[str, str]] = {
    "standard": {},
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
}
FIRST_DAY = datetime(2023, 1, 1, tzinfo=UTC)
SECONDS = int(timedelta(days=4 * 365).total_seconds())


def moments(random: Random, cards: list[RateCard]) -> Iterator[datetime]:
    """A random moment, and the last microsecond before and the first at every change of price."""
    yield FIRST_DAY + timedelta(seconds=random.randrange(SECONDS))
    for change in {card.valid_from for card in cards if card.valid_from is not None}:
        yield change
        yield change - timedelta(microseconds=1)
    for window in {card.window for card in cards if card.window is not None}:
        day = FIRST_DAY + timedelta(days=random.randrange(4 * 365))
        yield day + timedelta(seconds=second_of_day(window.start))
        yield day + timedelta(seconds=second_of_day(window.start), microseconds=-1)


def contexts(model: ModelInfo) -> list[Mapping[str, str]]:
    return [{}, *(variant.when for variant in model.price_variants or ())]


def assert_same(ours: Decimal | None, theirs: Decimal) -> None:
    assert ours is not None
    assert abs(ours - theirs) <= Decimal("1e-12") * (1 + abs(theirs))


@pytest.mark.parametrize("part", range(4))
def test_every_model_costs_what_the_catalogue_says(catalogue: list[RateCard], part: int) -> None:
    random = Random(20_261_101 + part)  # noqa: S311
    by_model: dict[tuple[str, str], list[RateCard]] = {}
    for card in catalogue:
        if card.source == SOURCE:
            by_model.setdefault((card.provider, card.catalogue_id), []).append(card)
    assert by_model.keys() == NAMES.keys()

    for provider, model in MODELS[part::4]:
        cards = by_model[provider.id, model.id]
        for at in moments(random, cards):
            for context in contexts(model):
                assert_card_agrees(provider, model, cards, at, context, random)


def assert_card_agrees(
    provider: Provider,
    model: ModelInfo,
    cards: list[RateCard],
    at: datetime,
    context: Mapping[str, str],
    random: Random,
) -> None:
    card = matching.select(cards, at=at, second=second_of_day(at.time()), context=context)
    assert card is not None
    usage = random_usage(random, card)
    theirs = model.calc_price(as_catalogue_usage(usage), provider, genai_request_timestamp=at, price_context=context)
    ours = price(card, usage)
    assert_same(ours.total, theirs.total_price)
    assert not ours.inconsistent
    assert sum((line.cost for line in ours.lines()), Decimal(0)) == ours.total


@settings(deadline=None, max_examples=300)
@given(
    names=st.sampled_from(FINDABLE),
    tier=st.sampled_from(sorted(TIERS)),
    at=st.datetimes(datetime(2023, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    seed=st.integers(0, 2**32),
)
def test_a_call_costs_what_the_catalogue_calculates(
    book: PriceBook, names: tuple[str, str], tier: str, at: datetime, seed: int
) -> None:
    provider, model = NAMES[names]
    usage = random_usage(Random(seed), WIDEST[names])  # noqa: S311
    call = make_call(provider.id, model.id, usage=usage, service_tier=tier, started_at=at)

    ours = book.price(1, call)

    theirs = calc_price(
        as_catalogue_usage(usage),
        model.id,
        provider_id=provider.id,
        genai_request_timestamp=at,
        price_context=TIERS[tier],
    )
    assert_same(ours.cost_usd, theirs.total_price)
    assert ours.model_key == theirs.model.id
    assert not ours.inconsistent


counts = st.integers(0, 10**9)
any_usage = st.builds(
    Usage,
    **{name: counts for name in Usage.__struct_fields__ if name.endswith("_tokens")},
    extra_units=st.dictionaries(
        st.sampled_from(["web_searches", "input_video_tokens", "audio_seconds", "unheard_of"]),
        st.decimals(allow_nan=True, allow_infinity=True),
    ),
)


@settings(deadline=None, max_examples=150)
@given(names=st.sampled_from(sorted(NAMES)), usage=any_usage)
def test_no_counts_however_wrong_cost_less_than_nothing(book: PriceBook, names: tuple[str, str], usage: Usage) -> None:
    provider, model = names

    priced = book.price(1, make_call(provider, model, usage=usage))

    if priced.cost_usd is not None:
        parts = cost_parts(priced)
        assert all(part >= 0 for part in parts)
        assert reduce(EXACT.add, parts) == priced.cost_usd


def cost_parts(priced: Any) -> list[Decimal]:
    return [
        priced.cost_input,
        priced.cost_cached_input,
        priced.cost_cache_write,
        priced.cost_output,
        priced.cost_reasoning,
        priced.cost_other,
    ]
