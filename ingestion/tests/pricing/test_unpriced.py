"""Models without a price: which, why, and what could be done."""

from decimal import Decimal

import pytest
from django.db import connection

from core.scope import org_scope
from ingestion.pricing import unpriced
from ingestion.pricing.cards import ALIAS
from ingestion.tests.pricing import scene
from ingestion.tests.pricing.scene import hours_ago, import_catalogue, record, set_price
from tenants import services
from tenants.models import Project


@pytest.fixture(autouse=True)
def catalogue_imported(db):
    import_catalogue()


def models(organization, *, days=30, **more):
    with org_scope(organization.pk):
        return unpriced.unpriced_models(organization=organization, days=days, now=hours_ago(0), **more)


def test_calls_without_a_price_are_listed_by_model_with_their_sums(acme, acme_project):
    first, last = hours_ago(30), hours_ago(1)
    record(acme_project, scene.unpriced(started_at=first), scene.unpriced(started_at=last, output_tokens=1), {})

    (found,) = models(acme)

    assert (found.provider, found.model, found.asked_model, found.calls) == ("vllm", "coder", "coder", 2)
    assert (found.input_tokens, found.output_tokens, found.first_seen, found.last_seen) == (2000, 501, first, last)
    assert (found.reason, found.why, found.now_priced) == ("no-match", "No rate card matches this id", False)
    assert (found.reported_calls, found.reported_usd, found.suggestion) == (0, None, None)


def test_the_most_calls_come_first(acme, acme_project):
    record(acme_project, scene.unpriced(model="a"), scene.unpriced(model="b"), scene.unpriced(model="b"))

    assert [(found.model, found.calls) for found in models(acme)] == [("b", 2), ("a", 1)]


def test_a_reported_cost_does_not_take_a_model_off_the_list(acme, acme_project):
    reported = {"cost_source": "reported", "cost_usd": Decimal("0.25"), "reported_cost_usd": Decimal("0.25")}
    record(acme_project, scene.unpriced() | reported, scene.unpriced())

    (found,) = models(acme)

    assert (found.calls, found.reported_calls, found.reported_usd) == (2, 1, Decimal("0.25"))


def test_the_model_that_answered_is_the_one_to_price(acme, acme_project):
    record(acme_project, scene.unpriced(model="alias", response_model="coder-2"))

    (found,) = models(acme)

    assert (found.model, found.asked_model) == ("coder-2", "alias")


def test_only_the_period_that_was_asked_about_counts(acme, acme_project):
    record(acme_project, scene.unpriced(started_at=hours_ago(24 * 8)), scene.unpriced())

    assert [found.calls for found in models(acme, days=7)] == [1]
    assert [found.calls for found in models(acme, days=30)] == [2]


def test_a_card_that_does_not_know_the_price_is_the_reason(acme, acme_project):
    record(acme_project, scene.unpriced(provider="openai", model="router", price_match="exact"))

    (found,) = models(acme)

    assert found.reason == "unknown-price"


NO_USAGE = {"price_match": "no-usage", "usage_rule": "unstated", "input_tokens": 0, "output_tokens": 0}


def test_calls_of_which_nobody_knows_what_they_used_ask_for_no_price(acme, acme_project):
    of_openai = {"provider": "openai", "model": "gpt-4o:free"}
    record(
        acme_project, scene.unpriced(**of_openai, **NO_USAGE), scene.unpriced(**of_openai), scene.unpriced(**NO_USAGE)
    )

    found = {(one.model, one.reason): one for one in models(acme)}

    assert found.keys() == {("gpt-4o:free", "no-usage"), ("gpt-4o:free", "no-match"), ("coder", "no-usage")}
    free = found["gpt-4o:free", "no-usage"]
    assert (free.calls, free.input_tokens, free.why) == (1, 0, "Nobody said what these calls used")
    assert (free.wants_price, free.suggestion, free.now_priced) == (False, None, False)
    assert found["gpt-4o:free", "no-match"].wants_price
    assert found["gpt-4o:free", "no-match"].suggestion is not None


@pytest.mark.parametrize(
    ("amounts", "now_priced"),
    [({}, False), ({"input": "0", "output": "0"}, True), ({"input": "0", "output": "0", "requests": "40"}, True)],
)
def test_a_price_helps_unknown_usage_only_where_it_is_the_same_for_every_call(acme, acme_project, amounts, now_priced):
    record(acme_project, scene.unpriced(**NO_USAGE))
    set_price(acme, "coder", prices=scene.prices(**amounts))

    (found,) = models(acme)

    assert (found.reason, found.now_priced) == ("no-usage", now_priced)


