"""What all pages of reports have in common."""

from typing import Any

from tenants import roles
from tenants.access import OrgRequest
from tenants.models import Project
from tenants.permissions import Permission, allows


def context(request: OrgRequest) -> dict[str, Any]:
    return {"nav_active": "reports", "may_manage": allows(request.role, Permission.REPORTS_MANAGE)}


def hidden_from(request: OrgRequest) -> tuple[int, ...]:
    return roles.hidden_projects(user=request.user, role=request.organization_role)


def visible_projects(request: OrgRequest) -> list[Project]:
    return list(roles.visible_projects(user=request.user, role=request.organization_role))
