"""A call and its cost: what it is stored with, and who may change it."""

from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from random import Random

import msgspec
import pytest

from ingestion.pricing import book as book_module
from ingestion.pricing.book import PriceBook, Priced
from ingestion.pricing.cards import ALIAS, RateCard, Tier, UnitPrice, Window
from ingestion.tests.pricing.factories import NOW, make_call, make_card
from ingestion.wire.types import Call, Usage

ACME, GLOBEX = 1, 2
MILLION_IN = Usage(input_tokens=1_000_000)
MILLION_OUT = Usage(output_tokens=1_000_000)


def parts(priced: Priced) -> list[Decimal | None]:
    return [
        priced.cost_input,
        priced.cost_cached_input,
        priced.cost_cache_write,
        priced.cost_output,
        priced.cost_reasoning,
        priced.cost_other,
    ]


@pytest.mark.parametrize(
    ("provider", "model", "input_usd", "output_usd"),
    [
        ("openai", "gpt-4o", "2.50", "10.00"),
        ("openai", "gpt-4o-mini", "0.15", "0.60"),
        ("openai", "gpt-3.5-turbo", "0.50", "1.50"),
        ("anthropic", "claude-sonnet-4", "3.00", "15.00"),
        ("anthropic", "claude-3.5-haiku", "0.80", "4.00"),
        ("gcp.gemini", "gemini-2.5-pro", "1.25", "10.00"),
        ("gcp.gemini", "gemini-2.0-flash", "0.10", "0.40"),
        ("openai", "gpt-4o-2024-05-13", "5.00", "15.00"),
    ],
)
def test_well_known_models_cost_what_their_makers_publish(
    book: PriceBook, provider: str, model: str, input_usd: str, output_usd: str
) -> None:
    read = book.price(ACME, make_call(provider, model, usage=Usage(input_tokens=100_000)))
    written = book.price(ACME, make_call(provider, model, usage=MILLION_OUT))

    assert read.cost_usd == Decimal(input_usd) / 10
    assert written.cost_usd == Decimal(output_usd)
    assert (read.cost_source, read.price_match) == ("rate_card", "exact")


def test_a_priced_call_carries_its_card_its_key_and_its_parts() -> None:
    card = make_card({"input_tokens": "1", "cache_read_tokens": "0.1", "output_tokens": "2"}, id=17)
    usage = Usage(input_tokens=1_000, cached_input_tokens=500, output_tokens=10, reasoning_tokens=4)

    priced = PriceBook([card]).price(ACME, make_call("openai", "M", usage=usage))

    assert priced == Priced(
        model_key="m",
        cost_source="rate_card",
        price_match="exact",
        rate_card_id=17,
        cost_usd=Decimal("0.00057"),
        cost_input=Decimal("0.0005"),
        cost_cached_input=Decimal("0.00005"),
        cost_cache_write=Decimal(0),
        cost_output=Decimal("0.000012"),
        cost_reasoning=Decimal("0.000008"),
        cost_other=Decimal(0),
        inconsistent=False,
    )


def test_an_unknown_model_has_no_cost_rather_than_none_at_all(book: PriceBook) -> None:
    priced = book.price(ACME, make_call("openai", "openai/gpt-of-our-own", usage=MILLION_IN))

    assert priced.cost_usd is None
    assert parts(priced) == [None] * 6
    assert (priced.cost_source, priced.price_match, priced.rate_card_id) == ("none", "", None)
    assert priced.model_key == "gpt-of-our-own"


def test_the_response_model_names_an_unpriced_call(book: PriceBook) -> None:
    priced = book.price(ACME, make_call("vllm", "router", response_model="vllm/llama-9", usage=MILLION_IN))

    assert priced.model_key == "llama-9"


@pytest.mark.parametrize("provider", ["", "vllm", "nobody"])
def test_a_provider_outside_the_catalogue_prices_nothing(book: PriceBook, provider: str) -> None:
    assert book.price(ACME, make_call(provider, "gpt-4o", usage=MILLION_IN)).cost_usd is None


def test_a_reported_cost_stands_in_where_there_is_no_card(book: PriceBook) -> None:
    call = make_call("vllm", "llama-9", usage=MILLION_IN, reported_cost_usd=Decimal("0.42"))

    priced = book.price(ACME, call)

    assert priced.cost_source == "reported"
    assert priced.cost_usd == Decimal("0.42")
    assert parts(priced) == [0, 0, 0, 0, 0, Decimal("0.42")]


