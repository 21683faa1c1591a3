"""``/``: wherever the person asking has to go next, from signing in to the overview they last looked at."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET

from core.scope import org_scope
from ingestion import activity
from tenants import roles, selectors
from tenants.access import LAST_ORGANIZATION
from tenants.models import Membership, User
from tenants.permissions import Permission, allows


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    if not isinstance(request.user, User):
        return redirect("account_login")
    slug = request.GET.get("organization") or request.session.get(LAST_ORGANIZATION, "")
    membership = selectors.usable_membership(user=request.user, slug=slug)
    if membership is None:
        return redirect("instance:overview" if request.user.is_staff else "tenants:organization-create")
    with org_scope(membership.organization_id):
        return _into(membership)


def _into(membership: Membership) -> HttpResponse:
    """The overview, or the next step towards having something on it."""
    organization = membership.organization
    visible = roles.visible_projects(user=membership.user, role=membership.role).filter(archived_at=None)
    project = visible.order_by("-is_default", "pk").first()
    if project is None and allows(membership.role, Permission.PROJECT_CREATE):
        return redirect("tenants:project-create", organization.slug)
    may_read = allows(membership.role, Permission.TELEMETRY_READ)
    if project and not may_read:
        return redirect("dashboards:project-overview", organization.slug, project.slug)
    if project and not activity.has_calls(organization=organization):
        return redirect("tenants:connect", organization.slug, project.slug)
    return redirect("dashboards:organization-overview", organization.slug)
