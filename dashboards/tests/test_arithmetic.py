"""How the arithmetic of a cost reads."""

from datetime import UTC, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from dashboards.arithmetic import LineText, shown
from dashboards.details import Fact
from ingestion.arithmetic import Arithmetic
from ingestion.pricing.cards import Tier, UnitPrice, Window
from ingestion.pricing.explain import explain
from ingestion.tests.pricing.factories import make_card
from ingestion.wire.types import Usage

UTC_ZONE = ZoneInfo("UTC")


def text(card, usage, **more):
    found = Arithmetic(explanation=explain(card, usage), **more)
    return shown(found, price_match="exact", zone=ZoneInfo("Europe/Berlin"))


def test_lines_read_quantity_price_amount_in_the_order_of_kinds():
    card = make_card({"input_tokens": "2.5", "output_tokens": "10"})

    found = text(card, Usage(input_tokens=12_000, cached_input_tokens=2_000, output_tokens=100))

    assert found.lines == [
        LineText(unit="input tokens", quantity="10,000", price="$2.5 / 1M", note="", amount="$0.025"),
        LineText(
            unit="cache read tokens",
            quantity="2,000",
            price="$2.5 / 1M",
            note="priced as input tokens",
            amount="$0.005",
        ),
        LineText(unit="output tokens", quantity="100", price="$10 / 1M", note="", amount="$0.001"),
    ]
    assert found.total == "$0.031"


def test_the_tier_that_was_reached_is_named():
    card = make_card({"input_tokens": UnitPrice(Decimal(1), (Tier(200_000, Decimal(2)),))})

    (line,) = text(card, Usage(input_tokens=200_001)).lines

    assert (line.price, line.note) == ("$2 / 1M", "tier above 200,000 input tokens")


def test_a_card_says_where_it_comes_from_and_when_it_holds():
    card = make_card(
        {"input_tokens": "1"},
        source="genai-prices",
        valid_from=datetime(2026, 1, 1, tzinfo=UTC),
        valid_to=datetime(2026, 7, 1, 12, tzinfo=UTC),
        context={"service_tier": "priority"},
        window=Window(time(16, 30), time(0, 30)),
    )

    assert text(card, Usage()).card == [
        Fact("Source", "Catalogue"),
        Fact("Priced as", "openai m"),
        Fact("Matched by", "the model id as it was sent"),
        Fact("Valid", "from 2026-01-01 01:00 until 2026-07-01 14:00"),
        Fact("Condition", "service tier priority"),
        Fact("Hours", "16:30 to 00:30 UTC"),
    ]


def test_a_card_without_bounds_holds_since_ever_and_a_price_of_ones_own_is_called_so():
    facts = {fact.label: fact.value for fact in text(make_card({}, source="override", provider=""), Usage()).card}

    assert facts == {
        "Source": "The organization's own price",
        "Priced as": "m",
        "Matched by": "the model id as it was sent",
        "Valid": "since ever",
    }


def test_without_an_explanation_only_the_sentence_is_shown():
    found = shown(Arithmetic(explanation=None, sentence="Nothing to compute."), price_match="", zone=UTC_ZONE)

    assert (found.lines, found.total, found.card, found.sentence) == ([], "", [], "Nothing to compute.")


def test_fees_are_quoted_for_what_they_are_sold_by():
    card = make_card({"web_searches": "25", "requests": "0.005", "input_tokens": "1"})

    found = text(card, Usage(extra_units={"web_searches": Decimal("2.5")}))

    assert {(line.unit, line.quantity, line.price) for line in found.lines} == {
        ("web searches", "2.5", "$25 / 1K"),
        ("requests", "1", "$0.005 / 1K"),
    }
