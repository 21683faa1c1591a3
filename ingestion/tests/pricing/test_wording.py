"""Rate cards in words."""

from datetime import UTC, datetime, time
from decimal import Decimal

import msgspec
import pytest

from ingestion.pricing import wording
from ingestion.pricing.cards import Tier, UnitPrice, Window, to_row
from ingestion.tests.pricing.factories import make_card

AT = datetime(2026, 11, 22, 3, 20, tzinfo=UTC)
NEXT_MONTH = datetime(2026, 12, 1, tzinfo=UTC)


def told(*cards):
    rows = [to_row(card) for card in cards]
    names = ("valid_from", "valid_to", "window", "context", "prices")
    return [msgspec.to_builtins({name: row[name] for name in names}) for row in rows] or None


def said(before, after):
    return wording.sentences(before, after, at=AT)


@pytest.mark.parametrize(
    ("amount", "text"),
    [("2.5", "$2.50"), ("0.0000025", "$0.0000025"), ("1250", "$1,250.00"), ("0", "$0.00"), ("-1", "unknown")],
)
def test_dollars_have_every_digit_and_at_least_cents(amount, text):
    assert wording.dollars(Decimal(amount)) == text


def test_the_usual_units_come_first_and_each_says_what_it_is_for():
    card = make_card({"web_searches": "35", "output_tokens": "10", "input_tokens": "2.5", "audio_seconds": "0.36"})

    assert [(one.unit, one.text, one.per) for one in wording.amounts(card)] == [
        ("input", "$2.50", "per million"),
        ("output", "$10.00", "per million"),
        ("audio seconds", "$0.36", "per hour"),
        ("web searches", "$35.00", "per thousand"),
    ]


def test_tiers_say_where_they_begin():
    card = make_card({"input_tokens": UnitPrice(Decimal("1.25"), (Tier(200_000, Decimal("2.5")),))})

    assert wording.amounts(card)[0].tiers == ["$2.50 above 200,000 input tokens"]


def test_conditions_are_hours_and_contexts():
    night = Window(time(16, 30), time(0, 30))

    assert wording.conditions(night, {"processing": "batch"}) == ["from 16:30 to 00:30 UTC", "batch"]
    assert wording.conditions(None, {"service_tier": "fast", "speed": "fast"}) == ["fast", "speed fast"]
    assert wording.conditions(None, {}) == []


def test_a_changed_price_went_from_one_to_the_other():
    before = make_card({"input_tokens": "2.5", "output_tokens": "10"}, valid_from=datetime(2025, 1, 1, tzinfo=UTC))
    after = make_card({"input_tokens": "2.5", "output_tokens": "8"})

    assert said(told(before), told(after)) == ["output went from $10.00 to $8.00 per million from 2026-11-22"]
    assert wording.is_correction(told(before), told(after), at=AT)


def test_an_announced_price_is_told_against_the_one_that_holds_until_then():
    now = make_card({"output_tokens": "10"})
    ends = make_card({"output_tokens": "10"}, valid_to=NEXT_MONTH)
    begins = make_card({"output_tokens": "8"}, valid_from=NEXT_MONTH)

    assert said(told(now), told(ends, begins)) == ["output went from $10.00 to $8.00 per million from 2026-12-01"]
    assert not wording.is_correction(told(now), told(ends, begins), at=AT)


def test_an_added_model_costs_what_it_costs_and_a_closed_one_had_a_price():
    card = make_card({"input_tokens": "1", "output_tokens": "2"})

    assert said(None, told(card)) == [
        "input costs $1.00 per million from 2026-11-22",
        "output costs $2.00 per million from 2026-11-22",
    ]
    assert said(told(card), None) == [
        "input has no price of its own any more (was $1.00 per million) from 2026-11-22",
        "output has no price of its own any more (was $2.00 per million) from 2026-11-22",
    ]
    assert not wording.is_correction(None, told(card), at=AT)
    assert not wording.is_correction(told(card), None, at=AT)


def test_a_new_context_is_told_with_its_name():
    usual = make_card({"input_tokens": "2"})
    batch = make_card({"input_tokens": "1"}, context={"processing": "batch"})

    assert said(told(usual), told(usual, batch)) == ["input (batch) costs $1.00 per million from 2026-11-22"]


def test_a_new_tier_is_a_change_of_the_price():
    before = make_card({"input_tokens": "1.25"})
    after = make_card({"input_tokens": UnitPrice(Decimal("1.25"), (Tier(200_000, Decimal("2.5")),))})

    assert said(told(before), told(after)) == [
        "input went from $1.25 to $1.25 ($2.50 above 200,000) per million from 2026-11-22"
    ]


def test_prices_by_the_hour_are_compared_hour_by_hour():
    day, night = Window(time(8), time(20)), Window(time(20), time(8))
    before = [make_card({"input_tokens": "2"}, window=day), make_card({"input_tokens": "1"}, window=night)]
    after = [make_card({"input_tokens": "2"}, window=day), make_card({"input_tokens": "0.5"}, window=night)]

    assert said(told(*before), told(*after)) == [
        "input (from 20:00 to 08:00 UTC) went from $1.00 to $0.50 per million from 2026-11-22"
    ]


def test_nothing_changed_is_nothing_said():
    card = make_card({"input_tokens": "2"})

    assert said(told(card), told(card)) == []
    assert said(None, None) == []
