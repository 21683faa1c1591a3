"""What rules found ends thirteen months after it was over, and never while it is not."""

from datetime import timedelta

import pytest

from rules import retention, tasks
from rules.models import Budget, BudgetState, Insight, InsightChange, InsightComment
from rules.tests.scenes import NOW, evaluate, only_insight, spike

OLD, FRESH = NOW - timedelta(days=397), NOW - timedelta(days=395)


@pytest.fixture
def insight(acme, acme_project):
    spike(acme_project)
    evaluate(acme_project)
    return only_insight(acme)


def forget(organization):
    return retention.forget_old(organization_id=organization.pk, now=NOW)


def end(insight, *, at, is_firing=False):
    Insight.objects.filter(pk=insight.pk).update(status="resolved", resolved_at=at, is_firing=is_firing)


def test_an_insight_goes_with_its_history_thirteen_months_after_it_was_resolved(acme, insight, scope):
    with scope(acme):
        InsightComment.objects.create(organization=acme, insight=insight, text="It was the crawler.")
        end(insight, at=OLD)

    assert forget(acme) == 1

    with scope(acme):
        assert not Insight.objects.exists()
        assert not InsightChange.objects.exists()
        assert not InsightComment.objects.exists()


@pytest.mark.parametrize(
    "now_it_is",
    [
        {"status": "resolved", "resolved_at": FRESH, "is_firing": False},
        {"status": "resolved", "resolved_at": OLD, "is_firing": True},  # by hand, and a rule still finds it
        {"status": "open", "last_seen_at": OLD, "opened_at": OLD},
        {"status": "muted", "muted_until": OLD, "opened_at": OLD},
    ],
    ids=["not long ago", "still found", "open", "muted"],
)
def test_an_insight_that_may_matter_stays(acme, insight, scope, now_it_is):
    with scope(acme):
        Insight.objects.filter(pk=insight.pk).update(**now_it_is)

    assert forget(acme) == 0

    with scope(acme):
        assert Insight.objects.get() == insight
        assert InsightChange.objects.exists()


def test_what_is_found_again_after_it_was_forgotten_is_a_new_insight(acme, acme_project, insight, scope):
    with scope(acme):
        end(insight, at=OLD)
    forget(acme)

    evaluate(acme_project)

    again = only_insight(acme)
    assert again.pk != insight.pk
    assert (again.fingerprint, again.times_reopened, again.status) == (insight.fingerprint, 0, "open")


def test_periods_of_budgets_go_and_the_budget_stays(acme, scope):
    with scope(acme):
        budget = Budget.objects.create(
            organization=acme, name="All", scope="organization", period="month", limit=10, thresholds=[50]
        )
        for until in (OLD, FRESH, NOW):
            BudgetState.objects.create(
                organization=acme, budget=budget, since=until - timedelta(days=30), until=until, computed_at=until
            )

    assert forget(acme) == 1

    with scope(acme):
        assert list(BudgetState.objects.order_by("until").values_list("until", flat=True)) == [FRESH, NOW]
        assert Budget.objects.count() == 1


def test_the_task_looks_at_every_tenant_and_one_tenants_run_at_no_other(acme, globex, insight, scope):
    with scope(acme):
        end(insight, at=OLD)

    assert forget(globex) == 0
    assert only_insight(acme) == insight

    tasks.forget_old()

    with scope(acme):
        assert not Insight.objects.exists()
