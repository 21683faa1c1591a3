"""Deleting a project or the organization: asked for by typing its slug, taken back with one click."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from tenants import deletion
from tenants.access import OrgRequest, org_view, the_project
from tenants.forms import ConfirmationForm, status, write_with
from tenants.permissions import Permission


@require_http_methods(["GET", "POST"])
@org_view(Permission.PROJECT_MANAGE)
def project_delete(request: OrgRequest) -> HttpResponse:
    organization, project = request.organization, the_project(request)
    form = ConfirmationForm(request.POST if request.method == "POST" else None)
    delete_at = write_with(
        form,
        lambda data: deletion.schedule_project(
            organization=organization,
            actor=request.user,
            project=project,
            confirmation=data["confirmation"],
            now=timezone.now(),
        ),
    )
    if delete_at:
        return redirect("tenants:project-settings", organization.slug, project.slug)
    context = {"form": form, "grace": deletion.GRACE.days, "nav_active": "project-settings"}
    return render(request, "tenants/project_delete.html", context, status=status(form))


@require_POST
@org_view(Permission.PROJECT_MANAGE)
def project_keep(request: OrgRequest) -> HttpResponse:
    project = the_project(request)
    try:
        deletion.keep_project(
            organization=request.organization, actor=request.user, project=project, now=timezone.now()
        )
    except ValidationError as error:
        messages.error(request, error.messages[0])
    return redirect("tenants:project-settings", request.organization.slug, project.slug)


@require_http_methods(["GET", "POST"])
@org_view(Permission.ORGANIZATION_DELETE)
def organization_delete(request: OrgRequest) -> HttpResponse:
    organization = request.organization
    form = ConfirmationForm(request.POST if request.method == "POST" else None)
    delete_at = write_with(
        form,
        lambda data: deletion.schedule_organization(
            organization=organization, actor=request.user, confirmation=data["confirmation"], now=timezone.now()
        ),
    )
    if delete_at:
        return redirect("tenants:organization-settings", organization.slug)
    context = {"form": form, "grace": deletion.GRACE.days, "nav_active": "organization-settings"}
    return render(request, "tenants/organization_delete.html", context, status=status(form))


@require_POST
@org_view(Permission.ORGANIZATION_DELETE)
def organization_keep(request: OrgRequest) -> HttpResponse:
    try:
        deletion.keep_organization(organization=request.organization, actor=request.user, now=timezone.now())
    except ValidationError as error:
        messages.error(request, error.messages[0])
    return redirect("tenants:organization-settings", request.organization.slug)
