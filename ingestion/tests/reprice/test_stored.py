"""A stored call is priced again as it was priced when it came."""

from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion import store
from ingestion.pricing.book import PriceBook
from ingestion.pricing.cards import UnitPrice
from ingestion.pricing.catalogue import catalogue_cards
from ingestion.reprice.deltas import calls_of, key_of, rollup_deltas
from ingestion.reprice.stored import COLUMNS, Change, change, stored_call
from ingestion.reprice.tally import MOST_ROWS, MOST_SAMPLES, Differences, Tally, as_json, from_json
from ingestion.tests.pricing.factories import make_call, make_card, random_usage
from ingestion.wire.types import Call, Usage
from ingestion.writer import LocalTime
from ingestion.writer.rows import price_columns

CATALOGUE = catalogue_cards()
BOOK = PriceBook(CATALOGUE)
MODELS = sorted({(card.provider, card.catalogue_id): card for card in CATALOGUE}.values(), key=lambda card: card.model)
TIERS = ("standard", "batch", "flex", "priority", "fast", "unheard-of")
NOON = datetime(2026, 7, 14, 12, tzinfo=UTC)


def as_row(call: Call, book: PriceBook) -> dict[str, Any]:
    """What the writer stores of a call, as the database gives it back."""
    priced = book.price(1, call)
    known = {name: getattr(call.usage, name) for name in store.TOKENS}
    known |= {name: getattr(call, name) for name in COLUMNS if hasattr(call, name)}
    known["received_at"] = call.started_at
    known |= dict(zip(store.FROM_PRICE, price_columns(priced), strict=True))
    return known | {
        "project_id": 1,
        "api_key_id": 7,
        "extra_units": store.units_text(call.usage.extra_units),
        "usage_rule": call.usage.rule,
        "usage_inconsistent": call.usage.inconsistent or priced.inconsistent,
    }


def changed(row: dict[str, Any], book: PriceBook) -> Change | None:
    return change(row, organization_id=1, book=book, is_counted=True)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=5, deadline=None)
def test_pricing_a_stored_call_again_changes_nothing_for_every_model_of_the_catalogue(seed: int) -> None:
    random = Random(seed)  # noqa: S311
    for card in random.sample(MODELS, 300):
        usage = random_usage(random, card)
        usage.inconsistent = random.random() < 0.1
        call = make_call(
            card.provider,
            card.catalogue_id,
            usage=usage,
            service_tier=random.choice(TIERS),
            started_at=datetime(2024, 1, 1, tzinfo=UTC).replace(year=random.choice((2024, 2025, 2026))),
            reported_cost_usd=random.choice((None, Decimal(0), Decimal("0.0000001"), Decimal("NaN"))),
            response_model=random.choice(("", card.catalogue_id)),
        )
        row = as_row(call, BOOK)
        assert changed(row, BOOK) is None, card.catalogue_id


def test_every_model_of_the_catalogue_is_priced_again_as_it_was() -> None:
    random = Random(7)  # noqa: S311
    for card in MODELS:
        row = as_row(make_call(card.provider, card.catalogue_id, usage=random_usage(random, card)), BOOK)
        assert changed(row, BOOK) is None, card.catalogue_id


@pytest.mark.parametrize(
    "fields",
    [
        {"usage": Usage(rule="unstated")},
        {"usage": Usage(rule="unstated"), "status": "error"},
        {"usage": Usage(), "usage_partial": True},
        {"usage": Usage(rule="estimated"), "usage_estimated": True},
        {"usage": Usage(inconsistent=True)},
        {"usage": Usage(rule="unstated"), "reported_cost_usd": Decimal("0.25")},
    ],
)
def test_unknown_usage_stays_as_unknown_as_it_was(fields: dict[str, Any]) -> None:
    row = as_row(make_call("openai", "gpt-4o", **fields), BOOK)

    assert changed(row, BOOK) is None
    assert (row["price_match"] == "no-usage") is (fields.get("status") != "error")


def test_extra_units_come_back_as_the_exact_numbers_that_were_priced() -> None:
    usage = Usage(extra_units={"web_searches": Decimal("0.1"), "ocr_pages": Decimal(3)})

    call = stored_call(as_row(make_call("openai", "gpt-4o", usage=usage), BOOK))

    assert call.usage.extra_units == {"web_searches": Decimal("0.1"), "ocr_pages": Decimal(3)}


def test_a_moment_in_another_zone_is_the_same_moment_in_utc() -> None:
    row = as_row(make_call("openai", "gpt-4o", started_at=NOON), BOOK)

    call = stored_call(row | {"started_at": datetime.fromisoformat("2026-07-14T14:00:00+02:00")})

    assert (call.started_at, call.started_at.tzinfo) == (NOON, UTC)


# --- What it adds to rollups ---


def change_of(before: str, after: str, **fields: Any) -> Change:
    """A call of 1,000,000 input tokens from the price ``before`` to ``after``, USD for a million; '' is no card."""
    usage = Usage(input_tokens=1_000_000)
    call = make_call("openai", "m", usage=usage, started_at=NOON, **fields)
    found = changed(as_row(call, _book(before)), _book(after))
    assert found is not None
    return found


def _book(price: str) -> PriceBook:
    return PriceBook([make_card({"input_tokens": price})] if price else [])


