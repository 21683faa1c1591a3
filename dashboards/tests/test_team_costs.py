"""What teams cost, and the page of one: sums by any name of a team, of two periods, exactly."""

import re
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import OperationalError
from django.urls import reverse
from django.utils import timezone

from core.scope import org_scope
from dashboards import team_costs
from dashboards.numbers import ModelName, Sums
from dashboards.team_costs import Cost
from dashboards.tests.factories import count_calls, make_rollup
from rules.tests.budgets import make_budget
from tenants import services, teams
from tenants.models import Project
from tenants.permissions import Role
from tenants.tests.people import join, override, owner_of, signed_in

TODAY = date(2026, 7, 14)
SLUGS = {"search": "search", "find": "search", "ads": "ads"}
LIST_QUERIES = 27
ONE_QUERIES = 28


@pytest.fixture
def spent(acme, acme_project):
    """Daily sums: (days ago, team, columns)."""

    def spend(*rows, project=acme_project):
        with org_scope(project.organization_id):
            for number, (ago, team, columns) in enumerate(rows):
                make_rollup(project, TODAY - timedelta(days=ago), team=team, environment=f"e{number}", **columns)

    return spend


@pytest.fixture
def by_team(acme, chosen):
    def read(query="", **more):
        with org_scope(acme.pk):
            return team_costs.by_team(organization=acme, chosen=chosen(query, **more), slugs=SLUGS)

    return read


@pytest.fixture
def one(acme, chosen):
    def read(query="", names=("search", "find")):
        with org_scope(acme.pk):
            return team_costs.one(organization=acme, chosen=chosen(query), names=names)

    return read


def test_a_team_has_what_came_under_any_of_its_names_in_any_case(spent, by_team):
    spent(
        (0, "search", {"cost_usd": Decimal("1e-20"), "calls": 2, "unpriced_calls": 1}),
        (1, "FIND", {"cost_usd": Decimal(2), "errors": 1}),
        (0, "", {"calls": 4, "unpriced_calls": 4}),
        (0, "stranger", {"cost_usd": Decimal(9)}),
        (0, "(other)", {"cost_usd": Decimal(9)}),
    )

    found = by_team()

    assert set(found) == {"search", ""}
    assert found["search"].sums == Sums(calls=3, unpriced_calls=1, errors=1, cost_usd=Decimal("2.00000000000000000001"))
    assert found[""].sums.known_cost_usd is None


def test_changes_are_against_the_period_before_unless_nothing_is_compared(spent, by_team):
    spent((0, "ads", {"cost_usd": Decimal(3)}), (10, "find", {"cost_usd": Decimal(5)}))

    ads = Sums(calls=1, cost_usd=Decimal(3))
    assert by_team() == {
        "ads": Cost(ads, Sums(), {ModelName("openai", "gpt-4o"): ads}),
        "search": Cost(Sums(), Sums(calls=1, cost_usd=Decimal(5)), {}),
    }
    assert set(by_team("compare=none")) == {"ads"}


def test_main_models_are_the_dearest_of_all_names_together(spent, by_team):
    spent(
        (0, "search", {"model_key": "a", "cost_usd": Decimal(3)}),
        (0, "search", {"model_key": "b", "cost_usd": Decimal(2)}),
        (0, "find", {"model_key": "b", "cost_usd": Decimal(2)}),
        (0, "search", {"model_key": "c", "cost_usd": Decimal(0), "unpriced_calls": 1}),
    )

    assert by_team()["search"].main_models == ["b", "a", "c"]


def test_hours_are_counted_where_days_are_not_whole(acme_project, by_team, chosen):
    now = chosen().now
    count_calls(
        acme_project,
        [
            {"started_at": now - timedelta(hours=1), "team": "ads", "cost_usd": Decimal(1)},
            {"started_at": now - timedelta(hours=23), "team": "ads", "cost_usd": Decimal(2)},
            {"started_at": now - timedelta(hours=25), "team": "ads", "cost_usd": Decimal(4)},
        ],
    )

    found = by_team("range=24h")["ads"]

    assert (found.sums.cost_usd, found.before.cost_usd) == (Decimal(3), Decimal(4))


def test_filters_narrow_what_teams_cost(acme_project, spent, by_team):
    spent((0, "ads", {"feature": "chat", "cost_usd": Decimal(3)}), (0, "ads", {"cost_usd": Decimal(2)}))

    assert by_team("feature=chat")["ads"].sums.cost_usd == Decimal(3)
    assert by_team("model=unknown") == {}


def test_another_organizations_calls_are_not_counted(globex, spent, by_team):
    with org_scope(globex.pk):
        foreign = Project.objects.get()
    spent((0, "ads", {"cost_usd": Decimal(3)}), project=foreign)

    assert by_team() == {}


