"""Tables of people and tenants. Those without row-level security are the closed list of core.checks."""

from tenants.models.api import ApiAnswer
from tenants.models.currencies import CurrencyRate
from tenants.models.environments import Environment
from tenants.models.history import AuditEntry, AuditHead, Event
from tenants.models.keys import ApiKey, ApiKeyLookup, ApiKeyUsage
from tenants.models.members import Invitation, InvitationLookup, ProjectRole
from tenants.models.organizations import SLUG, Membership, Organization, OrganizationSettings, Project
from tenants.models.people import KnownDevice, SignInNotice, User, UserManager
from tenants.models.teams import Team, TeamAlias, TeamMember, TeamMove

__all__ = [
    "SLUG",
    "ApiAnswer",
    "ApiKey",
    "ApiKeyLookup",
    "ApiKeyUsage",
    "AuditEntry",
    "AuditHead",
    "CurrencyRate",
    "Environment",
    "Event",
    "Invitation",
    "InvitationLookup",
    "KnownDevice",
    "Membership",
    "Organization",
    "OrganizationSettings",
    "Project",
    "ProjectRole",
    "SignInNotice",
    "Team",
    "TeamAlias",
    "TeamMember",
    "TeamMove",
    "User",
    "UserManager",
]
