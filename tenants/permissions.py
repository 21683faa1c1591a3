"""Who may do what, in one place: permissions are granted to roles here and nowhere else."""

from enum import StrEnum
from typing import Final

from django.db.models import TextChoices


class Role(TextChoices):
    """A member's place in an organization. ``none`` belongs to it and sees nothing until a project says otherwise."""

    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    MEMBER = "member", "Member"
    VIEWER = "viewer", "Viewer"
    NONE = "none", "None"


class Permission(StrEnum):
    """One thing a person may do; views name one at the door."""

    TELEMETRY_READ = "telemetry.read"
    PROJECT_CREATE = "project.create"
    PROJECT_MANAGE = "project.manage"
    TEAMS_MANAGE = "teams.manage"
    PRICES_MANAGE = "prices.manage"
    KEY_READ = "key.read"
    KEY_MANAGE = "key.manage"
    AUDIT_READ = "audit.read"
    ORGANIZATION_MANAGE = "organization.manage"
    ORGANIZATION_DELETE = "organization.delete"
    DATA_ERASE = "data.erase"


_VIEWER: Final = frozenset({Permission.TELEMETRY_READ})
_MEMBER: Final = _VIEWER | {Permission.KEY_READ, Permission.KEY_MANAGE}
_ADMIN: Final = _MEMBER | {
    Permission.PROJECT_CREATE,
    Permission.PROJECT_MANAGE,
    Permission.TEAMS_MANAGE,
    Permission.PRICES_MANAGE,
    Permission.AUDIT_READ,
    Permission.ORGANIZATION_MANAGE,
    Permission.DATA_ERASE,
}

GRANTS: Final[dict[str, frozenset[Permission]]] = {
    Role.OWNER: _ADMIN | {Permission.ORGANIZATION_DELETE},
    Role.ADMIN: _ADMIN,
    Role.MEMBER: _MEMBER,
    Role.VIEWER: _VIEWER,
    Role.NONE: frozenset(),
}


def allows(role: str, permission: Permission) -> bool:
    """Whether ``role`` was granted ``permission``; an unknown role was granted nothing."""
    return permission in GRANTS.get(role, frozenset())


class Scope(TextChoices):
    """What an API key may do."""

    INGEST = "ingest", "Send telemetry"
    READ = "read", "Read telemetry"
    MANAGE = "manage", "Change what an admin may change"
