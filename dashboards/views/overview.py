"""The overview of a project and of an organization."""

from collections.abc import Sequence

from django.db import OperationalError, transaction
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from core import display
from core.charts import Mark
from dashboards import live, selectors
from dashboards.annotations import annotations
from dashboards.bars import address
from dashboards.charts import Looks, shown_models
from dashboards.colors import colors_of
from dashboards.filters import Filter
from dashboards.numbers import Overview
from dashboards.pages import ProjectLink, overview_page
from dashboards.views.frame import (
    Context,
    answer,
    frame,
    marked,
    nothing_here,
    nothing_yet,
    page_path,
    read_filter,
    unchanged,
    wants_panel,
)
from tenants.access import OrgRequest, org_view
from tenants.permissions import Permission


@require_GET
@org_view(Permission.TELEMETRY_READ)
def overview(request: OrgRequest) -> HttpResponse:
    """Key figures, charts and breakdowns. An open page asks again with what it has ``seen``; the same is 204."""
    chosen = read_filter(request).for_calls()
    if wants_panel(request):
        return marked(render(request, "dashboards/filter_panel.html", frame(request, chosen, "overview")))
    fresh = selectors.freshness(organization=request.organization, project=request.project)
    version = live.overview_version(chosen, fresh.last_received_at)
    if request.htmx and request.GET.get("seen") == version:
        return unchanged(chosen)
    refresh_url = address(page_path(request, "overview"), chosen, ("seen", version))
    context = frame(request, chosen, "overview") | {"fresh": fresh, "refresh_url": refresh_url}
    if fresh.last_received_at is None:
        return answer(request, "overview", context | nothing_yet(request))
    try:
        with transaction.atomic():  # a statement that took too long must not end the scope's transaction
            numbers = selectors.overview(organization=request.organization, project=request.project, chosen=chosen)
            models = shown_models(numbers)
            looks = colors_of(organization=request.organization, models=models)
            marks = annotations(
                organization=request.organization, project=request.project, chosen=chosen, models=models
            )
    except OperationalError:
        return answer(request, "overview", context | {"state": "slow"}, status=503)
    context |= _shown(request, chosen, numbers, looks, marks)
    if request.htmx and "seen" in request.GET:
        return marked(render(request, "dashboards/overview.html#refresh", context))
    return answer(request, "overview", context)


def _shown(request: OrgRequest, chosen: Filter, numbers: Overview, looks: Looks, marks: Sequence[Mark]) -> Context:
    path = page_path(request, "overview")
    if not numbers.total.calls:
        return nothing_here(chosen, path)
    links = None if request.project else _project_links(request, numbers)
    currency = display.current().name
    page = overview_page(
        numbers,
        chosen,
        path=path,
        projects=links,
        looks=looks,
        marks=marks,
        show_cost=display.cost,
        currency=currency,
    )
    return {"numbers": numbers, "page": page}


def _project_links(request: OrgRequest, numbers: Overview) -> dict[int, ProjectLink]:
    found = selectors.projects_by_id(organization=request.organization, ids=numbers.projects)
    return {pk: ProjectLink(project.name, page_path(request, "overview", project)) for pk, project in found.items()}
