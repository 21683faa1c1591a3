"""The lines of a call's cost sum to the cost that is stored, to the last digit."""

from decimal import Decimal
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.pricing.calculator import EXACT, MAX_QUANTITY, compile_card
from ingestion.pricing.cards import RateCard, Tier, UnitPrice
from ingestion.pricing.catalogue import catalogue_cards
from ingestion.pricing.explain import explain
from ingestion.pricing.units import FIELD_UNITS, RESERVED
from ingestion.tests.pricing.factories import make_card, random_usage
from ingestion.wire.types import Usage

CATALOGUE = catalogue_cards()


def assert_explained(card: RateCard, usage: Usage) -> None:
    amounts, _ = compile_card(card).amounts(usage)
    found = explain(card, usage)

    assert found.card is card
    assert found.total == (None if amounts is None else amounts[0]), card.catalogue_id
    if found.total is not None:
        total = Decimal(0)
        for line in found.lines:
            total = EXACT.add(total, line.cost)
        assert total == found.total


def test_the_lines_of_every_card_of_the_catalogue_sum_to_its_cost() -> None:
    random = Random(4)  # noqa: S311
    for card in CATALOGUE:
        assert_explained(card, random_usage(random, card))


@given(seed=st.integers(0, 2**32))
@settings(max_examples=5, deadline=None)
def test_so_they_do_for_counts_that_contradict_each_other(seed: int) -> None:
    random = Random(seed)  # noqa: S311
    for card in random.sample(CATALOGUE, 200):
        counts = {field: random.choice((0, random.randrange(10), random.randrange(10**9))) for field in FIELD_UNITS}
        extras = {
            unit: random.choice((Decimal("0.1"), Decimal(-1), MAX_QUANTITY + 1, Decimal("NaN"), Decimal(7) / 3))
            for unit in card.prices
            if unit not in RESERVED and random.random() < 0.5
        }
        assert_explained(card, Usage(**counts, extra_units=extras or None))  # type: ignore[arg-type]


def test_each_part_is_billed_once_with_its_price_and_whose_it_is() -> None:
    card = make_card({"input_tokens": "2.5", "cache_read_tokens": "1.25", "output_tokens": "10", "web_searches": "25"})
    usage = Usage(
        input_tokens=1_000,
        cached_input_tokens=400,
        output_tokens=300,
        reasoning_tokens=100,
        extra_units={"web_searches": Decimal(2)},
    )

    found = explain(card, usage)

    lines = {line.unit: (line.quantity, line.rate, line.per, line.priced_as, line.cost) for line in found.lines}
    million = 1_000_000
    assert lines == {
        "input_tokens": (Decimal(600), Decimal("2.5"), million, "input_tokens", Decimal("0.0015")),
        "cache_read_tokens": (Decimal(400), Decimal("1.25"), million, "cache_read_tokens", Decimal("0.0005")),
        "output_tokens": (Decimal(200), Decimal(10), million, "output_tokens", Decimal("0.002")),
        "output_reasoning_tokens": (Decimal(100), Decimal(10), million, "output_tokens", Decimal("0.001")),
        "web_searches": (Decimal(2), Decimal(25), 1_000, "web_searches", Decimal("0.05")),
    }
    assert found.total == Decimal("0.055")


def test_a_line_says_which_tier_was_reached() -> None:
    stairs = UnitPrice(Decimal(1), (Tier(100, Decimal(2)), Tier(200, Decimal(3))))
    card = make_card({"input_tokens": stairs})

    def reached(tokens: int) -> list[tuple[int | None, Decimal]]:
        return [(line.tier_start, line.rate) for line in explain(card, Usage(input_tokens=tokens)).lines]

    assert reached(100) == [(None, Decimal(1))]
    assert reached(101) == [(100, Decimal(2))]
    assert reached(201) == [(200, Decimal(3))]


def test_a_card_that_is_free_costs_zero_and_one_that_does_not_know_costs_nothing_known() -> None:
    assert explain(make_card({}), Usage(input_tokens=5)).total == 0
    assert explain(make_card({"input_tokens": "NaN"}), Usage(input_tokens=5)).total is None
