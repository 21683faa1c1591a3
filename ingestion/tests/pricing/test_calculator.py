"""One call's arithmetic: what is billed at which rate, to the last digit."""

from decimal import Decimal
from random import Random

import pytest

from ingestion.pricing.book import PriceBook
from ingestion.pricing.calculator import UnpricedError, compile_card, price
from ingestion.pricing.cards import RateCard, Tier, UnitPrice
from ingestion.pricing.units import KINDS
from ingestion.tests.pricing.factories import make_call, make_card, random_usage
from ingestion.wire.types import Usage

EVERY_RATE = {
    "input_tokens": "10",
    "input_audio_tokens": "20",
    "input_image_tokens": "30",
    "cache_read_tokens": "1",
    "cache_audio_read_tokens": "2",
    "cache_image_read_tokens": "3",
    "cache_write_tokens": "12",
    "cache_write_1h_tokens": "16",
    "output_tokens": "40",
    "output_audio_tokens": "50",
    "output_image_tokens": "60",
    "output_reasoning_tokens": "70",
}
EVERY_COUNT = Usage(
    input_tokens=1_000_000,
    cached_input_tokens=300_000,
    cached_audio_input_tokens=100_000,
    cache_write_tokens=200_000,
    cache_write_1h_tokens=50_000,
    audio_input_tokens=150_000,
    image_input_tokens=50_000,
    output_tokens=1_000_000,
    reasoning_tokens=500_000,
    audio_output_tokens=100_000,
    image_output_tokens=100_000,
)


def test_every_kind_of_token_is_billed_once_at_its_own_rate() -> None:
    cost = price(make_card(EVERY_RATE), EVERY_COUNT)

    # Input: text 400,000, audio 50,000, image 50,000; cached: text 200,000, audio 100,000; written: 150,000 for 5 min.
    assert cost.cost_input == Decimal("4.0") + Decimal("1.0") + Decimal("1.5")
    assert cost.cost_cached_input == Decimal("0.2") + Decimal("0.2")
    assert cost.cost_cache_write == Decimal("1.8") + Decimal("0.8")
    assert cost.cost_output == Decimal(12) + Decimal(5) + Decimal(6)
    assert cost.cost_reasoning == Decimal(35)
    assert cost.cost_other == 0
    assert cost.total == Decimal("67.5")
    assert not cost.inconsistent


def test_a_part_without_a_rate_is_billed_at_the_nearest_whole_that_has_one() -> None:
    card = make_card({"input_tokens": "10", "cache_read_tokens": "1", "output_tokens": "40"})

    cost = price(card, EVERY_COUNT)

    assert cost.cost_input == Decimal("5.0")  # text, audio and image alike
    assert cost.cost_cached_input == Decimal("0.3")  # cached audio is cached
    assert cost.cost_cache_write == Decimal("2.0")  # written to the cache: plain input
    assert cost.cost_output == Decimal(20)
    assert cost.cost_reasoning == Decimal(20)


def test_cached_audio_is_audio_where_only_audio_has_a_rate() -> None:
    card = make_card({"input_tokens": "10", "input_audio_tokens": "20", "output_tokens": "0"})

    cost = price(
        card, Usage(input_tokens=100, audio_input_tokens=50, cached_input_tokens=30, cached_audio_input_tokens=30)
    )

    assert cost.cost_cached_input == Decimal("0.0006")
    assert cost.cost_input == Decimal("0.0009")


def test_a_short_lived_cache_write_has_its_own_rate_where_the_card_says_so() -> None:
    card = make_card({"input_tokens": "1", "cache_write_tokens": "2", "cache_write_5m_tokens": "3"})

    cost = price(card, Usage(input_tokens=1_000_000, cache_write_tokens=1_000_000, cache_write_1h_tokens=400_000))

    assert cost.cost_cache_write == Decimal("1.8") + Decimal("0.8")


