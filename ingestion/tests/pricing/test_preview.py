"""What new prices would change, held against calls as they are stored."""

from decimal import Decimal

import pytest
from django.db import OperationalError

from core.scope import org_scope
from ingestion.pricing import overrides, preview, stored_calls
from ingestion.pricing.overrides import Wanted
from ingestion.tests.pricing.scene import hours_ago, import_catalogue, prices, record, set_price, unpriced
from tenants.models import Project


@pytest.fixture(autouse=True)
def catalogue_imported(db):
    import_catalogue()


@pytest.fixture
def looked(acme):
    """The preview of what is wanted, as lines of numbers."""

    def found(*wanted):
        with org_scope(acme.pk):
            cards = overrides.cards_for(organization=acme, wanted=wanted)
            plans = overrides.plans(organization=acme, cards=cards)
            return preview.preview(organization=acme, plans=plans, now=hours_ago(0))

    return found


def wanted(model, **given):
    return Wanted(model=model, **({"prices": prices()} | given))


def lines(found):
    return [(line.provider, line.model, line.calls, line.known_old_usd, line.known_new_usd) for line in found.lines]


def test_unpriced_calls_would_get_a_price(acme_project, looked):
    record(acme_project, unpriced(), unpriced(), unpriced(model="other"))

    found = looked(wanted("coder", provider="vllm"))

    assert lines(found) == [("vllm", "coder", 2, None, Decimal("0.004"))]  # 1,000 in at $1, 500 out at $2, twice
    assert (found.calls, found.looked_at, found.is_complete, found.is_known) == (2, 2, True, True)


def test_priced_calls_show_old_and_new_cost(acme_project, looked):
    record(acme_project, {}, {"cost_usd": Decimal("0.01")}, {"model": "gpt-4o-mini", "model_key": "gpt-4o-mini"})

    found = looked(wanted("gpt-4o", provider="openai"))

    assert lines(found) == [("openai", "gpt-4o", 2, Decimal("0.0175"), Decimal("0.004"))]


def test_only_the_id_that_is_priced_changes_and_not_its_siblings_of_the_catalogue(acme_project, looked):
    record(acme_project, {"model": "gpt-4o-2024-08-06"}, {"model": "gpt-4o"})

    assert [line[:3] for line in lines(looked(wanted("gpt-4o-2024-08-06", provider="openai")))] == [
        ("openai", "gpt-4o-2024-08-06", 1)
    ]


def test_the_model_that_answered_decides(acme_project, looked):
    record(acme_project, {"model": "gpt-4o", "response_model": "gpt-4o-2024-08-06"})

    assert lines(looked(wanted("gpt-4o", provider="openai"))) == []
    assert [line[1] for line in lines(looked(wanted("gpt-4o-2024-08-06", provider="openai")))] == ["gpt-4o-2024-08-06"]


def test_calls_of_other_providers_and_before_the_start_are_left_out(acme_project, looked):
    record(acme_project, unpriced(), unpriced(provider="ollama"), unpriced(started_at=hours_ago(50)))

    found = looked(wanted("coder", provider="vllm", valid_from=hours_ago(24)))

    assert [line[:3] for line in lines(found)] == [("vllm", "coder", 1)]


def test_a_price_to_come_changes_no_call(acme_project, looked):
    record(acme_project, unpriced())

    found = looked(wanted("coder", valid_from=hours_ago(-24)))

    assert (found.lines, found.looked_at, found.is_complete) == ([], 0, True)


def test_calls_older_than_a_month_are_not_looked_at(acme_project, looked):
    record(acme_project, unpriced(started_at=hours_ago(24 * 31)))

    assert looked(wanted("coder")).looked_at == 0


def test_an_alias_prices_calls_under_the_name_of_its_model(acme_project, looked):
    record(acme_project, unpriced(model="prod-chat", provider="litellm"))

    found = looked(Wanted(model="prod-chat", target=("openai", "gpt-4o")))

    assert lines(found) == [("litellm", "prod-chat", 1, None, Decimal("0.0075"))]


@pytest.mark.parametrize(
    "columns",
    [
        {"usage_rule": "unstated"},
        {"usage_partial": True},
        {"usage_estimated": True, "usage_rule": "estimated"},
        {"usage_inconsistent": True, "status": "error"},
    ],
)
def test_calls_of_which_nobody_knows_what_they_used_are_priced_by_no_price_per_token(acme_project, looked, columns):
    nothing = {"input_tokens": 0, "output_tokens": 0, "price_match": "no-usage"} | columns
    record(acme_project, unpriced(**nothing), unpriced())

    assert lines(looked(wanted("coder"))) == [("vllm", "coder", 1, None, Decimal("0.002"))]
    free = wanted("coder", prices=prices(input="0", output="0", requests="40"))
    assert lines(looked(free)) == [("vllm", "coder", 2, None, Decimal("0.08"))]


def test_a_failed_call_that_was_given_no_count_is_priced(acme_project, looked):
    record(acme_project, unpriced(input_tokens=0, output_tokens=0, usage_rule="unstated", status="error"))

    assert lines(looked(wanted("coder"))) == [("vllm", "coder", 1, None, Decimal(0))]


def test_several_prices_are_looked_at_together(acme_project, looked):
    record(acme_project, unpriced(), unpriced(), {})

    found = looked(wanted("coder"), wanted("gpt-4o", provider="openai"))

    assert [line[1:3] for line in lines(found)] == [("coder", 2), ("gpt-4o", 1)]


