"""Whatever prices are set in whatever order, periods stay sound and history stays."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.pricing import own
from ingestion.pricing.book import PriceBook
from ingestion.tests.pricing.factories import make_call
from ingestion.wire.types import Usage

ACME = 7
T0 = datetime(2026, 1, 1, tzinfo=UTC)
MOMENTS = st.one_of(st.none(), st.integers(0, 8).map(lambda days: T0 + timedelta(days=days)))
AMOUNTS = st.integers(1, 50).map(Decimal)
STEPS = st.lists(st.tuples(MOMENTS, AMOUNTS, st.booleans()), min_size=1, max_size=12)
PROBES = [own.NEVER, *(T0 + timedelta(days=days, hours=hours) for days in range(10) for hours in (0, 12))]


def carried_out(steps):
    """The cards after each of ``steps`` (start, price, whether the card is used afterwards), and all that were used."""
    cards, used = [], set()
    for number, (start, amount, is_used) in enumerate(steps, 1):
        wanted = own.price_card(
            organization_id=ACME,
            model="m",
            provider="p",
            prices={"input": amount, "output": amount},
            valid_from=start,
        )
        step = own.plan(cards, wanted, used=used)
        saved = msgspec.structs.replace(step.insert, id=number)
        cards = own.after(cards, [msgspec.structs.replace(step, insert=saved)])
        if is_used:
            used.add(number)
    return cards, used


@settings(deadline=None, max_examples=60)
@given(STEPS)
def test_at_most_one_card_holds_at_any_moment(steps):
    cards, _ = carried_out(steps)

    for moment in PROBES:
        assert sum(card.is_valid(moment, 0) for card in cards) <= 1


@settings(deadline=None, max_examples=60)
@given(STEPS)
def test_a_card_that_priced_calls_is_never_lost(steps):
    cards, used = carried_out(steps)

    assert used <= {card.id for card in cards}


@settings(deadline=None, max_examples=60)
@given(STEPS)
def test_no_period_is_turned_round(steps):
    cards, _ = carried_out(steps)

    for card in cards:
        assert card.valid_to is None or (card.valid_from or own.NEVER) <= card.valid_to


@settings(deadline=None, max_examples=60)
@given(STEPS)
def test_the_last_word_about_a_moment_is_the_price_that_holds(steps):
    """From its start until a later one begins, what was set last for that start is what calls cost."""
    cards, _ = carried_out(steps)
    book = PriceBook(cards)
    last = {start: amount for start, amount, _ in steps}
    starts = sorted(last, key=lambda start: start or own.NEVER)

    for moment in PROBES:
        begun = [start for start in starts if start is None or start <= moment]
        call = make_call("p", "m", usage=Usage(input_tokens=1_000_000), started_at=moment)
        expected = last[begun[-1]] if begun else None
        assert book.price(ACME, call).cost_usd == expected, moment


@settings(deadline=None, max_examples=60)
@given(STEPS)
def test_setting_the_same_again_changes_no_price(steps):
    cards, _ = carried_out(steps)
    again, _ = carried_out([*steps, steps[-1]])

    before, after = PriceBook(cards), PriceBook(again)
    for moment in PROBES:
        call = make_call("p", "m", usage=Usage(input_tokens=1_000_000), started_at=moment)
        assert after.price(ACME, call).cost_usd == before.price(ACME, call).cost_usd
