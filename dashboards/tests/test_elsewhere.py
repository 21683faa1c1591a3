from decimal import Decimal
from random import Random

import pytest

from dashboards import elsewhere
from dashboards.elsewhere import CHEAPEST, MOST_MATCHES, Candidate, Offer, quote
from ingestion.pricing.calculator import price
from ingestion.pricing.cards import RateCard, Tier, UnitPrice
from ingestion.tests.pricing.factories import make_card
from rules.engine.snapshot import TOKEN_KINDS, Tokens

PLAIN = make_card({"input_tokens": "2", "cache_read_tokens": "0.5", "output_tokens": "10"})
TEXT = Tokens(input_tokens=3_000_000, cached_input_tokens=1_000_000, output_tokens=500_000)


def candidate(name: str, card: RateCard, provider: str = "openai", **more: object) -> Candidate:
    return Candidate(provider=provider, model=name, card=card, **more)  # type: ignore[arg-type]


def offers(*candidates: Candidate, billed: str | None = "10", family: tuple[str, ...] = ()) -> list[Offer]:
    return elsewhere.offers(
        candidates, TEXT, 100, billed_usd=None if billed is None else Decimal(billed), family=family
    )


def flat(rate: str) -> RateCard:
    return make_card({"input_tokens": rate, "output_tokens": rate})


def test_each_kind_of_token_has_its_own_rate() -> None:
    found = quote(PLAIN, TEXT, 100)

    assert found.cost_usd == Decimal("9.5")  # 2 M × 2 + 1 M × 0.5 + 0.5 M × 10
    assert [(label, line.quantity, line.cost) for label, line in found.arithmetic] == [
        ("input", Decimal(2_000_000), Decimal(4)),
        ("output", Decimal(500_000), Decimal(5)),
        ("cached input", Decimal(1_000_000), Decimal("0.5")),
    ]
    assert (found.is_estimate, found.is_capable, found.notes) == (False, True, [])


def test_the_price_of_sums_is_the_sum_of_the_prices() -> None:
    random = Random(6)  # noqa: S311  # the same every time
    card = make_card(
        {
            "input_tokens": "2.5",
            "cache_read_tokens": "0.25",
            "cache_write_tokens": "3.125",
            "cache_write_1h_tokens": "5",
            "input_audio_tokens": "32",
            "cache_audio_read_tokens": "0.4",
            "output_tokens": "10",
            "output_reasoning_tokens": "11",
            "output_audio_tokens": "64",
            "requests": "5",
        }
    )
    calls = [tokens_of_a_call(random) for _ in range(50)]

    together = quote(card, sum(calls, Tokens()), len(calls))

    assert together.cost_usd == sum(price(card, call.usage()).total for call in calls)
    assert together.cost_usd == sum(line.cost for line in together.lines)
    assert together.notes == ["Image input at the price of input.", "Image output at the price of output."]


def tokens_of_a_call(random: Random) -> Tokens:
    """Counts that do not contradict each other."""
    parts = {name: random.randrange(1, 5_000) for name in TOKEN_KINDS}
    parts["cache_write_1h_tokens"] = random.randrange(parts["cache_write_tokens"])
    parts["cached_input_tokens"] += parts["cached_audio_input_tokens"]
    parts["audio_input_tokens"] += parts["cached_audio_input_tokens"]
    whole_input = sum(parts[name] for name in ("cached_input_tokens", "cache_write_tokens", "image_input_tokens"))
    parts["input_tokens"] += whole_input + parts["audio_input_tokens"]
    parts["output_tokens"] += sum(
        parts[name] for name in ("reasoning_tokens", "audio_output_tokens", "image_output_tokens")
    )
    return Tokens(**parts)


def test_a_fee_for_each_request_is_paid_by_each_call() -> None:
    found = quote(make_card({"input_tokens": "0", "output_tokens": "0", "requests": "5"}), TEXT, 100)

    assert found.cost_usd == Decimal("0.5")  # 100 × 5 ÷ 1,000
    assert [(label, line.quantity, line.cost) for label, line in found.arithmetic if line.cost] == [
        ("requests", Decimal(100), Decimal("0.5"))
    ]


def test_cached_input_without_a_rate_costs_what_input_costs_and_that_is_said() -> None:
    found = quote(make_card({"input_tokens": "2", "output_tokens": "10"}), TEXT, 1)

    assert found.cost_usd == Decimal(11)
    assert (found.is_capable, found.notes) == (True, ["Cached input at the price of input."])


def test_kinds_without_any_rate_are_named_and_not_in_the_cost() -> None:
    tokens = TEXT + Tokens(audio_output_tokens=5, image_output_tokens=5, reasoning_tokens=9)

    found = quote(make_card({"input_tokens": "2"}), tokens, 1)

    assert found.cost_usd == Decimal(6)
    assert found.is_capable is False
    assert found.notes[0] == ("No price for output, reasoning, audio output and image output: that is not in the cost.")


