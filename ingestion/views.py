"""Pages about what has arrived: the panel that waits for a first call, the time zone calls count in, and how many."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from core import formats
from ingestion import activity, time_zone, usage
from ingestion.forms import TimeZoneForm
from tenants.access import OrgRequest, org_view, the_project
from tenants.forms import status, write_with
from tenants.models import Organization
from tenants.permissions import Permission


@require_GET
@never_cache
@org_view(Permission.TELEMETRY_READ)
def first_call(request: OrgRequest) -> HttpResponse:
    """Asked every second until a call is there; "not yet" is 204, which leaves the waiting panel as it is."""
    project = the_project(request)
    seen = activity.project_activity(project=project)
    if seen is None and request.htmx:
        return HttpResponse(status=204)
    template = "ingestion/first_call.html#panel" if request.htmx else "ingestion/first_call.html"
    call = activity.latest_call(project=project) if seen else None
    total = call.input_tokens + call.output_tokens if call else 0
    return render(request, template, {"seen": seen, "call": call, "total": total, "nav_active": "connect"})


@require_http_methods(["GET", "POST"])
@org_view(Permission.ORGANIZATION_MANAGE)
def time_zone_change(request: OrgRequest) -> HttpResponse:
    """The form, or how far the last change is; that part is polled while it runs."""
    organization, now = request.organization, timezone.now()
    form = TimeZoneForm(
        request.POST if request.method == "POST" else None, initial={"time_zone": request.time_zone.key}
    )

    def change(data: dict[str, str]) -> bool:
        time_zone.change(organization=organization, actor=request.user, time_zone=data["time_zone"], now=now)
        return True

    if write_with(form, change):
        running = time_zone.running_change(organization=organization)
        return redirect("ingestion:time-zone" if running else "tenants:organization-settings", organization.slug)
    running = time_zone.running_change(organization=organization)
    context = {
        "form": form,
        "running": running,
        "splits_hours": running and time_zone.splits_hours(running.from_zone, running.to_zone, now=now),
        "has_calls": activity.has_calls(organization=organization),
        "nav_active": "organization-settings",
    }
    template = "ingestion/time_zone.html#progress" if request.htmx else "ingestion/time_zone.html"
    return render(request, template, context, status=status(form))


@require_GET
@org_view(Permission.ORGANIZATION_MANAGE)
def usage_overview(request: OrgRequest) -> HttpResponse:
    """Also the part of it that the settings page shows."""
    organization = request.organization
    used = usage.this_month(organization=organization, now=timezone.now())
    if request.htmx:
        return render(request, "ingestion/usage.html#this-month", {"usage": used})
    projects = usage.by_project(organization=organization, month=used.month)
    context = {
        "usage": used,
        "parts": [_breakdown_row(part, organization) for part in projects],
        "months": usage.months(organization=organization),
        "nav_active": "organization-settings",
    }
    return render(request, "ingestion/usage.html", context)


def _breakdown_row(part: usage.ProjectUsage, organization: Organization) -> dict[str, Any]:
    project = part.project
    return {
        "label": project.name if project else "A deleted project",
        "href": reverse("dashboards:project-overview", args=[organization.slug, project.slug]) if project else "",
        "value": formats.count(part.events),
        "share": part.share,
        "color_index": None,
    }