@pytest.mark.parametrize("reported", ["0", "-1", "NaN", "Infinity"])
def test_a_reported_cost_that_is_no_cost_is_not_used(book: PriceBook, reported: str) -> None:
    priced = book.price(ACME, make_call("vllm", "llama-9", reported_cost_usd=Decimal(reported)))

    assert (priced.cost_usd, priced.cost_source) == (None, "none")


def test_a_card_outranks_the_reported_cost(book: PriceBook) -> None:
    call = make_call("openai", "gpt-4o", usage=MILLION_IN, reported_cost_usd=Decimal(99))

    assert book.price(ACME, call).cost_usd == Decimal("2.5")


def test_a_price_of_zero_is_a_price() -> None:
    call = make_call("openai", "m", usage=MILLION_IN, reported_cost_usd=Decimal(3))

    priced = PriceBook([make_card({"input_tokens": "0"})]).price(ACME, call)

    assert (priced.cost_usd, priced.cost_source) == (Decimal(0), "rate_card")


def test_a_free_variant_in_the_catalogue_costs_nothing(book: PriceBook) -> None:
    priced = book.price(ACME, make_call("openrouter", "deepseek/deepseek-r1:free", usage=MILLION_IN))

    assert (priced.cost_usd, priced.cost_source) == (Decimal(0), "rate_card")
    assert priced.model_key == "deepseek/deepseek-r1:free"


@pytest.mark.parametrize("unknown", ["-1", "NaN"])
def test_a_router_whose_price_is_unknown_is_unpriced_even_if_another_card_fits(unknown: str) -> None:
    router = make_card({"input_tokens": unknown, "output_tokens": unknown}, catalogue_id="router/auto")
    catch_all = make_card({"input_tokens": "1"}, match={"contains": "auto"}, position=1, catalogue_id="other")

    priced = PriceBook([router, catch_all]).price(ACME, make_call("openai", "router/auto", usage=MILLION_IN))

    assert (priced.cost_usd, priced.cost_source, priced.price_match) == (None, "none", "exact")
    assert priced.rate_card_id is None
    assert priced.model_key == "router/auto"


def test_a_call_whose_billed_unit_nobody_counted_is_unpriced(book: PriceBook) -> None:
    call = make_call("groq", "whisper-large-v3", usage=Usage())
    counted = make_call("groq", "whisper-large-v3", usage=Usage(extra_units={"audio_seconds": Decimal(3_600)}))

    assert book.price(ACME, call).cost_usd is None
    assert book.price(ACME, counted).cost_usd == Decimal("0.111")


def test_contradicting_counts_are_passed_on(book: PriceBook) -> None:
    usage = Usage(input_tokens=1, cached_input_tokens=2)

    assert book.price(ACME, make_call("openai", "gpt-4o", usage=usage)).inconsistent
    assert book.price(ACME, make_call("vllm", "x", usage=Usage(inconsistent=True))).inconsistent


# Periods, hours and contexts


def test_a_new_price_begins_at_its_first_instant() -> None:
    change = datetime(2026, 5, 1, tzinfo=UTC)
    cards = [
        make_card({"input_tokens": "1"}, valid_to=change),
        make_card({"input_tokens": "2"}, valid_from=change),
    ]
    book = PriceBook(cards)

    def cost(at: datetime) -> Decimal | None:
        return book.price(ACME, make_call("openai", "m", usage=MILLION_IN, started_at=at)).cost_usd

    assert cost(datetime(1999, 1, 1, tzinfo=UTC)) == 1
    assert cost(change - timedelta(microseconds=1)) == 1
    assert cost(change) == 2
    assert cost(change.astimezone(timezone(timedelta(hours=-8)))) == 2


def test_a_dated_price_of_the_catalogue_begins_at_midnight_utc(book: PriceBook) -> None:
    def cost(at: datetime) -> Decimal | None:
        return book.price(ACME, make_call("deepseek", "deepseek-v4-pro", usage=MILLION_IN, started_at=at)).cost_usd

    assert cost(datetime(2026, 8, 16, 23, 59, 59, 999_999, tzinfo=UTC)) == Decimal("0.435")
    assert cost(datetime(2026, 8, 17, tzinfo=UTC)) == Decimal("0.66")


