"""The list of features, its suggestions, and what people call them."""

from datetime import timedelta
from decimal import Decimal
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from core.scope import org_scope
from dashboards import feature_services
from dashboards.models import FeatureLabel, FeaturesApart
from dashboards.tests.factories import make_rollup, record_calls
from dashboards.tests.test_models_pages import rows, text
from tenants.models import Organization, Project
from tenants.permissions import Role
from tenants.tests.people import join, override, owner_of, signed_in

LIST = "/o/acme/features/"
# As the list of models; names, and what is kept apart.
QUERIES = 17


def record(project: Project, *features: str, **columns: Any) -> None:
    row = {
        "started_at": timezone.now() - timedelta(minutes=5),
        "model_key": "gpt-4o",
        "provider": "openai",
        "cost_usd": Decimal(1),
    }
    with org_scope(project.organization_id):
        record_calls(project, [row | {"feature": feature} | columns for feature in features])


def names(response: Any) -> list[str]:
    return [row[0] for row in rows(response)]


@pytest.fixture
def used(acme_project: Project) -> Project:
    record(acme_project, "chatbot", "chatbot", "chat-bot", "search")
    return acme_project


@pytest.fixture
def grouped(acme: Organization, used: Project) -> Project:
    feature_services.group_features(
        organization=acme, actor=owner_of(acme), features=["chatbot", "chat-bot"], group="Chat"
    )
    return used


def post(client: Client, page: str, **data: Any) -> Any:
    return client.post(reverse(f"dashboards:{page}", args=["acme"]), data)


@pytest.mark.parametrize(
    ("who", "status"),
    [("owner", 200), ("viewer", 200), ("nobody", 403), ("outsider", 404), ("anonymous", 302)],
)
def test_members_see_features_and_strangers_do_not(
    request: pytest.FixtureRequest, used: Project, who: str, status: int
) -> None:
    assert request.getfixturevalue(who).get(LIST).status_code == status


def test_the_list_says_what_each_feature_costs_and_with_what_model(owner: Client, used: Project) -> None:
    record(used, "search", model_key="mini", cost_usd=Decimal("0.25"))

    response = owner.get(LIST)

    assert [(row[0], row[1], row[3]) for row in rows(response)] == [
        ("chatbot mostly gpt-4o Name chatbot", "$2.00", "2"),
        ("search mostly gpt-4o Name search", "$1.25", "2"),
        ("chat-bot mostly gpt-4o Name chat-bot", "$1.00", "1"),
    ]


def test_a_group_is_one_row_that_unfolds(owner: Client, grouped: Project) -> None:
    folded = owner.get(LIST)
    unfolded = owner.get(LIST + "?open=Chat&sort=name")

    assert [(row[0], row[1], row[3]) for row in rows(folded)] == [
        ("Chat 2 features Ungroup Chat", "$3.00", "3"),
        ("search mostly gpt-4o Name search", "$1.00", "1"),
    ]
    assert names(unfolded) == [
        "Chat 2 features Ungroup Chat",
        "chatbot mostly gpt-4o Name chatbot",
        "chat-bot mostly gpt-4o Name chat-bot",
        "search mostly gpt-4o Name search",
    ]
    html = unescape(unfolded.content.decode())
    assert f'href="{LIST}?sort=name" aria-expanded="true"' in html
    assert f'href="{LIST}?open=Chat" aria-expanded="false"' in unescape(folded.content.decode())


def test_a_groups_row_leads_to_the_names_on_the_wire(owner: Client, grouped: Project) -> None:
    assert 'href="/o/acme/?feature=chatbot&feature=chat-bot"' in unescape(owner.get(LIST).content.decode())


def test_a_label_stands_beside_the_name_on_the_wire(owner: Client, acme: Organization, used: Project) -> None:
    feature_services.label_feature(organization=acme, actor=None, feature="search", label="Suche <b>", group="")

    response = owner.get(LIST)

    assert "Suche <b> search mostly gpt-4o Name search" in names(response)
    assert "Suche &lt;b&gt;" in response.content.decode()


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("sear", ["search"]), ("CHAT-B", ["Chat"]), ("chatbot", ["Chat"]), ("nothing such", [])],
)
def test_a_search_finds_names_and_whole_groups(owner: Client, grouped: Project, wanted: str, found: list[str]) -> None:
    response = owner.get(f"{LIST}?{urlencode({'q': wanted})}")

    listed = [name.split(" ")[0] for name in names(response)] if "<tbody>" in response.content.decode() else []
    assert listed == found


def test_a_search_for_one_of_a_group_shows_the_groups_whole_sum(owner: Client, grouped: Project) -> None:
    assert rows(owner.get(LIST + "?q=chat-bot"))[0][1] == "$3.00"


# --- Suggestions ---


def test_near_names_are_suggested_and_accepted_by_one_click(owner: Client, acme: Organization, used: Project) -> None:
    before = owner.get(LIST)
    assert "Are these one feature?" in text(before.content.decode())

    response = post(owner, "feature-group", feature=["chatbot", "chat-bot"], group="chatbot", back=LIST + "?range=30d")

    assert (response.status_code, response["Location"]) == (302, LIST + "?range=30d")
    after = text(owner.get(LIST).content.decode())
    assert "Are these one feature?" not in after
    assert "Shown as chatbot." in after
    with org_scope(acme.pk):
        assert set(FeatureLabel.objects.values_list("feature", "group")) == {
            ("chatbot", "chatbot"),
            ("chat-bot", "chatbot"),
        }


