"""Routes: which events go to which channel, and when."""

from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from rules.alerts import route_services, selectors
from rules.alerts.forms import RouteForm
from rules.alerts.matching import KINDS
from rules.alerts.models import Route
from tenants import roles, team_selectors
from tenants.access import OrgRequest, org_view
from tenants.forms import status, write_with
from tenants.models import Project
from tenants.permissions import Permission, allows


@dataclass(frozen=True, slots=True)
class Row:
    """A route with what it is about in words; projects that the reader may not see are only counted."""

    route: Route
    about: list[str]


@require_GET
@org_view(Permission.ALERTS_READ)
def route_list(request: OrgRequest) -> HttpResponse:
    visible = {
        project.pk: project.name
        for project in roles.visible_projects(user=request.user, role=request.organization_role)
    }
    found = selectors.routes(organization=request.organization)
    context = _context(request) | {
        "rows": [Row(route, _about(route, visible)) for route in found],
        "has_channels": selectors.channels(organization=request.organization).exists(),
    }
    return render(request, "alerts/route_list.html", context)


@require_http_methods(["GET", "POST"])
@org_view(Permission.ALERTS_MANAGE)
def route_create(request: OrgRequest) -> HttpResponse:
    form = _form(request)

    def create(_data: dict[str, Any]) -> Route:
        return route_services.create_route(organization=request.organization, actor=request.user, wanted=form.wanted())

    return _list(request) if write_with(form, create) else _page(request, form)


@require_http_methods(["GET", "POST"])
@org_view(Permission.ALERTS_MANAGE)
def route_edit(request: OrgRequest, route_id: int) -> HttpResponse:
    route = _route(request, route_id)
    form = _form(request, route)

    def update(_data: dict[str, Any]) -> Route:
        return route_services.update_route(
            organization=request.organization, actor=request.user, route=route, wanted=form.wanted()
        )

    return _list(request) if write_with(form, update) else _page(request, form, route)


@require_http_methods(["GET", "POST"])
@org_view(Permission.ALERTS_MANAGE)
def route_delete(request: OrgRequest, route_id: int) -> HttpResponse:
    route = _route(request, route_id)
    if request.method == "POST":
        route_services.delete_route(organization=request.organization, actor=request.user, route=route)
        return _list(request)
    return render(request, "alerts/route_delete.html", _context(request) | {"route": route})


def _about(route: Route, visible: dict[int, str]) -> list[str]:
    """What the route is about, beside the severity."""
    projects = [visible[pk] for pk in route.project_ids if pk in visible]
    others = len(route.project_ids) - len(projects)
    more = [f"{others} more project{'s' if others > 1 else ''}"] if others else []
    return [*(KINDS.get(kind, kind) for kind in route.kinds), *route.rules, *route.teams, *projects, *more]


def _form(request: OrgRequest, route: Route | None = None) -> RouteForm:
    return RouteForm(
        request.POST if request.method == "POST" else None,
        channels=list(selectors.channels(organization=request.organization)),
        teams=list(team_selectors.teams(organization=request.organization)),
        projects=list(Project.objects.order_by("name", "pk")),
        route=route,
    )


def _page(request: OrgRequest, form: RouteForm, route: Route | None = None) -> HttpResponse:
    context = _context(request) | {"form": form, "route": route}
    return render(request, "alerts/route_form.html", context, status=status(form))


def _route(request: OrgRequest, route_id: int) -> Route:
    """:raises Http404: the organization has no such route."""
    found = selectors.route(organization=request.organization, route_id=route_id)
    if found is None:
        raise Http404
    return found


def _context(request: OrgRequest) -> dict[str, Any]:
    return {"nav_active": "alerts", "tab": "routes", "may_manage": allows(request.role, Permission.ALERTS_MANAGE)}


def _list(request: OrgRequest) -> HttpResponse:
    return redirect("alerts:route-list", request.organization.slug)