def test_a_model_outside_its_period_is_unpriced_and_leaves_the_id_to_the_next() -> None:
    end = datetime(2026, 5, 1, tzinfo=UTC)
    old = make_card({"input_tokens": "1"}, valid_to=end, catalogue_id="old", match={"equals": "x"})
    heir = make_card({"input_tokens": "2"}, catalogue_id="heir", match={"starts_with": "x"}, position=1)
    call = make_call("openai", "x", usage=MILLION_IN, started_at=end)

    assert PriceBook([old]).price(ACME, call).cost_usd is None
    assert PriceBook([old, heir]).price(ACME, call).model_key == "heir"


@pytest.mark.parametrize(
    ("hour", "minute", "input_usd"),
    [(0, 29, "0.435"), (1, 0, "0.66"), (3, 59, "0.66"), (4, 0, "0.435"), (6, 0, "0.66"), (10, 0, "0.435")],
)
def test_the_hour_of_the_day_decides_in_utc(hour: int, minute: int, input_usd: str) -> None:
    peak = {"input_tokens": "0.66"}
    book = PriceBook(
        [
            make_card(peak, window=Window(time(1), time(4))),
            make_card(peak, window=Window(time(6), time(10))),
            make_card({"input_tokens": "0.435"}),
        ]
    )
    at = datetime(2026, 11, 1, hour, minute, tzinfo=UTC)

    here = book.price(ACME, make_call("openai", "m", usage=MILLION_IN, started_at=at))
    elsewhere = at.astimezone(timezone(timedelta(hours=9, minutes=30)))
    there = book.price(ACME, make_call("openai", "m", usage=MILLION_IN, started_at=elsewhere))

    assert here.cost_usd == there.cost_usd == Decimal(input_usd)


@pytest.mark.parametrize(
    ("at", "input_usd"), [("00:29:59", "0.135"), ("00:30:00", "0.27"), ("16:29:59", "0.27"), ("16:30:00", "0.135")]
)
def test_off_peak_hours_of_the_catalogue_go_over_midnight(book: PriceBook, at: str, input_usd: str) -> None:
    started_at = datetime.fromisoformat(f"2026-01-01T{at}+00:00")

    priced = book.price(ACME, make_call("deepseek", "deepseek-chat", usage=MILLION_IN, started_at=started_at))

    assert priced.cost_usd == Decimal(input_usd)


@pytest.mark.parametrize(
    ("tier", "input_usd"),
    [
        ("standard", "2.50"),
        ("batch", "1.25"),
        ("priority", "4.25"),
        ("fast", "4.25"),
        ("flex", "2.50"),
        ("odd", "2.50"),
    ],
)
def test_the_service_tier_picks_the_price_and_falls_back_to_the_standard(
    book: PriceBook, tier: str, input_usd: str
) -> None:
    priced = book.price(ACME, make_call("openai", "gpt-4o", usage=MILLION_IN, service_tier=tier))

    assert priced.cost_usd == Decimal(input_usd)


def test_a_batch_price_keeps_what_it_does_not_change(book: PriceBook) -> None:
    usage = Usage(input_tokens=1_000_000, cached_input_tokens=1_000_000)

    priced = book.price(ACME, make_call("openai", "gpt-4o", usage=usage, service_tier="batch"))

    assert priced.cost_usd == Decimal("1.25")  # the cached rate of the standard price


def test_fast_is_anthropics_speed(book: PriceBook) -> None:
    usual = book.price(ACME, make_call("anthropic", "claude-opus-5", usage=MILLION_OUT))
    fast = book.price(ACME, make_call("anthropic", "claude-opus-5", usage=MILLION_OUT, service_tier="fast"))

    assert usual.cost_usd is not None
    assert fast.cost_usd is not None
    assert fast.cost_usd > usual.cost_usd


def test_a_reseller_charges_the_makers_price_under_its_own_name(book: PriceBook) -> None:
    azure = book.price(ACME, make_call("azure.ai.openai", "gpt-4o-mini", usage=MILLION_IN))
    vertex = book.price(ACME, make_call("gcp.vertex_ai", "claude-sonnet-4@20250514", usage=MILLION_OUT))

    assert azure.cost_usd == Decimal("0.15")
    assert vertex.cost_usd == Decimal(15)


