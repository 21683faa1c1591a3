"""Who may do what, in one place: permissions are granted to roles here and nowhere else."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, Self

from django.db.models import TextChoices


class Role(TextChoices):
    """A member's place in an organization. ``none`` belongs to it and sees nothing until a project says otherwise."""

    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    MEMBER = "member", "Member"
    VIEWER = "viewer", "Viewer"
    NONE = "none", "None"


PROJECT_ROLES: Final = (Role.ADMIN, Role.MEMBER, Role.VIEWER, Role.NONE)  # an owner owns the whole organization


class Permission(StrEnum):
    """One thing a person may do; views name one at the door. The second half is what people read."""

    label: str

    def __new__(cls, value: str, label: str) -> Self:
        member = str.__new__(cls, value)
        member._value_, member.label = value, label
        return member

    TELEMETRY_READ = "telemetry.read", "See calls, costs and prices"
    VIEWS_SHARE = "views.share", "Share saved views of pages"
    VIEWS_MANAGE = "views.manage", "Change and delete views that others share"
    INSIGHTS_ACT = "insights.act", "Acknowledge, mute, resolve, assign and comment on insights"
    FEATURES_LABEL = "features.label", "Name features and show several as one"
    PROJECT_CREATE = "project.create", "Create projects"
    PROJECT_MANAGE = "project.manage", "Change and delete projects"
    TEAMS_MANAGE = "teams.manage", "Create and change teams"
    PRICES_MANAGE = "prices.manage", "Correct prices"
    MEMBERS_READ = "members.read", "See who is a member"
    MEMBERS_MANAGE = "members.manage", "Invite people, change roles up to admin"
    OWNERSHIP_MANAGE = "ownership.manage", "Make somebody an owner, hand the organization over"
    KEY_READ = "key.read", "See API keys"
    KEY_MANAGE = "key.manage", "Create and revoke API keys"
    KEY_ADMIN = "key.admin", "Manage keys of the whole organization, and keys that change settings"
    AUDIT_READ = "audit.read", "Read the audit log"
    ORGANIZATION_MANAGE = "organization.manage", "Change the organization’s settings"
    ORGANIZATION_DELETE = "organization.delete", "Delete the organization"
    DATA_ERASE = "data.erase", "Look up and erase end users"
    ALERTS_READ = "alerts.read", "See channels, routes and deliveries of alerts"
    ALERTS_ACKNOWLEDGE = "alerts.acknowledge", "Acknowledge alerts"
    ALERTS_MANAGE = "alerts.manage", "Change channels and routes, send alerts again"
    BUDGETS_READ = "budgets.read", "See budgets and what is left of them"
    BUDGETS_MANAGE = "budgets.manage", "Create, change and delete budgets"
    RULES_READ = "rules.read", "See rules and their thresholds"
    RULES_MANAGE = "rules.manage", "Change what a project’s rules fire on"
    EXPORTS_CREATE = "exports.create", "Have large exports made, and download one’s own"
    EXPORTS_MANAGE = "exports.manage", "See, download and delete everybody’s exports"
    DESTINATIONS_MANAGE = "destinations.manage", "Have all calls copied to a bucket, hour by hour or day by day"
    GATEWAY_MANAGE = "gateway.manage", "Manage providers and their credentials"

    REPORTS_MANAGE = "reports.manage", "Make reports and schedule them"
    BOARDS_KEEP = "boards.keep", "Make dashboards for themselves"
    BOARDS_SHARE = "boards.share", "Share dashboards of their own with the organization"
    BOARDS_MANAGE = "boards.manage", "Change and delete everybody’s shared dashboards"


_VIEWER: Final = frozenset(
    {
        Permission.TELEMETRY_READ,
        Permission.MEMBERS_READ,
        Permission.BUDGETS_READ,
        Permission.RULES_READ,
        Permission.BOARDS_KEEP,
    }
)
_MEMBER: Final = _VIEWER | {
    Permission.INSIGHTS_ACT,
    Permission.VIEWS_SHARE,
    Permission.FEATURES_LABEL,
    Permission.KEY_READ,
    Permission.KEY_MANAGE,
    Permission.ALERTS_READ,
    Permission.ALERTS_ACKNOWLEDGE,
    Permission.EXPORTS_CREATE,
    Permission.REPORTS_MANAGE,
    Permission.BOARDS_SHARE,
}
_ADMIN: Final = _MEMBER | {
    Permission.PROJECT_CREATE,
    Permission.PROJECT_MANAGE,
    Permission.TEAMS_MANAGE,
    Permission.PRICES_MANAGE,
    Permission.KEY_ADMIN,
    Permission.AUDIT_READ,
    Permission.MEMBERS_MANAGE,
    Permission.ORGANIZATION_MANAGE,
    Permission.DATA_ERASE,
    Permission.ALERTS_MANAGE,
    Permission.BUDGETS_MANAGE,
    Permission.RULES_MANAGE,
    Permission.VIEWS_MANAGE,
    Permission.EXPORTS_MANAGE,
    Permission.BOARDS_MANAGE,
    Permission.DESTINATIONS_MANAGE,
    Permission.GATEWAY_MANAGE,
}

GRANTS: Final[dict[str, frozenset[Permission]]] = {
    Role.OWNER: _ADMIN | {Permission.OWNERSHIP_MANAGE, Permission.ORGANIZATION_DELETE},
    Role.ADMIN: _ADMIN,
    Role.MEMBER: _MEMBER,
    Role.VIEWER: _VIEWER,
    Role.NONE: frozenset(),
}


def allows(role: str, permission: Permission) -> bool:
    """Whether ``role`` was granted ``permission``; an unknown role was granted nothing."""
    return permission in GRANTS.get(role, frozenset())


def role_table(roles: Iterable[str] = tuple(Role)) -> list[tuple[Permission, list[bool]]]:
    """Every permission with whether each of ``roles`` has it, most widely granted first: what people read of GRANTS."""
    rows = [(permission, [allows(role, permission) for role in roles]) for permission in Permission]
    return sorted(rows, key=lambda row: -sum(row[1]))


class Scope(TextChoices):
    """What an API key may do."""

    INGEST = "ingest", "Send telemetry"
    READ = "read", "Read telemetry"
    MANAGE = "manage", "Change what an admin may change"
    GATEWAY = "gateway", "Send calls through the gateway"


def grantable_scopes(role: str) -> list[Scope]:
    """What somebody with ``role`` may let a key do: nothing that they may not do themselves."""
    return [scope for scope in Scope if scope != Scope.MANAGE or allows(role, Permission.KEY_ADMIN)]
