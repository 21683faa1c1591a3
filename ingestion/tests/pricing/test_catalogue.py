"""The installed catalogue as cards: nothing lost, nothing invented, storable as rows."""

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal

import msgspec
import pytest
from genai_prices.data import providers
from genai_prices.types import (
    ClauseAnd,
    ClauseContains,
    ClauseEndsWith,
    ClauseEquals,
    ClauseOr,
    ClauseRegex,
    ClauseStartsWith,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)

from ingestion.pricing import cards
from ingestion.pricing.cards import RateCard, UnitPrice, Window
from ingestion.pricing.catalogue import SOURCE, catalogue_cards, clause_json, provider_clauses

MAY = datetime(2026, 5, 1, tzinfo=UTC)


def make_provider(*models: ModelInfo, provider_id: str = "p", fallback: list[str] | None = None) -> Provider:
    return Provider(
        id=provider_id,
        name=provider_id.upper(),
        api_pattern="",
        models=list(models),
        fallback_model_providers=fallback,
    )


def make_model(
    prices: ModelPrice | list[ConditionalPrice],
    *,
    name: str = "m",
    variants: list[PriceVariant] | None = None,
) -> ModelInfo:
    return ModelInfo(id=name, match=ClauseEquals(name), prices=prices, price_variants=variants)


def usd(amount: str) -> ModelPrice:
    return ModelPrice(input_mtok=Decimal(amount))


def summary(found: list[RateCard]) -> list[tuple[datetime | None, datetime | None, dict[str, str], str]]:
    return [(card.valid_from, card.valid_to, card.context, str(card.prices["input_tokens"].base)) for card in found]


def test_the_catalogue_has_a_card_for_every_model(catalogue: list[RateCard]) -> None:
    own = [card for card in catalogue if card.source == SOURCE]

    assert len({card.model for card in own}) == sum(len(provider.models) for provider in providers) >= 2_000
    assert sum(card.valid_from is not None and not card.context for card in own) >= 230
    assert {json.dumps(card.context) for card in own} >= {
        "{}",
        '{"processing": "batch"}',
        '{"service_tier": "priority"}',
        '{"speed": "fast"}',
    }
    assert sum(card.window is not None for card in own) >= 10
    assert all(card.is_priced for card in own)


def test_no_two_cards_say_something_about_the_same(catalogue: list[RateCard]) -> None:
    keys = {(*card.model, card.valid_from, card.window, json.dumps(card.context)) for card in catalogue}

    assert len(keys) == len(catalogue)


def test_a_card_survives_the_way_through_json_columns(catalogue: list[RateCard]) -> None:
    for card in catalogue:
        row = cards.to_row(card)
        for column in ("match", "window", "context", "prices"):
            row[column] = json.loads(json.dumps(row[column]))

        assert cards.from_row(row) == card


def test_a_row_has_the_columns_of_the_table_and_prices_as_decimal_strings() -> None:
    tiered = TieredPrices(base=Decimal("1.25"), tiers=[Tier(start=200_000, price=Decimal("2.50"))])
    model = make_model(ModelPrice(input_mtok=tiered, web_searches_kcount=Decimal(10)))
    (card,) = catalogue_cards([make_provider(model)])

    assert cards.to_row(card) == {
        "id": None,
        "organization_id": None,
        "provider": "p",
        "provider_name": "P",
        "catalogue_id": "m",
        "model_name": "m",
        "position": 0,
        "match": {"equals": "m"},
        "valid_from": None,
        "valid_to": None,
        "window": None,
        "context": {},
        "prices": {
            "input_tokens": {"base": "1.25", "tiers": [{"start": 200_000, "price": "2.50"}]},
            "web_searches": {"base": "10", "tiers": []},
        },
        "source": SOURCE,
        "version": card.version,
    }


def test_a_row_of_another_shape_is_refused() -> None:
    (card,) = catalogue_cards([make_provider(make_model(usd("1")))])
    row = cards.to_row(card) | {"prices": {"input_tokens": "1"}}

    with pytest.raises(msgspec.ValidationError):
        cards.from_row(row)


def test_times_of_a_row_are_read_in_utc() -> None:
    (card,) = catalogue_cards([make_provider(make_model(usd("1")))])
    row = cards.to_row(card) | {"valid_from": datetime.fromisoformat("2026-05-01T02:00+02:00")}

    assert cards.from_row(row).valid_from == MAY
    assert cards.from_row(row).valid_from.tzinfo is UTC  # type: ignore[union-attr]


def test_dated_prices_become_half_open_periods_at_midnight_utc() -> None:
    prices = [
        ConditionalPrice(prices=usd("3")),
        ConditionalPrice(StartDateConstraint(date(2026, 5, 1)), prices=usd("2")),
        ConditionalPrice(StartDateConstraint(date(2026, 6, 1)), prices=usd("1")),
    ]
    june = datetime(2026, 6, 1, tzinfo=UTC)

    found = catalogue_cards([make_provider(make_model(prices))])

    assert summary(found) == [(None, MAY, {}, "3"), (MAY, june, {}, "2"), (june, None, {}, "1")]


