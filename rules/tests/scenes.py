"""Traffic that makes rules speak, for tests that evaluate it; and evaluating, as the worker does."""

from datetime import UTC, datetime, timedelta

from core.scope import org_scope
from dashboards.tests.factories import record_calls
from rules import cursors, evaluation
from rules.models import Insight, RuleEvaluation

# Always in the second half of an hour and of a day that is long enough for what tests put before it.
NOW = datetime.now(UTC).replace(hour=15, minute=40, second=0, microsecond=0) - timedelta(days=1)
TODAY = NOW.replace(hour=0, minute=0)
ONE = timedelta(days=1)


def spike(project, *, calls=120, team="growth", at=NOW - timedelta(minutes=30)):
    """Three quiet days and then many calls."""
    rows = [{"started_at": TODAY - day * ONE, "team": team} for day in (3, 2, 1) for _ in range(2)]
    rows += [{"started_at": at, "team": team} for _ in range(calls)]
    return record_calls(project, [{"received_at": at} | row for row in rows])


def evaluate(project, *, now=NOW, hours=False):
    """What the worker does with a project that was claimed; ``hours``: the rules of every hour as well."""
    with org_scope(project.organization_id):
        defaults = {"leased_until": now + cursors.LEASE, "fully_evaluated_at": None if hours else now}
        cursor, _ = RuleEvaluation.objects.update_or_create(
            organization_id=project.organization_id, project_id=project.pk, defaults=defaults
        )
    return evaluation.run(organization_id=project.organization_id, cursor_id=cursor.pk, now=now)


def evaluate_budgets(organization, *, now=NOW):
    with org_scope(organization.pk):
        cursor, _ = RuleEvaluation.objects.update_or_create(
            organization_id=organization.pk, project_id=cursors.BUDGETS, defaults={"leased_until": now + cursors.LEASE}
        )
    return evaluation.run(organization_id=organization.pk, cursor_id=cursor.pk, now=now)


def only_insight(organization, **which):
    with org_scope(organization.pk):
        return Insight.objects.select_related("project", "budget").get(**which)
