"""Savings to the last digit, and nothing where they cannot be known."""

from dataclasses import replace
from decimal import Decimal

import pytest

from ingestion.pricing.cards import UnitPrice
from rules.engine.names import Rule
from rules.engine.savings import MOST_CALLS, NO_ALTERNATIVE, NOT_ESTIMATED
from rules.engine.snapshot import Alternative, BandRow, Model, Priced, Tokens, Where
from rules.engine.totals import MonthlyPart, total
from rules.tests.engine.scenes import (
    FLASH_CARD,
    GEMINI_CARD,
    GEMINI_PRO,
    GPT_4O,
    GPT_4O_CARD,
    MINI_CARD,
    PRICES,
    SONNET,
    TODAY,
    YESTERDAY,
    card,
    error_row,
    found,
    hash_row,
    latencies,
    latency_row,
    resource_row,
    size_row,
    sizes,
    snapshot,
    team_days,
    unpriced_row,
)


def saving_of(rule, taken):
    (insight,) = found(rule, taken)
    return insight.saving


def test_misuse_saves_what_the_same_tokens_cost_less_on_the_alternative():
    row = size_row(calls=100, input_tokens=1_000_000, output_tokens=5_000, cached=200_000, cost_usd="2.30")

    saving = saving_of(Rule.MODEL_MISUSE, snapshot(sizes=sizes(row)))

    # 800,000 × 0.15 + 200,000 × 0.075 + 5,000 × 0.60, a million
    assert saving.window_usd == Decimal("2.30") - Decimal("0.138")
    assert saving.month_usd == Decimal("9.265714285714")
    assert saving.year_usd == saving.month_usd * 12
    assert [(price.model, price.input_usd, price.output_usd) for price in saving.prices] == [
        ("gpt-4o", Decimal("2.50"), Decimal(10)),
        ("gpt-4o-mini", Decimal("0.15"), Decimal("0.60")),
    ]
    assert not saving.is_upper_bound


def test_a_months_saving_goes_by_the_days_of_the_window():
    taken = snapshot(sizes=sizes(size_row(cost_usd="3.0105"), days=7))

    saving = saving_of(Rule.MODEL_MISUSE, taken)

    assert saving.window_usd == Decimal("3.0105") - Decimal("0.0104994")
    assert saving.month_usd == Decimal("12.857145428571")


def test_a_fee_for_each_request_is_paid_for_each_request():
    fee = replace_prices(MINI_CARD, requests="10")
    prices = {GPT_4O: Priced(GPT_4O_CARD, Alternative("gpt-4o-mini", fee))}
    row = size_row(calls=50, input_tokens=0, output_tokens=0, cost_usd="2")

    saving = saving_of(Rule.MODEL_MISUSE, snapshot(sizes=sizes(row), prices=prices))

    assert saving.window_usd == Decimal("1.50")


def replace_prices(one, **prices):
    return card(one.catalogue_id, **{**dict(one.prices), **prices})


def test_a_saving_of_nothing_or_less_is_none():
    row = size_row(input_tokens=0, output_tokens=0, cost_usd="0")

    saving = saving_of(Rule.MODEL_MISUSE, snapshot(sizes=sizes(row)))

    assert (saving.window_usd, saving.month_usd, saving.year_usd, saving.note) == (None, None, None, "")


def test_without_an_alternative_nothing_is_estimated_and_the_models_own_price_is_named():
    prices = {GPT_4O: Priced(GPT_4O_CARD)}

    saving = saving_of(Rule.MODEL_MISUSE, snapshot(sizes=sizes(size_row()), prices=prices))

    assert (saving.window_usd, saving.note) == (None, NO_ALTERNATIVE)
    assert [price.model for price in saving.prices] == ["gpt-4o"]


def test_a_card_whose_price_is_unknown_is_no_alternative():
    unknown = Alternative("x", card("x", input_tokens="-1", output_tokens="1"))
    prices = {GPT_4O: Priced(GPT_4O_CARD, unknown)}

    saving = saving_of(Rule.MODEL_MISUSE, snapshot(sizes=sizes(size_row()), prices=prices))

    assert saving.note == NO_ALTERNATIVE


def test_small_calls_of_a_tiered_model_are_all_base_tier():
    rows = [size_row(GEMINI_PRO, below=100, calls=700, input_tokens=40_000, output_tokens=9_000, cost_usd="0.14")]

    saving = saving_of(Rule.MODEL_DOWNGRADE, snapshot(sizes=sizes(*rows)))

    assert saving.window_usd == Decimal("0.14") - Decimal("0.0076")