def test_rates_that_rise_with_the_size_of_a_call_make_it_an_estimate() -> None:
    card = make_card(
        {
            "input_tokens": UnitPrice(Decimal(2), (Tier(200_000, Decimal(4)),)),
            "output_tokens": UnitPrice(Decimal(10), (Tier(128_000, Decimal(15)),)),
        }
    )

    found = quote(card, TEXT, 100)

    assert found.cost_usd == Decimal(11)  # of the first tier, though the sum of the input is far above it
    assert (found.is_estimate, found.first_tier_up_to) == (True, 128_000)
    assert "above 128,000 input tokens" in found.notes[-1]


def test_a_tier_of_a_kind_that_is_not_there_leaves_it_exact() -> None:
    card = make_card(
        {
            "input_tokens": "2",
            "output_tokens": "10",
            "cache_write_tokens": UnitPrice(Decimal(2), (Tier(200_000, Decimal(4)),)),
        }
    )

    assert quote(card, TEXT, 1).is_estimate is False


@pytest.mark.parametrize("amount", ["-1", "NaN"])
def test_an_unknown_price_is_unknown_and_not_zero(amount: str) -> None:
    found = quote(make_card({"input_tokens": amount, "output_tokens": "1"}), TEXT, 1)

    assert (found.cost_usd, found.is_capable, found.notes) == (None, False, ["Its price is not known."])


def test_a_card_without_prices_is_free_of_charge() -> None:
    found = quote(make_card({}), TEXT, 1)

    assert (found.cost_usd, found.notes) == (Decimal(0), ["Free of charge."])


def test_offers_are_in_the_order_of_their_cost_and_what_cannot_do_it_is_last() -> None:
    found = offers(
        candidate("dear", flat("9")),
        candidate("text-only", make_card({"input_tokens": "0.1"})),
        candidate("unknown", make_card({"input_tokens": "-1"})),
        candidate("cheap-b", flat("1")),
        candidate("cheap-a", flat("1")),
    )

    assert [one.candidate.model for one in found] == ["cheap-a", "cheap-b", "dear", "unknown", "text-only"]
    assert [one.saved_usd for one in found] == [
        Decimal("6.5"), Decimal("6.5"), Decimal("-21.5"), None, Decimal("9.7")
    ]  # fmt: skip
    assert found[0].ratio == pytest.approx(0.35)
    assert found[3].ratio is None


def test_against_an_unknown_bill_nothing_is_saved_or_lost() -> None:
    (found,) = offers(candidate("cheap", flat("1")), billed=None)

    assert (found.quote.cost_usd, found.saved_usd, found.ratio) == (Decimal("3.5"), None, None)


def test_the_ten_cheapest_charge_something_and_can_do_it() -> None:
    many = [candidate(f"m{number:02}", flat(str(number))) for number in range(1, 15)]
    unfit = [candidate("free", make_card({})), candidate("text-only", make_card({"input_tokens": "0.1"}))]

    found = elsewhere.cheapest(offers(*many, *unfit))

    assert [one.candidate.model for one in found] == [f"m{number:02}" for number in range(1, CHEAPEST + 1)]


def test_the_family_is_on_the_list_also_behind_the_cheapest() -> None:
    many = [candidate(f"m{number:02}", flat(str(number))) for number in range(1, 15)]

    found = elsewhere.cheapest(offers(*many, family=("m03", "m13", "gone")))

    assert [one.candidate.model for one in found if one.is_family] == ["m03", "m13"]
    assert len(found) == CHEAPEST + 1


def test_a_search_finds_every_word_in_model_provider_or_name() -> None:
    card = make_card({"input_tokens": "1", "output_tokens": "1"}, model_name="Sonnet 4")
    found = offers(candidate("claude-sonnet-4", card, "anthropic"), candidate("gpt-4o", PLAIN))

    assert [one.candidate.model for one in elsewhere.matching(found, "ANTHROPIC sonnet")] == ["claude-sonnet-4"]
    assert [one.candidate.model for one in elsewhere.matching(found, "sonnet 4")] == ["claude-sonnet-4"]
    assert [one.candidate.model for one in elsewhere.matching(found, "openai")] == ["gpt-4o"]
    assert elsewhere.matching(found, "sonnet openai") == []


def test_a_search_shows_a_bounded_number() -> None:
    many = [candidate(f"m{number}", PLAIN) for number in range(100)]

    assert len(elsewhere.matching(offers(*many), "m")) == MOST_MATCHES


def test_a_candidate_is_named_by_provider_and_model() -> None:
    assert candidate("anthropic/claude", PLAIN, "openrouter").key == "openrouter/anthropic/claude"