@pytest.mark.parametrize(("input_tokens", "rate"), [(200_000, "3"), (200_001, "6")])
def test_a_tier_begins_one_token_above_its_start_and_covers_the_whole_call(input_tokens: int, rate: str) -> None:
    tiers = (Tier(200_000, Decimal(6)),)
    card = make_card({"input_tokens": UnitPrice(Decimal(3), tiers), "output_tokens": "15"})

    cost = price(card, Usage(input_tokens=input_tokens, output_tokens=1_000_000))

    assert cost.cost_input == Decimal(rate) * input_tokens / 1_000_000
    assert cost.cost_output == 15


@pytest.mark.parametrize(("input_tokens", "rate"), [(0, "1"), (1, "2"), (10, "2"), (11, "3"), (20, "3"), (21, "4")])
def test_the_highest_tier_below_the_input_applies_and_units_may_have_different_tiers(
    input_tokens: int, rate: str
) -> None:
    stairs = UnitPrice(Decimal(1), (Tier(0, Decimal(2)), Tier(10, Decimal(3)), Tier(20, Decimal(4))))
    late = UnitPrice(Decimal(100), (Tier(20, Decimal(200)),))
    card = make_card({"input_tokens": late, "output_tokens": stairs})

    cost = price(card, Usage(input_tokens=input_tokens, output_tokens=1_000_000))

    assert cost.cost_output == Decimal(rate)
    assert cost.cost_input == Decimal(200 if input_tokens > 20 else 100) * input_tokens / 1_000_000


def test_tiers_count_all_input_not_only_what_is_billed_as_text() -> None:
    card = make_card({"input_tokens": UnitPrice(Decimal(1), (Tier(100, Decimal(2)),)), "cache_read_tokens": "0"})

    cost = price(card, Usage(input_tokens=101, cached_input_tokens=101))

    assert cost.total == 0
    assert cost.lines()[0].rate == 0


def test_fees_are_billed_per_request_and_per_use() -> None:
    card = make_card({"input_tokens": "1", "requests": "5", "web_searches": "10"})

    cost = price(card, Usage(input_tokens=1_000_000, extra_units={"web_searches": Decimal(3)}))

    assert cost.cost_input == 1
    assert cost.cost_other == Decimal("0.005") + Decimal("0.03")
    assert cost.total == Decimal("1.035")


def test_a_request_fee_is_due_without_a_token() -> None:
    cost = price(make_card({"input_tokens": "1", "requests": "5"}), Usage())

    assert cost.total == cost.cost_other == Decimal("0.005")


def test_token_units_beside_the_usual_ones_are_taken_out_of_the_count_that_contains_them() -> None:
    card = make_card(
        {"input_tokens": "1", "input_video_tokens": "4", "output_tokens": "10", "output_citation_tokens": "2"}
    )
    extra = {"input_video_tokens": Decimal(250_000), "output_citation_tokens": Decimal(500_000)}

    cost = price(card, Usage(input_tokens=1_000_000, output_tokens=1_000_000, extra_units=extra))

    assert cost.cost_input == Decimal("0.75") + Decimal("1.0")
    assert cost.cost_output == Decimal(5) + Decimal(1)


def test_an_extra_unit_the_card_does_not_price_changes_nothing() -> None:
    card = make_card({"input_tokens": "1"})
    extra = {"input_video_tokens": Decimal(5), "web_searches": Decimal(7), "unheard_of": Decimal(9)}

    cost = price(card, Usage(input_tokens=10, extra_units=extra))

    assert cost.total == Decimal("0.00001")
    assert not cost.inconsistent


def test_a_fee_counted_finer_than_it_is_priced_is_billed_at_the_coarser_rate() -> None:
    card = make_card({"audio_seconds": "0.36"})

    cost = price(card, Usage(extra_units={"input_audio_seconds": Decimal(100)}))

    assert cost.total == Decimal("0.01")


@pytest.mark.parametrize(("seconds", "billed"), [("0", "0"), ("3", "10"), ("10", "10"), ("10.5", "10.5")])
def test_a_billed_minimum_applies_to_every_use(seconds: str, billed: str) -> None:
    card = make_card({"audio_seconds": UnitPrice(Decimal("0.36"), (), Decimal(10))})

    cost = price(card, Usage(extra_units={"audio_seconds": Decimal(seconds)}))

    assert cost.total == Decimal("0.0001") * Decimal(billed)


