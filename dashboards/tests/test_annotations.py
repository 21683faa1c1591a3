"""Marks on charts: what was found and which prices began to hold, for those who may see it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from core.scope import org_scope
from dashboards.annotations import MOST, annotations
from dashboards.numbers import ModelName
from dashboards.tests.factories import record_calls
from ingestion.models import RateCard
from ingestion.pricing.cards import to_row
from ingestion.tests.pricing.factories import make_card
from rules.tests.factories import make_insight
from tenants import services
from tenants.permissions import Role
from tenants.tests.people import join, override, owner_of, signed_in

GPT, SONNET = ModelName("openai", "gpt-4o"), ModelName("anthropic", "sonnet")
IN_PERIOD = datetime(2026, 7, 10, 9, 30, tzinfo=UTC)
BEFORE, AFTER = datetime(2026, 7, 7, 23, 59, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC)


def marks(organization, chosen, *, project=None, models=(GPT, SONNET)):
    with org_scope(organization.pk):
        return annotations(organization=organization, project=project, chosen=chosen, models=models)


def store_card(organization, **fields):
    """A price of gpt-4o: two dollars in and eight out unless ``fields`` say otherwise; without organization of all."""
    prices = {"input_tokens": "2", "output_tokens": "8"}
    card = make_card(prices, **{"catalogue_id": "gpt-4o", "organization_id": organization and organization.pk} | fields)
    row = {name: value for name, value in to_row(card).items() if name != "id"}
    if organization is None:
        return RateCard.objects.create(**row)
    with org_scope(organization.pk):
        return RateCard.objects.create(**row)


# --- Insights ---


def test_an_insight_marks_the_bucket_in_which_it_was_opened(acme, acme_project, chosen):
    insight = make_insight(acme, acme_project, opened_at=IN_PERIOD)

    assert marks(acme, chosen()) == [
        {
            "bucket": "2026-07-10",
            "kind": "insight",
            "text": "Premium model for short answers: gpt-4o in titles, search",
            "href": f"/o/acme/p/{acme_project.slug}/insights/{insight.pk}/",
        }
    ]


@pytest.mark.parametrize("opened_at", [BEFORE, AFTER])
def test_an_insight_of_another_time_marks_nothing(acme, acme_project, chosen, opened_at):
    make_insight(acme, acme_project, opened_at=opened_at)

    assert marks(acme, chosen()) == []


def test_days_and_hours_are_those_of_the_organizations_clock(acme, acme_project, chosen, berlin):
    make_insight(acme, acme_project, opened_at=datetime(2026, 7, 12, 22, 30, tzinfo=UTC))

    by_day = marks(acme, chosen(zone=berlin))
    by_hour = marks(acme, chosen("from=2026-07-13&to=2026-07-13", zone=berlin))

    assert [mark["bucket"] for mark in by_day] == ["2026-07-13"]
    assert [mark["bucket"] for mark in by_hour] == ["2026-07-13T00:00:00+02:00"]


def test_one_that_is_resolved_meanwhile_still_explains_its_day(acme, acme_project, chosen):
    make_insight(acme, acme_project, opened_at=IN_PERIOD, status="resolved", resolved_at=AFTER)

    assert len(marks(acme, chosen())) == 1


def test_a_projects_page_has_its_own_insights_only(acme, acme_project, chosen, scope):
    with scope(acme):
        other = services.create_project(organization=acme, actor=None, name="Other")
    make_insight(acme, other, opened_at=IN_PERIOD)
    make_insight(acme, None, opened_at=IN_PERIOD)

    assert marks(acme, chosen(), project=acme_project) == []
    assert len(marks(acme, chosen(), project=other)) == 1
    assert len(marks(acme, chosen())) == 2


def test_another_organizations_insights_mark_nothing(acme, globex, chosen):
    make_insight(globex, None, opened_at=IN_PERIOD)

    assert marks(acme, chosen()) == []


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 2),
        ("feature=titles", 2),
        ("feature=chat", 1),
        ("model=gpt-4o&team=search", 2),
        ("team=red", 1),
        ("project=nowhere", 0),
    ],
)
def test_the_filter_keeps_what_it_is_about_and_what_is_about_everything(acme, acme_project, chosen, query, count):
    make_insight(acme, acme_project, opened_at=IN_PERIOD)
    make_insight(acme, acme_project, opened_at=IN_PERIOD, team="", feature="", model="", subject={})

    assert len(marks(acme, chosen(query))) == count


def test_there_are_never_more_than_a_chart_can_carry(acme, acme_project, chosen):
    for place in range(MOST + 3):
        make_insight(acme, acme_project, opened_at=IN_PERIOD, severity="high" if place else "low")
    store_card(acme, valid_from=IN_PERIOD)

    found = marks(acme, chosen())

    assert len(found) == MOST
    assert found[0]["kind"] == "price"


# --- Prices ---


def test_an_own_price_marks_the_day_it_begins_to_hold(acme, chosen):
    store_card(acme, valid_from=IN_PERIOD)

    assert marks(acme, chosen()) == [
        {
            "bucket": "2026-07-10",
            "kind": "price",
            "text": "gpt-4o: new own price, input $2.00 per million, output $8.00 per million",
            "href": "/o/acme/prices/model/?provider=openai&model=gpt-4o",
        }
    ]


def test_a_catalogue_price_marks_it_too(acme, chosen):
    store_card(None, valid_from=IN_PERIOD)
    store_card(None, valid_from=IN_PERIOD, context={"processing": "batch"})

    assert [mark["text"].split(",")[0] for mark in marks(acme, chosen())] == ["gpt-4o: new catalogue price"]


@pytest.mark.parametrize(
    "fields",
    [
        {"valid_from": None},
        {"valid_from": BEFORE},
        {"valid_from": AFTER},
        {"valid_from": IN_PERIOD, "valid_to": IN_PERIOD},
        {"valid_from": IN_PERIOD, "catalogue_id": "o3"},
        {"valid_from": IN_PERIOD, "provider": "groq"},
        {"valid_from": IN_PERIOD, "source": "alias"},
    ],
)
def test_a_price_that_changes_no_number_shown_marks_nothing(acme, chosen, fields):
    store_card(acme, **fields)

    assert marks(acme, chosen()) == []


def test_a_catalogue_price_that_an_own_one_overrules_marks_nothing(acme, globex, chosen):
    store_card(None, valid_from=IN_PERIOD)
    store_card(acme, valid_from=BEFORE)

    assert marks(acme, chosen()) == []
    assert len(marks(globex, chosen())) == 1


def test_an_own_price_that_had_ended_overrules_nothing(acme, chosen):
    store_card(None, valid_from=IN_PERIOD)
    store_card(acme, valid_from=BEFORE, valid_to=IN_PERIOD)

    assert len(marks(acme, chosen())) == 1


def test_another_organizations_price_marks_nothing(acme, globex, chosen):
    store_card(globex, valid_from=IN_PERIOD)

    assert marks(acme, chosen()) == []


def test_an_own_price_of_a_model_the_catalogue_does_not_know_is_found_by_its_name(acme, chosen):
    store_card(acme, valid_from=IN_PERIOD, provider="", catalogue_id="", match={"equals": "northwind-13b"})

    found = marks(acme, chosen(), models=[ModelName("", "northwind-13b")])

    assert [mark["text"].split(":")[0] for mark in found] == ["northwind-13b"]
    assert marks(acme, chosen()) == []


def test_two_questions_whatever_there_is(acme, acme_project, chosen, django_assert_num_queries):
    for _ in range(3):
        make_insight(acme, acme_project, opened_at=IN_PERIOD)
        store_card(acme, valid_from=IN_PERIOD)

    with org_scope(acme.pk), django_assert_num_queries(2):
        annotations(organization=acme, project=None, chosen=chosen(), models=[GPT])


# --- On the page ---


def test_the_overview_marks_its_cost_and_lists_the_marks(owner, acme, acme_project):
    with org_scope(acme.pk):
        record_calls(acme_project, [{"started_at": timezone.now(), "cost_usd": Decimal(3)}])
    insight = make_insight(acme, acme_project, opened_at=timezone.now() - timedelta(seconds=5))

    response = owner.get(reverse("dashboards:organization-overview", args=["acme"]))

    assert [mark["href"] for mark in response.context["page"].cost["marks"]] == [
        f"/o/acme/p/{acme_project.slug}/insights/{insight.pk}/"
    ]
    assert f'href="/o/acme/p/{acme_project.slug}/insights/{insight.pk}/">Premium model' in response.text


def test_nobody_is_shown_what_was_found_in_a_project_hidden_from_them(acme, acme_project):
    secret = services.create_project(organization=acme, actor=owner_of(acme), name="Secret")
    ada, bob = (join(acme, f"{name}@example.test", Role.MEMBER) for name in ("ada", "bob"))
    override(secret, ada, Role.NONE)
    with org_scope(acme.pk):
        record_calls(acme_project, [{"started_at": timezone.now(), "cost_usd": Decimal(3)}])
    insight = make_insight(acme, secret, opened_at=timezone.now() - timedelta(seconds=5))

    seen = [signed_in(who).get(reverse("dashboards:organization-overview", args=["acme"])).text for who in (ada, bob)]

    assert [f"insights/{insight.pk}/" in text for text in seen] == [False, True]
