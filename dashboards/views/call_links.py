"""Where one call is, and what it belongs to: the addresses that logs, traces and drawers share."""

from datetime import datetime

from django.urls import reverse

from dashboards.cursors import encode_moment
from ingestion.models import Call
from tenants.access import OrgRequest
from tenants.models import Project


def call_url(request: OrgRequest, call: Call, project: Project | None) -> str:
    """The address of a call's page; a call of a deleted project has none."""
    return _url(request, project, call.call_id, call.started_at) if project else ""


def counted_url(request: OrgRequest, call: Call, project: Project | None) -> str:
    """The page of the call that this one is counted with, if it is."""
    if project is None or call.duplicate_of_started_at is None:
        return ""
    return _url(request, project, call.duplicate_of, call.duplicate_of_started_at)


def _url(request: OrgRequest, project: Project, call_id: str, started_at: datetime) -> str:
    path = reverse("dashboards:project-call", args=[request.organization.slug, project.slug, call_id])
    return f"{path}?at={encode_moment(started_at)}"
