"""What a project or an organization sent and we did not take."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from dashboards.bars import time_ranges
from dashboards.refused import refused_page
from dashboards.views.frame import marked, page_path, read_filter
from ingestion import refusals
from ingestion.refusals import Asked
from tenants.access import OrgRequest, org_view
from tenants.permissions import Permission


@require_GET
@org_view(Permission.TELEMETRY_READ)
def rejected(request: OrgRequest) -> HttpResponse:
    """Refusals of a time range by reason, with what to do about each."""
    chosen = read_filter(request).cleared()
    asked = Asked(request.organization, request.project, chosen.period.start, chosen.period.end, hidden=chosen.hidden)
    path = page_path(request, "rejected")
    context = {
        "chosen": chosen,
        "ranges": time_ranges(chosen, path=path),
        "page": refused_page(refusals.by_hour(asked), refusals.lines(asked), chosen),
        "calls_url": page_path(request, "calls"),
        "nav_active": f"{'project' if request.project else 'organization'}-rejected",
    }
    return marked(render(request, "dashboards/rejected.html", context))