def test_one_team_by_day_model_feature_and_project(acme, acme_project, spent, one):
    other = services.create_project(organization=acme, actor=None, name="Other")
    spent(
        (0, "search", {"cost_usd": Decimal(3), "feature": "chat"}),
        (1, "Find", {"cost_usd": Decimal(4), "model_key": "b"}),
        (9, "search", {"cost_usd": Decimal(8)}),
        (0, "ads", {"cost_usd": Decimal(16)}),
    )
    spent((0, "search", {"cost_usd": Decimal(1)}), project=other)

    found = one()

    assert (found.total, found.before) == (Sums(calls=3, cost_usd=Decimal(8)), Sums(calls=1, cost_usd=Decimal(8)))
    assert {day: sums.cost_usd for day, sums in found.buckets.items()} == {"2026-07-14": 4, "2026-07-13": 4}
    assert [(model.model_key, sums.calls) for model, sums in found.models.items()] == [("gpt-4o", 2), ("b", 1)]
    assert {name: sums.cost_usd for name, sums in found.features.items()} == {"default": 5, "chat": 3}
    assert {pk: sums.cost_usd for pk, sums in found.projects.items()} == {acme_project.pk: 7, other.pk: 1}


def test_a_team_without_calls_is_nothing(one):
    found = one()

    assert (found.total, found.before, found.buckets, found.models) == (Sums(), Sums(), {}, {})


# --- Pages ---


@pytest.fixture
def search(acme, acme_project):
    """A team with an alias, calls of today and of last week, and a budget."""
    team = teams.create_team(organization=acme, actor=None, name="Search", aliases=["find"])
    today = timezone.now().date()
    with org_scope(acme.pk):
        make_rollup(acme_project, today, team="Find", calls=3, cost_usd=Decimal("1.5"), model_key="gpt-5")
        make_rollup(acme_project, today - timedelta(days=8), team="search", cost_usd=Decimal(1))
    make_budget(acme, name="Search budget", scope="team", team="search", limit=Decimal(100))
    return team


def cost_url(slug="search"):
    return reverse("dashboards:team-cost", args=["acme", slug])


def test_the_list_shows_cost_change_models_budget_and_members(viewer, search):
    text = viewer.get("/o/acme/teams/").text

    row = re.search(r"<tbody>\s*<tr>(.*?)</tr>", text, re.DOTALL)[1]
    for expected in ("Search", "$1.50", "+50.0%", ">3<", "gpt-5", "Within budget", cost_url()):
        assert expected in row


def test_the_list_has_the_filter_bar(owner, search):
    response = owner.get("/o/acme/teams/?model=gpt-5&range=30d&compare=none")

    assert "Changes are against" not in response.text
    assert 'id="filters"' in response.text
    assert "gpt-5" in owner.get("/o/acme/teams/?panel=filters", headers={"HX-Request": "true"}).text


def test_one_teams_page_shows_cost_budget_and_breakdowns(viewer, acme_project, search):
    response = viewer.get(cost_url())

    assert [row.label for row in response.context["by_model"]] == ["gpt-5"]
    assert response.context["chart"]["series"][0]["data"][-1] == Decimal("1.5")
    for expected in ("$1.50", "Search budget", "default", "Web"):
        assert expected in response.text


@pytest.mark.parametrize(
    ("who", "status"), [("owner", 200), ("viewer", 200), ("nobody", 403), ("outsider", 404), ("anonymous", 302)]
)
def test_members_see_what_a_team_costs_and_strangers_do_not(request, search, who, status):
    assert request.getfixturevalue(who).get(cost_url()).status_code == status


def test_a_team_that_is_not_there_is_not_found(owner, globex, search):
    teams.create_team(organization=globex, actor=None, name="Foreign")

    assert owner.get(cost_url("foreign")).status_code == 404
    assert owner.get(cost_url("nobody")).status_code == 404


def test_a_hidden_project_costs_a_team_nothing(acme, search):
    secret = services.create_project(organization=acme, actor=owner_of(acme), name="Secret")
    with org_scope(acme.pk):
        make_rollup(secret, timezone.now().date(), team="search", cost_usd=Decimal(90))
    ada = join(acme, "ada@example.test", Role.MEMBER)
    override(secret, ada, Role.NONE)

    text = signed_in(ada).get(cost_url()).text

    assert "$1.50" in text
    assert "$91" not in text
    assert "Secret" not in text
    assert "$1.50" in signed_in(ada).get("/o/acme/teams/").text


def test_a_team_without_calls_says_what_to_do(owner, search):
    text = owner.get(f"{cost_url()}?from=2020-01-01&to=2020-01-02").text

    assert "No calls of this team in this period" in text
    assert "Search budget" in text


def test_what_takes_too_long_is_an_answer(owner, search, monkeypatch):
    def too_long(**_more):
        raise OperationalError("canceling statement due to statement timeout")

    monkeypatch.setattr(team_costs, "by_team", too_long)
    monkeypatch.setattr(team_costs, "one", too_long)

    for address in ("/o/acme/teams/", cost_url()):
        response = owner.get(address)
        assert (response.status_code, "That took too long" in response.text) == (503, True)


def test_pages_ask_a_fixed_number_of_questions(owner, search, django_assert_num_queries):
    owner.get("/o/acme/teams/")  # the session remembers the organization

    with django_assert_num_queries(LIST_QUERIES):
        owner.get("/o/acme/teams/")
    with django_assert_num_queries(ONE_QUERIES):
        owner.get(cost_url())