WHERE = Where("support", "routing", GEMINI_PRO)


def large(calls=60):
    return size_row(GEMINI_PRO, calls=calls, input_tokens=6_600_000, output_tokens=600, cost_usd="15")


def band(above, calls, tokens):
    return BandRow(WHERE, above, calls, Tokens(input_tokens=tokens, output_tokens=calls * 10))


def test_large_calls_of_a_tiered_model_count_by_the_tier_each_is_in():
    bands = (band(0, 50, 4_600_000), band(200_000, 10, 2_000_000))

    saving = saving_of(Rule.MODEL_MISUSE, snapshot(sizes=sizes(large(), bands=bands)))

    assert saving.window_usd == 15 - Decimal("0.66") - Decimal("0.00024")


def test_a_tiered_alternative_costs_more_for_long_calls():
    tiered = card("tiered", input_tokens=GEMINI_CARD.prices["input_tokens"], output_tokens="1")
    prices = {GEMINI_PRO: Priced(GEMINI_CARD, Alternative("tiered", tiered))}
    bands = (band(0, 50, 4_000_000), band(200_000, 10, 2_600_000))

    saving = saving_of(Rule.MODEL_MISUSE, snapshot(sizes=sizes(large(), bands=bands), prices=prices))

    assert saving.window_usd == 15 - (Decimal(5) + Decimal("6.5") + Decimal("0.0006"))


@pytest.mark.parametrize("bands", [(), (band(0, 59, 6_600_000),)], ids=["too many to read", "not all of them kept"])
def test_large_calls_of_a_tiered_model_that_were_not_read_are_not_estimated(bands):
    saving = saving_of(Rule.MODEL_MISUSE, snapshot(sizes=sizes(large(), bands=bands)))

    assert (saving.window_usd, saving.note) == (None, NOT_ESTIMATED)
    assert [price.model for price in saving.prices] == ["gemini-2.5-pro", "gemini-2.0-flash"]


def test_the_most_calls_that_are_read_one_by_one():
    assert MOST_CALLS == 200_000


def test_repeated_prompts_save_all_but_the_first_call_of_each():
    rows = (hash_row(calls=60, cost_usd="6"), hash_row(calls=140, value="def", cost_usd="4"))

    saving = saving_of(Rule.CACHE_WASTE, snapshot(hashes=rows))

    assert saving.window_usd == Decimal(10) * 198 / 200
    assert saving.month_usd == Decimal(297)
    assert saving.year_usd == Decimal(3564)


def test_the_last_full_day_is_the_evidence_where_both_days_repeat():
    rows = (hash_row(calls=60, cost_usd="6"), hash_row(day=TODAY, calls=90, cost_usd="9"))

    (insight,) = found(Rule.CACHE_WASTE, snapshot(hashes=rows))

    assert insight.evidence.figure("calls").value == 60
    assert insight.evidence.window.since.date() == YESTERDAY


def test_the_running_day_is_the_evidence_where_only_it_repeats():
    rows = (hash_row(calls=49), hash_row(day=TODAY, calls=90))

    (insight,) = found(Rule.CACHE_WASTE, snapshot(hashes=rows))

    assert insight.evidence.figure("calls").value == 90


def test_prompts_of_two_sources_are_never_compared():
    rows = (hash_row(calls=30), hash_row(calls=30, source="gateway"))

    assert found(Rule.CACHE_WASTE, snapshot(hashes=rows)) == []


def test_long_prompts_save_uncached_input_above_the_threshold_at_most():
    row = size_row(SONNET, calls=100, input_tokens=1_000_000, cached=300_000)

    saving = saving_of(Rule.LONG_PROMPTS, snapshot(sizes=sizes(row)))

    assert saving.window_usd == Decimal(700_000 - 200_000) * 3 / 1_000_000
    assert saving.is_upper_bound


def test_long_prompts_of_several_models_save_by_each_models_own_price():
    rows = [
        size_row(SONNET, calls=100, input_tokens=1_000_000),
        size_row(GPT_4O, calls=50, input_tokens=200_000),
        size_row(Model("vllm", "own"), calls=10, input_tokens=900_000),
    ]

    saving = saving_of(Rule.LONG_PROMPTS, snapshot(sizes=sizes(*rows)))

    assert saving.window_usd == Decimal("2.4") + Decimal("0.25")
    assert {part.where.model: part.window_usd for part in saving.parts} == {
        SONNET: Decimal("2.4"),
        GPT_4O: Decimal("0.25"),
    }


