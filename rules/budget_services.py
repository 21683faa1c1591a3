"""Writes about budgets. Each makes the organization's budgets due, so that what is reached is told within a minute."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction

from core.fields import decimal_text
from core.scope import org_scope
from ingestion import end_users
from rules import budget_selectors, budget_terms, news
from rules.budget_terms import Wanted
from rules.cursors import BUDGETS, make_due
from rules.models import Budget, Insight
from tenants import audit
from tenants.audit import Actor
from tenants.models import Organization, OrganizationSettings, Project, User

MOST_BUDGETS: Final = 200  # each is summed up every minute
DELETED: Final = "deleted"  # why what was reached is over


@transaction.atomic
def create_budget(*, organization: Organization, actor: Actor, wanted: Wanted, now: datetime) -> Budget:
    """Create a budget. It counts from the start of its running period on, also what was spent before it was there.

    Budgets may overlap: each counts for itself and knows nothing of the others.

    :raises ValidationError: by field: the name is taken, or something cannot be so; there are too many.
    """
    columns = budget_terms.checked(wanted)
    with org_scope(organization.pk):
        _one_at_a_time(organization)
        if Budget.objects.count() >= MOST_BUDGETS:
            raise ValidationError(f"There can be {MOST_BUDGETS} budgets at most.")
        _check_name(columns["name"])
        _check_references(organization, wanted)
        columns["user_id"] = _stored_user(organization, wanted.user_id)
        columns["project"] = wanted.api_key.project if wanted.api_key else wanted.project
        maker = actor if isinstance(actor, User) else None
        budget = Budget.objects.create(organization=organization, created_by=maker, created_at=now, **columns)
        _record("created", budget, actor, **_facts(budget))
        make_due(organization_id=organization.pk, project_id=BUDGETS, now=now)
    return budget


@transaction.atomic
def change_budget(
    *,
    organization: Organization,
    actor: Actor,
    budget: Budget,
    name: str | None = None,
    limit: object = None,
    thresholds: Sequence[object] | None = None,
    now: datetime,
) -> Budget:
    """Change what is given; the rest stays. What was reached in the running period is not taken back.

    What a budget counts, and over which period, never changes: that would be another budget.

    :raises ValidationError: by field: the name is taken, or something cannot be so.
    """
    with org_scope(organization.pk):
        _one_at_a_time(organization)
        locked = _lock(budget)
        wanted = Wanted(
            name=locked.name if name is None else name,
            limit=locked.limit if limit is None else limit,
            thresholds=locked.thresholds if thresholds is None else thresholds,
            **{field: getattr(locked, field) for field in _KEPT},
            project=None if locked.api_key else locked.project,
        )
        columns = budget_terms.checked(wanted)
        changed = {field: columns[field] for field in _CHANGEABLE if columns[field] != getattr(locked, field)}
        if not changed:
            return locked
        if "name" in changed:
            _check_name(changed["name"])
        before = {field: _fact(locked, field) for field in changed}
        for field, value in changed.items():
            setattr(locked, field, value)
        locked.save(update_fields=list(changed))
        _record("changed", locked, actor, before=before, after={field: _fact(locked, field) for field in changed})
        make_due(organization_id=organization.pk, project_id=BUDGETS, now=now)
    return locked


_CHANGEABLE: Final = ("name", "limit", "thresholds")
_KEPT: Final = ("scope", "metric", "period", "team", "feature", "user_id", "api_key")


@transaction.atomic
def pause_budget(*, organization: Organization, actor: Actor, budget: Budget, now: datetime) -> None:
    """Stop watching a budget; its open insights end. Pausing twice changes nothing."""
    _set_active(organization, actor, budget, now, is_active=False)


@transaction.atomic
def resume_budget(*, organization: Organization, actor: Actor, budget: Budget, now: datetime) -> None:
    """Watch a paused budget again; what was spent meanwhile counts."""
    _set_active(organization, actor, budget, now, is_active=True)


def _set_active(organization: Organization, actor: Actor, budget: Budget, now: datetime, *, is_active: bool) -> None:
    with org_scope(organization.pk):
        locked = _lock(budget)
        if locked.is_active == is_active:
            return
        locked.is_active = is_active
        locked.save(update_fields=["is_active"])
        _record("resumed" if is_active else "paused", locked, actor, name=locked.name)
        make_due(organization_id=organization.pk, project_id=BUDGETS, now=now)


@transaction.atomic
def delete_budget(*, organization: Organization, actor: Actor, budget: Budget) -> None:
    """Delete a budget with its past and its insights; whoever was told that one is open is told that it is over."""
    with org_scope(organization.pk):
        locked = _lock(budget)
        _tell_over(organization, locked)
        _record("deleted", locked, actor, **_facts(locked))
        locked.delete()


def erase_end_user(*, organization: Organization, user_ids: Sequence[str]) -> None:
    """Delete the budgets of an end user who is erased: their calls name them no more, so there is nothing to sum up.

    Evidence goes with them. The audit log says that it was done and not to whom.
    """
    with org_scope(organization.pk):
        for budget in Budget.objects.filter(scope=Budget.Scope.USER, user_id__in=user_ids).order_by("pk"):
            locked = _lock(budget)
            _tell_over(organization, locked)
            audit.record("budget.deleted", actor=None, target=locked, scope=locked.scope, reason="end user erased")
            locked.delete()


def _tell_over(organization: Organization, budget: Budget) -> None:
    for insight in budget.insights.exclude(status=Insight.Status.RESOLVED).order_by("pk"):
        news.tell_resolved(organization=organization, insight=insight, reason=DELETED)


def _one_at_a_time(organization: Organization) -> None:
    """Names are looked at before they are written, so that who collides is told so."""
    OrganizationSettings.objects.select_for_update().get(organization=organization)


def _lock(budget: Budget) -> Budget:
    return Budget.objects.select_for_update(of=("self",)).select_related("project", "api_key").get(pk=budget.pk)


def _check_name(name: str) -> None:
    if Budget.objects.filter(name=name).exists():
        raise ValidationError({"name": "There is a budget of this name already."})


def _check_references(organization: Organization, wanted: Wanted) -> None:
    """:raises ValidationError: the organization has no such team, project or key, or not any more."""
    if wanted.team and not budget_selectors.is_team(organization=organization, name=wanted.team):
        raise ValidationError({"team": "There is no such team, and no call names one."})
    if wanted.project and (wanted.project.organization_id != organization.pk or wanted.project.delete_at):
        raise ValidationError({"project": "There is no such project."})
    key = wanted.api_key
    if key and (key.organization_id != organization.pk or key.revoked_at):
        raise ValidationError({"api_key": "There is no such key, or it was revoked."})


def _stored_user(organization: Organization, user_id: str) -> str:
    """The end user as calls are stored: a value that looks personal is its keyed hash.

    It stays as it is only where every project keeps such values as sent.
    """
    if not budget_terms.is_personal(user_id) or not Project.objects.filter(allow_personal_ids=False).exists():
        return user_id
    return end_users.as_stored(organization=organization, user_ids=[user_id])[-1]


def _record(what: str, budget: Budget, actor: Actor, **facts: Any) -> None:
    personal = {"user_id": budget.user_id} if budget.user_id else None
    audit.record(f"budget.{what}", actor=actor, target=budget, personal=personal, **facts)


def _facts(budget: Budget) -> dict[str, object]:
    """What the audit log says of a budget; the end user is told apart, because that is a person."""
    named = {
        "project": budget.project.slug if budget.project else None,
        "team": budget.team or None,
        "feature": budget.feature or None,
        "api_key": budget.api_key.prefix if budget.api_key else None,
    }
    plain = {field: _fact(budget, field) for field in ("name", "scope", "metric", "period", "limit", "thresholds")}
    return plain | {field: value for field, value in named.items() if value is not None}


def _fact(budget: Budget, field: str) -> object:
    value = getattr(budget, field)
    return decimal_text(value) if field == "limit" else value
