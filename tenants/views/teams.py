"""Teams: made, named, filled and deleted. The list with their cost is a dashboard's."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tenants import roles, team_selectors, teams
from tenants.access import OrgRequest, org_view
from tenants.forms import NameForm, status, write_with
from tenants.models import Membership, Team
from tenants.permissions import Permission, allows
from tenants.team_forms import AdoptForm, AliasForm, MemberForm, TeamForm


@require_http_methods(["GET", "POST"])
@org_view(Permission.TEAMS_MANAGE)
def team_create(request: OrgRequest) -> HttpResponse:
    form = TeamForm(request.POST if request.method == "POST" else None)

    def create(data: dict[str, str]) -> Team:
        aliases = [data["alias"]] if data["alias"] else []
        return teams.create_team(
            organization=request.organization,
            actor=request.user,
            name=data["name"],
            slug=data["slug"],
            aliases=aliases,
        )

    team = write_with(form, create)
    if team:
        return redirect("tenants:team-detail", request.organization.slug, team.slug)
    return render(request, "tenants/team_create.html", {"form": form, "nav_active": "teams"}, status=status(form))


@require_POST
@org_view(Permission.TEAMS_MANAGE)
def team_adopt(request: OrgRequest) -> HttpResponse:
    """Make a team of a value that calls have, or another name of a team."""
    form = AdoptForm(request.POST)
    if not form.is_valid():
        return _complaint(request, "Choose one of the names that calls have.")
    value, slug = form.cleaned_data["value"], form.cleaned_data["team"]
    try:
        if slug:
            teams.add_alias(
                organization=request.organization, actor=request.user, team=_team(request, slug), alias=value
            )
        else:
            teams.adopt(organization=request.organization, actor=request.user, value=value)
    except ValidationError as error:
        return _complaint(request, error.messages[0]) if slug else _ask_for_slug(request, value, error)
    return _list(request)


@require_GET
@org_view(Permission.TELEMETRY_READ)
def team_detail(request: OrgRequest, team_slug: str) -> HttpResponse:
    """An open page asks every two seconds for as long as stored calls are moving."""
    team = _team(request, team_slug)
    if request.htmx:
        return render(request, "tenants/team_detail.html#moves", {"team": team, "is_partial": True, **_moves(team)})
    return _page(request, team)


@require_POST
@org_view(Permission.TEAMS_MANAGE)
def team_rename(request: OrgRequest, team_slug: str) -> HttpResponse:
    team, form = _team(request, team_slug), NameForm(request.POST)

    def rename(data: dict[str, str]) -> bool:
        teams.rename_team(organization=request.organization, actor=request.user, team=team, name=data["name"])
        return True

    return _back(request, team) if write_with(form, rename) else _page(request, team, form=form)


@require_POST
@org_view(Permission.TEAMS_MANAGE)
def team_alias_add(request: OrgRequest, team_slug: str) -> HttpResponse:
    team, form = _team(request, team_slug), AliasForm(request.POST)

    def add(data: dict[str, str]) -> bool:
        teams.add_alias(organization=request.organization, actor=request.user, team=team, alias=data["alias"])
        return True

    return _back(request, team) if write_with(form, add) else _page(request, team, alias_form=form)


@require_POST
@org_view(Permission.TEAMS_MANAGE)
def team_alias_remove(request: OrgRequest, team_slug: str) -> HttpResponse:
    team = _team(request, team_slug)
    alias = request.POST.get("alias", "")
    teams.remove_alias(organization=request.organization, actor=request.user, team=team, alias=alias)
    return _back(request, team)


@require_POST
@org_view(Permission.TEAMS_MANAGE)
def team_member_add(request: OrgRequest, team_slug: str) -> HttpResponse:
    team = _team(request, team_slug)
    form = MemberForm(request.POST, people=team_selectors.others(team=team))

    def add(data: dict[str, str]) -> bool:
        teams.add_member(
            organization=request.organization, actor=request.user, team=team, membership=form.by_id[data["member"]]
        )
        return True

    return _back(request, team) if write_with(form, add) else _page(request, team, member_form=form)


@require_POST
@org_view(Permission.TEAMS_MANAGE)
def team_member_remove(request: OrgRequest, team_slug: str, membership_id: int) -> HttpResponse:
    team = _team(request, team_slug)
    membership = Membership.objects.filter(organization=request.organization, pk=membership_id).first()
    if membership is None:
        raise Http404
    teams.remove_member(organization=request.organization, actor=request.user, team=team, membership=membership)
    return _back(request, team)


@require_http_methods(["GET", "POST"])
@org_view(Permission.TEAMS_MANAGE)
def team_delete(request: OrgRequest, team_slug: str) -> HttpResponse:
    team = _team(request, team_slug)
    if request.method == "POST":
        teams.delete_team(organization=request.organization, actor=request.user, team=team)
        return _list(request)
    context = {"team": team, "team_projects": team_selectors.projects(team=team), "nav_active": "teams"}
    return render(request, "tenants/team_delete.html", context)


def _team(request: OrgRequest, slug: str) -> Team:
    """:raises Http404: the organization has no such team."""
    team = team_selectors.team(organization=request.organization, slug=slug) if "\0" not in slug else None
    if team is None:
        raise Http404
    return team


def _page(request: OrgRequest, team: Team, **forms: Any) -> HttpResponse:
    others = team_selectors.others(team=team)
    may_manage = allows(request.role, Permission.TEAMS_MANAGE)
    context = {
        "team": team,
        "form": NameForm(initial={"name": team.name}),
        "alias_form": AliasForm(),
        "member_form": MemberForm(people=others) if may_manage else None,
        "aliases": team_selectors.aliases(team=team),
        **_moves(team),
        "team_members": team_selectors.members(team=team),
        "has_others": others.exists(),
        "team_projects": roles.visible_projects(user=request.user, role=request.organization_role).filter(team=team),
        "may_manage": may_manage,
        "nav_active": "teams",
    }
    return render(request, "tenants/team_detail.html", context | forms, status=422 if forms else 200)


def _moves(team: Team) -> dict[str, Any]:
    """Stored calls on their way to the team, and those that came last."""
    return {"moves": team_selectors.moves(team=team), "last_move": team_selectors.last_move(team=team)}


def _ask_for_slug(request: OrgRequest, value: str, error: ValidationError) -> HttpResponse:
    """The form of a new team with what is known, because the value alone does not make one."""
    form = TeamForm({"name": value, "alias": value})
    form.full_clean()
    for message in error.messages:
        form.add_error("slug", message)
    return render(request, "tenants/team_create.html", {"form": form, "nav_active": "teams"}, status=422)


def _complaint(request: OrgRequest, sentence: str) -> HttpResponse:
    messages.error(request, sentence)
    return _list(request)


def _list(request: OrgRequest) -> HttpResponse:
    return redirect("dashboards:organization-teams", request.organization.slug)


def _back(request: OrgRequest, team: Team) -> HttpResponse:
    return redirect("tenants:team-detail", request.organization.slug, team.slug)
