"""Rate cards as people look for them."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest

from core.scope import org_scope
from dashboards.tests.factories import make_rollup
from ingestion.pricing import listing, rows, usage
from ingestion.pricing.cards import Tier, UnitPrice, Window
from ingestion.pricing.usage import Used
from ingestion.tests.pricing.factories import make_card
from ingestion.tests.pricing.scene import hours_ago, import_catalogue, prices, set_price
from tenants.models import Project

NOW = datetime.now(UTC)
USED = {("openai", "gpt-4o"): Used(calls=5, cost_usd=Decimal(1))}


@pytest.fixture(autouse=True)
def catalogue_imported(db):
    import_catalogue()


def entries(organization, *, at=NOW, used=None, **narrow):
    with org_scope(organization.pk):
        return listing.narrowed(listing.entries(at=at, used=used or {}), **narrow)


def named(found):
    return [(entry.kind, entry.card.provider, entry.model) for entry in found]


def test_the_catalogue_and_the_own_cards_are_one_list_in_a_fixed_order(acme, globex):
    set_price(acme, "coder", provider="vllm")
    set_price(acme, "prod-chat", target=("anthropic", "claude-sonnet-4"))
    set_price(globex, "theirs")

    assert named(entries(acme)) == [
        ("catalogue", "anthropic", "claude-sonnet-4"),
        ("alias", "anthropic", "prod-chat"),
        ("catalogue", "openai", "gpt-4o"),
        ("catalogue", "openai", "gpt-4o"),
        ("catalogue", "openai", "gpt-4o-mini"),
        ("catalogue", "openai", "router"),
        ("override", "vllm", "coder"),
    ]


def test_only_cards_that_hold_at_the_moment_are_listed_unless_all_are_asked_for(acme):
    set_price(acme, "coder", valid_from=NOW - timedelta(days=9))
    set_price(acme, "coder", valid_from=NOW + timedelta(days=9), prices=prices(input="3"))

    def inputs(at):
        return [str(entry.card.prices["input_tokens"].base) for entry in entries(acme, at=at, kinds=["override"])]

    assert inputs(NOW) == ["1"]
    assert inputs(NOW - timedelta(days=10)) == []
    assert inputs(NOW + timedelta(days=10)) == ["3"]
    assert inputs(None) == ["1", "3"]


@pytest.mark.parametrize(
    ("narrow", "models"),
    [
        ({"text": "SONNET"}, ["claude-sonnet-4"]),
        ({"text": "gpt 4o"}, ["gpt-4o"]),
        ({"text": "openai", "kinds": ["override"]}, ["gpt-4o"]),
        ({"provider": "anthropic"}, ["claude-sonnet-4"]),
        ({"provider": "vllm"}, ["coder"]),
        ({"model": "GPT-4o-mini"}, ["gpt-4o-mini"]),
        ({"text": "nothing"}, []),
    ],
)
def test_the_list_is_narrowed_by_text_provider_model_and_kind(acme, narrow, models):
    set_price(acme, "coder", provider="vllm")
    set_price(acme, "gpt-4o", provider="openai")

    assert sorted({entry.model for entry in entries(acme, **narrow)}) == models


def test_a_provider_is_found_by_any_spelling(acme):
    set_price(acme, "deployment", provider="azure")

    assert named(entries(acme, provider="azure.ai.openai")) == [("override", "azure.ai.openai", "deployment")]
    assert [entry.model for entry in entries(acme, provider="Azure", kinds=["override"])] == []


def test_models_in_use_are_marked_own_ones_for_any_provider_too(acme):
    set_price(acme, "gpt-4o")

    found = {(entry.kind, entry.model): entry.used for entry in entries(acme, used=USED)}

    assert found["catalogue", "gpt-4o"] == found["override", "gpt-4o"] == USED["openai", "gpt-4o"]
    assert found["catalogue", "gpt-4o-mini"] is None


def test_an_alias_shows_the_prices_of_its_model_at_that_time(acme):
    set_price(acme, "prod-chat", target=("openai", "gpt-4o"))

    (entry,) = entries(acme, kinds=["alias"])

    assert entry.priced is not None
    assert str(entry.priced.prices["input_tokens"].base) == "2.5"


def test_the_history_of_a_model_has_own_cards_first_and_the_latest_first(acme, globex):
    set_price(acme, "gpt-4o", provider="openai", valid_from=NOW - timedelta(days=9))
    set_price(acme, "gpt-4o", provider="openai", valid_from=NOW - timedelta(days=3))
    set_price(acme, "prod-chat", target=("openai", "gpt-4o"))
    set_price(globex, "gpt-4o")

    with org_scope(acme.pk):
        found = listing.history(provider="openai", model="gpt-4o", now=NOW)

    assert [(entry.kind, entry.model, entry.holds) for entry in found] == [
        ("override", "gpt-4o", True),
        ("override", "gpt-4o", False),
        ("alias", "prod-chat", True),
        ("catalogue", "gpt-4o", True),
        ("catalogue", "gpt-4o", True),
    ]


def test_a_model_nobody_knows_has_no_history(acme):
    with org_scope(acme.pk):
        assert listing.history(provider="x", model="y", now=NOW) == []


# --- Rows ---


def test_a_row_is_a_model_and_says_what_else_there_is(acme):
    (row,) = rows.list_rows(entries(acme, model="gpt-4o"))

    assert (row.prices, row.notes, row.entry.card.context) == (["$2.50", "", "", "$10.00"], ["batch"], {})


def test_tiers_hours_and_free_models_are_noted(acme):
    tiers = UnitPrice(Decimal(1), (Tier(200_000, Decimal(2)),))
    import_catalogue(
        make_card({"input_tokens": tiers}, catalogue_id="tiered", window=Window(time(8), time(8, 1))),
        make_card({"input_tokens": tiers}, catalogue_id="tiered", window=Window(time(8, 1), time(8))),
        make_card({}, catalogue_id="free"),
        make_card({"input_tokens": "-1"}, catalogue_id="unknown"),
        now=hours_ago(1),
    )

    found = {row.entry.model: row for row in rows.list_rows(entries(acme))}

    assert found["tiered"].notes == ["tiers", "by hour"]
    assert (found["free"].notes, found["free"].prices) == (["free"], ["", "", "", ""])
    assert found["unknown"].prices[0] == "unknown"


def test_an_alias_of_nothing_has_no_prices(acme):
    set_price(acme, "prod-chat", target=("openai", "gpt-4o"))
    import_catalogue(make_card({"input_tokens": "1"}, catalogue_id="other"), now=hours_ago(1))

    (row,) = rows.list_rows(entries(acme, kinds=["alias"]))

    assert row.prices == ["", "", "", ""]


def test_a_period_row_has_prices_and_conditions_in_words(acme):
    card = set_price(acme, "gpt-4o", provider="openai", valid_from=NOW - timedelta(days=3))
    with org_scope(acme.pk):
        found = rows.period_rows(listing.history(provider="openai", model="gpt-4o", now=NOW))

    assert found[0].card.id == card.id
    assert [(amount.unit, amount.text) for amount in found[0].amounts] == [("input", "$1.00"), ("output", "$2.00")]
    assert sorted(tuple(row.conditions) for row in found[1:]) == [(), ("batch",)]
    assert not any(row.is_replaced for row in found)


# --- Models in use ---


def test_models_in_use_are_summed_over_a_month_by_the_catalogues_names(acme, acme_project):
    with org_scope(acme.pk):
        for days, provider, model, calls in (
            (0, "openai", "gpt-4o", 2),
            (29, "openai", "gpt-4o", 3),
            (40, "openai", "gpt-4o", 100),
            (1, "azure.ai.openai", "gpt-4o", 7),
            (1, "vllm", "coder", 1),
        ):
            day = (NOW - timedelta(days=days)).date()
            sums = {"calls": calls, "cost_usd": Decimal(calls), "unpriced_calls": calls if provider == "vllm" else 0}
            make_rollup(acme_project, day, provider=provider, model_key=model, **sums)

        found = usage.used_models(organization=acme, now=NOW)

    assert found == {
        ("openai", "gpt-4o"): Used(calls=5, cost_usd=Decimal(5)),
        ("azure", "gpt-4o"): Used(calls=7, cost_usd=Decimal(7)),
        ("vllm", "coder"): Used(calls=1, cost_usd=Decimal(1), unpriced_calls=1),
    }
    assert found["azure", "gpt-4o"].known_cost_usd == 7
    assert found["vllm", "coder"].known_cost_usd is None


def test_nothing_is_in_use_in_an_organization_without_calls(acme, globex, scope):
    with scope(globex):
        make_rollup(Project.objects.get(), NOW.date())
    with org_scope(acme.pk):
        assert usage.used_models(organization=acme, now=NOW) == {}
