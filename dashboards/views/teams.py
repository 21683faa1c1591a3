"""The teams of an organization, what they cost, and one of them in full."""

from dataclasses import dataclass
from typing import Final

from django.db import OperationalError, transaction
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from core import display
from dashboards import figures, selectors, team_costs, teams, user_pages, users
from dashboards.bars import Link, address
from dashboards.filters import Filter
from dashboards.numbers import Sums
from dashboards.pages import compared_with
from dashboards.team_costs import Cost, One
from dashboards.trace_pages import Names
from dashboards.views.frame import Context, answer, frame, marked, page_path, read_filter, wants_panel
from rules import budget_selectors, budget_words
from rules.budget_reach import Reach
from rules.budget_words import BudgetLine
from tenants import roles, team_selectors
from tenants.access import OrgRequest, org_view
from tenants.models import Project, Team
from tenants.permissions import Permission, allows

_RANGES: Final = {"24h": "24 h", "7d": "7 d", "30d": "30 d", "90d": "90 d"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A team on the list; ``budget`` is the one that is used up the most."""

    team: Team
    url: str
    cost: Cost
    models: Names
    budget: BudgetLine | None


@require_GET
@org_view(Permission.TELEMETRY_READ)
def team_list(request: OrgRequest) -> HttpResponse:
    """Teams with their calls of the period, and the names in calls that are no team's yet."""
    chosen = read_filter(request).for_rollups()
    if wants_panel(request):
        return marked(render(request, "dashboards/filter_panel.html", frame(request, chosen, "teams")))
    fresh = selectors.freshness(organization=request.organization, project=None)
    context = frame(request, chosen, "teams") | {"fresh": fresh, "nav_active": "teams"}
    context["may_manage"] = allows(request.role, Permission.TEAMS_MANAGE)
    try:
        with transaction.atomic():  # a statement that took too long must not end the scope's transaction
            context |= _listed(request, chosen)
    except OperationalError:
        return answer(request, "teams", context | {"state": "slow"}, status=503)
    return answer(request, "teams", context)


@require_GET
@org_view(Permission.TELEMETRY_READ)
def team_cost(request: OrgRequest, team_slug: str) -> HttpResponse:
    """What one team cost over time, and by model, feature and project."""
    team = team_selectors.team(organization=request.organization, slug=team_slug)
    if team is None:
        raise Http404
    chosen = read_filter(request).for_rollups().without_all("team")
    context = _one_frame(request, chosen, team)
    try:
        with transaction.atomic():
            names = _names(request, team)
            found = team_costs.one(organization=request.organization, chosen=chosen, names=names)
    except OperationalError:
        return marked(render(request, "dashboards/team.html", context | {"state": "slow"}, status=503))
    return marked(render(request, "dashboards/team.html", context | _one(request, chosen, team, found)))


def _listed(request: OrgRequest, chosen: Filter) -> Context:
    organization = request.organization
    slugs = team_selectors.slugs_by_name(organization=organization)
    spent = team_costs.by_team(organization=organization, chosen=chosen, slugs=slugs)
    every = list(team_selectors.teams(organization=organization))
    budgets = _budgets(request, chosen, [team.slug for team in every])
    rows = [_row(request, chosen, team, spent.get(team.slug, Cost()), budgets) for team in every]
    hidden = roles.hidden_projects(user=request.user, role=request.organization_role)
    today = timezone.localdate(timezone=request.time_zone)
    values = teams.values(organization=organization, today=today, hidden=hidden)
    return {
        "rows": sorted(rows, key=lambda row: (-row.cost.sums.cost_usd, row.team.name)),
        "every_team": every,
        "nobodys": spent.get("", Cost()).sums,
        "strangers": teams.strangers(values, slugs),
        "seen_days": teams.SEEN_DAYS,
        "compared_with": compared_with(chosen) if chosen.is_compared else "",
    }


def _row(request: OrgRequest, chosen: Filter, team: Team, cost: Cost, budgets: dict[str, list[BudgetLine]]) -> Row:
    own = sorted(budgets.get(team.slug, []), key=lambda line: -line.row.share)
    return Row(
        team=team,
        url=address(_path(request, team), chosen),
        cost=cost,
        models=Names.of(cost.main_models),
        budget=own[0] if own else None,
    )


def _path(request: OrgRequest, team: Team) -> str:
    return reverse("dashboards:team-cost", args=[request.organization.slug, team.slug])


def _budgets(request: OrgRequest, chosen: Filter, slugs: list[str]) -> dict[str, list[BudgetLine]]:
    """The budgets of teams by slug, for those who may see all that was spent of them."""
    if chosen.hidden or not allows(request.organization_role, Permission.BUDGETS_READ):
        return {}
    reach = Reach.of_person(user=request.user, role=request.organization_role)
    found = budget_selectors.budgets(organization=request.organization, reach=reach).filter(team__in=slugs)
    rows = budget_selectors.rows(organization=request.organization, found=found, as_of=chosen.now, zone=chosen.zone)
    lines: dict[str, list[BudgetLine]] = {}
    for row in rows:
        lines.setdefault(row.budget.team, []).append(budget_words.line(row))
    return lines


def _names(request: OrgRequest, team: Team) -> list[str]:
    slugs = team_selectors.slugs_by_name(organization=request.organization)
    return [name for name, slug in slugs.items() if slug == team.slug]


def _one_frame(request: OrgRequest, chosen: Filter, team: Team) -> Context:
    path, only = _path(request, team), chosen.only(team=team.slug)
    return frame(request, chosen, "teams") | {
        "team": team,
        "ranges": [Link(name, text, address(path, chosen.with_range(name))) for name, text in _RANGES.items()],
        "list_url": address(page_path(request, "teams"), chosen),
        "links": {name: address(page_path(request, name), only) for name in ("overview", "calls")},
        "nav_active": "teams",
    }


def _one(request: OrgRequest, chosen: Filter, team: Team, found: One) -> Context:
    overview = page_path(request, "overview")
    only = chosen.only(team=team.slug)
    names = selectors.projects_by_id(organization=request.organization, ids=found.projects)
    models = [
        (one.model_key, address(overview, only.only(model=one.model_key)), sums) for one, sums in found.models.items()
    ]
    features = [
        (one or "None", address(overview, only.only(feature=one)), sums) for one, sums in found.features.items()
    ]
    projects = [_project(names.get(pk), overview, only, sums) for pk, sums in found.projects.items()]
    return {
        "found": found,
        "per_call": users.per_call(found.total),
        "chart": user_pages.cost_over_time(found.buckets, chosen, chosen.period.buckets()),
        "by_model": figures.breakdown(models, total=found.total, chosen=chosen, show_cost=display.cost),
        "by_feature": figures.breakdown(features, total=found.total, chosen=chosen, show_cost=display.cost),
        "by_project": figures.breakdown(projects, total=found.total, chosen=chosen, show_cost=display.cost),
        "budgets": _budgets(request, chosen, [team.slug]).get(team.slug, []),
        "members": list(team_selectors.members(team=team)),
        "may_see_members": allows(request.organization_role, Permission.MEMBERS_READ),
        "compared_with": compared_with(chosen) if chosen.is_compared else "",
    }


def _project(project: Project | None, overview: str, only: Filter, sums: Sums) -> tuple[str, str, Sums]:
    if project is None:
        return "A deleted project", "", sums
    return project.name, address(overview, only.only(project=project.slug)), sums
