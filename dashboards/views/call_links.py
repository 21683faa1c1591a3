"""Where one call is, and what it belongs to: the addresses that logs, traces and drawers share."""

from datetime import datetime
from urllib.parse import urlencode

from django.urls import reverse

from dashboards import call_days, trace_pages
from dashboards.cursors import encode_moment
from dashboards.views.frame import page_path
from ingestion.models import Call
from tenants.access import OrgRequest
from tenants.models import Project
from tenants.permissions import Permission, allows


def call_url(request: OrgRequest, call: Call, project: Project | None) -> str:
    """The address of a call's page; a call of a deleted project has none."""
    return _url(request, project, call.call_id, call.started_at) if project else ""


def counted_url(request: OrgRequest, call: Call, project: Project | None) -> str:
    """The page of the call that this one is counted with, if it is."""
    if project is None or call.duplicate_of_started_at is None:
        return ""
    return _url(request, project, call.duplicate_of, call.duplicate_of_started_at)


def links_of(request: OrgRequest, call: Call) -> dict[str, str]:
    """The pages of what a call belongs to, by the label of the fact in ``details``."""
    period = call_days.near(call.started_at, request.time_zone)
    ids = {
        "Trace": ("trace", call.trace_id),
        "Session": ("session", call.session_id),
        "End user": ("user", call.user_id),
    }
    found = {
        label: trace_pages.one_url(page_path(request, page), group_id, period)
        for label, (page, group_id) in ids.items()
        if group_id
    }
    return found | _price_link(request, call)


def _price_link(request: OrgRequest, call: Call) -> dict[str, str]:
    """Prices belong to the organization: a guest of one project has no page of them."""
    if call.rate_card_id is None or not allows(request.organization_role, Permission.TELEMETRY_READ):
        return {}
    query = urlencode({"provider": call.provider, "model": call.model_key})
    return {"Rate card": f"{reverse('pricing:model', args=[request.organization.slug])}?{query}"}


def _url(request: OrgRequest, project: Project, call_id: str, started_at: datetime) -> str:
    path = reverse("dashboards:project-call", args=[request.organization.slug, project.slug, call_id])
    return f"{path}?at={encode_moment(started_at)}"
