"""Erasing an end user reaches what rules keep of one: a budget for that person, its periods and its insights."""

from datetime import timedelta

import pytest
from django.utils import timezone

from core.models import WorkDue
from core.scope import org_scope
from dashboards.tests.factories import record_calls
from ingestion import erasure
from rules.models import Budget, BudgetState, Insight
from rules.tests.budgets import make_budget
from rules.tests.scenes import evaluate_budgets
from tenants.models import AuditEntry, Event, User

MAIL = "maria@customer.test"


@pytest.fixture
def reached(acme, acme_project):
    """A budget of one end user that is used up, beside one of everybody."""
    now = timezone.now()
    record_calls(acme_project, [{"started_at": now - timedelta(seconds=5), "user_id": "user-7"}])
    with org_scope(acme.pk):
        budget = make_budget(acme, name="Seven", scope="user", user_id="user-7", metric="tokens", limit="1")
        make_budget(acme, name="All")
    evaluate_budgets(acme, now=now)
    with org_scope(acme.pk):
        assert budget.insights.exists()
        assert budget.states.exists()
    return budget


def erase(organization, user_id):
    actor = User.objects.get(memberships__organization=organization, memberships__role="owner")
    now = timezone.now()
    started = erasure.start_erasure(
        organization=organization, actor=actor, user_id=user_id, confirmation=user_id, now=now
    )
    for _ in range(3):
        erasure.erase_slice(organization_id=organization.pk, erasure_id=started.pk, now=now)
    assert not WorkDue.objects.filter(task=erasure.TASK).exists()


def test_the_budget_goes_with_its_periods_and_evidence_and_others_stay(acme, reached, scope):
    erase(acme, "user-7")

    with scope(acme):
        assert list(Budget.objects.values_list("name", flat=True)) == ["All"]
        assert not Insight.objects.filter(budget_id=reached.pk).exists()
        assert not BudgetState.objects.filter(budget_id=reached.pk).exists()
        assert not Insight.objects.filter(evidence__icontains="user-7").exists()


def test_who_was_told_is_told_that_it_is_over_and_nobody_who_it_was(acme, reached, scope):
    erase(acme, "user-7")

    with scope(acme):
        (entry,) = AuditEntry.objects.filter(action="budget.deleted")
        assert (entry.actor_kind, entry.facts) == ("system", {"scope": "user", "reason": "end user erased"})
        assert Event.objects.filter(kind="insight.resolved").exists()
        assert "user-7" not in str(list(Event.objects.values_list("facts", flat=True)))


def test_the_budget_of_an_id_that_is_stored_hashed_is_found_by_the_id_as_sent(acme, acme_project, scope):
    with scope(acme):
        budget = make_budget(acme, scope="user", user_id=MAIL)
        assert budget.user_id != MAIL

    erase(acme, MAIL)

    with scope(acme):
        assert not Budget.objects.exists()


def test_a_budget_of_somebody_else_or_of_another_tenant_is_not_touched(acme, globex, reached, scope):
    with scope(globex):
        make_budget(globex, scope="user", user_id="user-7")

    erase(acme, "user-8")

    with scope(acme):
        assert Budget.objects.count() == 2

    erase(acme, "user-7")

    with scope(globex):
        assert Budget.objects.get().user_id == "user-7"