def test_long_prompts_that_are_all_cached_save_nothing():
    row = size_row(SONNET, calls=100, input_tokens=1_000_000, cached=900_000)

    assert saving_of(Rule.LONG_PROMPTS, snapshot(sizes=sizes(row))).window_usd is None


def test_prompt_caching_saves_the_difference_to_the_cached_price_for_every_repeat():
    row = hash_row("prefix", calls=100, input_tokens=1_000_000, cached=50_000)

    saving = saving_of(Rule.PROMPT_CACHE_OPPORTUNITY, snapshot(hashes=(row,)))

    assert saving.window_usd == Decimal(950_000) * 99 / 100 * Decimal("1.25") / 1_000_000
    assert saving.prices[0].cached_input_usd == Decimal("1.25")


def test_prompt_caching_is_no_opportunity_where_the_provider_lists_no_cached_price():
    row = hash_row("prefix", model=GEMINI_PRO, calls=100, input_tokens=1_000_000)

    assert found(Rule.PROMPT_CACHE_OPPORTUNITY, snapshot(hashes=(row,))) == []


@pytest.mark.parametrize(
    ("peak", "expected"), [("0.2", Decimal("5.25")), ("0.32", Decimal("4.2")), ("0.39", Decimal("3.5875"))]
)
def test_memory_saves_all_but_a_quarter_more_than_the_highest_use(peak, expected):
    saving = saving_of(Rule.RAM_OVER_PROVISION, snapshot(resources=(resource_row(peak_share=peak),)))

    assert saving.window_usd == expected
    assert saving.month_usd == (expected * 30 / 7).quantize(Decimal("1e-12"))


def test_memory_without_a_cost_is_not_estimated():
    saving = saving_of(Rule.RAM_OVER_PROVISION, snapshot(resources=(resource_row(cost_usd=None),)))

    assert (saving.window_usd, saving.note) == (None, NOT_ESTIMATED)


SLOWER = latency_row(latencies(*[900.0] * 100), latencies(*[9.0] * 100))


@pytest.mark.parametrize(
    ("rule", "taken"),
    [
        (Rule.SPIKE, snapshot(**team_days(1, 1, 1, 500))),
        (Rule.ERROR_BURST, snapshot(errors=(error_row(),))),
        (Rule.LATENCY_REGRESSION, snapshot(latencies=(SLOWER,))),
        (Rule.UNPRICED_MODEL, snapshot(unpriced=(unpriced_row(),))),
    ],
)
def test_other_rules_save_nothing(rule, taken):
    assert saving_of(rule, taken) is None


def part(month, *, feature="chat", model="gpt-4o", project=7):
    return MonthlyPart(project, "support", feature, "openai", model, Decimal(month))


def test_two_ways_to_save_one_cost_save_it_once():
    parts = [part("10"), part("4"), part("7", feature="faq"), part("1", project=8), part("2", model="gpt-5")]

    summed = total(parts)

    assert summed.month_usd == Decimal(20)
    assert summed.year_usd == Decimal(240)


def test_nothing_to_save_is_zero():
    assert total([]).month_usd == 0


def test_parts_of_a_saving_sum_to_it():
    rows = [
        size_row(GEMINI_PRO, feature="a", below=50, calls=400, input_tokens=9_000, output_tokens=900, cost_usd="1"),
        size_row(GEMINI_PRO, feature="b", below=100, calls=400, input_tokens=9_000, output_tokens=900, cost_usd="2"),
    ]

    saving = saving_of(Rule.MODEL_DOWNGRADE, snapshot(sizes=sizes(*rows)))

    assert [one.where.feature for one in saving.parts] == ["a", "b"]
    assert sum(one.window_usd for one in saving.parts) == saving.window_usd


def test_prices_of_a_snapshot_are_whatever_the_organization_pays():
    own = replace(PRICES[GPT_4O], alternative=Alternative("flash", FLASH_CARD))
    row = size_row(input_tokens=1_000_000, output_tokens=0, cost_usd="2.5")

    saving = saving_of(Rule.MODEL_MISUSE, snapshot(sizes=sizes(row), prices={GPT_4O: own}))

    assert saving.window_usd == Decimal("2.4")
    assert UnitPrice(Decimal("0.10")) == FLASH_CARD.prices["input_tokens"]
