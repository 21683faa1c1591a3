"""What the database itself refuses, whoever writes."""

from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from rules.models import Budget, BudgetState, Insight, InsightComment, RuleEvaluation, RuleSetting


def make_insight(organization, **columns):
    given = {"rule": "SPIKE", "fingerprint": "f" * 64, "severity": "low", "evidence": {}} | columns
    return Insight.objects.create(organization=organization, **given)


def make_budget(organization, **columns):
    given = {"name": "All", "scope": "organization", "period": "month", "limit": 10, "thresholds": [50]} | columns
    return Budget.objects.create(organization=organization, **given)


def refused(make, organization, **columns):
    with pytest.raises(DatabaseError), transaction.atomic():
        make(organization, **columns)


def test_a_fingerprint_is_one_insight_in_an_organization_and_another_in_another(acme, globex, scope):
    with scope(acme):
        make_insight(acme)
        with pytest.raises(IntegrityError), transaction.atomic():
            make_insight(acme)
    with scope(globex):
        make_insight(globex)
        assert Insight.objects.count() == 1


@pytest.mark.parametrize(
    "columns",
    [
        {"status": "resolved"},
        {"status": "open", "resolved_at": timezone.now()},
        {"status": "muted"},
        {"evidence": {"items": ["x" * 40_000]}},
        {"saving_parts": ["x" * 40_000]},
    ],
    ids=["resolved without a time", "open with one", "muted for ever", "giant evidence", "giant parts"],
)
def test_insights_that_contradict_themselves_or_are_too_large_are_refused(acme, scope, columns):
    with scope(acme):
        refused(make_insight, acme, **columns)


def test_the_largest_evidence_is_taken(acme, scope):
    with scope(acme):
        insight = make_insight(acme, evidence={"items": ["ü" * 8_000]})

        assert Insight.objects.get().evidence == insight.evidence


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_must_be_above_zero(acme, scope, limit):
    with scope(acme):
        refused(make_budget, acme, limit=limit)


@pytest.mark.parametrize(
    "columns",
    [
        {"scope": "team"},
        {"scope": "project"},
        {"scope": "feature", "feature": "chat"},
        {"scope": "user"},
        {"scope": "key"},
        {"scope": "organization", "team": "support"},
        {"scope": "team", "team": "support", "user_id": "u"},
        {"scope": "planet"},
    ],
)
def test_a_budget_names_its_scope_and_nothing_else(acme, scope, columns):
    with scope(acme):
        refused(make_budget, acme, **columns)


def test_every_scope_can_be_named(acme, acme_project, scope):
    with scope(acme):
        make_budget(acme)
        make_budget(acme, name="t", scope="team", team="support")
        make_budget(acme, name="p", scope="project", project=acme_project)
        make_budget(acme, name="f", scope="feature", project=acme_project, feature="chat")
        make_budget(acme, name="u", scope="user", user_id="u-1")

        assert Budget.objects.count() == 5


def test_two_budgets_of_an_organization_have_two_names(acme, globex, scope):
    with scope(acme):
        make_budget(acme)
        refused(make_budget, acme)
    with scope(globex):
        make_budget(globex)


def test_money_is_kept_to_the_last_digit(acme, scope):
    exact = Decimal("0.1234567890123456789012345678901234")
    with scope(acme):
        budget = make_budget(acme, limit=Decimal(10))
        now = timezone.now()
        BudgetState.objects.create(organization=acme, budget=budget, since=now, until=now, spent=exact, computed_at=now)

        assert BudgetState.objects.get().spent == exact


def test_a_project_has_one_setting_of_a_rule(acme, acme_project, scope):
    with scope(acme):
        RuleSetting.objects.create(organization=acme, project=acme_project, rule="SPIKE")
        with pytest.raises(IntegrityError), transaction.atomic():
            RuleSetting.objects.create(organization=acme, project=acme_project, rule="SPIKE")


def test_nothing_of_another_organization_is_seen_or_changed(acme, globex, acme_project, scope):
    with scope(acme):
        insight = make_insight(acme, project=acme_project)
        InsightComment.objects.create(organization=acme, insight=insight, text="Looking.")
        make_budget(acme)
    with scope(globex):
        found = [model.objects.count() for model in (Insight, InsightComment, Budget, RuleSetting)]
        changed = Insight.objects.filter(pk=insight.pk).update(severity="high")

    assert (found, changed) == ([0, 0, 0, 0], 0)


def test_cursors_hold_ids_and_times_and_nothing_else():
    names = {field.name for field in RuleEvaluation._meta.fields}

    assert names == {
        "id",
        "organization_id",
        "project_id",
        "evaluated_at",
        "evaluated_until",
        "fully_evaluated_at",
        "due_at",
        "leased_until",
    }
