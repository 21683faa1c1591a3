"""Cloud functions and workers of a project and of an organization: memory given against memory used."""

from dataclasses import replace
from typing import Final
from urllib.parse import urlencode

from django.conf import settings
from django.db import OperationalError, transaction
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from core.ranges import RANGES
from dashboards import resources
from dashboards.bars import Link, address
from dashboards.filters import Filter
from dashboards.resources import Line
from dashboards.views.frame import Context, marked, page_path, read_filter
from ingestion import cloud_samples
from tenants import roles, snippets
from tenants.access import OrgRequest, org_view, the_project
from tenants.models import Project
from tenants.permissions import Permission

_LONGEST_NAME: Final = 255


@require_GET
@org_view(Permission.TELEMETRY_READ)
def resource_list(request: OrgRequest) -> HttpResponse:
    """Every resource with samples in the period, what wastes most first."""
    chosen, sort = _chosen(request), _sort(request)
    context = _frame(request, chosen, sort) | {"sort": sort}
    try:
        with transaction.atomic():  # a statement that took too long must not end the scope's transaction
            lines = resources.sorted_lines(_lines(request, chosen), sort)
    except OperationalError:
        return marked(render(request, "dashboards/resources.html", context | {"state": "slow"}, status=503))
    if not lines:
        context |= _nothing(request, chosen, sort)
    context |= {"lines": lines, "cost": resources.known_cost(lines), "unused": resources.unused_cost(lines)}
    context["unused_count"] = sum(line.is_mostly_unused for line in lines)
    context["is_cut"] = len(lines) == cloud_samples.MOST_RESOURCES
    return marked(render(request, "dashboards/resources.html", context))


@require_GET
@org_view(Permission.TELEMETRY_READ)
def resource_detail(request: OrgRequest) -> HttpResponse:
    """One resource over time; ``name`` is what its samples call it."""
    project, name = the_project(request), request.GET.get("name", "")
    if not name or "\0" in name or len(name) > _LONGEST_NAME:
        raise Http404
    if not cloud_samples.has_samples(organization=request.organization, project=project, resource=name):
        raise Http404
    chosen = _chosen(request)
    period = chosen.period
    found = cloud_samples.usage_by_resource(
        organization=request.organization,
        project_ids=[project.pk],
        since=period.start,
        until=period.end,
        filters={"resource": [name]},
    )
    moments = cloud_samples.usage_over_time(
        project=project,
        resource=name,
        since=period.start,
        until=period.end,
        bucket=resources.bucket_kind(period),
        zone=chosen.zone.key,
    )
    path = reverse("dashboards:project-resource", args=[request.organization.slug, project.slug])
    context = _frame(request, chosen, "") | {
        "name": name,
        "line": Line(found[0], "") if found else None,
        "chart": resources.memory_over_time(moments, chosen),
        "chart_caption": f"allocated, and used at the peak and on average per {resources.bucket_kind(period)}",
        "ranges": [_range(path, chosen, key, ("name", name)) for key in RANGES],
        "list_url": address(page_path(request, "resources"), chosen),
    }
    return marked(render(request, "dashboards/resource.html", context))


def _chosen(request: OrgRequest) -> Filter:
    """Only the time range: resources are few, and found by looking."""
    return replace(read_filter(request).cleared(), problems=())


def _sort(request: OrgRequest) -> str:
    wanted = request.GET.get("sort", "")
    return wanted if wanted in resources.SORTS else resources.DEFAULT_SORT


def _frame(request: OrgRequest, chosen: Filter, sort: str) -> Context:
    path = page_path(request, "resources")
    kept = _kept(sort)
    return {
        "chosen": chosen,
        "state": "",
        "page_path": path,
        "ranges": [_range(path, chosen, name, *kept) for name in RANGES],
        "sorts": [Link(key, text, address(path, chosen, *_kept(key))) for key, text in resources.SORTS.items()],
        "days_text": chosen.period.days_text(today=chosen.now.astimezone(chosen.zone).date()),
        "nav_active": f"{'project' if request.project else 'organization'}-resources",
    }


def _kept(sort: str) -> list[tuple[str, str]]:
    """What a link says of the order; the usual one needs no words."""
    return [("sort", sort)] if sort and sort != resources.DEFAULT_SORT else []


def _range(path: str, chosen: Filter, name: str, *more: tuple[str, str]) -> Link:
    return Link(name, name.replace("h", " h").replace("d", " d"), address(path, chosen.with_range(name), *more))


def _lines(request: OrgRequest, chosen: Filter) -> list[Line]:
    projects = _projects(request)
    found = cloud_samples.usage_by_resource(
        organization=request.organization,
        project_ids=list(projects),
        since=chosen.period.start,
        until=chosen.period.end,
    )
    return [
        Line(
            usage,
            _resource_url(request, projects[usage.project_id], usage.resource, chosen),
            "" if request.project else projects[usage.project_id].name,
        )
        for usage in found
    ]


def _projects(request: OrgRequest) -> dict[int, Project]:
    if request.project:
        return {request.project.pk: request.project}
    visible = roles.visible_projects(user=request.user, role=request.organization_role)
    return {project.pk: project for project in visible}


def _resource_url(request: OrgRequest, project: Project, resource: str, chosen: Filter) -> str:
    path = reverse("dashboards:project-resource", args=[request.organization.slug, project.slug])
    return f"{path}?{urlencode([('name', resource), *chosen.range_pairs])}"


def _nothing(request: OrgRequest, chosen: Filter, sort: str) -> Context:
    """Why the table is empty, and what to do next."""
    if not cloud_samples.has_samples(organization=request.organization, project=request.project):
        return {"state": "no-samples", "snippet": snippets.cloud_sample(base_url=settings.BASE_URL)}
    wider = chosen.widened()
    url = address(page_path(request, "resources"), wider, *_kept(sort)) if wider else ""
    return {"state": "nothing", "wider_url": url}
