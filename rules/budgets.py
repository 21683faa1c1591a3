"""Budgets: made, changed and deleted; each change is checked against what was spent at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import transaction

from core.fields import decimal_text
from core.scope import org_scope
from rules import cursors
from rules.engine.budgets import DEFAULT_THRESHOLDS
from rules.models import Budget
from tenants import audit
from tenants.audit import Actor
from tenants.models import ApiKey, Organization, Project, User

MOST_BUDGETS: Final = 200
MOST_THRESHOLDS: Final = 10
_HIGHEST_LIMIT: Final = Decimal(10) ** 18
_HIGHEST_THRESHOLD: Final = 1_000
_SCOPE_FIELDS: Final = ("project", "team", "feature", "user_id", "api_key")
_NEEDED: Final = {
    Budget.Scope.ORGANIZATION: (),
    Budget.Scope.TEAM: ("team",),
    Budget.Scope.PROJECT: ("project",),
    Budget.Scope.FEATURE: ("project", "feature"),
    Budget.Scope.USER: ("user_id",),
    Budget.Scope.KEY: ("api_key",),
}
_ASK: Final = {
    "project": "Choose the project.",
    "team": "Name the team.",
    "feature": "Name the feature.",
    "user_id": "Name the end user.",
    "api_key": "Choose the API key.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetTerms:
    """What somebody wants of a budget; what its scope does not ask for is left out, whatever was given."""

    name: str
    scope: str
    period: str
    limit: Decimal
    metric: str = Budget.Metric.COST_USD
    thresholds: Sequence[int] = DEFAULT_THRESHOLDS
    project: Project | None = None
    team: str = ""
    feature: str = ""
    user_id: str = ""
    api_key: ApiKey | None = None
    is_active: bool = True


@transaction.atomic
def create_budget(*, organization: Organization, actor: Actor, terms: BudgetTerms, now: datetime) -> Budget:
    """Create a budget; what it spent so far in its period counts, and is looked at with the next sweep.

    :raises ValidationError: by field: a name that is taken, a limit that is not above zero, thresholds out of bounds,
        a scope that does not say whose spend it is, or more budgets than an organization can have.
    """
    with org_scope(organization.pk):
        Organization.objects.select_for_update().get(pk=organization.pk)
        if Budget.objects.count() >= MOST_BUDGETS:
            raise ValidationError({NON_FIELD_ERRORS: f"An organization has at most {MOST_BUDGETS} budgets."})
        budget = Budget(organization=organization, created_by=actor if isinstance(actor, User) else None)
        _fill(budget, terms)
        budget.save()
        audit.record("budget.created", actor=actor, target=budget, **_facts(budget))
        cursors.make_due(organization_id=organization.pk, project_id=cursors.BUDGETS, now=now)
    return budget


@transaction.atomic
def change_budget(
    *, organization: Organization, actor: Actor, budget: Budget, terms: BudgetTerms, now: datetime
) -> Budget:
    """Give a budget other terms. Thresholds that fired in its running period stay fired unless they are taken out.

    :raises ValidationError: as ``create_budget``.
    """
    with org_scope(organization.pk):
        locked = Budget.objects.select_for_update().get(pk=budget.pk)
        before = _facts(locked)
        _fill(locked, terms)
        after = _facts(locked)
        if before == after:
            return locked
        locked.save()
        changed: dict[str, Any] = {
            name: [before[name], value] for name, value in after.items() if before[name] != value
        }
        audit.record("budget.changed", actor=actor, target=locked, **changed)
        cursors.make_due(organization_id=organization.pk, project_id=cursors.BUDGETS, now=now)
    return locked


@transaction.atomic
def delete_budget(*, organization: Organization, actor: Actor, budget: Budget) -> None:
    """Delete a budget with everything it found."""
    with org_scope(organization.pk):
        locked = Budget.objects.select_for_update().get(pk=budget.pk)
        audit.record("budget.deleted", actor=actor, target=locked, **_facts(locked))
        locked.delete()


def _fill(budget: Budget, terms: BudgetTerms) -> None:
    """:raises ValidationError: the terms make no budget."""
    problems = _problems(terms, budget.organization_id)
    if problems:
        raise ValidationError(problems)
    needed = _NEEDED[Budget.Scope(terms.scope)]
    for name in _SCOPE_FIELDS:
        empty = None if name in {"project", "api_key"} else ""
        setattr(budget, name, getattr(terms, name) if name in needed else empty)
    budget.name, budget.scope, budget.period = terms.name.strip(), terms.scope, terms.period
    budget.metric, budget.limit, budget.is_active = terms.metric, terms.limit, terms.is_active
    budget.thresholds = sorted(set(terms.thresholds))
    budget.full_clean(exclude=["limit", "created_by"])


def _problems(terms: BudgetTerms, organization_id: int) -> dict[str, str]:
    problems: dict[str, str] = {}
    if not terms.name.strip():
        problems["name"] = "Give the budget a name."
    if not terms.limit.is_finite() or not 0 < terms.limit <= _HIGHEST_LIMIT:
        problems["limit"] = "The limit must be above zero."
    if not _are_thresholds(terms.thresholds):
        problems["thresholds"] = f"Give one to {MOST_THRESHOLDS} whole numbers from 1 to {_HIGHEST_THRESHOLD} percent."
    if terms.scope not in Budget.Scope.values:
        problems["scope"] = "Choose whose spend it is."
        return problems
    missing = [name for name in _NEEDED[Budget.Scope(terms.scope)] if not _is_given(terms, name, organization_id)]
    return problems | {name: _ASK[name] for name in missing}


def _is_given(terms: BudgetTerms, name: str, organization_id: int) -> bool:
    """Whether the terms say it, and of this organization: another's project is none."""
    value = getattr(terms, name)
    if isinstance(value, Project | ApiKey):
        return value.organization_id == organization_id
    return bool(value)


def _are_thresholds(given: Sequence[int]) -> bool:
    return 0 < len(given) <= MOST_THRESHOLDS and all(1 <= one <= _HIGHEST_THRESHOLD for one in given)


def _facts(budget: Budget) -> dict[str, Any]:
    """The terms for the audit log: an end user's id is whatever their organization stores, so it is left out."""
    return {
        "name": budget.name,
        "scope": budget.scope,
        "project_id": budget.project_id,
        "team": budget.team,
        "feature": budget.feature,
        "api_key_id": budget.api_key_id,
        "metric": budget.metric,
        "period": budget.period,
        "limit": decimal_text(Decimal(budget.limit)),
        "thresholds": list(budget.thresholds),
        "is_active": budget.is_active,
    }
