"""Pages of end users: who sees them, what they say, and how they are searched, sorted and paged."""

import re
from datetime import timedelta
from decimal import Decimal
from urllib.parse import urlencode

import pytest
from django.db import OperationalError
from django.urls import reverse
from django.utils import timezone

from core.scope import org_scope
from dashboards import users
from dashboards.tests.factories import make_rollup
from ingestion.models import ProjectActivity, UserRollup
from rules.tests.budgets import make_budget
from tenants import services
from tenants.permissions import Role
from tenants.tests.people import join, override, owner_of, signed_in

HTMX = {"HX-Request": "true"}
LIST_QUERIES = 17
ONE_QUERIES = 18


@pytest.fixture
def today(acme):
    return timezone.now().date()


@pytest.fixture
def count(today):
    """One user's calls of a day, in the sums of users and in those of all calls."""

    def counted(project, user_id, *, days_ago=0, **sums):
        named = {"provider": "openai", "model_key": "gpt-4o", "calls": 1} | sums
        day = today - timedelta(days=days_ago)
        whose = {"organization_id": project.organization_id, "project_id": project.pk}
        with org_scope(project.organization_id):
            rows = UserRollup.objects
            if user_id:
                rows.create(bucket_date=day, user_id=user_id, **whose, **dict.fromkeys(users.COUNTED, 0) | named)
            make_rollup(project, day, feature=f"of {user_id}", **named)
            seen = {"first_received_at": timezone.now(), "last_received_at": timezone.now()}
            ProjectActivity.objects.update_or_create(
                project_id=project.pk, defaults={"organization_id": project.organization_id} | seen
            )

    return counted


def url(page, project=None, /, **query):
    slugs = ["acme"] + ([project.slug] if project else [])
    path = reverse(f"dashboards:{'project' if project else 'organization'}-{page}", args=slugs)
    return f"{path}?{urlencode(query, doseq=True)}" if query else path


def listed(response):
    return re.findall(r'<a class="call-text" href="[^"]*" title="([^"]*)">', response.text)


@pytest.mark.parametrize(
    ("who", "status"), [("owner", 200), ("viewer", 200), ("nobody", 403), ("outsider", 404), ("anonymous", 302)]
)
@pytest.mark.parametrize("page", ["users", "user"])
def test_members_see_users_and_strangers_do_not(request, acme, acme_project, count, who, status, page):
    count(acme_project, "secret-user", model_key="secret-model")

    response = request.getfixturevalue(who).get(url(page, id="secret-user"))

    assert response.status_code == status
    assert ("secret-user" in response.text) == (status == 200)


def test_the_table_shows_cost_change_share_calls_and_more(owner, acme_project, count):
    count(acme_project, "ada", cost_usd=Decimal(3), calls=4, unpriced_calls=1, input_tokens=1500, errors=2)
    count(acme_project, "ada", days_ago=8, cost_usd=Decimal(2))
    count(acme_project, "bob", cost_usd=Decimal(1))

    response = owner.get(url("users"))

    assert listed(response) == ["ada", "bob"]
    row = re.search(r"<tbody>\s*<tr>(.*?)</tr>", response.text, re.DOTALL)[1]
    for expected in ("$3.00", "+ 1 unpriced", "+50.0%", "75.0%", ">4<", "$1.00", "1.5\u00a0K", ">2<"):
        assert expected in row
    assert "1 to 2 of 2 users" in response.text


def test_calls_without_a_user_are_one_line(owner, acme_project, count):
    count(acme_project, "ada", cost_usd=Decimal(3))
    count(acme_project, "", calls=1_200, cost_usd=Decimal("0.5"), unpriced_calls=2)

    text = owner.get(url("users")).text

    assert "Calls without a user: 1,200, $0.50 and 2 unpriced." in text


