"""The teams of an organization, and what they cost."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from dashboards import teams
from dashboards.teams import Spend
from tenants import roles, team_selectors
from tenants.access import OrgRequest, org_view
from tenants.permissions import Permission, allows


@require_GET
@org_view(Permission.TELEMETRY_READ)
def team_list(request: OrgRequest) -> HttpResponse:
    """Teams with this month's calls, and the names in calls that are no team's yet."""
    organization = request.organization
    today = timezone.localdate(timezone=request.time_zone)
    hidden = roles.hidden_projects(user=request.user, role=request.organization_role)
    found = teams.values(organization=organization, today=today, hidden=hidden)
    slugs = team_selectors.slugs_by_name(organization=organization)
    spent = teams.by_team(found, slugs)
    every = list(team_selectors.teams(organization=organization))
    context = {
        "rows": sorted(
            ((team, spent.get(team.slug, Spend())) for team in every), key=lambda row: (-row[1].known_usd, row[0].name)
        ),
        "every_team": every,
        "nobodys": spent.get(""),
        "strangers": teams.strangers(found, slugs),
        "seen_days": teams.SEEN_DAYS,
        "month": today.replace(day=1),
        "may_manage": allows(request.role, Permission.TEAMS_MANAGE),
        "nav_active": "teams",
    }
    return render(request, "dashboards/teams.html", context)
