"""Teams over HTTP."""

from typing import Any, Final

from django.core.exceptions import ValidationError as ServiceError
from django.db import transaction
from django.http import Http404
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from core.fields import InstantField
from core.openapi import problems, shown
from core.parameters import Body, OrganizationParameters
from tenants import members, team_selectors, teams
from tenants.api import body
from tenants.api_access import ApiRequest, actor_of, org_api, refuse_project_keys
from tenants.models import Team
from tenants.permissions import Permission, Scope
from tenants.team_names import LONGEST

_ALIASES: Final = "Other names under which calls may arrive, compared without case; at most 50."
_NAMES: Final = {"alias": "aliases"}


class TeamSerializer(serializers.Serializer[Any]):
    """Whom cost is attributed to: calls that name the slug or an alias, and those of its projects that name none."""

    slug = serializers.CharField(help_text="What calls are stored with; it never changes.")
    name = serializers.CharField()
    aliases = serializers.ListField(child=serializers.CharField(), help_text=_ALIASES)
    members = serializers.IntegerField(source="member_count", help_text="How many people are in it.")
    created_at = InstantField()


class TeamListSerializer(serializers.Serializer[Any]):
    results = TeamSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="Always null: the list has one page.")


def _aliases(**options: Any) -> serializers.ListField:
    child = serializers.CharField(max_length=LONGEST)
    return serializers.ListField(child=child, max_length=teams.MOST_ALIASES, help_text=_ALIASES, **options)


class TeamMemberSerializer(serializers.Serializer[Any]):
    """A person in a team."""

    id = serializers.IntegerField(source="user_id")
    email = serializers.EmailField(source="user.email")
    name = serializers.CharField(source="user.name")


class TeamMemberListSerializer(serializers.Serializer[Any]):
    results = TeamMemberSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="Always null: the list has one page.")


class NewTeamSerializer(Body):
    """A team to be."""

    name = serializers.CharField(max_length=LONGEST)
    slug = serializers.CharField(
        max_length=LONGEST, required=False, default="", help_text="Without it: made from the name."
    )
    aliases = _aliases(required=False, default=list)


class TeamChangeSerializer(Body):
    """What is to change; what is left out stays."""

    name = serializers.CharField(max_length=LONGEST, required=False)
    aliases = _aliases(required=False)


_TEAM: Final = {
    "slug": "search",
    "name": "Search",
    "aliases": ["find-team", "Suche"],
    "members": 4,
    "created_at": "2026-11-01T09:30:00.000000Z",
}
_CREATE: Final = OpenApiExample("a team", value={"name": "Search", "aliases": ["find-team"]}, request_only=True)
_CHANGE: Final = OpenApiExample("another name", value={"name": "Search and find"}, request_only=True)
_PERSON: Final = {"id": 12, "email": "grace@example.com", "name": "Grace"}
_MEMBER: Final = OpenApiParameter("member_id", int, OpenApiParameter.PATH, description="Id of the person.")
_SLUG: Final = OpenApiParameter("team_slug", str, OpenApiParameter.PATH, description="Slug of the team.")


@extend_schema(
    methods=["GET"],
    operation_id="team_list",
    tags=["Teams"],
    summary="Teams of an organization",
    parameters=[OrganizationParameters],
    responses={200: shown(TeamListSerializer, "teams", {"results": [_TEAM], "next": None})} | problems(400, 403, 404),
)
@extend_schema(
    methods=["POST"],
    operation_id="team_create",
    tags=["Teams"],
    summary="Create a team",
    description="Calls that arrive from now on under one of its names count to it. Takes a key of the whole"
    " organization with the scope `manage`, or an admin.",
    parameters=[OrganizationParameters],
    request=NewTeamSerializer,
    examples=[_CREATE],
    responses={201: shown(TeamSerializer, "created", _TEAM)} | problems(400, 403, 404, 415),
)
@api_view(["GET", "HEAD", "POST"])
def team_list(request: Request) -> Response:
    """The teams, and where new ones are made."""
    return _create(request) if request.method == "POST" else _list(request)


@extend_schema(
    methods=["GET"],
    operation_id="team_detail",
    tags=["Teams"],
    summary="One team",
    parameters=[OrganizationParameters, _SLUG],
    responses={200: shown(TeamSerializer, "team", _TEAM)} | problems(400, 403, 404),
)
@extend_schema(
    methods=["PATCH"],
    operation_id="team_change",
    tags=["Teams"],
    summary="Change a team",
    description="`aliases` replaces the whole list. Stored calls keep what they have.",
    parameters=[OrganizationParameters, _SLUG],
    request=TeamChangeSerializer,
    examples=[_CHANGE],
    responses={200: shown(TeamSerializer, "changed", _TEAM | {"name": "Search and find"})}
    | problems(400, 403, 404, 415),
)
@extend_schema(
    methods=["DELETE"],
    operation_id="team_delete",
    tags=["Teams"],
    summary="Delete a team",
    description="Its calls keep its slug; its projects have no team any more.",
    parameters=[OrganizationParameters, _SLUG],
    responses={204: None} | problems(400, 403, 404),
)
@api_view(["GET", "HEAD", "PATCH", "DELETE"])
def team_detail(request: Request, team_slug: str) -> Response:
    """One team."""
    answer = {"PATCH": _change, "DELETE": _delete}.get(str(request.method), _detail)
    return answer(request, team_slug=team_slug)