def test_a_dismissed_suggestion_does_not_come_again_until_somebody_asks(owner: Client, used: Project) -> None:
    post(owner, "features-apart", feature=["chatbot", "chat-bot"])
    dismissed = text(owner.get(LIST).content.decode())

    post(owner, "features-suggest-again")
    again = text(owner.get(LIST).content.decode())

    assert "Are these one feature?" not in dismissed
    assert "Suggest again what was kept apart" in dismissed
    assert "Are these one feature?" in again
    assert "Suggest again" not in again.replace("Not suggested again. “Suggest again”", "")


def test_a_group_is_taken_back_by_one_click(owner: Client, acme: Organization, grouped: Project) -> None:
    response = post(owner, "feature-ungroup", group="Chat")

    assert response["Location"] == LIST
    with org_scope(acme.pk):
        assert not FeatureLabel.objects.exists()


@pytest.mark.parametrize("page", ["feature-group", "features-apart"])
@pytest.mark.parametrize("features", [[], ["a"], ["a", "x" * 256]])
def test_what_cannot_be_done_is_said_and_changes_nothing(
    owner: Client, acme: Organization, used: Project, page: str, features: list[str]
) -> None:
    response = post(owner, page, feature=features, group="Chat", back=LIST)

    assert response.status_code == 422
    assert "Nothing was changed" in response.content.decode()
    with org_scope(acme.pk):
        assert not FeatureLabel.objects.exists()
        assert not FeaturesApart.objects.exists()


@pytest.mark.parametrize(
    "back",
    ["", "https://evil.test/o/acme/features/", "//evil.test/features/", "/o/globex/features/", "/o/acme/\\features/"],
)
def test_the_way_back_stays_in_the_organization(owner: Client, used: Project, back: str) -> None:
    assert post(owner, "feature-ungroup", group="", back=back)["Location"] == LIST


def test_a_viewer_is_asked_nothing_and_may_change_nothing(viewer: Client, acme: Organization, used: Project) -> None:
    html = viewer.get(LIST).content.decode()

    assert "Are these one feature?" not in html
    assert "Name chatbot" not in html
    assert post(viewer, "feature-group", feature=["chatbot", "chat-bot"], group="x").status_code == 403
    with org_scope(acme.pk):
        assert not FeatureLabel.objects.exists()


# --- The form ---


def form_url(feature: str, **more: str) -> str:
    return reverse("dashboards:feature-label", args=["acme"]) + "?" + urlencode({"feature": feature} | more)


def test_the_form_shows_what_is_said_and_keeps_what_is_typed(
    owner: Client, acme: Organization, grouped: Project
) -> None:
    shown = owner.get(form_url("chatbot")).content.decode()
    failed = owner.post(form_url("chatbot"), {"label": "x" * 101, "group": "Typed"})
    kept = failed.content.decode()

    assert 'value="Chat"' in shown
    assert failed.status_code == 422
    assert 'value="Typed"' in kept
    with org_scope(acme.pk):
        assert set(FeatureLabel.objects.values_list("label", "group")) == {("", "Chat")}


def test_a_name_is_saved_and_the_list_is_as_it_was(owner: Client, acme: Organization, used: Project) -> None:
    back = LIST + "?sort=calls"

    response = owner.post(form_url("search"), {"label": "Suche", "group": "", "back": back})

    assert (response.status_code, response["Location"]) == (302, back)
    with org_scope(acme.pk):
        assert FeatureLabel.objects.get().label == "Suche"


@pytest.mark.parametrize("feature", ["", "a\0b", "x" * 256])
def test_what_is_no_feature_has_no_form(owner: Client, used: Project, feature: str) -> None:
    assert owner.get(form_url(feature)).status_code == 404


# --- States ---


def test_with_a_status_only_calls_are_shown(owner: Client, used: Project) -> None:
    record(used, "chatbot", status="error")

    response = owner.get(LIST + "?status=error")

    assert rows(response) == [["chatbot mostly gpt-4o Name chatbot", "1", "33.3%", "100%"]]
    assert "Are these one feature?" not in response.content.decode()


def test_before_the_first_call_it_says_how_to_send_one(owner: Client, acme_project: Project) -> None:
    assert "No calls yet" in owner.get(LIST).content.decode()


def test_what_is_hidden_is_not_listed(acme: Organization, used: Project) -> None:
    ada = join(acme, "ada@example.test", Role.MEMBER)
    override(used, ada, Role.NONE)

    assert "chat-bot" not in signed_in(ada).get(LIST).content.decode()


def test_ten_thousand_features_are_bounded_and_said(owner: Client, acme: Organization, acme_project: Project) -> None:
    record(acme_project, "largest")
    with org_scope(acme.pk):
        for number in range(1_005):
            make_rollup(acme_project, timezone.now().date(), feature=f"f{number:04}-{'長' * 90}")

    shown = text(owner.get(LIST).content.decode())

    assert "1 – 100 of 1,000 features, and 6 smaller ones that are not listed" in shown


def test_the_page_costs_few_queries(owner: Client, used: Project) -> None:
    owner.get(LIST)

    with CaptureQueriesContext(connection) as captured:
        owner.get(LIST)

    assert len(captured) == QUERIES