def test_a_cost_without_a_finite_decimal_form_is_rounded_at_eighteen_places() -> None:
    cost = price(make_card({"audio_seconds": "0.1"}), Usage(extra_units={"audio_seconds": Decimal(1)}))

    assert cost.total == cost.cost_other == Decimal("0.000027777777777778")


def test_no_digit_is_lost_between_the_largest_and_the_smallest_amount() -> None:
    card = make_card({"input_tokens": "123456.789", "output_tokens": "0.00000000000000000001"})

    cost = price(card, Usage(input_tokens=999_999_999, output_tokens=1))

    assert cost.cost_input == Decimal("123456788.876543211")
    assert cost.cost_output == Decimal("1e-26")
    assert str(cost.total) == "123456788.87654321100000000000000001"


@pytest.mark.parametrize(
    "usage",
    [
        Usage(input_tokens=100, cached_input_tokens=500),
        Usage(input_tokens=100, cache_write_tokens=50, cache_write_1h_tokens=60),
        Usage(input_tokens=100, audio_input_tokens=10, cached_input_tokens=20, cached_audio_input_tokens=20),
        Usage(output_tokens=100, reasoning_tokens=60, audio_output_tokens=60),
        Usage(input_tokens=5, extra_units={"cache_image_read_tokens": Decimal(6)}),
    ],
)
def test_a_part_larger_than_its_whole_is_reported_and_never_lowers_the_cost(usage: Usage) -> None:
    cost = price(make_card(EVERY_RATE), usage)

    assert cost.inconsistent
    assert min(cost.cost_input, cost.cost_cached_input, cost.cost_cache_write, cost.cost_output) >= 0
    assert cost.total > 0


def test_a_contradiction_found_on_the_wire_stays_one() -> None:
    assert price(make_card({"input_tokens": "1"}), Usage(input_tokens=1, inconsistent=True)).inconsistent


@pytest.mark.parametrize("quantity", ["-1", "NaN", "Infinity", "1e13"])
def test_an_absurd_quantity_is_reported_and_not_billed(quantity: str) -> None:
    card = make_card({"input_tokens": "1", "web_searches": "10"})

    cost = price(card, Usage(input_tokens=1_000_000, extra_units={"web_searches": Decimal(quantity)}))

    assert cost.inconsistent
    assert cost.total == 1


def test_the_noise_of_a_float_is_not_billed() -> None:
    card = make_card({"web_searches": "10"})

    cost = price(card, Usage(extra_units={"web_searches": Decimal("3.0000000000000004")}))

    assert cost.total == Decimal("0.03")
    assert cost.lines()[0].quantity == 3


def test_a_card_without_prices_is_free_of_charge() -> None:
    cost = price(make_card({}), EVERY_COUNT)

    assert cost.total == 0
    assert cost.lines() == []


@pytest.mark.parametrize("unknown", ["-1", "NaN", "Infinity"])
def test_a_price_that_is_no_amount_leaves_the_call_unpriced(unknown: str) -> None:
    card = make_card({"input_tokens": unknown, "output_tokens": "1"})

    with pytest.raises(UnpricedError):
        price(card, EVERY_COUNT)
    assert compile_card(card).lines(EVERY_COUNT) == []


def test_an_unknown_price_in_a_tier_leaves_the_call_unpriced() -> None:
    card = make_card({"input_tokens": UnitPrice(Decimal(1), (Tier(10, Decimal(-1)),))})

    with pytest.raises(UnpricedError):
        price(card, Usage(input_tokens=1))


def test_a_unit_of_a_later_catalogue_leaves_the_call_unpriced() -> None:
    with pytest.raises(UnpricedError):
        price(make_card({"input_tokens": "1", "dreams": "1"}), Usage(input_tokens=1))


