"""What files of exports are deleted for: their age, a project that is deleted, an end user who is erased."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet

from core import work
from core.scope import org_scope
from dashboards.exports import files
from dashboards.exports.models import MOVING, TASK, Export
from dashboards.exports.services import path_of
from tenants import audit
from tenants.models import Organization, Project

State = Export.State
REMEMBERED: Final = timedelta(days=90)
"""How long the list tells of an export whose file is gone."""
_PROJECT_DELETED: Final = "A project whose calls were in it has been deleted."
_USER_ERASED: Final = "An end user was erased since; make it anew."


def sweep(*, now: datetime) -> int:
    """Delete files whose time is over, and those that no export knows; how many."""
    gone = sum(_expire(organization, now) for organization in Organization.objects.order_by("pk"))
    return gone + _remove_strays()


def erase_end_user(*, organization: Organization, user_ids: Sequence[str]) -> None:
    """Delete files of calls: the end user may be in any of them. Exports that were about them forget whom."""
    with org_scope(organization.pk):
        for export in Export.objects.select_for_update().filter(kind=Export.Kind.CALLS).order_by("pk"):
            _forget(export, set(user_ids))
            if export.is_ready or export.is_moving:
                _end(export, _USER_ERASED, State.EXPIRED if export.is_ready else State.FAILED)
                audit.record("export.expired", actor=None, target=export, name=export.name, reason="end user erased")


def _expire(organization: Organization, now: datetime) -> int:
    with org_scope(organization.pk):
        ready = Export.objects.select_for_update().filter(state=State.DONE)
        old = list(ready.filter(expires_at__lte=now))
        for export in old:
            _end(export, "", State.EXPIRED)
        orphaned = list(
            _of_deleted_projects(Export.objects.select_for_update().filter(state__in=(State.DONE, *MOVING)))
        )
        for export in orphaned:
            _end(export, _PROJECT_DELETED, State.EXPIRED if export.is_ready else State.FAILED)
        finished = Export.objects.exclude(state__in=(State.DONE, *MOVING))
        finished.filter(created_at__lte=now - REMEMBERED).delete()
    return len(old) + len(orphaned)


def _of_deleted_projects(exports: QuerySet[Export]) -> QuerySet[Export]:
    kept = list(Project.objects.values_list("pk", flat=True))
    return exports.filter(~Q(project_ids__contained_by=kept))


def _end(export: Export, reason: str, state: str) -> None:
    """Whoever is writing it finds it over, and removes what it wrote."""
    export.state, export.error = state, reason
    export.save(update_fields=["state", "error"])
    if export.lease is None:
        work.finish(TASK, object_id=export.pk)
        transaction.on_commit(partial(files.remove, path_of(export)))


def _forget(export: Export, user_ids: set[str]) -> None:
    """Leave out of its filter who is erased; the file, which had to do with nobody else, is gone too."""
    kept = [pair for pair in export.narrowed_by if not (pair[0] == "user" and pair[1] in user_ids)]
    users = export.filters.get("user_id", [])
    if len(kept) < len(export.narrowed_by) or user_ids & set(users):
        export.narrowed_by = kept
        export.filters = export.filters | {"user_id": [one for one in users if one not in user_ids]}
        export.save(update_fields=["narrowed_by", "filters"])


def _remove_strays() -> int:
    """Files of exports that were deleted while they were written, and of organizations that are gone."""
    found: dict[int, list[int]] = {}
    strays = 0
    for organization_id, export_id, file in list(files.stored()):
        if organization_id not in found:
            with org_scope(organization_id):
                found[organization_id] = list(Export.objects.values_list("pk", flat=True))
        if export_id not in found[organization_id]:
            files.remove(file)
            strays += 1
    return strays
