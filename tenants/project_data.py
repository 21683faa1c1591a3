"""What a project says of its calls: how long they are kept, whether with ids of people as sent, and whose they are."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction

from core.scope import org_scope
from tenants import audit, services
from tenants.audit import Actor
from tenants.models import Organization, Project, Team


@transaction.atomic
def set_retention(*, organization: Organization, actor: Actor, project: Project, days: int, now: datetime) -> None:
    """Keep the project's calls for ``days``; what is older goes with the next run of the retention task.

    A longer time brings nothing back, so the project remembers from when on its calls are complete.

    :raises ValidationError: fewer than 7 or more than 730 days.
    """
    with org_scope(organization.pk):
        locked = Project.objects.select_for_update().get(pk=project.pk)
        before = locked.retention_days
        if days == before:
            return
        if days > before:
            locked.calls_since = locked.kept_from(now)
        locked.retention_days = days
        locked.full_clean()
        locked.save(update_fields=["retention_days", "calls_since"])
        audit.record("project.retention_changed", actor=actor, target=locked, before=before, after=days)
        services.announce_every_key()
    project.retention_days, project.calls_since = days, locked.calls_since


@transaction.atomic
def set_personal_ids(*, organization: Organization, actor: Actor, project: Project, allowed: bool) -> None:
    """Store user ids that look personal as they are sent, or as a keyed hash. Calls there already stay as they are."""
    with org_scope(organization.pk):
        locked = Project.objects.select_for_update().get(pk=project.pk)
        if locked.allow_personal_ids == allowed:
            return
        locked.allow_personal_ids = allowed
        locked.save(update_fields=["allow_personal_ids"])
        audit.record("project.personal_ids_changed", actor=actor, target=locked, allowed=allowed)
        services.announce_every_key()
    project.allow_personal_ids = allowed


@transaction.atomic
def set_team(*, organization: Organization, actor: Actor, project: Project, team: Team | None) -> None:
    """Count the project's calls that name no team to ``team`` from now on; None: to nobody.

    :raises ValidationError: it is a team of another organization.
    """
    with org_scope(organization.pk):
        if team is not None and team.organization_id != organization.pk:
            raise ValidationError({"team": "Choose a team of the organization."})
        locked = Project.objects.select_for_update().get(pk=project.pk)
        before = locked.team.slug if locked.team else None
        after = team.slug if team else None
        if before == after:
            return
        locked.team = team
        locked.save(update_fields=["team"])
        audit.record("project.team_changed", actor=actor, target=locked, before=before, after=after)
        services.announce_every_key()
    project.team = team
