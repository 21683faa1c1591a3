"""Which exports there are, and who may see them."""

from dataclasses import dataclass

from django.db.models import QuerySet

from dashboards.exports.models import Export
from tenants import roles
from tenants.models import Organization, User
from tenants.permissions import Permission, allows

SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who looks: a person with a role in the organization, or a key, which sees what it asked for itself."""

    user: User | None = None
    role: str = ""
    key_id: int | None = None
    project_id: int | None = None

    @property
    def sees_all(self) -> bool:
        return self.user is not None and allows(self.role, Permission.EXPORTS_MANAGE)


def exports(*, organization: Organization, viewer: Viewer) -> QuerySet[Export]:
    """One's own, newest first; everybody's for those who manage them."""
    found = Export.objects.filter(organization=organization).select_related("created_by", "organization")
    if not viewer.sees_all:
        found = found.filter(created_by=viewer.user) if viewer.user else found.filter(key_id=viewer.key_id)
    return found.order_by("-created_at", "-pk")


def export(*, organization: Organization, viewer: Viewer, export_id: int) -> Export | None:
    return exports(organization=organization, viewer=viewer).filter(pk=export_id).first()


def hidden(*, viewer: Viewer) -> frozenset[int]:
    """Projects that a person may not see, though they see the organization's others."""
    return frozenset(roles.hidden_projects(user=viewer.user, role=viewer.role)) if viewer.user else frozenset()


def may_read(*, export: Export, viewer: Viewer) -> bool:
    """Whether all that its file holds is still theirs to see: that may have changed since it was asked for."""
    if viewer.user is None:
        return viewer.project_id is None or export.project_ids == [viewer.project_id]
    return not hidden(viewer=viewer) & set(export.project_ids)
