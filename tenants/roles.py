"""Which role counts where: the organization's, unless a project says otherwise."""

from typing import Final

from django.db.models import OuterRef, QuerySet, Subquery

from tenants.models import Project, ProjectRole, User
from tenants.permissions import GRANTS, Permission, Role

_RANK: Final = {Role.OWNER: 4, Role.ADMIN: 3, Role.MEMBER: 2, Role.VIEWER: 1, Role.NONE: 0}


GIVEN_BY_KEYS: Final = frozenset({Role.MEMBER, Role.VIEWER, Role.NONE})
"""What an invitation from an API key may give: whoever finds a key must not become an admin by it."""


def effective_role(role: str, override: str | None) -> str:
    """The role in a project of somebody with ``role`` in its organization; an owner is owner everywhere."""
    return role if role == Role.OWNER or not override else override


def is_higher(role: str, than: str) -> bool:
    return _RANK[Role(role)] > _RANK[Role(than)]


def may_give(giver: str, role: str) -> bool:
    """Whether somebody with the role ``giver`` may give or take ``role``: only owners make and unmake owners."""
    permission = Permission.OWNERSHIP_MANAGE if role == Role.OWNER else Permission.MEMBERS_MANAGE
    return permission in GRANTS.get(giver, frozenset())


# --- Inside the organization's scope ---


def projects_with(permission: Permission, *, user: User, role: str) -> QuerySet[Project]:
    """Projects in which ``user``, who has ``role`` in the organization, has ``permission``; one query, by overrides."""
    projects = Project.objects.order_by("name", "pk")
    granted = {name for name, permissions in GRANTS.items() if permission in permissions}
    if role == Role.OWNER:
        return projects
    own = ProjectRole.objects.filter(user=user)
    if role in granted:
        return projects.exclude(pk__in=own.exclude(role__in=granted).values("project_id"))
    return projects.filter(pk__in=own.filter(role__in=granted).values("project_id"))


def visible_projects(*, user: User, role: str) -> QuerySet[Project]:
    """Projects that ``user`` may see at all, by name."""
    return projects_with(Permission.TELEMETRY_READ, user=user, role=role)


def hidden_projects(*, user: User, role: str) -> tuple[int, ...]:
    """Ids of the projects that numbers for ``user`` leave out, who may see the organization's others."""
    if role == Role.OWNER:
        return ()
    own = ProjectRole.objects.filter(user=user, role=Role.NONE).order_by("project_id")
    return tuple(own.values_list("project_id", flat=True))


def find_project(*, user: User, role: str, slug: str) -> tuple[Project, str] | None:
    """The project and the user's role in it; None when it is not there or not theirs to see."""
    own = ProjectRole.objects.filter(user=user, project=OuterRef("pk")).values("role")[:1]
    project = Project.objects.annotate(override=Subquery(own)).filter(slug=slug).first()
    if project is None:
        return None
    here = effective_role(role, project.override)
    return None if here == Role.NONE else (project, here)
