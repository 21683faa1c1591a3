"""Whose a project is, and whether it is archived."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from tenants import archive, project_data, team_selectors
from tenants.access import OrgRequest, org_view, the_project
from tenants.permissions import Permission
from tenants.team_forms import ProjectTeamForm


@require_POST
@org_view(Permission.PROJECT_MANAGE)
def project_team(request: OrgRequest) -> HttpResponse:
    """A team that was deleted meanwhile is said on the page one comes back to."""
    organization, project = request.organization, the_project(request)
    form = ProjectTeamForm(request.POST, teams=team_selectors.teams(organization=organization), project=project)
    if form.is_valid():
        project_data.set_team(organization=organization, actor=request.user, project=project, team=form.chosen())
    else:
        messages.error(request, "Choose a team from the list.")
    return _back(request)


@require_POST
@org_view(Permission.PROJECT_MANAGE)
def project_archive(request: OrgRequest) -> HttpResponse:
    project = the_project(request)
    try:
        archive.archive_project(
            organization=request.organization, actor=request.user, project=project, now=timezone.now()
        )
    except ValidationError as error:
        messages.error(request, error.messages[0])
    return _back(request)


@require_POST
@org_view(Permission.PROJECT_MANAGE)
def project_restore(request: OrgRequest) -> HttpResponse:
    project = the_project(request)
    archive.restore_project(organization=request.organization, actor=request.user, project=project)
    return _back(request)


def _back(request: OrgRequest) -> HttpResponse:
    return redirect("tenants:project-settings", request.organization.slug, the_project(request).slug)
