"""Evaluates a project's rules, or an organization's budgets, and writes what was found: one transaction."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Max

from core.scope import org_scope
from ingestion.models import CloudSample, ProjectActivity
from rules import budget_spend, configuration, cursors, findings
from rules.cursors import BUDGETS, Progress
from rules.engine.budgets import BudgetSpend, forecast, reached
from rules.engine.evaluate import evaluate
from rules.engine.names import Rule
from rules.engine.snapshot import Snapshot
from rules.engine.thresholds import EVERY_MINUTE, OF_BUDGETS, OF_PROJECTS
from rules.findings import Outcome
from rules.models import Budget, BudgetState, Insight, RuleEvaluation
from rules.snapshots import snapshot
from tenants import selectors
from tenants.models import Organization, Project


def run(*, organization_id: int, cursor_id: int, now: datetime) -> Outcome | None:
    """Evaluate what a cursor stands for; None when there is nothing to do: another worker did or does it.

    A worker that dies leaves no trace but the lease, which ends.
    """
    with org_scope(organization_id):
        cursor = cursors.take(cursor_id=cursor_id)
        if cursor is None or cursor.organization_id != organization_id:
            return None
        organization = Organization.objects.get(pk=organization_id)
        if cursor.project_id == BUDGETS:
            return _run_budgets(organization, cursor, now)
        project = Project.objects.filter(pk=cursor.project_id).first()
        if project is None or selectors.is_closing(organization_id=organization_id, project_id=project.pk):
            cursor.delete()
            return None
        return _run_project(organization, project, cursor, now)


def _run_project(organization: Organization, project: Project, cursor: RuleEvaluation, now: datetime) -> Outcome:
    zone = selectors.time_zone(organization=organization)
    last = _last_received(organization, project)  # before the sums: what comes meanwhile counts as not seen
    is_full = cursors.is_full_due(cursor, now=now, zone=zone)
    rules = OF_PROJECTS if is_full else OF_PROJECTS & EVERY_MINUTE
    outcome = evaluate_project(organization=organization, project=project, rules=sorted(rules), now=now, zone=zone)
    progress = Progress(last, _has_open(project=project), zone)
    cursors.put_back(cursor, now=now, was_full=is_full, progress=progress)
    return outcome


def evaluate_project(
    *, organization: Organization, project: Project, rules: Sequence[Rule], now: datetime, zone: ZoneInfo
) -> Outcome:
    """Look at ``rules`` of a project as of ``now`` and write down what they find. The caller holds its cursor."""
    configs = configuration.configs(project=project)
    taken = snapshot(organization=organization, project=project, as_of=now, zone=zone, configs=configs, rules=rules)
    found = evaluate(taken, configs, rules)
    return findings.store(organization=organization, project=project, rules=rules, found=found, now=now)


def _last_received(organization: Organization, project: Project | None) -> datetime | None:
    """When the last call, or the last memory sample of a project without calls, came."""
    activity = ProjectActivity.objects.filter(organization_id=organization.pk)
    activity = activity.filter(project_id=project.pk) if project else activity
    calls: datetime | None = activity.aggregate(last=Max("last_received_at"))["last"]
    if calls is not None or project is None:
        return calls
    samples: datetime | None = CloudSample.objects.filter(project=project).aggregate(last=Max("received_at"))["last"]
    return samples


def _has_open(**which: Any) -> bool:
    return Insight.objects.filter(**which).exclude(status=Insight.Status.RESOLVED).exists()


# --- Budgets ---


def _run_budgets(organization: Organization, cursor: RuleEvaluation, now: datetime) -> Outcome:
    zone = selectors.time_zone(organization=organization)
    last = _last_received(organization, None)
    outcome = evaluate_budgets(organization=organization, now=now, zone=zone)
    if not Budget.objects.filter(is_active=True).exists() and not _has_open(rule__in=list(OF_BUDGETS)):
        cursor.delete()  # the next budget makes another
        return outcome
    cursors.put_back(cursor, now=now, was_full=True, progress=Progress(last, True, zone))
    return outcome


def evaluate_budgets(*, organization: Organization, now: datetime, zone: ZoneInfo) -> Outcome:
    """Sum up every active budget's spend, remember it, and write down what is reached or will be."""
    spends = budget_spend.spends(organization=organization, as_of=now, zone=zone)
    taken = Snapshot(project_id=None, as_of=now, zone=zone, budgets=tuple(spends))
    rules = sorted(OF_BUDGETS)
    found = evaluate(taken, {}, rules)
    for spend in spends:
        _remember(organization, spend, now)
    return findings.store(organization=organization, project=None, rules=rules, found=found, now=now)


def _remember(organization: Organization, spend: BudgetSpend, now: datetime) -> None:
    ahead = forecast(spend, now)
    amounts: dict[str, Decimal | None] = {
        "forecast": ahead.expected if ahead else None,
        "forecast_low": ahead.low if ahead else None,
        "forecast_high": ahead.high if ahead else None,
    }
    BudgetState.objects.update_or_create(
        budget_id=spend.budget_id,
        since=spend.stretch.since,
        defaults={
            "organization": organization,
            "until": spend.stretch.until,
            "spent": spend.spent,
            "unpriced_calls": spend.unpriced_calls,
            "estimated_calls": spend.estimated_calls,
            "fired": sorted(spend.fired | set(reached(spend))),
            "computed_at": now,
            **amounts,
        },
    )


# --- Projects that only send samples ---


def seek_samples(*, now: datetime) -> int:
    """Give projects that send memory samples and no calls a cursor; how many got one."""
    found = 0
    for organization in Organization.objects.order_by("pk"):
        with org_scope(organization.pk):
            sampling = CloudSample.objects.filter(sampled_at__gte=now - cursors.SAMPLES_WITHIN, sampled_at__lt=now)
            known = RuleEvaluation.objects.filter(organization_id=organization.pk).values_list("project_id", flat=True)
            new = set(sampling.values_list("project_id", flat=True).distinct()) - set(known)
            for project_id in sorted(new):
                cursors.make_due(organization_id=organization.pk, project_id=project_id, now=now)
        found += len(new)
    return found
