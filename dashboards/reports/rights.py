"""In whose name a report is made: it shows what that person or key may see, and nothing else.

Asked when the report is made and not when it was ordered, so that rights that were taken away are gone at once.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rules.budget_reach import Reach
from tenants import roles
from tenants.models import ApiKey, Membership, Organization, Project, User
from tenants.permissions import Permission, Scope, allows

NOBODY: Final = "Whoever set it up is not a member of this organization any more."
NO_ROLE: Final = "Whoever set it up may not make reports any more."
NO_PROJECT: Final = "Whoever set it up may not see the project any more."
NO_KEY: Final = "The API key that set it up was revoked or has expired."


class LostRightsError(Exception):
    """The person or key may not have the report made; the text says why, and names nobody."""


@dataclass(frozen=True, slots=True)
class Rights:
    """Ids of the projects that are in reach, and of those that sums over the organization leave out."""

    project_ids: tuple[int, ...]
    hidden: tuple[int, ...]
    budgets: Reach


def of_person(user: User, *, role: str) -> Rights:
    """What ``user`` sees, whose role in the organization is ``role``; ask inside its scope."""
    visible = tuple(roles.visible_projects(user=user, role=role).values_list("pk", flat=True))
    return Rights(visible, _others(visible), Reach.of_person(user=user, role=role))


def of_key(project_id: int | None) -> Rights:
    """What a key sees: its project, or everything."""
    every = _every_project()
    visible = every if project_id is None else (project_id,)
    hidden = () if project_id is None else _others(visible)
    return Rights(visible, hidden, Reach.of_key(project_ids=frozenset(visible), is_of_organization=project_id is None))


def still_of(
    *, organization: Organization, user: User | None, key: ApiKey | None, project: Project | None, now: datetime
) -> Rights:
    """The rights that ``user`` or ``key`` has now.

    :raises LostRightsError: they may not have a report made, or not one about ``project``.
    """
    rights = _of_usable_key(key, now) if key else _of_member(organization, user)
    if project is not None and project.pk not in rights.project_ids:
        raise LostRightsError(NO_PROJECT)
    return rights


def _of_usable_key(key: ApiKey, now: datetime) -> Rights:
    if not key.is_usable(now) or Scope.MANAGE not in key.scopes:
        raise LostRightsError(NO_KEY)
    return of_key(key.project_id)


def _of_member(organization: Organization, user: User | None) -> Rights:
    if user is None or not user.is_active:
        raise LostRightsError(NOBODY)
    membership = Membership.objects.filter(organization=organization, user=user).first()
    if membership is None:
        raise LostRightsError(NOBODY)
    if not allows(membership.role, Permission.REPORTS_MANAGE):
        raise LostRightsError(NO_ROLE)
    return of_person(user, role=membership.role)


def _every_project() -> tuple[int, ...]:
    return tuple(Project.objects.order_by("pk").values_list("pk", flat=True))


def _others(visible: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(set(_every_project()) - set(visible)))
