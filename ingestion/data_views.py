"""What a project keeps: the days of its calls, and user ids that look personal."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from core.queue import enqueue
from ingestion import kept_calls
from ingestion.forms import PersonalIdsForm, RetentionForm
from tenants import project_data
from tenants.access import OrgRequest, org_view, the_project
from tenants.forms import write_with
from tenants.permissions import Permission


@require_GET
@org_view(Permission.PROJECT_MANAGE)
def data(request: OrgRequest) -> HttpResponse:
    return _page(request)


@require_POST
@org_view(Permission.PROJECT_MANAGE)
def retention(request: OrgRequest) -> HttpResponse:
    """A shorter time asks whether it is meant, because nothing brings the calls back."""
    project, form = the_project(request), RetentionForm(request.POST)
    if not form.is_valid():
        return _page(request, retention=form)
    days, now = form.cleaned_data["days"], timezone.now()
    is_longer = days > project.retention_days
    if days < project.retention_days and request.POST.get("confirmed") != str(days):
        lost = kept_calls.calls_lost(project=project, days=days, now=now)
        context = {"days": days, "lost": lost, "nav_active": "project-settings"}
        return render(request, "ingestion/retention_confirm.html", context)
    project_data.set_retention(
        organization=request.organization, actor=request.user, project=project, days=days, now=now
    )
    if is_longer:
        enqueue("ingestion.ensure_partitions")  # beat does it within the hour as well
    return _back(request)


@require_POST
@org_view(Permission.PROJECT_MANAGE)
def personal_ids(request: OrgRequest) -> HttpResponse:
    def change(cleaned: dict[str, Any]) -> bool:
        project_data.set_personal_ids(
            organization=request.organization,
            actor=request.user,
            project=the_project(request),
            allowed=cleaned["allowed"],
        )
        return True

    form = PersonalIdsForm(request.POST)
    return _back(request) if write_with(form, change) else _page(request)


def _back(request: OrgRequest) -> HttpResponse:
    return redirect("ingestion:project-data", request.organization.slug, the_project(request).slug)


def _page(request: OrgRequest, retention: RetentionForm | None = None) -> HttpResponse:
    project = the_project(request)
    context = {
        "retention": retention or RetentionForm(initial={"days": project.retention_days}),
        "personal_ids": PersonalIdsForm(initial={"allowed": project.allow_personal_ids}),
        "nav_active": "project-settings",
    }
    return render(request, "ingestion/project_data.html", context, status=422 if retention else 200)
