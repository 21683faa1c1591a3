"""Own cards among each other: at most one holds at a time, and none that priced a call is lost."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from ingestion.pricing import own
from ingestion.pricing.cards import ALIAS
from ingestion.pricing.own import NEVER, Plan

ACME = 7
T0 = datetime(2026, 11, 1, tzinfo=UTC)
T1, T2, T3 = (T0 + timedelta(days=days) for days in (10, 20, 30))
PRICES = {"input": Decimal("0.30"), "output": Decimal("0.60")}


def price(valid_from=T0, *, number=None, valid_to=None, model="coder", provider="vllm"):
    card = own.price_card(
        organization_id=ACME, model=model, provider=provider, prices=PRICES, valid_from=valid_from, catalogue_id=model
    )
    return msgspec.structs.replace(card, id=number, valid_to=valid_to)


def alias(valid_from=T0, *, number=None, model="prod-chat", target="gpt-4o"):
    card = own.alias_card(
        organization_id=ACME, model=model, target_provider="openai", target_model=target, valid_from=valid_from
    )
    return msgspec.structs.replace(card, id=number)


def periods(cards):
    return [(card.id, card.valid_from, card.valid_to) for card in cards]


def test_a_price_card_holds_its_prices_by_unit():
    card = price(provider="")

    assert {unit: str(one.base) for unit, one in card.prices.items()} == {
        "input_tokens": "0.30",
        "output_tokens": "0.60",
    }
    assert (card.match, card.source, card.organization_id, card.catalogue_id) == (
        {"equals": "coder"},
        own.PRICE,
        ACME,
        "coder",
    )


def test_a_price_for_one_provider_goes_before_the_price_for_any():
    assert price(provider="vllm").position < price(provider="").position


def test_an_alias_names_a_model_of_the_catalogue_and_has_no_prices():
    card = alias()

    assert (card.source, card.provider, card.catalogue_id, card.prices) == (ALIAS, "openai", "gpt-4o", {})
    assert own.raw_model(card) == "prod-chat"


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (price(), price(T1), True),
        (price(), price(model="CODER"), True),
        (price(), price(provider=""), False),
        (price(), price(model="coder-2"), False),
        (alias(), alias(target="gpt-4o-mini"), True),
        (alias(model="coder"), price(provider=""), False),
    ],
)
def test_one_subject_is_a_kind_a_model_and_a_provider(one, other, is_same):
    assert (own.subject(one) == own.subject(other)) is is_same


def test_the_first_price_ends_nothing():
    assert own.plan([], price(T1), used=[]) == Plan(insert=price(T1))


def test_a_later_price_ends_the_earlier_one():
    step = own.plan([price(T0, number=1)], price(T1), used=[1])

    assert periods(step.ended) == [(1, T0, T1)]
    assert (step.insert.valid_from, step.insert.valid_to, step.deleted) == (T1, None, [])


def test_a_price_since_ever_is_ended_by_a_dated_one():
    step = own.plan([price(None, number=1)], price(T1), used=[])

    assert periods(step.ended) == [(1, None, T1)]


def test_an_earlier_price_yields_to_the_one_that_begins_later():
    step = own.plan([price(T2, number=1), price(T1, number=2)], price(T0), used=[1, 2])

    assert (step.insert.valid_from, step.insert.valid_to) == (T0, T1)
    assert (step.ended, step.deleted) == ([], [])


def test_a_price_since_ever_yields_to_every_dated_one():
    step = own.plan([price(T1, number=1)], price(None), used=[])

    assert (step.insert.valid_from, step.insert.valid_to, step.ended) == (None, T1, [])


def test_a_price_in_the_middle_of_another_ends_it_and_yields_to_the_next():
    step = own.plan([price(T0, number=1, valid_to=T2), price(T2, number=2)], price(T1), used=[])

    assert periods(step.ended) == [(1, T0, T1)]
    assert (step.insert.valid_from, step.insert.valid_to) == (T1, T2)


def test_a_price_that_ended_before_is_left_alone():
    step = own.plan([price(T0, number=1, valid_to=T1)], price(T1), used=[])

    assert (step.ended, step.deleted) == ([], [])


def test_a_price_from_the_same_moment_takes_the_place_of_one_that_priced_nothing():
    step = own.plan([price(T0, number=1)], price(T0), used=[])

    assert periods(step.deleted) == [(1, T0, None)]
    assert step.ended == []


@pytest.mark.parametrize("valid_from", [T0, None])
def test_a_price_from_the_same_moment_empties_one_that_priced_calls(valid_from):
    step = own.plan([price(valid_from, number=1)], price(valid_from), used=[1])

    (emptied,) = step.ended
    assert step.deleted == []
    assert own.is_empty(emptied)
    assert emptied.valid_to == (valid_from or NEVER)
    assert not emptied.is_valid(T0, 0)


def test_an_emptied_card_is_no_longer_in_the_way():
    emptied = price(T0, number=1, valid_to=T0)

    step = own.plan([emptied], price(T0), used=[1])

    assert (step.ended, step.deleted) == ([], [])


def test_other_subjects_are_not_touched():
    others = [price(T0, number=1, provider=""), price(T0, number=2, model="coder-2"), alias(number=3, model="coder")]

    step = own.plan(others, price(T1), used=[1, 2, 3])

    assert (step.ended, step.deleted) == ([], [])


def test_afterwards_the_cards_are_what_the_plan_says():
    untouched, ended, gone = price(number=1, model="x"), price(T0, number=2), price(T1, number=3)
    step = Plan(insert=price(T1), ended=[msgspec.structs.replace(ended, valid_to=T1)], deleted=[gone])

    cards = own.after([untouched, ended, gone], [step])

    assert periods(cards) == [(1, T0, None), (2, T0, T1), (None, T1, None)]


def test_at_any_moment_one_card_of_a_subject_holds_whatever_the_order():
    cards = []
    for number, start in enumerate([T2, T0, T3, T1, None, T2], 1):
        step = own.plan(cards, price(start), used=[])
        cards = own.after(
            cards, [msgspec.structs.replace(step, insert=msgspec.structs.replace(step.insert, id=number))]
        )

    for moment in (NEVER, T0, T1, T2, T3, T3 + timedelta(days=100), T1 - timedelta(microseconds=1)):
        assert sum(card.is_valid(moment, 0) for card in cards) == 1, moment
    assert len(cards) == 5


@pytest.mark.parametrize(
    ("card", "is_live"),
    [
        (price(T0), True),
        (price(T3), True),
        (price(T0, valid_to=T1), True),
        (price(None, valid_to=T0), False),
        (price(T3, valid_to=T3), False),
    ],
)
def test_a_card_is_live_while_it_holds_or_will_hold(card, is_live):
    assert own.is_live(card, T0) is is_live
