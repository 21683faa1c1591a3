"""Archiving a project: it takes no telemetry and is out of the way, and keeps everything that can be read."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction

from core.scope import org_scope
from tenants import audit, services
from tenants.audit import Actor
from tenants.models import Organization, Project


@transaction.atomic
def archive_project(*, organization: Organization, actor: Actor, project: Project, now: datetime) -> None:
    """Refuse the project's telemetry from now on and hide it from navigation. Doing it again changes nothing.

    Where it was the organization's default, the oldest other project is that from now on.

    :raises ValidationError: the project is about to be deleted.
    """
    with org_scope(organization.pk):
        locked = Project.objects.select_for_update().get(pk=project.pk)
        if locked.archived_at is None:
            if locked.delete_at is not None:
                raise ValidationError({"archived": "This project is about to be deleted; keep it first."})
            was_default, locked.is_default, locked.archived_at = locked.is_default, False, now
            locked.save(update_fields=["is_default", "archived_at"])
            heir = services.appoint_default() if was_default else None
            new_default = heir.slug if heir else None
            audit.record("project.archived", actor=actor, target=locked, slug=locked.slug, new_default=new_default)
            services.announce_every_key()
    project.archived_at, project.is_default = locked.archived_at, locked.is_default


@transaction.atomic
def restore_project(*, organization: Organization, actor: Actor, project: Project) -> None:
    """Take telemetry again, with the keys the project has. It is the default only where there is no other."""
    with org_scope(organization.pk):
        locked = Project.objects.select_for_update().get(pk=project.pk)
        if locked.archived_at is not None:
            locked.archived_at = None
            no_other = not Project.objects.filter(is_default=True).exists()
            locked.is_default = locked.delete_at is None and no_other
            locked.save(update_fields=["is_default", "archived_at"])
            audit.record("project.restored", actor=actor, target=locked, slug=locked.slug)
            services.announce_every_key()
    project.archived_at, project.is_default = None, locked.is_default
