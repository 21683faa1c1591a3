"""What a name would bring to a team, before it becomes one of the team's."""

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from ingestion import attribution
from tenants import roles, team_selectors
from tenants.access import OrgRequest, org_view
from tenants.permissions import Permission
from tenants.team_forms import AliasForm
from tenants.team_names import folded


@require_GET
@org_view(Permission.TEAMS_MANAGE)
def team_name(request: OrgRequest, team_slug: str) -> HttpResponse:
    """Calls that are stored under ``?alias=`` and would move; below the form that asks, or as a page."""
    organization = request.organization
    team = team_selectors.team(organization=organization, slug=team_slug)
    if team is None:
        raise Http404
    form = AliasForm(request.GET)
    context = {"team": team, "form": form, "days": attribution.PREVIEW_DAYS, "nav_active": "teams"}
    if form.is_valid():
        name = form.cleaned_data["alias"]
        context |= {
            "name": name,
            "taken_by": team_selectors.slugs_by_name(organization=organization).get(folded(name)),
            "stored": attribution.stored(
                organization=organization,
                name=name,
                today=timezone.localdate(),
                hidden=roles.hidden_projects(user=request.user, role=request.organization_role),
            ),
        }
    template = "ingestion/team_name.html#stored" if request.htmx else "ingestion/team_name.html"
    return render(request, template, context, status=200 if form.is_valid() or request.htmx else 422)