def test_a_catalogue_tier_starts_one_token_above_its_threshold(book: PriceBook) -> None:
    at = book.price(ACME, make_call("gcp.gemini", "gemini-2.5-pro", usage=Usage(input_tokens=200_000)))
    above = book.price(ACME, make_call("gcp.gemini", "gemini-2.5-pro", usage=Usage(input_tokens=200_001)))

    assert at.cost_usd == Decimal("0.25")
    assert above.cost_usd == Decimal("0.5000025")


# Organizations' own cards


def override(prices: dict[str, str], **fields: object) -> RateCard:
    given: dict[str, object] = {"organization_id": ACME, "source": "manual"} | fields
    return make_card(prices, **given)


def test_an_override_holds_for_its_organization_alone() -> None:
    book = PriceBook([make_card({"input_tokens": "1"}), override({"input_tokens": "0.5"}, id=9)])
    call = make_call("openai", "m", usage=MILLION_IN)

    acme, globex = book.price(ACME, call), book.price(GLOBEX, call)

    assert (acme.cost_usd, acme.cost_source, acme.price_match, acme.rate_card_id) == (
        Decimal("0.5"),
        "override",
        "override",
        9,
    )
    assert (globex.cost_usd, globex.cost_source, globex.price_match) == (Decimal(1), "rate_card", "exact")


def test_an_override_outside_its_period_or_provider_leaves_the_catalogue_in_charge() -> None:
    later = override({"input_tokens": "0.5"}, valid_from=NOW + timedelta(days=1))
    elsewhere = override({"input_tokens": "0.4"}, provider="azure")
    book = PriceBook([make_card({"input_tokens": "1"}), later, elsewhere])

    assert book.price(ACME, make_call("openai", "m", usage=MILLION_IN)).cost_usd == 1


def test_an_override_names_its_provider_in_either_vocabulary_or_not_at_all() -> None:
    call = make_call("gcp.gemini", "m", usage=MILLION_IN)

    for provider in ("google", "gcp.gemini", ""):
        book = PriceBook([override({"input_tokens": "0.5"}, provider=provider)])
        assert book.price(ACME, call).cost_usd == Decimal("0.5")


def test_an_override_for_some_hours_leaves_the_others_to_the_catalogue() -> None:
    night = override({"input_tokens": "0.5"}, window=Window(time(22), time(6)))
    book = PriceBook([make_card({"input_tokens": "1"}), night])

    def cost(hour: int) -> Decimal | None:
        at = NOW.replace(hour=hour)
        return book.price(ACME, make_call("openai", "m", usage=MILLION_IN, started_at=at)).cost_usd

    assert [cost(5), cost(6), cost(21), cost(22)] == [Decimal("0.5"), 1, 1, Decimal("0.5")]


def test_an_alias_prices_an_id_as_a_catalogue_model_of_any_provider() -> None:
    change = datetime(2026, 6, 1, tzinfo=UTC)
    book = PriceBook(
        [
            make_card({"input_tokens": "1"}, id=3, valid_to=change),
            make_card({"input_tokens": "2"}, id=4, valid_from=change),
            make_card({"input_tokens": "0.2"}, id=5, context={"processing": "batch"}),
            override({}, source=ALIAS, match={"equals": "arn:aws:bedrock:profile/x"}),
        ]
    )

    def cost(**fields: object) -> tuple[Decimal | None, int | None, str, str, str]:
        call = make_call("aws.bedrock", "arn:aws:bedrock:profile/x", usage=MILLION_IN, **fields)
        priced = book.price(ACME, call)
        return priced.cost_usd, priced.rate_card_id, priced.cost_source, priced.price_match, priced.model_key

    assert cost() == (Decimal(2), 4, "rate_card", "alias", "m")
    assert cost(started_at=datetime(2026, 1, 1, tzinfo=UTC)) == (Decimal(1), 3, "rate_card", "alias", "m")
    assert cost(service_tier="batch") == (Decimal("0.2"), 5, "rate_card", "alias", "m")


