"""Changing who is in an organization and what they may do. The rules about owners hold here, whoever asks.

Every change first locks the memberships it depends on, in the order of their keys: two owners who unmake each other
at once take turns, and the second finds itself the last.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Q

from core.scope import org_scope
from tenants import audit, roles
from tenants.audit import KeyActor
from tenants.models import Membership, Organization, Project, ProjectRole, User
from tenants.permissions import PROJECT_ROLES, Permission, Role, allows

LAST_OWNER: Final = "An organization needs an owner. Make somebody else an owner first."
_OWN_ROLE: Final = "Nobody raises their own role. Ask another owner or admin."
_GONE: Final = "This person is not a member any more."


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A member as the list shows them; ``overrides`` is how many projects give them another role."""

    user: User
    role: str
    since: datetime
    overrides: int


@dataclass(slots=True)
class _Locked:
    """The memberships a change depends on, locked until it is committed."""

    giver: str  # the role that counts for the actor
    is_self: bool
    target: Membership
    owners: int

    def must_not_be_last_owner(self) -> None:
        if self.target.role == Role.OWNER and self.owners == 1:
            raise ValidationError(LAST_OWNER)


# --- Reads ---


def members(*, organization: Organization) -> list[MemberRow]:
    """Everybody in the organization, the highest role first, then by address. Inside its scope."""
    counts: dict[int, int] = {}
    for user_id in ProjectRole.objects.values_list("user_id", flat=True):
        counts[user_id] = counts.get(user_id, 0) + 1
    found = Membership.objects.select_related("user").filter(organization=organization).order_by("user__email")
    rows = [MemberRow(one.user, one.role, one.created_at, counts.get(one.user_id, 0)) for one in found]
    return sorted(rows, key=lambda row: list(Role).index(Role(row.role)))


def find_member(*, organization: Organization, user_id: int) -> Membership | None:
    return Membership.objects.select_related("user").filter(organization=organization, user_id=user_id).first()


def project_roles(*, user: User) -> list[tuple[Project, str]]:
    """Every project, by name, with the role ``user`` has there instead of the organization's; '' for none."""
    own = dict(ProjectRole.objects.filter(user=user).values_list("project_id", "role"))
    return [(project, own.get(project.pk, "")) for project in Project.objects.order_by("name", "pk")]


def is_last_owner(*, organization: Organization, user: User) -> bool:
    owners = Membership.objects.filter(organization=organization, role=Role.OWNER)
    return owners.filter(user=user).exists() and not owners.exclude(user=user).exists()


# --- Writes ---


@transaction.atomic
def set_role(*, organization: Organization, actor: User, user: User, role: str) -> None:
    """Give a member another role in the organization. An owner has no other role in any project.

    :raises PermissionDenied: the actor may not give the new role or take the old one.
    :raises ValidationError: they are the last owner, or the actor would raise themselves.
    """
    locked = _lock(organization, actor, user)
    before = locked.target.role
    if before == role:
        return
    _may_change(locked, before, role)
    locked.must_not_be_last_owner()
    _save_role(locked.target, role)
    with org_scope(organization.pk):
        if role == Role.OWNER:
            ProjectRole.objects.filter(user=user).delete()
        _record("member.role_changed", actor, user, before=before, after=role)


@transaction.atomic
def transfer_ownership(*, organization: Organization, actor: User, user: User) -> None:
    """Make another member an owner and the actor an admin.

    :raises PermissionDenied: the actor is not an owner.
    :raises ValidationError: to oneself.
    """
    locked = _lock(organization, actor, user)
    if not allows(locked.giver, Permission.OWNERSHIP_MANAGE):
        raise PermissionDenied
    if locked.is_self:
        raise ValidationError("You are an owner already.")
    before = locked.target.role
    _save_role(locked.target, Role.OWNER)
    _save_role(Membership.objects.get(organization=organization, user=actor), Role.ADMIN)
    with org_scope(organization.pk):
        ProjectRole.objects.filter(user=user).delete()
        _record("organization.transferred", actor, user, before=before, after=Role.OWNER.value)


