"""What the demo's rules find: settings and budgets such as a team would have, evaluated once as the worker does."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from core.scope import org_scope
from rules import budget_services, budget_spend, configuration, evaluation
from rules.budget_terms import Wanted
from rules.engine.budgets import BudgetSpend, forecast
from rules.engine.thresholds import OF_PROJECTS
from rules.models import Budget, RuleSetting
from tenants import selectors
from tenants.models import Organization, Project

# Long prompts that are meant to be long: a chat's history, whole invoices, an agent's notes.
_SETTINGS: Final[Mapping[str, Mapping[str, Any]]] = {
    "assistant": {"thresholds": {"input_tokens": 4_000}},
    "documents": {"thresholds": {}, "muted_features": ["invoice-parsing"]},
    "research": {"thresholds": {"input_tokens": 100_000}},
}
_PERIODS: Final = (Budget.Period.MONTH, Budget.Period.WEEK, Budget.Period.DAY)
_SPENT: Final = Decimal("0.6")  # of the limit: half is reached, four fifths are not
_CENTS: Final = Decimal("0.01")


def show_rules(*, organization: Organization, now: datetime) -> None:
    """Configure, budget and evaluate; doing it again adds nothing."""
    with org_scope(organization.pk):
        zone = selectors.time_zone(organization=organization)
        projects = {project.slug: project for project in Project.objects.order_by("pk")}
        for slug, wanted in _SETTINGS.items():
            if not RuleSetting.objects.filter(project=projects[slug]).exists():
                configuration.configure(
                    organization=organization,
                    actor=None,
                    project=projects[slug],
                    rule="LONG_PROMPTS",
                    enabled=True,
                    now=now,
                    **wanted,
                )
        _make_budgets(organization, projects, zone, now)
        for project in projects.values():
            evaluation.evaluate_project(
                organization=organization, project=project, rules=sorted(OF_PROJECTS), now=now, zone=zone
            )
        evaluation.evaluate_budgets(organization=organization, now=now, zone=zone)


def _make_budgets(organization: Organization, projects: Mapping[str, Project], zone: ZoneInfo, now: datetime) -> None:
    if Budget.objects.exists():
        return
    for wanted in (_half_spent(organization, projects, zone, now), _running_out(organization, projects, zone, now)):
        if wanted is not None:
            budget_services.create_budget(organization=organization, actor=None, wanted=wanted, now=now)


def _half_spent(
    organization: Organization, projects: Mapping[str, Project], zone: ZoneInfo, now: datetime
) -> Wanted | None:
    """The support team's, of which more than half is spent; None in the first moments of a day that begins a month."""
    ids = [project.pk for project in projects.values()]
    for period, spend in _spends(Budget(organization=organization, scope="team", team="support"), ids, zone, now):
        if spend.spent > _CENTS:
            limit = (spend.spent / _SPENT).quantize(_CENTS)
            return Wanted(name="Support", scope="team", team="support", period=period, limit=limit)
    return None


def _running_out(
    organization: Organization, projects: Mapping[str, Project], zone: ZoneInfo, now: datetime
) -> Wanted | None:
    """A project's, which ends before its period; None where too little of every period is over to say so."""
    project = projects["documents"]
    budget = Budget(organization=organization, scope="project", project=project)
    for period, spend in _spends(budget, [project.pk], zone, now):
        ahead = forecast(spend, now)
        if ahead is not None and ahead.low > spend.spent + _CENTS:
            limit = ((spend.spent + ahead.low) / 2).quantize(_CENTS)
            return Wanted(
                name="Documents", scope="project", project=project, period=period, limit=limit, thresholds=(100,)
            )
    return None


def _spends(budget: Budget, project_ids: list[int], zone: ZoneInfo, now: datetime) -> Iterator[tuple[str, BudgetSpend]]:
    """What ``budget`` would have spent in each kind of period."""
    for period in _PERIODS:
        budget.period, budget.limit, budget.metric, budget.thresholds = period, Decimal(1), "cost_usd", [100]
        yield period, budget_spend.spend(budget=budget, as_of=now, zone=zone, project_ids=project_ids)
