"""The environments of a project: what it expects, what it saw, and what calls without one count as."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from ingestion import environments as seen
from tenants import environments
from tenants.access import OrgRequest, org_view, the_project
from tenants.environment_forms import DefaultEnvironmentForm, EnvironmentForm
from tenants.forms import write_with
from tenants.permissions import Permission


@require_GET
@org_view(Permission.PROJECT_MANAGE)
def environment_list(request: OrgRequest) -> HttpResponse:
    return _page(request)


@require_POST
@org_view(Permission.PROJECT_MANAGE)
def environment_declare(request: OrgRequest) -> HttpResponse:
    form = EnvironmentForm(request.POST)

    def declare(data: dict[str, Any]) -> bool:
        environments.declare(**_who(request), **data)
        return True

    return _back(request) if write_with(form, declare) else _page(request, form=form)


@require_POST
@org_view(Permission.PROJECT_MANAGE)
def environment_withdraw(request: OrgRequest) -> HttpResponse:
    environments.withdraw(**_who(request), name=request.POST.get("name", "").replace("\0", ""))
    return _back(request)


@require_POST
@org_view(Permission.PROJECT_MANAGE)
def environment_default(request: OrgRequest) -> HttpResponse:
    form = DefaultEnvironmentForm(request.POST)

    def change(data: dict[str, Any]) -> bool:
        environments.set_default(**_who(request), name=data["default_environment"])
        return True

    return _back(request) if write_with(form, change) else _page(request, default_form=form)


def _who(request: OrgRequest) -> dict[str, Any]:
    return {"organization": request.organization, "actor": request.user, "project": the_project(request)}


def _page(request: OrgRequest, **forms: Any) -> HttpResponse:
    project = the_project(request)
    context = {
        "form": EnvironmentForm(),
        "default_form": DefaultEnvironmentForm(initial={"default_environment": project.default_environment}),
        "lines": seen.lines(project=project, today=timezone.localdate()),
        "lately_days": seen.LATELY_DAYS,
        "nav_active": "project-settings",
    }
    return render(request, "ingestion/environments.html", context | forms, status=422 if forms else 200)


def _back(request: OrgRequest) -> HttpResponse:
    return redirect("ingestion:environment-list", request.organization.slug, the_project(request).slug)
