"""Pages about what has arrived: the panel that waits for a first call, and the time zone calls are counted in."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from ingestion import activity, time_zone
from ingestion.forms import TimeZoneForm
from tenants.access import OrgRequest, org_view, the_project
from tenants.forms import status, write_with
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
    organization = request.organization
    initial = {"time_zone": request.time_zone.key}
    form = TimeZoneForm(request.POST if request.method == "POST" else None, initial=initial)

    def change(data: dict[str, str]) -> bool:
        time_zone.change(organization=organization, actor=request.user, time_zone=data["time_zone"])
        return True

    if write_with(form, change):
        return redirect("tenants:organization-settings", organization.slug)
    context = {
        "form": form,
        "is_fixed": activity.has_calls(organization=organization),
        "nav_active": "organization-settings",
    }
    return render(request, "ingestion/time_zone.html", context, status=status(form))