def only(rows: list[Any], table: str) -> dict[str, Any]:
    (row,) = rows
    return dict(zip(store.rollup_columns(table), row, strict=True))


def deltas(*changes: Change) -> dict[str, list[Any]]:
    return rollup_deltas(changes, organization_id=1, local_time=LocalTime("Asia/Kathmandu"))


def test_another_price_of_the_same_model_adds_the_difference_and_no_call() -> None:
    found = deltas(change_of("2", "3", latency_ms=0.1), change_of("2", "5", latency_ms=0.2))

    hour, day = only(found[store.HOURLY], store.HOURLY), only(found[store.DAILY], store.DAILY)
    assert hour["cost_usd"] == hour["cost_input_usd"] == Decimal(4)
    assert (hour["calls"], hour["input_tokens"], hour["latency_sum_ms"], hour["latency_histogram"]) == (0, 0, 0, "0")
    assert (day["bucket_date"], day["cost_usd"]) == (NOON.date(), Decimal(4))
    assert hour["bucket_start"] == datetime(2026, 7, 14, 11, 15, tzinfo=UTC)


def test_a_first_price_takes_the_call_from_the_unpriced_ones() -> None:
    hour = only(deltas(change_of("", "3"))[store.HOURLY], store.HOURLY)

    assert (hour["calls"], hour["unpriced_calls"], hour["cost_usd"]) == (0, -1, Decimal(3))


def test_another_model_moves_all_that_the_call_adds_histograms_too() -> None:
    other = change_of("2", "3", latency_ms=250.0)
    renamed = other._replace(after=("renamed", *other.after[1:]))

    rows = deltas(renamed)[store.HOURLY]

    named = [dict(zip(store.rollup_columns(store.HOURLY), row, strict=True)) for row in rows]
    assert [(row["model_key"], row["calls"], row["cost_usd"]) for row in named] == [
        ("m", -1, Decimal(-2)),
        ("renamed", 1, Decimal(3)),
    ]
    assert int(named[0]["latency_histogram"]) == -int(named[1]["latency_histogram"]) != 0
    assert [calls_of(store.HOURLY, row) for row in rows] == [-1, 1]
    assert key_of(store.HOURLY, rows[0])[:1] == (1,)
    assert len(key_of(store.HOURLY, rows[0])) == len(store.rollup_key(store.HOURLY))


def test_what_moves_away_and_back_adds_nothing() -> None:
    there = change_of("2", "3")
    back = there._replace(before=("x", *there.after[1:]), after=there.before)
    there = there._replace(after=("x", *there.after[1:]))

    assert deltas(there, back) == {store.HOURLY: [], store.DAILY: []}


def test_a_call_that_is_in_no_rollup_adds_nothing() -> None:
    assert deltas(change_of("2", "3")._replace(is_counted=False)) == {store.HOURLY: [], store.DAILY: []}


# --- The report ---


def test_a_tally_says_what_changes_and_sums_known_costs_only() -> None:
    tally = Tally()

    tally.count([change_of("", "3"), change_of("2", "")], seen=5, unchanged_cost=Decimal(10))

    assert (tally.calls_seen, tally.calls_changed, tally.newly_priced, tally.newly_unpriced) == (5, 2, 1, 1)
    assert (tally.old_cost_usd, tally.new_cost_usd) == (Decimal(12), Decimal(13))


def test_calls_that_are_in_no_rollup_are_counted_and_not_summed() -> None:
    tally = Tally()

    tally.count([change_of("2", "3")._replace(is_counted=False)], seen=1, unchanged_cost=Decimal(0))

    assert (tally.calls_changed, tally.old_cost_usd, tally.new_cost_usd) == (1, Decimal(0), Decimal(0))
    assert tally.differences == Differences()


def test_breakdowns_and_samples_are_bounded_and_lose_no_sum() -> None:
    tally = Tally()
    for n in range(MOST_ROWS + 20):
        tally.count([change_of("2", "3", feature=f"f{n}", call_id=f"c{n:03}")], seen=1, unchanged_cost=Decimal(0))

    rows = tally.differences.features
    assert (len(rows), rows[0].name, rows[0].calls) == (MOST_ROWS + 1, "(other)", 20)
    assert sum(row.difference_usd for row in rows) == Decimal(MOST_ROWS + 20)
    assert [one.call_id for one in tally.differences.samples] == [f"c{n:03}" for n in range(MOST_SAMPLES)]


def test_a_report_survives_its_json_exactly() -> None:
    tally = Tally()
    tally.count([change_of("", "0.000000000000000001")], seen=1, unchanged_cost=Decimal(0))

    assert from_json(msgspec.json.decode(msgspec.json.encode(as_json(tally.differences)))) == tally.differences
    assert from_json({}) == Differences()


@pytest.mark.parametrize("minimum", ["10", "0.5"])
def test_a_minimum_is_billed_again_as_it_was(minimum: str) -> None:
    prices = {"audio_seconds": UnitPrice(Decimal("0.04"), minimum=Decimal(minimum))}
    book = PriceBook([make_card(prices)])
    call = make_call("openai", "m", usage=Usage(extra_units={"audio_seconds": Decimal(3)}))

    assert changed(as_row(call, book), book) is None
