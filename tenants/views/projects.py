from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from tenants import roles, selectors, services, team_selectors
from tenants.access import OrgRequest, org_view, the_project
from tenants.forms import NameForm, ProjectForm, status, write_with
from tenants.permissions import Permission
from tenants.team_forms import ProjectTeamForm


@require_GET
@org_view(Permission.TELEMETRY_READ)
def project_list(request: OrgRequest) -> HttpResponse:
    visible = roles.visible_projects(user=request.user, role=request.organization_role)
    context = {
        "rows": visible.filter(archived_at=None),
        "archived": visible.exclude(archived_at=None),
        "nav_active": "project-list",
    }
    return render(request, "tenants/project_list.html", context)


@require_http_methods(["GET", "POST"])
@org_view(Permission.PROJECT_CREATE)
def project_create(request: OrgRequest) -> HttpResponse:
    """The second step of a new organization, and any further project later."""
    organization = request.organization
    form = ProjectForm(request.POST if request.method == "POST" else None)
    project = write_with(
        form, lambda data: services.create_project(organization=organization, actor=request.user, **data)
    )
    if project:
        return redirect("tenants:connect", organization.slug, project.slug)
    is_first = not selectors.projects(organization=organization).exists()
    template = "tenants/project_first.html" if is_first else "tenants/project_create.html"
    return render(request, template, {"form": form, "nav_active": "project-create"}, status=status(form))


@require_http_methods(["GET", "POST"])
@org_view(Permission.PROJECT_MANAGE)
def project_settings(request: OrgRequest) -> HttpResponse:
    organization, project = request.organization, the_project(request)
    form = NameForm(request.POST if request.method == "POST" else None, initial={"name": project.name})

    def rename(data: dict[str, str]) -> bool:
        services.rename_project(organization=organization, actor=request.user, project=project, name=data["name"])
        return True

    if write_with(form, rename):
        return redirect("tenants:project-settings", organization.slug, project.slug)
    teams = team_selectors.teams(organization=organization)
    context = {
        "form": form,
        "team_form": ProjectTeamForm(teams=teams, project=project),
        "nav_active": "project-settings",
    }
    return render(request, "tenants/project_settings.html", context, status=status(form))