def test_an_alias_begins_and_ends_when_it_says() -> None:
    alias = override({}, source=ALIAS, match={"equals": "prod"}, valid_from=NOW, valid_to=NOW + timedelta(days=1))
    book = PriceBook([make_card({"input_tokens": "1"}), alias])

    def cost(at: datetime) -> Decimal | None:
        return book.price(ACME, make_call("openai", "prod", usage=MILLION_IN, started_at=at)).cost_usd

    assert cost(NOW - timedelta(microseconds=1)) is None
    assert cost(NOW) == 1
    assert cost(NOW + timedelta(days=1)) is None


def test_an_alias_to_a_model_that_does_not_exist_prices_nothing() -> None:
    book = PriceBook([override({}, source=ALIAS, catalogue_id="gone", match={"equals": "prod"})])

    assert book.price(ACME, make_call("openai", "prod", usage=MILLION_IN)).cost_usd is None


def test_a_tenants_regular_expression_is_never_run() -> None:
    book = PriceBook([override({"input_tokens": "1"}, match={"or": [{"regex": "(a+)+$"}]})])

    assert book.price(ACME, make_call("openai", "a" * 200, usage=MILLION_IN)).cost_usd is None


# The cache


def test_random_model_ids_do_not_grow_the_book(book: PriceBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book_module, "CACHE_SIZE", 10)
    book = PriceBook([make_card({"input_tokens": "1"})])

    for number in range(100):
        book.price(ACME, make_call("openai", f"made-up-{number}"))
    priced = book.price(ACME, make_call("openai", "m", usage=MILLION_IN))

    assert len(book._timelines) <= 10
    assert priced.cost_usd == 1


def test_calls_in_any_order_of_time_cost_what_their_own_time_says(book: PriceBook) -> None:
    random = Random(3)  # noqa: S311
    days = [datetime(2026, 8, 1, tzinfo=UTC) + timedelta(hours=random.randrange(2_000)) for _ in range(200)]

    for at in days:
        cost = book.price(ACME, make_call("deepseek", "deepseek-v4-pro", usage=MILLION_IN, started_at=at)).cost_usd
        usual = Decimal("0.66") if at >= datetime(2026, 8, 17, tzinfo=UTC) else Decimal("0.435")
        # The catalogue's peak hours have no first day.
        fresh = Decimal("1.32") if at.hour in {1, 2, 3, 6, 7, 8, 9} else usual
        assert cost == fresh


def test_tiers_survive_the_cache() -> None:
    book = PriceBook([make_card({"input_tokens": UnitPrice(Decimal(1), (Tier(10, Decimal(2)),))})])

    costs = [
        book.price(ACME, make_call("openai", "m", usage=Usage(input_tokens=count))).cost_usd for count in (10, 11, 10)
    ]

    assert costs == [Decimal("0.00001"), Decimal("0.000022"), Decimal("0.00001")]


# --- Usage that nobody knows ---

SAID = Decimal("0.25")
TOKENS = make_card({"input_tokens": "1", "output_tokens": "2"}, id=17, catalogue_id="m-2026")
PARTLY_FREE = make_card({"input_tokens": "0", "output_tokens": "2"})
FEE_AND_TOKENS = make_card({"requests": "40", "input_tokens": "1"})
TIERED_FEE = make_card({"requests": UnitPrice(Decimal(40), (Tier(10, Decimal(50)),))})
NO_PRICE = make_card({"input_tokens": "-1"})
SEARCHES = make_card({"web_searches": "25"})


def unstated(**fields):
    return make_call("openai", "m", usage=Usage(rule="unstated"), **fields)


def test_usage_that_nobody_knows_has_no_cost_and_stays_with_its_model() -> None:
    card = msgspec.structs.replace(TOKENS, match={"equals": "m"})

    assert PriceBook([card]).price(ACME, unstated()) == Priced(
        model_key="m-2026",
        cost_source="none",
        price_match="no-usage",
        rate_card_id=None,
        cost_usd=None,
        cost_input=None,
        cost_cached_input=None,
        cost_cache_write=None,
        cost_output=None,
        cost_reasoning=None,
        cost_other=None,
        inconsistent=False,
    )


@pytest.mark.parametrize("card", [TOKENS, PARTLY_FREE, FEE_AND_TOKENS, TIERED_FEE, NO_PRICE, SEARCHES])
def test_whatever_depends_on_usage_is_unknown_without_it(card: RateCard) -> None:
    card = msgspec.structs.replace(card, match={"equals": "m"})

    priced = PriceBook([card]).price(ACME, unstated())

    assert (priced.cost_usd, priced.cost_source, priced.price_match) == (None, "none", "no-usage")
    assert parts(priced) == [None] * 6


