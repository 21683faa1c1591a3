"""Whose dashboards are whose: what a person or a key may see, change and share."""

from dataclasses import dataclass
from typing import Self

from django.db.models import Q

from dashboards.boards.models import Board
from tenants import roles
from tenants.models import Project, User
from tenants.permissions import Permission, allows


@dataclass(frozen=True, slots=True)
class Reach:
    """A person with a role in the organization; without a person, a key of the whole organization."""

    user: User | None
    role: str

    @classmethod
    def of_person(cls, *, user: User, role: str) -> Self:
        return cls(user, role)

    @classmethod
    def of_key(cls) -> Self:
        return cls(None, "")

    @property
    def seen(self) -> Q:
        """The dashboards that are there for them: shared ones and their own."""
        shared = Q(visibility=Board.Visibility.SHARED)
        return shared | Q(owner=self.user) if self.user else shared

    def owns(self, board: Board) -> bool:
        return self.user is not None and board.owner_id == self.user.pk

    def may(self, permission: Permission) -> bool:
        """Whether their role grants it. A key was asked for its scope at the door."""
        return self.user is None or allows(self.role, permission)

    def may_change(self, board: Board) -> bool:
        """A dashboard they see: their own, as long as their role lets them have such a one, or anybody's shared one."""
        if self.owns(board):
            return self.may(Permission.BOARDS_SHARE if board.is_shared else Permission.BOARDS_KEEP)
        return self.may(Permission.BOARDS_MANAGE)

    def may_show_as(self, visibility: str, board: Board | None = None) -> bool:
        """Whether they may make a dashboard, or turn ``board`` into one, that is private or shared.

        Nobody takes what is shared away from everybody but who it is of; a key has nothing of its own.
        """
        if board is not None and board.visibility == visibility:
            return True
        if visibility == Board.Visibility.SHARED:
            return self.may(Permission.BOARDS_SHARE)
        return self.user is not None and (board is None or self.owns(board)) and self.may(Permission.BOARDS_KEEP)

    def hidden_slugs(self) -> frozenset[str]:
        """Slugs of projects that are there and not for them; none, without asking, for whoever sees all."""
        if self.user is None:
            return frozenset()
        hidden = roles.hidden_projects(user=self.user, role=self.role)
        if not hidden:
            return frozenset()
        return frozenset(Project.objects.filter(pk__in=hidden).values_list("slug", flat=True))