@org_api(Permission.TELEMETRY_READ, Scope.READ)
def _list(request: ApiRequest) -> Response:
    OrganizationParameters.read(request.query_params)
    aliases = team_selectors.aliases_by_team(organization=request.organization)
    found = team_selectors.teams(organization=request.organization)
    return Response({"results": [_document(team, aliases.get(team.pk, [])) for team in found], "next": None})


@org_api(Permission.TEAMS_MANAGE, Scope.MANAGE)
def _create(request: ApiRequest) -> Response:
    _enter(request)
    wanted = body.read(NewTeamSerializer, request)
    try:
        team = teams.create_team(organization=request.organization, actor=actor_of(request), **wanted)
    except ServiceError as error:
        raise body.refusal(error, _NAMES) from error
    return Response(_read(request, team.slug), status=201)


@org_api(Permission.TELEMETRY_READ, Scope.READ)
def _detail(request: ApiRequest, team_slug: str) -> Response:
    OrganizationParameters.read(request.query_params)
    return Response(_read(request, team_slug))


@org_api(Permission.TEAMS_MANAGE, Scope.MANAGE)
def _change(request: ApiRequest, team_slug: str) -> Response:
    _enter(request)
    team = _team(request, team_slug)
    wanted = body.read(TeamChangeSerializer, request, partial=True)
    who: dict[str, Any] = {"organization": request.organization, "actor": actor_of(request), "team": team}
    try:
        with transaction.atomic():
            if "name" in wanted:
                teams.rename_team(**who, name=wanted["name"])
            if "aliases" in wanted:
                teams.set_aliases(**who, aliases=wanted["aliases"])
    except ServiceError as error:
        raise body.refusal(error, _NAMES) from error
    return Response(_read(request, team_slug))


@org_api(Permission.TEAMS_MANAGE, Scope.MANAGE)
def _delete(request: ApiRequest, team_slug: str) -> Response:
    _enter(request)
    team = _team(request, team_slug)
    teams.delete_team(organization=request.organization, actor=actor_of(request), team=team)
    return Response(status=204)


@extend_schema(
    operation_id="team_member_list",
    tags=["Teams"],
    summary="People in a team",
    description="A key needs the scope `manage` and the reach of the whole organization.",
    parameters=[OrganizationParameters, _SLUG],
    responses={200: shown(TeamMemberListSerializer, "people", {"results": [_PERSON], "next": None})}
    | problems(400, 403, 404),
)
@api_view(["GET", "HEAD"])
@org_api(Permission.MEMBERS_READ, Scope.MANAGE)
def team_member_list(request: ApiRequest, team_slug: str) -> Response:
    """The people in a team."""
    _enter(request)
    found = team_selectors.members(team=_team(request, team_slug))
    return Response({"results": TeamMemberSerializer(found, many=True).data, "next": None})


@extend_schema(
    methods=["PUT"],
    operation_id="team_member_add",
    tags=["Teams"],
    summary="Put a member into a team",
    description="Teams restrict nobody's reading. Who is in it already stays.",
    parameters=[OrganizationParameters, _SLUG, _MEMBER],
    request=None,
    responses={204: None} | problems(400, 403, 404),
)
@extend_schema(
    methods=["DELETE"],
    operation_id="team_member_remove",
    tags=["Teams"],
    summary="Take a member out of a team",
    description="The organization keeps them. Of who is not in it nothing changes.",
    parameters=[OrganizationParameters, _SLUG, _MEMBER],
    responses={204: None} | problems(400, 403, 404),
)
@api_view(["PUT", "DELETE"])
@org_api(Permission.TEAMS_MANAGE, Scope.MANAGE)
def team_member(request: ApiRequest, team_slug: str, member_id: int) -> Response:
    """A member's place in a team."""
    _enter(request)
    team = _team(request, team_slug)
    membership = members.find_member(organization=request.organization, user_id=member_id)
    if membership is None:
        raise Http404
    change = teams.add_member if request.method == "PUT" else teams.remove_member
    change(organization=request.organization, actor=actor_of(request), team=team, membership=membership)
    return Response(status=204)


def _enter(request: ApiRequest) -> None:
    """Teams are the organization's, so a key of one project changes none."""
    refuse_project_keys(request)
    OrganizationParameters.read(request.query_params)


def _team(request: ApiRequest, slug: str) -> Team:
    """:raises Http404: the organization has no such team."""
    team = team_selectors.teams(organization=request.organization).filter(slug=slug).first()
    if team is None:
        raise Http404
    return team


def _read(request: ApiRequest, slug: str) -> dict[str, Any]:
    team = _team(request, slug)
    return _document(team, team_selectors.aliases(team=team))


def _document(team: Team, aliases: list[str]) -> dict[str, Any]:
    shown = {"slug": team.slug, "name": team.name, "created_at": team.created_at, "aliases": aliases}
    return dict(TeamSerializer(shown | {"member_count": getattr(team, "member_count", 0)}).data)
