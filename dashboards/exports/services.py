"""Asking for an export, stopping and deleting one. What makes the file is in ``making``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from core import work
from core.scope import org_scope
from dashboards.exports import columns, files
from dashboards.exports.models import MOVING, TASK, Export
from tenants import audit
from tenants.audit import KeyActor
from tenants.models import Organization, User

type Doer = User | KeyActor

NO_COLUMNS = "Choose at least one column."
NO_PROJECTS = "There is no project in this that you may see."


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a file is to hold: which calls, of which projects, and what of them.

    ``narrowed_by`` says the same as ``filters``, in the words of pages.
    """

    form: str
    name: str
    columns: Sequence[str]
    project_ids: Sequence[int]
    since: datetime
    until: datetime
    filters: Mapping[str, Sequence[object]]
    narrowed_by: Sequence[tuple[str, str]]
    note: bool = False
    kind: str = Export.Kind.CALLS
    question: Mapping[str, Any] = field(default_factory=dict)


def drafted(*, organization: Organization, wanted: Wanted, now: datetime) -> Export:
    """An export that is not stored: to be written at once, or to be made by a worker.

    :raises ValidationError: it would hold nothing, or has columns that there are not.
    """
    if not wanted.columns:
        raise ValidationError({"columns": NO_COLUMNS})
    if wanted.kind == Export.Kind.CALLS and not set(wanted.columns) <= set(columns.BY_NAME):
        raise ValidationError({"columns": "There is no such column."})
    if len(set(wanted.columns)) < len(wanted.columns):
        raise ValidationError({"columns": "Name every column once."})
    if not wanted.project_ids:
        raise ValidationError(NO_PROJECTS)
    if wanted.since >= wanted.until:
        raise ValidationError("The period must begin before it ends.")
    return Export(
        organization=organization,
        kind=wanted.kind,
        format=wanted.form,
        name=wanted.name,
        columns=list(wanted.columns),
        note=wanted.note,
        project_ids=sorted(wanted.project_ids),
        since=wanted.since,
        until=wanted.until,
        as_of=now,
        narrowed_by=[list(pair) for pair in wanted.narrowed_by],
        filters={name: list(values) for name, values in wanted.filters.items()},
        question=dict(wanted.question),
        created_at=now,
    )


@transaction.atomic
def create_export(*, organization: Organization, actor: Doer, wanted: Wanted, now: datetime) -> Export:
    """Have a worker make a file.

    :raises ValidationError: as ``drafted``, or others are being made already.
    """
    with org_scope(organization.pk):
        export = drafted(organization=organization, wanted=wanted, now=now)
        Organization.objects.select_for_update().get(pk=organization.pk)  # two people at once: one after the other
        most = settings.EXPORT_MAX_RUNNING
        if Export.objects.filter(state__in=MOVING).count() >= most:
            raise ValidationError(f"{most} exports are being made already. Wait until one is ready, or cancel one.")
        if isinstance(actor, User):
            export.created_by = actor
        else:
            export.key_id = actor.key_id
        export.clean_fields(exclude={found.name for found in export._meta.fields} - {"name", "format", "kind"})
        export.save()
        audit.record("export.created", actor=actor, target=export, **facts(export))
        work.make_due(TASK, organization_id=organization.pk, object_id=export.pk)
    return export


@transaction.atomic
def cancel_export(*, organization: Organization, actor: Doer, export: Export, now: datetime) -> None:
    """Stop making a file; what there is of it is removed.

    :raises ValidationError: it is over already.
    """
    with org_scope(organization.pk):
        locked = Export.objects.select_for_update().get(pk=export.pk)
        if not locked.is_moving:
            raise ValidationError("This export is over already.")
        locked.state, locked.finished_at = Export.State.CANCELLED, now
        locked.save(update_fields=["state", "finished_at"])
        audit.record("export.cancelled", actor=actor, target=locked, name=locked.name, rows=locked.rows)
        work.make_due(TASK, organization_id=organization.pk, object_id=locked.pk)  # who is at it may be writing yet


@transaction.atomic
def delete_export(*, organization: Organization, actor: Doer, export: Export) -> None:
    """Delete an export and its file, whatever its state."""
    with org_scope(organization.pk):
        locked = Export.objects.select_for_update().get(pk=export.pk)
        audit.record("export.deleted", actor=actor, target=locked, name=locked.name, state=locked.state)
        work.finish(TASK, object_id=locked.pk)
        # What a worker is writing just now, the sweep finds: a file of no export.
        transaction.on_commit(partial(files.remove, path_of(locked)))
        locked.delete()


def record_download(*, organization: Organization, actor: Doer, export: Export) -> None:
    """Remember who took the file. One that was written at once is not stored: it is the organization's."""
    with org_scope(organization.pk):
        audit.record("export.downloaded", actor=actor, target=export if export.pk else organization, **facts(export))


def path_of(export: Export) -> Path:
    """Where its file is."""
    return files.path(organization_id=export.organization_id, export_id=export.pk, form=export.format)


def facts(export: Export) -> dict[str, Any]:
    """What an export is, for the audit log. Whom it is about is not: an end user's id may name a person."""
    return {
        "name": export.name,
        "kind": export.kind,
        "format": export.format,
        "since": export.since.isoformat(),
        "until": export.until.isoformat(),
        "projects": len(export.project_ids),
        "filtered_by": sorted({name for name, _ in export.pairs}),
        "columns": len(export.columns),
    }
