"""Budgets are made, changed, paused and deleted, each with its entry in the audit log."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from rules import budget_services, evaluation
from rules.budget_terms import Wanted
from rules.models import Budget, BudgetState, Insight, RuleEvaluation
from rules.tests.budgets import NOW, make_budget, spend
from tenants import deletion, key_services, teams
from tenants.models import AuditEntry, Event, Project
from tenants.permissions import Scope
from tenants.tests.keys import issue_key
from tenants.tests.people import owner_of


@pytest.fixture
def search(acme):
    return teams.create_team(organization=acme, actor=None, name="Search")


def entries(organization, scope):
    with scope(organization):
        found = AuditEntry.objects.filter(target_kind="budget").order_by("pk")
        return [(entry.action, entry.facts, entry.personal) for entry in found]


def refused(organization, **wanted):
    with pytest.raises(ValidationError) as error:
        make_budget(organization, **wanted)
    return error.value.message_dict


def due(organization):
    return RuleEvaluation.objects.filter(organization_id=organization.pk, project_id=0).values_list("due_at", flat=True)


def test_a_budget_is_recorded_and_due_to_be_summed_up_at_once(acme, scope):
    ada = owner_of(acme)

    budget = budget_services.create_budget(
        organization=acme,
        actor=ada,
        wanted=Wanted(name="All", scope="organization", period="month", limit="99.5"),
        now=NOW,
    )

    with scope(acme):
        stored = Budget.objects.get()
    assert (stored.pk, stored.limit, stored.created_by_id, stored.is_active) == (
        budget.pk,
        Decimal("99.5"),
        ada.pk,
        True,
    )
    facts = {
        "name": "All",
        "scope": "organization",
        "metric": "cost_usd",
        "period": "month",
        "limit": "99.5",
        "thresholds": [50, 80, 100],
    }
    assert entries(acme, scope) == [("budget.created", facts, {})]
    assert list(due(acme)) == [NOW]


def test_budgets_may_overlap(acme, acme_project, search, scope):
    make_budget(acme, name="a")
    make_budget(acme, name="b", limit="5")
    make_budget(acme, name="c", scope="project", project=acme_project)
    make_budget(acme, name="d", scope="feature", project=acme_project, feature="chat")
    make_budget(acme, name="e", scope="team", team="search")

    with scope(acme):
        assert Budget.objects.count() == 5


def test_a_name_is_taken_once_in_an_organization(acme, globex, scope):
    make_budget(acme)
    make_budget(globex)

    assert refused(acme) == {"name": ["There is a budget of this name already."]}
    with scope(acme):
        assert Budget.objects.count() == 1


def test_what_a_budget_is_of_must_be_there(acme, globex, scope):
    teams.create_team(organization=globex, actor=None, name="Theirs")
    with scope(globex):
        foreign = Project.objects.get(slug="web")
    of_globex = issue_key(globex).key
    revoked = issue_key(acme).key
    key_services.revoke_key(organization=acme, actor=None, key=revoked, now=NOW)
    with scope(acme):
        revoked.refresh_from_db()

    assert refused(acme, scope="team", team="theirs") == {"team": ["There is no such team, and no call names one."]}
    assert refused(acme, scope="project", project=foreign) == {"project": ["There is no such project."]}
    for key in (of_globex, revoked):
        assert refused(acme, scope="key", api_key=key) == {"api_key": ["There is no such key, or it was revoked."]}
    with scope(acme):
        assert Budget.objects.count() == 0


def test_there_is_a_bound(acme, monkeypatch):
    monkeypatch.setattr(budget_services, "MOST_BUDGETS", 1)
    make_budget(acme)

    with pytest.raises(ValidationError, match="1 budgets at most"):
        make_budget(acme, name="one more")


def test_an_end_user_who_looks_personal_is_kept_as_calls_keep_them(acme, acme_project, scope):
    hashed = make_budget(acme, name="a", scope="user", user_id="ada@example.com")
    plain = make_budget(acme, name="b", scope="user", user_id="u-1")
    with scope(acme):
        Project.objects.update(allow_personal_ids=True)
    sent = make_budget(acme, name="c", scope="user", user_id="ada@example.com")

    assert hashed.user_id.startswith("user:")
    assert len(hashed.user_id) == 37
    assert (plain.user_id, sent.user_id) == ("u-1", "ada@example.com")
    assert [personal for _, _, personal in entries(acme, scope)] == [
        {"user_id": hashed.user_id},
        {"user_id": "u-1"},
        {"user_id": "ada@example.com"},
    ]


# --- Changes ---


def change(organization, budget, **changes):
    return budget_services.change_budget(organization=organization, actor=None, budget=budget, now=NOW, **changes)


def test_a_change_says_what_it_was_and_what_it_is(acme, scope):
    budget = make_budget(acme)
    with scope(acme):
        RuleEvaluation.objects.update(due_at=None)

    changed = change(acme, budget, name="Everything", limit=250, thresholds=["90", "100"])

    assert (changed.name, changed.limit, changed.thresholds) == ("Everything", Decimal(250), [90, 100])
    assert entries(acme, scope)[1:] == [
        (
            "budget.changed",
            {
                "before": {"name": "All", "limit": "100", "thresholds": [50, 80, 100]},
                "after": {"name": "Everything", "limit": "250", "thresholds": [90, 100]},
            },
            {},
        )
    ]
    assert list(due(acme)) == [NOW]


def test_what_is_left_out_and_what_is_the_same_changes_nothing(acme, scope):
    budget = make_budget(acme)

    change(acme, budget)
    change(acme, budget, name=" All ", limit="100.00", thresholds=[50, 80, 100])

    assert len(entries(acme, scope)) == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"thresholds": [80, 50]}, "thresholds"),
        ({"name": ""}, "name"),
        ({"name": "b"}, "name"),
    ],
)
def test_a_change_that_cannot_be_changes_nothing(acme, scope, changes, field):
    budget = make_budget(acme)
    make_budget(acme, name="b")

    with pytest.raises(ValidationError) as error:
        change(acme, budget, **{"limit": "7"} | changes)

    assert set(error.value.message_dict) == {field}
    with scope(acme):
        assert Budget.objects.get(pk=budget.pk).limit == 100


def test_an_old_budget_of_a_team_that_is_gone_can_still_be_changed(acme, search):
    budget = make_budget(acme, scope="team", team="search")
    teams.delete_team(organization=acme, actor=None, team=search)

    assert change(acme, budget, limit="7").limit == 7


def test_pausing_and_resuming_is_recorded_once(acme, scope):
    budget = make_budget(acme)

    for service in (budget_services.pause_budget, budget_services.pause_budget, budget_services.resume_budget):
        service(organization=acme, actor=None, budget=budget, now=NOW)

    assert [action for action, _, _ in entries(acme, scope)] == ["budget.created", "budget.paused", "budget.resumed"]
    with scope(acme):
        assert Budget.objects.get().is_active


# --- What is gone ---


def test_a_deleted_budget_tells_that_what_it_reached_is_over(acme, acme_project, scope, utc):
    spend(acme_project, usd="60")
    budget = make_budget(acme)
    with scope(acme):
        evaluation.evaluate_budgets(organization=acme, now=NOW, zone=utc)
        assert list(Event.objects.values_list("kind", flat=True)) == ["budget.threshold"]

    budget_services.delete_budget(organization=acme, actor=None, budget=budget)

    with scope(acme):
        assert (Budget.objects.count(), BudgetState.objects.count(), Insight.objects.count()) == (0, 0, 0)
        over = Event.objects.get(kind="insight.resolved")
        reached = Event.objects.get(kind="budget.threshold")
        assert (over.dedup_key, over.facts["reason"]) == (reached.dedup_key, "deleted")
    assert entries(acme, scope)[-1][0] == "budget.deleted"


def test_a_paused_budgets_insights_end_with_the_next_evaluation(acme, acme_project, scope, utc):
    spend(acme_project, usd="60")
    budget = make_budget(acme)
    with scope(acme):
        evaluation.evaluate_budgets(organization=acme, now=NOW, zone=utc)
    budget_services.pause_budget(organization=acme, actor=None, budget=budget, now=NOW)

    with scope(acme):
        evaluation.evaluate_budgets(organization=acme, now=NOW, zone=utc)

        assert Insight.objects.get().status == "resolved"


def test_a_project_takes_its_budgets_along_and_leaves_the_others(acme, acme_project, scope, utc):
    key = issue_key(acme, project=acme_project, scopes=[Scope.INGEST]).key
    make_budget(acme, name="all")
    make_budget(acme, name="project", scope="project", project=acme_project)
    make_budget(acme, name="feature", scope="feature", project=acme_project, feature="chat")
    make_budget(acme, name="key", scope="key", api_key=key)
    spend(acme_project, usd="60", feature="chat", api_key_id=key.pk)
    with scope(acme):
        evaluation.evaluate_budgets(organization=acme, now=NOW, zone=utc)
        assert (BudgetState.objects.count(), Insight.objects.count()) == (4, 4)
    ada = owner_of(acme)
    long_ago = NOW - timedelta(days=40)
    deletion.schedule_project(organization=acme, actor=ada, project=acme_project, confirmation="web", now=long_ago)

    while deletion.purge_project(organization_id=acme.pk, project_id=acme_project.pk):
        pass

    with scope(acme):
        assert not Project.objects.filter(pk=acme_project.pk).exists()
        assert list(Budget.objects.values_list("name", flat=True)) == ["all"]
        assert BudgetState.objects.get().budget.name == "all"
        assert Insight.objects.get().budget.name == "all"
        connection.check_constraints()


def test_a_budget_outlives_its_team_and_a_revoked_key(acme, search, scope):
    issued = issue_key(acme)
    make_budget(acme, name="team", scope="team", team="search")
    make_budget(acme, name="key", scope="key", api_key=issued.key)

    teams.delete_team(organization=acme, actor=None, team=search)
    key_services.revoke_key(organization=acme, actor=None, key=issued.key, now=NOW)

    with scope(acme):
        assert Budget.objects.count() == 2


def test_a_team_that_only_calls_name_can_have_a_budget(acme, acme_project, scope):
    spend(acme_project, team="ads")
    spend(acme_project, team="(other)")

    assert make_budget(acme, scope="team", team="ads").team == "ads"
    assert set(refused(acme, name="b", scope="team", team="(other)")) == {"team"}