def test_all_others_are_explained_and_have_no_page(owner, acme_project, count):
    count(acme_project, "(other)", cost_usd=Decimal(3))
    count(acme_project, "ada", cost_usd=Decimal(1))

    response = owner.get(url("users"))

    assert listed(response) == ["ada"]
    assert "<em>All others</em>" in response.text
    assert "keeps 20,000 users apart" in response.text


def test_search_and_order_are_in_the_address_and_stay_together(owner, acme_project, count):
    count(acme_project, "ada-1", cost_usd=Decimal(1), calls=9)
    count(acme_project, "ada-2", cost_usd=Decimal(2), calls=1)
    count(acme_project, "bob", cost_usd=Decimal(9))

    response = owner.get(url("users", q="ADA", sort="calls"))

    assert listed(response) == ["ada-1", "ada-2"]
    by_cost = response.context["sorts"]["cost"]
    assert (by_cost.order, response.context["sorts"]["calls"].order) == ("", "descending")
    assert listed(owner.get(by_cost.url)) == ["ada-2", "ada-1"]
    assert 'value="ADA"' in response.text
    assert '<input type="hidden" name="sort" value="calls">' in response.text
    assert listed(owner.get(response.context["clear_search_url"])) == ["ada-1", "ada-2", "bob"]


def test_another_period_keeps_search_and_order(owner, acme_project, count):
    count(acme_project, "ada-1", cost_usd=Decimal(1), calls=9)

    bar = owner.get(url("users", q="ada", sort="calls")).context["bar"]

    assert all(link.url.endswith("q=ada&sort=calls") for link in bar.ranges)
    assert ("sort", "calls") in bar.hidden


def test_a_search_that_finds_nobody_leads_back(owner, acme_project, count):
    count(acme_project, "ada")

    response = owner.get(url("users", q="nobody <b>"))

    assert "No user id holds this text" in response.text
    assert "nobody <b>" not in response.text


def test_pages_follow_each_other(owner, acme_project, count):
    for number in range(60):
        count(acme_project, f"u{number:02}", cost_usd=Decimal(1))

    first = owner.get(url("users", sort="calls"))
    second = owner.get(first.context["next_url"])

    assert listed(first) + listed(second) == [f"u{number:02}" for number in range(60)]
    assert (second.context["next_url"], "51 to 60 of 60 users" in second.text) == ("", True)
    assert listed(owner.get(second.context["previous_url"])) == listed(first)


@pytest.mark.parametrize(
    "query",
    [
        {"page": "0"}, {"page": "-1"}, {"page": "x"}, {"page": "9" * 30}, {"page": "٣"}, {"sort": "x"}, {"q": "\0"},
        {"q": "x" * 5_000}, {"range": "ten years"}, {"from": "1800-01-01", "to": "9999-12-31"}, {"user": "\u202e"},
    ],
)  # fmt: skip
def test_bad_parameters_never_break_the_page(owner, acme_project, count, query):
    count(acme_project, "ada")

    assert owner.get(url("users", **query)).status_code == 200
    assert owner.get(url("users", acme_project, **query), headers=HTMX).status_code == 200


def test_without_calls_without_users_and_without_a_match_it_says_what_to_do(owner, acme_project, count):
    assert "No calls yet" in owner.get(url("users", acme_project)).text

    count(acme_project, "")
    assert "Send user_id with your calls" in owner.get(url("users")).text
    assert "No calls match" in owner.get(url("users", model="unknown")).text


def test_hidden_projects_are_as_if_they_were_not_there(acme, acme_project, count):
    secret = services.create_project(organization=acme, actor=owner_of(acme), name="Secret")
    count(acme_project, "open-user")
    count(secret, "secret-user", cost_usd=Decimal(9))
    ada = join(acme, "ada@example.test", Role.MEMBER)
    override(secret, ada, Role.NONE)

    page = signed_in(ada).get(url("users"))
    one = signed_in(ada).get(url("user", id="secret-user"))

    assert listed(page) == ["open-user"]
    assert page.context["listing"].nobodys.calls == 0
    assert "No calls of this user in these days" in one.text
    assert "$9" not in one.text


