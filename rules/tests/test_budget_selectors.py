"""Who sees which budgets, and how they stand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rules import budget_selectors, budget_services, evaluation
from rules.budget_reach import Reach
from rules.models import Budget, BudgetState
from rules.tests.budgets import HOUR, NOW, make_budget, spend
from tenants import services, teams
from tenants.permissions import Role, Scope
from tenants.tests.keys import issue_key
from tenants.tests.people import join, override, owner_of

EVERYTHING = Reach(frozenset(), frozenset(), sees_organization=True, manages_organization=True)


@pytest.fixture
def secret(acme):
    return services.create_project(organization=acme, actor=owner_of(acme), name="Secret")


@pytest.fixture
def every_scope(acme, acme_project, secret):
    """A budget of each scope; of the secret project too."""
    teams.create_team(organization=acme, actor=None, name="Search")
    of_web = issue_key(acme, project=acme_project, scopes=[Scope.INGEST]).key
    make_budget(acme, name="all")
    make_budget(acme, name="feature", scope="feature", project=acme_project, feature="chat")
    make_budget(acme, name="key of all", scope="key", api_key=issue_key(acme).key)
    make_budget(acme, name="key of web", scope="key", api_key=of_web)
    make_budget(acme, name="secret", scope="project", project=secret)
    make_budget(acme, name="team", scope="team", team="search")
    make_budget(acme, name="user", scope="user", user_id="u-1")
    make_budget(acme, name="web", scope="project", project=acme_project)


def names(organization, reach):
    return [one.name for one in budget_selectors.budgets(organization=organization, reach=reach)]


def changeable(organization, reach):
    found = budget_selectors.budgets(organization=organization, reach=reach)
    return [one.name for one in found if reach.may_change(one)]


OF_ALL = ["all", "key of all", "team", "user"]
OF_WEB = ["feature", "key of web", "web"]


def test_a_hidden_projects_budgets_are_hidden_and_the_organizations_are_not(acme, secret, every_scope, scope):
    ada = join(acme, "ada@example.test", Role.ADMIN)
    override(secret, ada, Role.NONE)

    with scope(acme):
        reach = Reach.of_person(user=ada, role=Role.ADMIN)

        assert names(acme, reach) == sorted(OF_ALL + OF_WEB)
        assert changeable(acme, reach) == sorted(OF_ALL + OF_WEB)
        assert reach.manages_something


def test_a_role_in_a_project_counts_for_its_budgets_alone(acme, acme_project, every_scope, scope):
    ada = join(acme, "ada@example.test", Role.VIEWER)
    override(acme_project, ada, Role.ADMIN)
    bob = join(acme, "bob@example.test", Role.ADMIN)
    override(acme_project, bob, Role.VIEWER)

    with scope(acme):
        of_ada, of_bob = (
            Reach.of_person(user=user, role=role) for user, role in ((ada, Role.VIEWER), (bob, Role.ADMIN))
        )

        assert names(acme, of_ada) == names(acme, of_bob) == sorted([*OF_ALL, *OF_WEB, "secret"])
        assert changeable(acme, of_ada) == OF_WEB
        assert changeable(acme, of_bob) == sorted([*OF_ALL, "secret"])


def test_who_is_only_in_a_project_sees_its_budgets(acme, acme_project, every_scope, scope):
    ada = join(acme, "ada@example.test", Role.NONE)
    override(acme_project, ada, Role.VIEWER)

    with scope(acme):
        reach = Reach.of_person(user=ada, role=Role.NONE)

        assert names(acme, reach) == OF_WEB
        assert not reach.manages_something


def test_a_projects_key_reaches_its_project_and_an_organizations_everything(
    acme, acme_project, secret, every_scope, scope
):
    with scope(acme):
        of_project = Reach.of_key(project_ids=frozenset({acme_project.pk}), is_of_organization=False)
        of_all = Reach.of_key(project_ids=frozenset({acme_project.pk, secret.pk}), is_of_organization=True)

        assert names(acme, of_project) == changeable(acme, of_project) == OF_WEB
        assert changeable(acme, of_all) == sorted([*OF_ALL, *OF_WEB, "secret"])
        assert Budget.objects.get(name="key of web").project_id == acme_project.pk


def test_another_organizations_budgets_are_not_there(acme, globex, scope):
    theirs = make_budget(globex)

    with scope(acme):
        assert names(acme, EVERYTHING) == []
        assert budget_selectors.budget(organization=acme, reach=EVERYTHING, budget_id=theirs.pk) is None


# --- How they stand ---


def row_of(organization, scope, zone, *, as_of=NOW):
    with scope(organization):
        (row,) = budget_selectors.rows(
            organization=organization, found=Budget.objects.select_related("api_key"), as_of=as_of, zone=zone
        )
    return row


def test_a_new_budget_counts_what_its_period_has_seen_before_it_was_there(acme, acme_project, scope, utc):
    spend(acme_project, at=datetime(2026, 6, 30, 23, tzinfo=UTC), usd="1000")
    spend(acme_project, at=datetime(2026, 7, 1, 0, tzinfo=UTC), usd="40")
    spend(acme_project, usd="22.5", unpriced_calls=3, estimated_calls=0)
    make_budget(acme)

    row = row_of(acme, scope, utc)

    assert (row.spent, row.share, row.left) == (Decimal("62.5"), Decimal("0.625"), Decimal("37.5"))
    assert (row.unpriced_calls, row.computed_at) == (3, NOW)
    assert (row.stretch.since, row.stretch.until) == (
        datetime(2026, 7, 1, tzinfo=UTC),
        datetime(2026, 8, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("usd", "thresholds", "reached", "standing"),
    [
        ("49.99", [50, 80, 100], (), "ok"),
        ("50", [50, 80, 100], (50,), "warned"),
        ("99.99", [50, 80, 100], (50, 80), "warned"),
        ("100", [50, 80, 100], (50, 80, 100), "over"),
        ("100", [120], (), "over"),
    ],
)
def test_thresholds_are_reached_at_their_very_amount(
    acme, acme_project, scope, utc, usd, thresholds, reached, standing
):
    spend(acme_project, at=NOW, usd=usd)  # less than a day of calls: no forecast
    make_budget(acme, thresholds=thresholds)

    row = row_of(acme, scope, utc)

    assert (row.reached, row.standing, row.forecast) == (reached, standing, None)


def test_a_budget_that_cannot_last_is_ahead_of_its_limit(acme, acme_project, scope, utc):
    for hours in range(1, 49):
        spend(acme_project, at=NOW - hours * HOUR, usd="1", api_key_id=hours)
    make_budget(acme, limit="400")

    row = row_of(acme, scope, utc)

    # 48 dollars are spent; until the month's end are 421 hours and 40 minutes at a dollar each
    assert row.forecast is not None
    assert row.forecast.expected == row.forecast.low == row.forecast.high
    assert round(row.forecast.expected, 2) == Decimal("469.67")
    assert row.standing == "ahead"


def test_a_paused_budget_is_read_and_says_so(acme, acme_project, scope, utc):
    spend(acme_project, usd="200")
    budget = make_budget(acme)
    budget_services.pause_budget(organization=acme, actor=None, budget=budget, now=NOW)

    row = row_of(acme, scope, utc)

    assert (row.standing, row.spent) == ("paused", 200)


def test_what_the_last_minute_summed_up_is_shown_and_older_sums_are_not(acme, acme_project, scope, utc):
    spend(acme_project, usd="60")
    make_budget(acme)
    with scope(acme):
        evaluation.evaluate_budgets(organization=acme, now=NOW, zone=utc)
    spend(acme_project, usd="5", team="late")

    soon = row_of(acme, scope, utc, as_of=NOW + timedelta(seconds=90))
    later = row_of(acme, scope, utc, as_of=NOW + timedelta(minutes=2))

    assert (soon.spent, soon.computed_at, soon.fired) == (60, NOW, (50,))
    assert (later.spent, later.computed_at) == (65, NOW + timedelta(minutes=2))


def test_a_state_of_the_period_before_is_not_the_running_ones(acme, scope, utc):
    budget = make_budget(acme, period="hour")
    with scope(acme):
        BudgetState.objects.create(
            organization=acme,
            budget=budget,
            since=NOW.replace(hour=9, minute=0),
            until=NOW.replace(hour=10, minute=0),
            spent=99,
            computed_at=NOW - timedelta(seconds=30),
        )

    assert row_of(acme, scope, utc).spent == 0


def test_a_list_costs_one_query_for_all_that_were_summed_up(acme, acme_project, scope, utc):
    spend(acme_project)
    for name in ("a", "b", "c"):
        make_budget(acme, name=name)
    with scope(acme):
        evaluation.evaluate_budgets(organization=acme, now=NOW, zone=utc)
        found = list(budget_selectors.budgets(organization=acme, reach=EVERYTHING))

        with CaptureQueriesContext(connection) as queries:
            budget_selectors.rows(organization=acme, found=found, as_of=NOW, zone=utc)

    assert len(queries) == 1


def test_thresholds_know_when_they_were_reached_and_periods_are_remembered(acme, acme_project, scope, utc):
    spend(acme_project, usd="85")
    make_budget(acme)
    with scope(acme):
        evaluation.evaluate_budgets(organization=acme, now=NOW, zone=utc)
        budget = Budget.objects.get()
        row = budget_selectors.row(budget=budget, as_of=NOW, zone=utc)

        assert budget_selectors.reached_at(budget=budget, stretch=row.stretch) == {50: NOW, 80: NOW}
        assert budget_selectors.past(budget=budget, before=row.stretch.since) == []
        (state,) = budget_selectors.past(budget=budget, before=row.stretch.until)
        assert (state.spent, state.fired) == (85, [50, 80])


def test_spend_by_hour_is_of_the_scope_alone(acme, acme_project, scope, utc):
    spend(acme_project, usd="2", feature="chat")
    spend(acme_project, usd="3", feature="search")
    spend(acme_project, at=NOW - 30 * HOUR, usd="9", feature="chat")
    budget = make_budget(acme, scope="feature", project=acme_project, feature="chat", period="day")

    with scope(acme):
        found = budget_selectors.spent_by_hour(
            budget=budget, since=datetime(2026, 7, 14, tzinfo=UTC), until=datetime(2026, 7, 15, tzinfo=UTC), zone=utc
        )

    assert found == {datetime(2026, 7, 14, 8, tzinfo=UTC): 2}