def test_units_that_a_card_has_no_price_for_are_not_said_to_have_one_by_now(acme, acme_project):
    only_sound = {"price_match": "exact", "usage_rule": "unstated", "input_tokens": 0, "output_tokens": 0}
    record(acme_project, scene.unpriced(**only_sound))
    set_price(acme, "coder")

    (found,) = models(acme)

    assert (found.reason, found.now_priced, found.wants_price) == ("unknown-price", False, True)


def test_a_reported_cost_of_unknown_usage_stays_on_the_list(acme, acme_project):
    reported = {"cost_source": "reported", "cost_usd": Decimal("0.25"), "reported_cost_usd": Decimal("0.25")}
    record(acme_project, scene.unpriced(**NO_USAGE) | reported)

    (found,) = models(acme)

    assert (found.reason, found.reported_calls, found.reported_usd) == ("no-usage", 1, Decimal("0.25"))


def test_an_alias_to_a_model_without_a_price_is_the_reason(acme, acme_project):
    record(acme_project, scene.unpriced(model="prod-chat"))
    set_price(acme, "prod-chat", target=("openai", "router"))

    (found,) = models(acme)

    assert found.reason == "empty-alias"
    assert found.why == "The alias names a model that has no price then"


@pytest.mark.parametrize("given", [{"provider": "vllm"}, {"target": ("openai", "gpt-4o")}])
def test_a_model_that_has_a_price_by_now_is_said_to(acme, acme_project, given):
    record(acme_project, scene.unpriced())
    set_price(acme, "coder", **given)

    (found,) = models(acme)

    assert (found.now_priced, found.suggestion) == (True, None)


def test_a_price_that_begins_after_the_last_call_does_not_price_it(acme, acme_project):
    record(acme_project, scene.unpriced())
    set_price(acme, "coder", valid_from=hours_ago(-1))

    (found,) = models(acme)

    assert found.now_priced is False


def test_a_near_model_of_the_catalogue_is_suggested_and_not_used(acme, acme_project):
    record(acme_project, scene.unpriced(provider="openai", model="gpt-4o:free"))

    (found,) = models(acme)

    assert found.suggestion is not None
    assert (found.suggestion.card.catalogue_id, found.suggestion.why) == ("gpt-4o", "without its variant")
    assert found.suggestion.card.source != ALIAS
    assert found.now_priced is False


def test_other_organizations_calls_and_cards_are_none_of_this_ones_business(acme, globex, acme_project, scope):
    with scope(globex):
        foreign = Project.objects.get()
    record(foreign, scene.unpriced(model="theirs"))
    record(acme_project, scene.unpriced())
    set_price(globex, "coder")

    assert [(found.model, found.now_priced) for found in models(acme)] == [("coder", False)]


def test_a_key_of_a_project_sees_that_project_only(acme, acme_project):
    other = services.create_project(organization=acme, actor=None, name="Other")
    record(acme_project, scene.unpriced(model="a"))
    record(other, scene.unpriced(model="b"))

    assert [found.model for found in models(acme, project_ids=[other.pk])] == ["b"]
    assert models(acme, project_ids=[]) == []


def test_no_unpriced_call_is_an_empty_list_and_reads_no_price(acme, acme_project, django_assert_num_queries):
    record(acme_project, {})

    with org_scope(acme.pk), django_assert_num_queries(1):
        assert unpriced.unpriced_models(organization=acme, days=30, now=hours_ago(0)) == []


def test_the_list_has_an_end(acme, acme_project, monkeypatch):
    monkeypatch.setattr(unpriced, "MOST_MODELS", 2)
    record(acme_project, *[scene.unpriced(model=name) for name in "abc"])

    assert [found.model for found in models(acme)] == ["a", "b"]


@pytest.mark.parametrize(
    ("index", "condition"),
    [
        ("calls_unpriced", "cost_source in ('none', 'reported')"),
        ("calls_reported", "reported_cost_usd is not null and cost_source in ('rate_card', 'override')"),
    ],
)
def test_the_calls_that_have_something_to_say_are_found_by_their_index(acme, acme_project, index, condition):
    """Row-level security must not keep the planner from it, however large the table is."""
    with org_scope(acme.pk), connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off")
        cursor.execute(
            f"explain select count(*) from calls where organization_id = %s and project_id = %s and {condition}"
            " and started_at >= now() - interval '1 day' and started_at < now()",
            [acme.pk, acme_project.pk],
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
        cursor.execute(
            "select count(*) from pg_indexes where indexname = %s and indexdef like '%%WHERE%%'",
            [index],
        )
        (partial,) = cursor.fetchone()

    assert "Seq Scan" not in plan
    assert "_cost_source_idx" in plan or "project_id_started_at_idx" in plan
    assert partial == 1