@pytest.mark.parametrize("extra", [None, {"web_searches": Decimal(1)}])
def test_a_card_that_bills_only_what_nobody_counted_leaves_the_call_unpriced(
    extra: dict[str, Decimal] | None,
) -> None:
    with pytest.raises(UnpricedError):
        price(make_card({"audio_seconds": "0.36"}), Usage(input_tokens=10, extra_units=extra))


def test_the_lines_are_the_arithmetic_of_the_call() -> None:
    card = make_card({"input_tokens": "2.50", "cache_read_tokens": "1.25", "output_tokens": "10", "requests": "5"})
    usage = Usage(input_tokens=1_000, cached_input_tokens=400, output_tokens=300, reasoning_tokens=100)

    cost = price(card, usage)

    assert [(line.unit, line.quantity, line.rate, line.per, line.priced_as, line.cost) for line in cost.lines()] == [
        ("input_tokens", Decimal(600), Decimal("2.50"), 1_000_000, "input_tokens", Decimal("0.0015")),
        ("output_tokens", Decimal(200), Decimal(10), 1_000_000, "output_tokens", Decimal("0.002")),
        ("cache_read_tokens", Decimal(400), Decimal("1.25"), 1_000_000, "cache_read_tokens", Decimal("0.0005")),
        ("output_reasoning_tokens", Decimal(100), Decimal(10), 1_000_000, "output_tokens", Decimal("0.001")),
        ("requests", Decimal(1), Decimal(5), 1_000, "requests", Decimal("0.005")),
    ]
    assert sum(line.cost for line in cost.lines()) == cost.total == Decimal("0.01")


def test_the_quick_way_and_the_lines_agree_on_every_kind(catalogue: list[RateCard]) -> None:
    random = Random(7)  # noqa: S311

    for card in random.sample(catalogue, 300):
        if not card.prices:
            continue
        usage = random_usage(random, card)
        cost = price(card, usage)
        by_kind = dict.fromkeys(KINDS, Decimal(0))
        for line in cost.lines():
            by_kind[line.kind] += line.cost
        for kind, amount in by_kind.items():
            assert getattr(cost, f"cost_{kind}") == amount


# Numbers reported in public issue threads (otel-dialects.md, regression vectors).


def test_cached_gemini_input_is_not_billed_twice() -> None:
    card = make_card({"input_tokens": "0.50", "cache_read_tokens": "0.05", "output_tokens": "3.00"})

    cost = price(card, Usage(input_tokens=20_212, cached_input_tokens=16_298, output_tokens=931))

    assert cost.total == Decimal("0.0055649")  # $0.0056, not $0.0137


def test_bedrock_through_langchain_costs_half_a_cent(book: PriceBook) -> None:
    usage = Usage(input_tokens=13_244, cached_input_tokens=13_216, cache_write_tokens=25, output_tokens=12)

    priced = book.price(1, make_call("aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", usage=usage))

    # 3 × 3.30 + 13,216 × 0.33 + 25 × 4.125 + 12 × 16.50 per million; as plain input and output it would be $0.20.
    assert priced.cost_usd == Decimal("0.004672305")
    assert priced.cost_cached_input == Decimal("0.00436128")


def test_sonnet_on_bedrock_is_billed_for_what_it_wrote(book: PriceBook) -> None:
    usage = Usage(input_tokens=8_270, cached_input_tokens=7_917, cache_write_tokens=350, output_tokens=442)

    priced = book.price(1, make_call("aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", usage=usage))

    assert priced.cost_output == Decimal("0.007293")  # 442 × 16.50 per million, not 8,709
    assert priced.cost_input == Decimal("0.0000099")
    assert not priced.inconsistent


def test_an_anthropic_call_that_mostly_read_its_cache_costs_something(book: PriceBook) -> None:
    usage = Usage(input_tokens=21_754, cached_input_tokens=20_646, cache_write_tokens=1_101, output_tokens=123)

    priced = book.price(1, make_call("anthropic", "claude-sonnet-4", usage=usage))

    # 7 × 3.00 + 20,646 × 0.30 + 1,101 × 3.75 + 123 × 15.00 per million
    assert priced.cost_usd == Decimal("0.01218855")