@transaction.atomic
def remove(*, organization: Organization, actor: User | KeyActor, user: User) -> None:
    """Take somebody out of the organization, with their roles in its projects. Their account stays.

    An API key that may manage does it as an admin would: it takes no owner.

    :raises PermissionDenied: the actor may not take this role.
    :raises ValidationError: they are the last owner.
    """
    locked = _lock(organization, actor, user)
    if not roles.may_give(locked.giver, locked.target.role):
        raise PermissionDenied
    locked.must_not_be_last_owner()
    _end(locked.target, organization, actor, action="member.removed")


@transaction.atomic
def leave(*, organization: Organization, actor: User) -> None:
    """Leave the organization.

    :raises ValidationError: the actor is its last owner.
    """
    locked = _lock(organization, actor, actor)
    locked.must_not_be_last_owner()
    _end(locked.target, organization, actor, action="member.left")


@transaction.atomic
def set_project_roles(*, organization: Organization, actor: User, user: User, chosen: Mapping[int, str]) -> None:
    """Give a member other roles in projects (by id); '' takes one back. Projects that are not named keep theirs.

    :raises PermissionDenied: the actor may not change roles.
    :raises ValidationError: it is themselves or an owner, or a role or project is not known.
    """
    locked = _lock(organization, actor, user)
    if not allows(locked.giver, Permission.MEMBERS_MANAGE):
        raise PermissionDenied
    if locked.is_self:
        raise ValidationError(_OWN_ROLE)
    if locked.target.role == Role.OWNER:
        raise ValidationError("An owner is owner of every project.")
    if not set(chosen.values()) <= {"", *PROJECT_ROLES}:
        raise ValidationError("Choose one of the listed roles.")
    with org_scope(organization.pk):
        _set_project_roles(organization, actor, user, chosen)


def _set_project_roles(organization: Organization, actor: User, user: User, chosen: Mapping[int, str]) -> None:
    projects = Project.objects.in_bulk(chosen)
    if len(projects) != len(chosen):
        raise ValidationError("A project is not there any more. Look again.")
    before = dict(ProjectRole.objects.filter(user=user).values_list("project_id", "role"))
    changed = {pk: role for pk, role in chosen.items() if before.get(pk, "") != role}
    for pk, role in sorted(changed.items()):
        ProjectRole.objects.filter(user=user, project_id=pk).delete()
        if role:
            ProjectRole.objects.create(organization=organization, project_id=pk, user=user, role=role)
        old, new = before.get(pk) or None, role or None
        _record("member.project_role_changed", actor, user, project=projects[pk].slug, before=old, after=new)


# --- Behind them ---


def _lock(organization: Organization, actor: User | KeyActor, user: User) -> _Locked:
    """:raises PermissionDenied: the actor is no member any more; ValidationError: the other one is none."""
    people = [actor.pk, user.pk] if isinstance(actor, User) else [user.pk]
    concerned = Q(role=Role.OWNER) | Q(user__in=people)
    found = Membership.objects.select_for_update().filter(concerned, organization=organization).order_by("pk")
    by_user = {membership.user_id: membership for membership in found}
    if people[0] not in by_user and isinstance(actor, User):
        raise PermissionDenied
    if user.pk not in by_user:
        raise ValidationError(_GONE)
    owners = sum(membership.role == Role.OWNER for membership in by_user.values())
    giver = by_user[actor.pk].role if isinstance(actor, User) else Role.ADMIN
    return _Locked(giver, isinstance(actor, User) and actor.pk == user.pk, by_user[user.pk], owners)


def _may_change(locked: _Locked, before: str, after: str) -> None:
    if not (roles.may_give(locked.giver, before) and roles.may_give(locked.giver, after)):
        raise PermissionDenied
    if locked.is_self and roles.is_higher(after, before):
        raise ValidationError(_OWN_ROLE)


def _save_role(membership: Membership, role: str) -> None:
    membership.role = role
    membership.full_clean(exclude=["user", "organization"])
    membership.save(update_fields=["role"])


def _end(membership: Membership, organization: Organization, actor: User | KeyActor, *, action: str) -> None:
    with org_scope(organization.pk):
        ProjectRole.objects.filter(user=membership.user).delete()
        _record(action, actor, membership.user, role=membership.role)
    membership.delete()


def _record(action: str, actor: User | KeyActor, user: User, **facts: object) -> None:
    audit.record(action, actor=actor, target=user, personal={"email": user.email}, **facts)
