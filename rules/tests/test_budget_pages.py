"""Pages of budgets."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus

import pytest

from rules import budget_services
from rules.models import Budget, BudgetState
from rules.tests.budgets import HOUR, NOW, make_budget, spend
from rules.views import budgets as views
from tenants import archive, key_services, teams
from tenants.models import AuditEntry, Project
from tenants.permissions import Role
from tenants.tests.keys import issue_key
from tenants.tests.people import join, override, signed_in

LIST = "/o/acme/budgets/"
NEW = LIST + "new/"
FORM = {
    "scope": "organization",
    "name": "All",
    "metric": "cost_usd",
    "period": "month",
    "limit": "100",
    "thresholds": "50, 80, 100",
}


@pytest.fixture(autouse=True)
def on_a_day_in_july(monkeypatch):
    monkeypatch.setattr(views, "now", lambda: NOW)


@pytest.fixture
def search(acme):
    return teams.create_team(organization=acme, actor=None, name="Search")


def budgets(organization, scope):
    with scope(organization):
        return list(Budget.objects.order_by("pk").values_list("name", "scope", "limit"))


# --- The list ---


def test_without_budgets_the_list_says_what_to_do(admin, viewer):
    assert 'href="/o/acme/budgets/new/"' in admin.get(LIST).text
    page = viewer.get(LIST).text
    assert "No budgets yet" in page
    assert NEW not in page


def test_the_list_shows_spend_state_forecast_and_what_is_unknown(admin, acme, acme_project):
    for hours in range(1, 49):
        spend(acme_project, at=NOW - hours * HOUR, usd="1", api_key_id=hours)
    spend(acme_project, usd="2", unpriced_calls=1200, api_key_id=99)
    make_budget(acme, limit="90")

    page = admin.get(LIST).text

    assert "$50.00" in page
    assert "55.6% of $90.00 a month" in page
    assert "1,200 unpriced calls not included" in page
    assert "Will not last" in page
    assert "$471.67 to $506.81" in page


def test_what_needs_a_look_comes_first(admin, acme, acme_project):
    spend(acme_project, usd="60")
    paused = make_budget(acme, name="a paused", limit="1")
    budget_services.pause_budget(organization=acme, actor=None, budget=paused, now=NOW)
    make_budget(acme, name="b fine", limit="1000")
    make_budget(acme, name="c half", limit="100")
    make_budget(acme, name="d over", limit="10")

    page = admin.get(LIST).text

    places = [page.index(f"<bdi>{name}</bdi>") for name in ("d over", "c half", "b fine", "a paused")]
    assert places == sorted(places)
    assert "50 % reached" in page
    assert "Over budget" in page
    assert "Paused" in page


def test_a_hidden_projects_budget_is_not_listed_and_not_found(acme, acme_project):
    hidden = make_budget(acme, name="Of web", scope="project", project=acme_project)
    make_budget(acme, name="Of all")
    ada = join(acme, "ada@example.test", Role.ADMIN)
    override(acme_project, ada, Role.NONE)
    client = signed_in(ada)

    page = client.get(LIST).text

    assert "Of all" in page
    assert "Of web" not in page
    for path in ("", "edit/", "delete/"):
        assert client.get(f"{LIST}{hidden.pk}/{path}").status_code == HTTPStatus.NOT_FOUND
    for path in ("edit/", "pause/", "resume/", "delete/"):
        assert client.post(f"{LIST}{hidden.pk}/{path}").status_code == HTTPStatus.NOT_FOUND


# --- A new one ---


def test_an_admin_creates_a_budget_and_comes_to_its_page(admin, acme, scope):
    answer = admin.post(NEW, FORM, follow=True)

    assert answer.status_code == HTTPStatus.OK
    assert "<h1><bdi>All</bdi>" in answer.text
    assert budgets(acme, scope) == [("All", "organization", 100)]
    with scope(acme):
        assert AuditEntry.objects.get(action="budget.created").actor_name == "admin@acme.test"


def test_every_scope_asks_for_what_it_needs(admin, acme, acme_project, search, scope):
    key = issue_key(acme, project=acme_project).key
    asked = {
        "team": {"team": "search"},
        "project": {"project": "web"},
        "feature": {"project": "web", "feature": "chat"},
        "user": {"user_id": "u-1"},
        "key": {"api_key": key.prefix},
    }

    for name, fields in asked.items():
        page = admin.get(f"{NEW}?scope={name}").text
        assert all(f'name="{field}"' in page for field in fields), name
        answer = admin.post(NEW, FORM | {"scope": name, "name": name} | fields)
        assert answer.status_code == HTTPStatus.FOUND, name

    assert [(name, of) for name, of, _ in budgets(acme, scope)] == [(name, name) for name in asked]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"name": ""}, "This field is required."),
        ({"limit": "0"}, "must be above zero"),
        ({"limit": "-3"}, "must be above zero"),
        ({"limit": "a lot"}, "Give a number."),
        ({"metric": "tokens", "limit": "1.5"}, "Tokens are whole numbers."),
        ({"thresholds": "0, 50"}, "from 1 to 1,000 %"),
        ({"thresholds": "50, 2000"}, "from 1 to 1,000 %"),
        ({"thresholds": "50, 50"}, "twice"),
        ({"thresholds": "80, 50"}, "from the lowest to the highest"),
        ({"thresholds": "half"}, "whole numbers of percent"),
        ({"period": "year"}, "Choose one from the list."),
        ({"metric": "euros"}, "Choose one from the list."),
        ({"scope": "team", "team": "nobody"}, "Choose one from the list."),
        ({"scope": "team", "team": ""}, "This field is required."),
        ({"scope": "feature", "project": "web", "feature": "(other)"}, "visible characters"),
        ({"scope": "user", "user_id": ""}, "This field is required."),
        ({"name": "Taken"}, "There is a budget of this name already."),
    ],
)
def test_what_cannot_be_is_said_and_what_was_typed_stays(admin, acme, scope, search, data, says):
    make_budget(acme, name="Taken")

    answer = admin.post(NEW, FORM | {"name": "Kept, as typed"} | data)

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert says in answer.text
    assert "Kept, as typed" in answer.text or "name" in data
    assert len(budgets(acme, scope)) == 1


def test_teams_to_choose_from_are_those_there_are_and_those_calls_name(admin, acme, acme_project, search):
    spend(acme_project, team="ads")
    spend(acme_project, team="search")
    spend(acme_project, at=NOW - timedelta(days=31), team="gone")

    page = admin.get(NEW + "?scope=team").text

    assert '<option value="search">Search</option>' in page
    assert '<option value="ads">ads</option>' in page
    assert page.count('value="search"') == 1
    assert '"gone"' not in page


def test_a_scope_that_is_none_is_the_first(admin, acme, scope):
    assert admin.get(NEW + "?scope=planet").status_code == HTTPStatus.OK
    assert admin.post(NEW, FORM | {"scope": "planet"}).status_code == HTTPStatus.FOUND
    assert budgets(acme, scope) == [("All", "organization", 100)]


def test_an_admin_of_one_project_makes_budgets_of_that(acme, acme_project, search, scope):
    ada = join(acme, "ada@example.test", Role.VIEWER)
    override(acme_project, ada, Role.ADMIN)
    client = signed_in(ada)

    page = client.get(NEW).text
    assert "scope=feature" in page
    assert "scope=team" not in page
    client.post(NEW, FORM | {"scope": "team", "team": "search"})
    assert budgets(acme, scope) == []
    client.post(NEW, FORM | {"scope": "project", "project": "web"})
    assert budgets(acme, scope) == [("All", "project", 100)]


def test_markup_in_names_is_text(admin, acme, acme_project):
    budget = make_budget(
        acme, name="<b>bold</b> 日本", scope="feature", project=acme_project, feature="<script>x</script>"
    )

    for path in (LIST, f"{LIST}{budget.pk}/", f"{LIST}{budget.pk}/edit/", f"{LIST}{budget.pk}/delete/"):
        page = admin.get(path).text
        assert "<b>bold</b>" not in page
        assert "<script>x" not in page
        assert "&lt;b&gt;bold&lt;/b&gt; 日本" in page


# --- One budget ---


def page_of(client, budget):
    answer = client.get(f"{LIST}{budget.pk}/")
    assert answer.status_code == HTTPStatus.OK
    return answer.text


def test_a_budgets_page_says_what_is_spent_what_is_left_and_where_it_leads(viewer, acme, acme_project):
    for hours in range(1, 49):
        spend(acme_project, at=NOW - hours * HOUR, usd="1", api_key_id=hours)
    budget = make_budget(acme, limit="1000", thresholds=[4, 50])

    page = page_of(viewer, budget)

    assert "$48.00" in page
    assert "4.8% of the limit" in page
    assert "$952.00" in page
    assert "$469.67" in page
    assert "4 % reached" in page
    assert '"name": "Limit"' in page
    assert '"name": "At most"' in page
    assert "Spent by the end of each day" in page
    assert "No past periods" in page
    assert "Change</a>" not in page.split("<main")[1]


def test_what_is_not_included_is_said(admin, acme, acme_project):
    spend(acme_project, usd="2", unpriced_calls=1)

    page = page_of(admin, make_budget(acme))

    assert "1 unpriced call not included" in page
    assert "/o/acme/prices/unpriced/" in page


def test_a_budget_of_tokens_counts_tokens(admin, acme, acme_project):
    spend(acme_project, usd="2", input_tokens=1500, output_tokens=500, unpriced_calls=1)

    page = page_of(admin, make_budget(acme, metric="tokens", limit="8000", period="week"))

    assert "2.0\u00a0K tokens" in page
    assert "25% of the limit" in page or "25.0% of the limit" in page
    assert "unpriced" not in page.split("Past periods")[0].split("<main")[1]


def test_an_hours_budget_shows_the_last_day(admin, acme, acme_project):
    spend(acme_project, at=NOW, usd="150")

    page = page_of(admin, make_budget(acme, period="hour"))

    assert "The last 24 hours" in page
    assert "Over budget" in page
    assert "Over by" in page
    assert "$50.00" in page


def test_past_periods_are_listed(admin, acme, scope):
    budget = make_budget(acme, period="day")
    with scope(acme):
        BudgetState.objects.create(
            organization=acme,
            budget=budget,
            since=datetime(2026, 7, 13, tzinfo=UTC),
            until=datetime(2026, 7, 14, tzinfo=UTC),
            spent=Decimal("85.5"),
            fired=[50, 80],
            unpriced_calls=7,
            computed_at=NOW - timedelta(hours=10),
        )

    page = page_of(admin, budget)

    row = page.split("13 Jul 2026")[1].split("</tr>")[0]
    assert [part in row for part in ("$85.50", "85.5%", "50 %, 80 %", ">7<")] == [True] * 4


def test_what_became_of_its_thing_is_said(admin, acme, acme_project, search, scope):
    key = issue_key(acme, project=acme_project).key
    of_key = make_budget(acme, name="key", scope="key", api_key=key)
    of_team = make_budget(acme, name="team", scope="team", team="search")
    of_project = make_budget(acme, name="project", scope="project", project=acme_project)

    key_services.revoke_key(organization=acme, actor=None, key=key, now=NOW)
    teams.delete_team(organization=acme, actor=None, team=search)
    archive.archive_project(organization=acme, actor=None, project=acme_project, now=NOW)
    assert "Its API key is revoked" in page_of(admin, of_key)
    assert "or it was deleted" in page_of(admin, of_team)
    assert "Its project is archived" in page_of(admin, of_project)

    with scope(acme):
        Project.objects.update(delete_at=NOW)
    assert "about to be deleted" in page_of(admin, of_project)


def test_an_admin_changes_a_budget(admin, acme, scope):
    budget = make_budget(acme, limit="100.50")
    edit = f"{LIST}{budget.pk}/edit/"

    assert 'value="100.5"' in admin.get(edit).text
    answer = admin.post(edit, {"name": "Everything", "limit": "250", "thresholds": "90 100"})

    assert answer.url == f"{LIST}{budget.pk}/"
    with scope(acme):
        budget.refresh_from_db()
    assert (budget.name, budget.limit, budget.thresholds) == ("Everything", 250, [90, 100])


def test_a_change_that_cannot_be_is_said_and_changes_nothing(admin, acme, scope):
    budget = make_budget(acme)

    answer = admin.post(f"{LIST}{budget.pk}/edit/", {"name": "New", "limit": "0", "thresholds": "1"})

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "must be above zero" in answer.text
    assert 'value="New"' in answer.text
    assert budgets(acme, scope) == [("All", "organization", 100)]


def test_pausing_and_resuming(admin, acme, scope):
    budget = make_budget(acme)

    assert admin.post(f"{LIST}{budget.pk}/pause/").url == f"{LIST}{budget.pk}/"
    assert "This budget is paused" in page_of(admin, budget)
    assert admin.post(f"{LIST}{budget.pk}/resume/").url == f"{LIST}{budget.pk}/"
    assert "This budget is paused" not in page_of(admin, budget)


def test_deleting_asks_first(admin, acme, scope):
    budget = make_budget(acme)

    assert "Delete “<bdi>All</bdi>”?" in admin.get(f"{LIST}{budget.pk}/delete/").text
    assert len(budgets(acme, scope)) == 1
    assert admin.post(f"{LIST}{budget.pk}/delete/").url == LIST
    assert budgets(acme, scope) == []
    assert admin.get(f"{LIST}{budget.pk}/").status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("who", ["member", "viewer"])
def test_who_may_only_read_changes_nothing(request, acme, scope, who):
    client = request.getfixturevalue(who)
    budget = make_budget(acme)

    assert client.get(f"{LIST}{budget.pk}/").status_code == HTTPStatus.OK
    assert client.post(NEW, FORM | {"name": "Mine"}).status_code == HTTPStatus.FORBIDDEN
    for path in ("edit/", "pause/", "delete/"):
        assert client.post(f"{LIST}{budget.pk}/{path}").status_code == HTTPStatus.FORBIDDEN
    assert budgets(acme, scope) == [("All", "organization", 100)]
    with scope(acme):
        assert Budget.objects.get().is_active


def test_another_organizations_budgets_are_not_found(admin, outsider, acme, globex):
    mine, theirs = make_budget(acme), make_budget(globex)

    assert admin.get(f"{LIST}{theirs.pk}/").status_code == HTTPStatus.NOT_FOUND
    assert admin.post(f"{LIST}{theirs.pk}/delete/").status_code == HTTPStatus.NOT_FOUND
    assert outsider.get(f"{LIST}{mine.pk}/").status_code == HTTPStatus.NOT_FOUND
