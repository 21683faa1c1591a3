"""Whose budgets somebody sees and changes: those of projects by the project, all others by the organization."""

from dataclasses import dataclass
from typing import Self

from django.db.models import Q

from rules.models import Budget
from tenants import roles
from tenants.models import User
from tenants.permissions import Permission, allows


@dataclass(frozen=True, slots=True)
class Reach:
    """Ids of projects, and whether budgets of the whole organization, its teams and its end users are in reach."""

    sees: frozenset[int]
    manages: frozenset[int]
    sees_organization: bool
    manages_organization: bool

    @classmethod
    def of_person(cls, *, user: User, role: str) -> Self:
        """What ``user`` reaches, whose role in the organization is ``role``; ask inside its scope."""
        return cls(
            sees=_projects(Permission.BUDGETS_READ, user, role),
            manages=_projects(Permission.BUDGETS_MANAGE, user, role),
            sees_organization=allows(role, Permission.BUDGETS_READ),
            manages_organization=allows(role, Permission.BUDGETS_MANAGE),
        )

    @classmethod
    def of_key(cls, *, project_ids: frozenset[int], is_of_organization: bool) -> Self:
        """What a key reaches: its project, or everything; its scopes are the door's to ask for."""
        return cls(project_ids, project_ids, is_of_organization, is_of_organization)

    @property
    def manages_something(self) -> bool:
        return self.manages_organization or bool(self.manages)

    def visible(self) -> Q:
        """The budgets that are there for whoever asks."""
        found = Q(project__in=self.sees)
        return found | Q(project=None) if self.sees_organization else found

    def may_manage(self, project_id: int | None) -> bool:
        """Whether budgets of a project, or without one of the organization, may be made and changed."""
        return self.manages_organization if project_id is None else project_id in self.manages

    def may_change(self, budget: Budget) -> bool:
        return self.may_manage(budget.project_id)


def _projects(permission: Permission, user: User, role: str) -> frozenset[int]:
    return frozenset(roles.projects_with(permission, user=user, role=role).values_list("pk", flat=True))