def test_a_start_that_changes_nothing_makes_no_card() -> None:
    prices = [
        ConditionalPrice(prices=usd("3")),
        ConditionalPrice(StartDateConstraint(date(2026, 5, 1)), prices=usd("3")),
    ]

    assert summary(catalogue_cards([make_provider(make_model(prices))])) == [(None, None, {}, "3")]


def test_a_variant_is_a_card_with_its_context_from_its_first_day() -> None:
    batch = PriceVariant({"processing": "batch"}, usd("1"), StartDateConstraint(date(2026, 5, 1)))
    default = PriceVariant({"service_tier": "default"}, ModelPrice())
    model = make_model(ModelPrice(input_mtok=Decimal(2), output_mtok=Decimal(8)), variants=[batch, default])

    found = catalogue_cards([make_provider(model)])

    assert summary(found) == [(None, None, {}, "2"), (MAY, None, {"processing": "batch"}, "1")]
    assert found[1].prices["output_tokens"] == UnitPrice(Decimal(8))


def test_times_of_day_become_windows_that_cover_the_day() -> None:
    peak = TimeOfDateConstraint(time(16, 30, tzinfo=UTC), time(0, 30, tzinfo=UTC))
    prices = [ConditionalPrice(prices=usd("1")), ConditionalPrice(peak, prices=usd("2"))]

    found = catalogue_cards([make_provider(make_model(prices))])

    assert {(card.window, str(card.prices["input_tokens"].base)) for card in found} == {
        (Window(time(0, 30), time(16, 30)), "1"),
        (Window(time(16, 30), time(0, 30)), "2"),
    }


def test_neighbouring_windows_of_one_price_are_one() -> None:
    morning = TimeOfDateConstraint(time(6), time(9))
    noon = TimeOfDateConstraint(time(9), time(12))
    prices = [
        ConditionalPrice(prices=usd("1")),
        ConditionalPrice(morning, prices=usd("2")),
        ConditionalPrice(noon, prices=usd("2")),
    ]

    found = catalogue_cards([make_provider(make_model(prices))])

    assert {card.window for card in found} == {Window(time(6), time(12)), Window(time(12), time(6))}


@pytest.mark.parametrize(
    ("window", "inside", "outside"),
    [
        (Window(time(1), time(4)), ["01:00:00", "03:59:59"], ["00:59:59", "04:00:00"]),
        (Window(time(22), time(6)), ["22:00:00", "23:59:59", "00:00:00", "05:59:59"], ["06:00:00", "21:59:59"]),
    ],
)
def test_a_window_is_half_open_and_may_go_over_midnight(window: Window, inside: list[str], outside: list[str]) -> None:
    assert all(window.contains(cards.second_of_day(time.fromisoformat(text))) for text in inside)
    assert not any(window.contains(cards.second_of_day(time.fromisoformat(text))) for text in outside)


@pytest.mark.parametrize("unknown", ["-1", "NaN"])
def test_an_unknown_price_is_kept_as_unknown(unknown: str) -> None:
    (card,) = catalogue_cards([make_provider(make_model(usd(unknown)))])

    assert not card.is_priced
    assert not cards.from_row(json.loads(json.dumps(cards.to_row(card)))).is_priced


def test_no_price_at_all_is_free_of_charge() -> None:
    (card,) = catalogue_cards([make_provider(make_model(ModelPrice()))])

    assert card.is_priced
    assert card.prices == {}


def test_a_reseller_has_the_makers_standard_prices_behind_its_own() -> None:
    batch = PriceVariant({"processing": "batch"}, usd("1"))
    maker = make_provider(make_model(usd("2"), variants=[batch]), provider_id="maker")
    reseller = make_provider(make_model(usd("9"), name="own"), provider_id="reseller", fallback=["maker", "nobody"])

    found = [card for card in catalogue_cards([reseller, maker]) if card.provider == "reseller"]

    assert [(card.catalogue_id, card.position, card.source, card.context) for card in found] == [
        ("own", 0, SOURCE, {}),
        ("m", 1, f"{SOURCE}:maker", {}),
    ]
    assert found[1].provider_name == "RESELLER"


def test_clauses_are_written_as_the_catalogues_own_json() -> None:
    clause = ClauseOr(
        [
            ClauseEquals("a"),
            ClauseAnd([ClauseStartsWith("b"), ClauseEndsWith("c")]),
            ClauseContains("d"),
            ClauseRegex("^e"),
        ]
    )

    assert clause_json(None) is None
    assert clause_json(clause) == {
        "or": [
            {"equals": "a"},
            {"and": [{"starts_with": "b"}, {"ends_with": "c"}]},
            {"contains": "d"},
            {"regex": "^e"},
        ]
    }


def test_providers_come_with_the_catalogues_clauses_in_its_order() -> None:
    known = {provider.id: provider for provider in provider_clauses()}

    assert known["anthropic"].model_match == {"contains": "claude"}
    assert known["x-ai"].provider_match == {"equals": "xai"}
    assert known["groq"].model_match is None


def test_groqs_shortest_billed_audio_is_on_its_cards(catalogue: list[RateCard]) -> None:
    whisper = [card for card in catalogue if card.provider == "groq" and card.catalogue_id == "whisper-large-v3"]

    assert whisper
    assert {price.minimum for card in whisper for price in card.prices.values()} == {Decimal(10)}