def test_a_price_that_is_as_it_was_changes_nothing(acme, acme_project, looked):
    card = set_price(acme, "coder", provider="vllm")
    priced = {
        "cost_source": "override",
        "rate_card_id": card.id,
        "cost_usd": Decimal("0.002"),
        "price_match": "override",
    }
    record(acme_project, unpriced() | priced)

    found = looked(wanted("coder", provider="vllm"))

    assert (found.lines, found.looked_at) == ([], 1)


def test_a_new_price_after_an_own_one_is_held_against_it(acme, acme_project, looked):
    card = set_price(acme, "coder", provider="vllm")
    priced = {
        "cost_source": "override",
        "rate_card_id": card.id,
        "cost_usd": Decimal("0.002"),
        "price_match": "override",
    }
    record(acme_project, unpriced() | priced)

    found = looked(wanted("coder", provider="vllm", prices=prices(input="5"), valid_from=hours_ago(5)))

    assert lines(found) == [("vllm", "coder", 1, Decimal("0.002"), Decimal("0.006"))]


def test_service_tiers_and_extra_units_are_part_of_the_price(acme_project, looked):
    record(
        acme_project,
        {"service_tier": "batch", "cost_usd": Decimal("0.00375")},
        {"extra_units": {"web_searches": 3}, "model_key": "gpt-4o"},
    )

    found = looked(wanted("gpt-4o", provider="openai", prices=prices(requests="1")))

    assert lines(found) == [("openai", "gpt-4o", 2, Decimal("0.01125"), Decimal("0.006"))]


def test_calls_that_would_lose_their_price_are_said_to(acme_project, looked):
    record(acme_project, {"model": "gpt-4o"})

    found = looked(Wanted(model="gpt-4o", target=("openai", "router")))

    assert lines(found) == [("openai", "gpt-4o", 1, Decimal("0.0075"), None)]


def test_beyond_the_most_calls_the_newest_are_compared_and_it_says_so(acme_project, looked, monkeypatch):
    monkeypatch.setattr(preview, "MOST_CALLS", 2)
    record(acme_project, *[unpriced(started_at=hours_ago(hour)) for hour in (1, 2, 3)])

    found = looked(wanted("coder"))

    assert (found.calls, found.looked_at, found.is_complete) == (2, 2, False)


def test_what_takes_too_long_is_not_known(acme, looked, monkeypatch):
    def slow(**_):
        raise OperationalError

    monkeypatch.setattr(stored_calls, "newest", slow)

    found = looked(wanted("coder"))

    assert (found.lines, found.is_known) == ([], False)


def test_calls_of_other_organizations_are_never_looked_at(globex, looked, scope):
    with scope(globex):
        project = Project.objects.get()
    record(project, unpriced())

    assert looked(wanted("coder")).looked_at == 0


# --- Calls that keep their old price ---


def kept(organization, card, **more):
    with org_scope(organization.pk):
        return preview.count_kept(organization=organization, card=card, now=hours_ago(0), **more)


def test_calls_in_the_period_that_another_price_was_used_for_are_counted(acme, acme_project):
    record(acme_project, unpriced(), unpriced(started_at=hours_ago(60)), unpriced(provider="ollama"))
    card = set_price(acme, "coder", provider="vllm", valid_from=hours_ago(48))
    record(acme_project, unpriced(cost_source="override", rate_card_id=card.id))

    assert kept(acme, card) == 1


def test_a_price_for_any_provider_counts_calls_of_all(acme, acme_project):
    record(acme_project, unpriced(), unpriced(provider="ollama"), unpriced(model="other"))

    assert kept(acme, set_price(acme, "coder")) == 2


def test_an_alias_counts_calls_that_were_not_priced_through_it(acme, acme_project):
    record(acme_project, unpriced(model="prod-chat"), {"model": "prod-chat", "price_match": "alias"})

    assert kept(acme, set_price(acme, "prod-chat", target=("openai", "gpt-4o"))) == 1


def test_calls_of_unknown_usage_are_not_said_to_keep_another_price(acme, acme_project):
    record(acme_project, unpriced(), unpriced(price_match="no-usage", input_tokens=0, output_tokens=0))

    assert kept(acme, set_price(acme, "coder")) == 1


def test_counting_stops_at_the_limit(acme, acme_project):
    record(acme_project, *[unpriced() for _ in range(3)])

    assert kept(acme, set_price(acme, "coder"), limit=2) == 2


def test_a_count_that_takes_too_long_is_none(acme, monkeypatch):
    def slow(**_):
        raise OperationalError

    card = set_price(acme, "coder")
    monkeypatch.setattr(stored_calls, "count_kept", slow)

    assert kept(acme, card) is None


# --- Reading stored calls ---


def test_fees_are_read_exactly(acme, acme_project):
    record(acme_project, {"extra_units": {"web_searches": 0.1}})

    with org_scope(acme.pk):
        (found,) = stored_calls.newest(
            organization=acme,
            models=["GPT-4o"],
            keys=["gpt-4o"],
            since=hours_ago(2),
            until=hours_ago(-1),
            limit=10,
        )

    assert found.call.usage.extra_units == {"web_searches": Decimal("0.1")}
    assert (found.call.model, found.cost_usd, found.model_key) == ("gpt-4o", Decimal("0.0075"), "gpt-4o")


def test_the_newest_of_all_projects_come_first_and_no_more_than_asked(acme, acme_project):
    record(acme_project, *[unpriced(call_id=f"c{hour}", started_at=hours_ago(hour)) for hour in (3, 1, 2)])

    with org_scope(acme.pk):
        found = stored_calls.newest(
            organization=acme, models=["coder"], keys=[], since=hours_ago(9), until=hours_ago(0), limit=2
        )

    assert [stored.call.call_id for stored in found] == ["c1", "c2"]