def test_without_a_card_the_usage_is_the_first_thing_that_lacks() -> None:
    priced = PriceBook([]).price(ACME, unstated(response_model="m-7"))

    assert (priced.cost_usd, priced.price_match, priced.model_key) == (None, "no-usage", "m-7")


@pytest.mark.parametrize(
    ("prices", "cost"),
    [({}, "0"), ({"input_tokens": "0", "output_tokens": "0"}, "0"), ({"requests": "40", "output_tokens": "0"}, "0.04")],
)
def test_what_costs_the_same_whatever_is_used_needs_no_usage(prices: dict[str, str], cost: str) -> None:
    priced = PriceBook([make_card(prices)]).price(ACME, unstated())

    assert (priced.cost_usd, priced.cost_source, priced.price_match) == (Decimal(cost), "rate_card", "exact")


@pytest.mark.parametrize("cards", [[], [TOKENS]])
def test_a_reported_cost_counts_where_the_usage_is_unknown(cards: list[RateCard]) -> None:
    cards = [msgspec.structs.replace(card, match={"equals": "m"}) for card in cards]

    priced = PriceBook(cards).price(ACME, unstated(reported_cost_usd=SAID))

    assert (priced.cost_usd, priced.cost_source, priced.price_match) == (SAID, "reported", "no-usage")
    assert (priced.cost_input, priced.cost_other, priced.rate_card_id) == (Decimal(0), SAID, None)


@pytest.mark.parametrize("said", ["0", "-1", "NaN"])
def test_a_reported_cost_of_nothing_is_no_known_0(said: str) -> None:
    assert (
        PriceBook([make_card({"input_tokens": "1"})]).price(ACME, unstated(reported_cost_usd=Decimal(said))).cost_usd
        is None
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"usage_partial": True, "usage_estimated": True},
        {"usage_partial": True},
        {"usage_estimated": True},
        {"usage_partial": True, "status": "error"},
    ],
)
def test_counts_of_0_that_are_not_all_are_unknown_however_they_were_read(fields: dict[str, object]) -> None:
    call = make_call("openai", "m", usage=Usage(rule="estimated"), **fields)

    assert PriceBook([make_card({"input_tokens": "1"})]).price(ACME, call).price_match == "no-usage"


@pytest.mark.parametrize(
    "call",
    [
        unstated(status="error"),
        make_call("openai", "m"),  # stated to be 0
    ],
)
def test_nothing_that_was_used_costs_nothing(call: Call) -> None:
    priced = PriceBook([make_card({"input_tokens": "1"})]).price(ACME, call)

    assert (priced.cost_usd, priced.cost_source, priced.price_match) == (Decimal(0), "rate_card", "exact")


def test_units_alone_that_the_card_has_no_price_for_have_no_known_cost() -> None:
    only_sound = Usage(rule="unstated", extra_units={"audio_seconds": Decimal(30)})
    with_text = Usage(input_tokens=1_000_000, extra_units={"audio_seconds": Decimal(30)})
    book = PriceBook([make_card({"input_tokens": "1"})])

    silent, partly = (book.price(ACME, make_call("openai", "m", usage=usage)) for usage in (only_sound, with_text))

    assert (silent.cost_usd, silent.cost_source, silent.price_match) == (None, "none", "exact")
    assert (partly.cost_usd, partly.cost_source) == (Decimal(1), "rate_card")


def test_units_that_a_free_card_has_no_price_for_are_free() -> None:
    usage = Usage(extra_units={"audio_seconds": Decimal(30)})

    priced = PriceBook([make_card({"input_tokens": "0"})]).price(ACME, make_call("openai", "m", usage=usage))

    assert (priced.cost_usd, priced.cost_source) == (Decimal(0), "rate_card")


def test_a_part_that_was_counted_is_priced_although_its_whole_is_0() -> None:
    card = make_card({"input_tokens": "1", "output_tokens": "2"})
    usage = Usage(image_output_tokens=1_000_000, rule="unstated", inconsistent=True)

    priced = PriceBook([card]).price(ACME, make_call("openai", "m", usage=usage))

    assert (priced.cost_usd, priced.inconsistent) == (Decimal(2), True)