def test_what_takes_too_long_is_an_answer(owner, acme_project, count, monkeypatch):
    count(acme_project, "ada")

    def too_long(**_more):
        raise OperationalError("canceling statement due to statement timeout")

    monkeypatch.setattr(users, "listing", too_long)
    monkeypatch.setattr(users, "one", too_long)

    for page in ("users", "user"):
        response = owner.get(url(page, id="ada"))
        assert (response.status_code, "That took too long" in response.text) == (503, True)


# --- One ---


def test_one_users_page_shows_cost_over_time_models_and_projects(owner, acme_project, count, today):
    count(acme_project, "ada", cost_usd=Decimal(3), model_key="gpt-5")
    count(acme_project, "ada", days_ago=2, cost_usd=Decimal(1))

    response = owner.get(url("user", id="ada"))

    chart = response.context["chart"]
    assert chart["x"][-1] == today.isoformat()
    assert chart["series"][0]["data"] == [0, 0, 0, 0, 1, 0, 3]
    assert [row.label for row in response.context["by_model"]] == ["gpt-5", "gpt-4o"]
    assert [row.value for row in response.context["by_project"]] == ["$4.00"]
    assert f"last seen {today.day} " in response.text


def test_one_user_leads_to_calls_traces_and_sessions_of_the_same_days(owner, acme_project, count):
    count(acme_project, "ada/1")

    links = owner.get(url("user", id="ada/1", range="90d")).context["links"]

    assert links["calls"] == "/o/acme/calls/?range=90d&user=ada%2F1"
    assert links["traces"].startswith("/o/acme/traces/?from=")
    assert links["sessions"].endswith("&user=ada%2F1")


@pytest.mark.parametrize(("who", "may"), [("owner", True), ("admin", True), ("member", False), ("viewer", False)])
def test_who_may_erase_is_led_there(request, acme_project, count, who, may):
    count(acme_project, "ada")

    text = request.getfixturevalue(who).get(url("user", id="ada")).text

    assert ("Export or erase" in text) == may
    assert (reverse("ingestion:end-users", args=["acme"]) in text) == may


def test_the_budget_of_a_user_is_shown_and_not_that_of_another(owner, acme, acme_project, count):
    count(acme_project, "ada")
    make_budget(acme, name="For Ada", scope="user", user_id="ada")
    make_budget(acme, name="For Bob", scope="user", user_id="bob")

    text = owner.get(url("user", id="ada")).text

    assert "For Ada" in text
    assert "For Bob" not in text
    assert "For Ada" not in owner.get(url("user", id="cem")).text


@pytest.mark.parametrize("query", [{}, {"id": ""}, {"id": "a\0"}, {"id": "x" * 256}])
def test_what_can_be_no_user_is_not_found(owner, acme_project, query):
    assert owner.get(url("user", **query)).status_code == 404


@pytest.mark.parametrize("name", ["a/../b", "☃ 漢字", "x" * 255, '"><script>alert(1)</script>'])
def test_ids_are_whatever_the_client_sent_and_only_text(owner, acme_project, count, name):
    count(acme_project, name, cost_usd=Decimal(7))

    (row,) = owner.get(url("users")).context["rows"]
    page = owner.get(row.url)

    assert page.context["found"].total.cost_usd == Decimal(7)
    assert "<script>alert" not in page.text


def test_pages_ask_a_fixed_number_of_questions(owner, acme_project, count, django_assert_num_queries):
    for number in range(60):
        count(acme_project, f"u{number:02}")
    owner.get(url("users"))  # the session remembers the organization

    with django_assert_num_queries(LIST_QUERIES):
        owner.get(url("users"))
    with django_assert_num_queries(ONE_QUERIES):
        owner.get(url("user", id="u01"))
