"""What the shell of every page shows: where the user is and where else they may go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from core import addresses
from core.scope import ScopeError, current_organization_id
from tenants import roles, selectors
from tenants.identity import connections
from tenants.models import Organization, Project
from tenants.permissions import Permission, allows

# Entries of the navigation by the permission of the page they lead to: in the project at hand, in the organization.
NEEDED_IN_PROJECT: Final = {
    "project-overview": Permission.TELEMETRY_READ,
    "project-explorer": Permission.TELEMETRY_READ,
    "project-models": Permission.TELEMETRY_READ,
    "project-features": Permission.TELEMETRY_READ,
    "project-calls": Permission.TELEMETRY_READ,
    "project-traces": Permission.TELEMETRY_READ,
    "project-users": Permission.TELEMETRY_READ,
    "project-insights": Permission.TELEMETRY_READ,
    "project-rejected": Permission.TELEMETRY_READ,
    "project-gateway": Permission.TELEMETRY_READ,
    "project-resources": Permission.TELEMETRY_READ,
    "connect": Permission.TELEMETRY_READ,
    "keys": Permission.KEY_READ,
    "project-rules": Permission.RULES_READ,
    "project-settings": Permission.PROJECT_MANAGE,
}
NEEDED: Final = {
    "organization-rejected": Permission.TELEMETRY_READ,
    "gateway": Permission.TELEMETRY_READ,
    "gateway-connect": Permission.TELEMETRY_READ,
    "gateway-providers": Permission.GATEWAY_MANAGE,
    "organization-insights": Permission.TELEMETRY_READ,
    "organization-overview": Permission.TELEMETRY_READ,
    "organization-executive": Permission.TELEMETRY_READ,
    "organization-explorer": Permission.TELEMETRY_READ,
    "organization-models": Permission.TELEMETRY_READ,
    "organization-features": Permission.TELEMETRY_READ,
    "organization-calls": Permission.TELEMETRY_READ,
    "organization-traces": Permission.TELEMETRY_READ,
    "organization-users": Permission.TELEMETRY_READ,
    "dashboards": Permission.TELEMETRY_READ,
    "organization-resources": Permission.TELEMETRY_READ,
    "project-create": Permission.PROJECT_CREATE,
    "prices": Permission.TELEMETRY_READ,
    "teams": Permission.TELEMETRY_READ,
    "alerts": Permission.ALERTS_READ,
    "budgets": Permission.BUDGETS_READ,
    "exports": Permission.EXPORTS_CREATE,
    "reports": Permission.TELEMETRY_READ,
    "audit": Permission.AUDIT_READ,
    "members": Permission.MEMBERS_READ,
    "member-invite": Permission.MEMBERS_MANAGE,
    "member-transfer": Permission.OWNERSHIP_MANAGE,
    "organization-keys": Permission.KEY_ADMIN,
    "organization-settings": Permission.ORGANIZATION_MANAGE,
    "organization-delete": Permission.ORGANIZATION_DELETE,
    "end-users": Permission.DATA_ERASE,
}


@dataclass(frozen=True, slots=True)
class ProjectLink:
    """A project that one may go to."""

    name: str
    url: str
    is_current: bool


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Organization, project and their siblings, read only if the template shows them (two queries)."""
    context: dict[str, Any] = {"dev_mail_url": _dev_mail_url(request), "signup_policy": settings.SIGNUP}
    context["identity_providers"] = connections.offered()
    organization: Organization | None = getattr(request, "organization", None)
    if organization is None:
        return context
    role = getattr(request, "role", "")
    organization_role = getattr(request, "organization_role", role)
    projects = cache(lambda: _projects(request, organization_role))
    return context | {
        "gateway_enabled": settings.GATEWAY_ENABLED,
        "organization": organization,
        "project": getattr(request, "project", None),
        "organizations": SimpleLazyObject(lambda: _organizations(request)),
        "projects": SimpleLazyObject(projects),
        "project_links": SimpleLazyObject(lambda: _links(request, organization, projects())),
        "nav_denied": _denied(NEEDED_IN_PROJECT, role) | _denied(NEEDED, organization_role),
    }


def _denied(needed: Mapping[str, Permission], role: str) -> frozenset[str]:
    return frozenset(entry for entry, permission in needed.items() if not allows(role, permission))


def _organizations(request: HttpRequest) -> list[Organization]:
    user = request.user
    return list(selectors.organizations_of(user=user)) if user.is_authenticated else []


def _projects(request: HttpRequest, role: str) -> list[Project]:
    """Those to go to; none on error pages: they are rendered when the scope is closed already."""
    try:
        current_organization_id()
    except ScopeError:
        return []
    user = request.user
    if not user.is_authenticated:
        return []
    return list(roles.visible_projects(user=user, role=role).filter(archived_at=None))


def _links(request: HttpRequest, organization: Organization, projects: Sequence[Project]) -> list[ProjectLink]:
    here: Project | None = getattr(request, "project", None)
    return [
        ProjectLink(
            item.name,
            reverse("dashboards:project-overview", args=[organization.slug, item.slug]),
            is_current=item == here,
        )
        for item in projects
    ]


def _dev_mail_url(request: HttpRequest) -> str:
    return reverse("dev:mail-list") if settings.DEV_MAIL and addresses.is_this_machine(request) else ""
