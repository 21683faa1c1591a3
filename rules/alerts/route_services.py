"""Writes about routes: each one transaction with its audit row."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import time
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction

from core.scope import org_scope
from rules.alerts.matching import KINDS, RULES
from rules.alerts.models import LONGEST_NAME, Channel, Route
from tenants import audit
from tenants.audit import Actor
from tenants.models import Event, Organization, OrganizationSettings, Project, Team

MOST_ROUTES: Final = 100
MOST_HOURS: Final = 168
MOST_MINUTES: Final = 10_080  # a week, like the hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A route as somebody wants it; see ``Route``."""

    name: str
    channel: Channel
    is_enabled: bool = True
    min_severity: str = Event.Severity.LOW
    kinds: Sequence[str] = ()
    rules: Sequence[str] = ()
    teams: Sequence[str] = ()
    project_ids: Sequence[int] = ()
    pace: str = Route.Pace.INSTANT
    digest_at: time = time(9)
    quiet_from: time | None = None
    quiet_until: time | None = None
    renotify_hours: int | None = None
    tells_recovery: bool = True
    escalate_to: Channel | None = None
    escalate_after_minutes: int | None = None


@transaction.atomic
def create_route(*, organization: Organization, actor: Actor, wanted: Wanted) -> Route:
    """Create a route.

    :raises ValidationError: its terms name something unknown or contradict each other; the name is taken.
    """
    with org_scope(organization.pk):
        _one_at_a_time(organization)
        if Route.objects.count() >= MOST_ROUTES:
            raise ValidationError(f"There can be {MOST_ROUTES} routes at most.")
        route = _with(Route(organization=organization), wanted)
        route.save()
        audit.record("route.created", actor=actor, target=route, **_facts(route))
    return route


@transaction.atomic
def update_route(*, organization: Organization, actor: Actor, route: Route, wanted: Wanted) -> Route:
    """Change a route; what is under way stays under way.

    :raises ValidationError: as ``create_route``.
    """
    with org_scope(organization.pk):
        _one_at_a_time(organization)
        locked = _with(Route.objects.select_for_update(of=("self",)).get(pk=route.pk), wanted)
        locked.save()
        audit.record("route.changed", actor=actor, target=locked, **_facts(locked))
    return locked


@transaction.atomic
def delete_route(*, organization: Organization, actor: Actor, route: Route) -> None:
    """Delete a route. Deliveries it made stay; those that wait are still sent."""
    with org_scope(organization.pk):
        locked = Route.objects.select_for_update(of=("self",)).get(pk=route.pk)
        audit.record("route.deleted", actor=actor, target=locked, **_facts(locked))
        locked.delete()


def _with(route: Route, wanted: Wanted) -> Route:
    """``route`` with what is wanted.

    :raises ValidationError: it cannot be.
    """
    errors = _errors(wanted, but=route)
    if errors:
        raise ValidationError(errors)
    for one in fields(wanted):
        value = getattr(wanted, one.name)
        setattr(route, one.name, list(value) if isinstance(value, list | tuple) else value)
    route.name = wanted.name.strip()
    return route


def _errors(wanted: Wanted, *, but: Route) -> dict[str, str]:
    found = {
        "name": _wrong_name(wanted.name, but),
        "channel": _wrong_channel(wanted.channel),
        "min_severity": "" if wanted.min_severity in Event.Severity.values else "Choose one of the listed severities.",
        "kinds": "" if set(wanted.kinds) <= set(KINDS) else "Choose from the listed kinds.",
        "rules": "" if set(wanted.rules) <= set(RULES) else "There is no such rule.",
        "teams": _wrong_teams(wanted.teams),
        "projects": _wrong_projects(wanted.project_ids),
        "pace": _wrong_pace(wanted),
        "quiet_until": _wrong_quiet(wanted),
        "renotify_hours": _wrong_reminder(wanted),
        "escalate_after_minutes": _wrong_minutes(wanted),
        "escalate_to": _wrong_escalation(wanted),
    }
    return {field: message for field, message in found.items() if message}


def _wrong_name(name: str, but: Route) -> str:
    stripped = name.strip()
    if not stripped or len(stripped) > LONGEST_NAME or not stripped.isprintable():
        return f"Use 1 to {LONGEST_NAME} visible characters."
    is_taken = Route.objects.filter(name__iexact=stripped).exclude(pk=but.pk).exists()
    return "Another route has this name." if is_taken else ""


def _wrong_channel(channel: Channel) -> str:
    return "" if Channel.objects.filter(pk=channel.pk).exists() else "Choose a channel of the organization."


def _wrong_teams(teams: Sequence[str]) -> str:
    known = Team.objects.filter(slug__in=teams).count()
    return "" if known == len(set(teams)) else "Choose from the organization’s teams."


def _wrong_projects(ids: Sequence[int]) -> str:
    known = Project.objects.filter(pk__in=ids).count()
    return "" if known == len(set(ids)) else "Choose from the organization’s projects."


def _wrong_pace(wanted: Wanted) -> str:
    if wanted.pace not in Route.Pace.values:
        return "Choose one of the listed ones."
    if wanted.pace != Route.Pace.INSTANT and wanted.channel.kind == Channel.Kind.PAGERDUTY:
        return "PagerDuty takes alerts one by one: choose at once."
    return ""


def _wrong_quiet(wanted: Wanted) -> str:
    if (wanted.quiet_from is None) != (wanted.quiet_until is None):
        return "Give both ends of the quiet hours, or none."
    if wanted.quiet_from is not None and wanted.quiet_from == wanted.quiet_until:
        return "Quiet hours must end at another time than they begin."
    return ""


def _wrong_reminder(wanted: Wanted) -> str:
    if wanted.renotify_hours is None:
        return ""
    if not 1 <= wanted.renotify_hours <= MOST_HOURS:
        return f"Choose from 1 to {MOST_HOURS} hours."
    return "" if wanted.pace == Route.Pace.INSTANT else "A digest has no reminders."


def _wrong_minutes(wanted: Wanted) -> str:
    minutes = wanted.escalate_after_minutes
    if minutes is None:
        return "Say after how many minutes." if wanted.escalate_to else ""
    return "" if 1 <= minutes <= MOST_MINUTES else f"Choose from 1 to {MOST_MINUTES:,} minutes."


def _wrong_escalation(wanted: Wanted) -> str:
    if wanted.escalate_to is None:
        return "Say to which channel." if wanted.escalate_after_minutes is not None else ""
    if wanted.pace != Route.Pace.INSTANT:
        return "A digest is not escalated."
    if wanted.escalate_to.pk == wanted.channel.pk:
        return "Choose another channel than the route’s own."
    return _wrong_channel(wanted.escalate_to)


def _one_at_a_time(organization: Organization) -> None:
    OrganizationSettings.objects.select_for_update().get(organization=organization)


def _facts(route: Route) -> dict[str, Any]:
    return {
        "name": route.name,
        "channel": route.channel.name,
        "min_severity": route.min_severity,
        "kinds": route.kinds,
        "rules": route.rules,
        "teams": route.teams,
        "projects": route.project_ids,
        "pace": route.pace,
        "enabled": route.is_enabled,
    }
