"""Deleting a project or a whole organization: announced, undone within days of grace, then carried out in slices.

From the first moment its keys do not work. What is deleted is read from the database's catalogue by ``purge_rows``
(tenants/migrations/0005_lifecycle.py), which refuses whatever is not due.
"""

import logging
from datetime import datetime, timedelta
from typing import Final

from django.core.exceptions import ValidationError
from django.db import connection, transaction

from core import work
from core.scope import org_scope
from tenants import audit, services
from tenants.audit import Actor
from tenants.models import Organization, OrganizationSettings, Project, User

logger = logging.getLogger(__name__)

GRACE: Final = timedelta(days=7)
PROJECT_TASK, ORGANIZATION_TASK = "tenants.purge_project", "tenants.purge_organization"
_ROWS: Final = 5_000  # a batch, which is a transaction
_BATCHES: Final = 10  # a slice, which is a run of the task
_BEGUN: Final = "It is being deleted already and cannot be brought back."


# --- Projects ---


@transaction.atomic
def schedule_project(
    *, organization: Organization, actor: Actor, project: Project, confirmation: str, now: datetime
) -> datetime:
    """Have a project deleted after the days of grace; when that will be. Asking again moves nothing.

    Where it was the organization's default, the oldest other project is that from now on.

    :raises ValidationError: ``confirmation`` is not the project's slug.
    """
    _check_confirmation(confirmation, project.slug)
    with org_scope(organization.pk):
        locked = Project.objects.select_for_update().get(pk=project.pk)
        if locked.delete_at is None:
            was_default, locked.is_default, locked.delete_at = locked.is_default, False, now + GRACE
            locked.save(update_fields=["is_default", "delete_at"])
            heir = services.appoint_default() if was_default else None
            audit.record(
                "project.deletion_scheduled",
                actor=actor,
                target=locked,
                slug=locked.slug,
                delete_at=locked.delete_at.isoformat(),
                new_default=heir.slug if heir else None,
            )
            work.make_due(PROJECT_TASK, organization_id=organization.pk, object_id=locked.pk, due_at=locked.delete_at)
            services.announce_every_key()
        return locked.delete_at


@transaction.atomic
def keep_project(*, organization: Organization, actor: Actor, project: Project, now: datetime) -> None:
    """Take a project's deletion back; its keys work again. It is the default only where there is no other.

    :raises ValidationError: the deletion has begun.
    """
    with org_scope(organization.pk):
        locked = Project.objects.select_for_update().get(pk=project.pk)
        if locked.delete_at is None:
            return
        if locked.delete_at <= now:
            raise ValidationError(_BEGUN)
        locked.delete_at = None
        no_other = not Project.objects.filter(is_default=True).exists()
        locked.is_default = locked.archived_at is None and no_other
        locked.save(update_fields=["is_default", "delete_at"])
        audit.record("project.deletion_undone", actor=actor, target=locked, slug=locked.slug)
        work.finish(PROJECT_TASK, object_id=locked.pk)
        services.announce_every_key()


def purge_project(*, organization_id: int, project_id: int) -> int:
    """Delete a slice of what belongs to a project that is due, the project itself last; rows deleted."""
    deleted = 0
    for _ in range(_BATCHES):
        with org_scope(organization_id):
            project = Project.objects.filter(pk=project_id).first()
            gone = _purge_rows(organization_id, project_id)
            if not gone:
                _end_of_project(project, organization_id, project_id, is_deleted=gone == 0)
                return deleted
        deleted += gone
    with transaction.atomic():
        work.make_due(PROJECT_TASK, organization_id=organization_id, object_id=project_id)
    return deleted


def _end_of_project(project: Project | None, organization_id: int, project_id: int, *, is_deleted: bool) -> None:
    """After the last row: the audit entry; where nothing was due, no more work, or work at the right time."""
    if is_deleted and project is not None:
        audit.record("project.deleted", actor=None, target=project, slug=project.slug, name=project.name)
        services.announce_every_key()
    elif project is not None and project.delete_at is not None:
        work.make_due(PROJECT_TASK, organization_id=organization_id, object_id=project_id, due_at=project.delete_at)
        return
    work.finish(PROJECT_TASK, object_id=project_id)


# --- Organizations ---


@transaction.atomic
def schedule_organization(*, organization: Organization, actor: User, confirmation: str, now: datetime) -> datetime:
    """Have an organization deleted after the days of grace; when that will be. Asking again moves nothing.

    Its slug is free again once it is gone, because nothing that could be found under it is left.

    :raises ValidationError: ``confirmation`` is not the organization's slug.
    """
    _check_confirmation(confirmation, organization.slug)
    with org_scope(organization.pk):
        locked = OrganizationSettings.objects.select_for_update().get(organization=organization)
        if locked.delete_at is None:
            locked.delete_at = now + GRACE
            locked.save(update_fields=["delete_at"])
            audit.record(
                "organization.deletion_scheduled",
                actor=actor,
                target=organization,
                slug=organization.slug,
                delete_at=locked.delete_at.isoformat(),
            )
            work.make_due(
                ORGANIZATION_TASK,
                organization_id=organization.pk,
                object_id=organization.pk,
                due_at=locked.delete_at,
            )
            services.announce_every_key()
        return locked.delete_at


@transaction.atomic
def keep_organization(*, organization: Organization, actor: User, now: datetime) -> None:
    """Take an organization's deletion back; its keys work again.

    :raises ValidationError: the deletion has begun.
    """
    with org_scope(organization.pk):
        locked = OrganizationSettings.objects.select_for_update().get(organization=organization)
        if locked.delete_at is None:
            return
        if locked.delete_at <= now:
            raise ValidationError(_BEGUN)
        locked.delete_at = None
        locked.save(update_fields=["delete_at"])
        audit.record("organization.deletion_undone", actor=actor, target=organization, slug=organization.slug)
        work.finish(ORGANIZATION_TASK, object_id=organization.pk)
        services.announce_every_key()


def purge_organization(*, organization_id: int) -> int:
    """Delete a slice of what belongs to an organization that is due, the organization itself last; rows deleted."""
    deleted = 0
    for _ in range(_BATCHES):
        with org_scope(organization_id):
            gone = _purge_rows(organization_id, None)
            if not gone:
                _end_of_organization(organization_id, is_deleted=gone == 0)
                return deleted
        deleted += gone
    with transaction.atomic():
        work.make_due(ORGANIZATION_TASK, organization_id=organization_id, object_id=organization_id)
    return deleted


def _end_of_organization(organization_id: int, *, is_deleted: bool) -> None:
    if is_deleted:
        services.announce_every_key()
        logger.info("an organization was deleted", extra={"organization_id": organization_id})
    delete_at = OrganizationSettings.objects.values_list("delete_at", flat=True).first()
    if delete_at is None:
        work.finish(ORGANIZATION_TASK, object_id=organization_id)
    else:
        work.make_due(ORGANIZATION_TASK, organization_id=organization_id, object_id=organization_id, due_at=delete_at)


def _check_confirmation(confirmation: str, slug: str) -> None:
    if confirmation.strip() != slug:
        raise ValidationError({"confirmation": f"Type {slug} to confirm."})


def _purge_rows(organization_id: int, project_id: int | None) -> int | None:
    """Rows deleted; 0 when the thing itself is gone with this; None when it is not due, or not there."""
    with connection.cursor() as cursor:
        cursor.execute("select purge_rows(%s, %s, %s)", [organization_id, project_id, _ROWS])
        (gone,) = cursor.fetchone()
    return None if gone is None else int(gone)
