"""Making, changing and deleting projects over HTTP."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError as ServiceError
from django.db import transaction
from django.utils import timezone
from rest_framework.decorators import api_view
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from core.parameters import OrganizationParameters
from tenants import archive, deletion, environments, project_data, services, team_selectors
from tenants.api import body, schema
from tenants.api.serializers import NewProjectSerializer, ProjectChangeSerializer, ProjectSerializer
from tenants.api_access import ApiRequest, actor_of, org_api, project_api, project_of, refuse_project_keys
from tenants.models import Organization, Project, Team
from tenants.permissions import Permission, Scope


@project_api(Permission.PROJECT_MANAGE, Scope.MANAGE)
def project_change(request: ApiRequest, project_slug: str) -> Response:
    """Change what the body names, all of it or nothing."""
    OrganizationParameters.read(request.query_params)
    project = project_of(request, project_slug)
    wanted = body.read(ProjectChangeSerializer, request, partial=True)
    who = {"organization": request.organization, "actor": actor_of(request), "project": project}
    try:
        with transaction.atomic():
            _change(who, wanted)
    except ServiceError as error:
        raise body.refusal(error, {"days": "retention_days"}) from error
    return _shown(project)


@org_api(Permission.PROJECT_CREATE, Scope.MANAGE)
def project_create(request: ApiRequest) -> Response:
    """Create a project with what the body says of it, all of it or nothing."""
    refuse_project_keys(request)
    OrganizationParameters.read(request.query_params)
    wanted = body.read(NewProjectSerializer, request)
    who: dict[str, Any] = {"organization": request.organization, "actor": actor_of(request)}
    try:
        with transaction.atomic():
            project = services.create_project(**who, name=wanted.pop("name"))
            _change(who | {"project": project}, wanted)
    except ServiceError as error:
        raise body.refusal(error, {"days": "retention_days"}) from error
    return _shown(project, status=201)


@project_api(Permission.PROJECT_MANAGE, Scope.MANAGE)
def project_delete(request: ApiRequest, project_slug: str) -> Response:
    """Have a project deleted after the days of grace; its slug in the path is the confirmation."""
    OrganizationParameters.read(request.query_params)
    project = project_of(request, project_slug)
    deletion.schedule_project(
        organization=request.organization,
        actor=actor_of(request),
        project=project,
        confirmation=project_slug,
        now=timezone.now(),
    )
    return _shown(project, status=202)


@schema.project_keep
@api_view(["POST"])
@project_api(Permission.PROJECT_MANAGE, Scope.MANAGE)
def project_keep(request: ApiRequest, project_slug: str) -> Response:
    """Take a deletion back."""
    OrganizationParameters.read(request.query_params)
    project = project_of(request, project_slug)
    try:
        deletion.keep_project(
            organization=request.organization, actor=actor_of(request), project=project, now=timezone.now()
        )
    except ServiceError as error:
        raise body.conflict(error, "project-conflict") from error
    return _shown(project)


def _shown(project: Project, *, status: int = 200) -> Response:
    now_there = Project.objects.select_related("team").get(pk=project.pk)
    return Response(ProjectSerializer(now_there).data, status=status)


def _change(who: dict[str, Any], wanted: Mapping[str, Any]) -> None:
    if "name" in wanted:
        services.rename_project(**who, name=wanted["name"])
    if "team" in wanted:
        project_data.set_team(**who, team=_team(who["organization"], wanted["team"]))
    if "default_environment" in wanted:
        environments.set_default(**who, name=wanted["default_environment"])
    if "retention_days" in wanted:
        project_data.set_retention(**who, days=wanted["retention_days"], now=timezone.now())
    if "allow_personal_ids" in wanted:
        project_data.set_personal_ids(**who, allowed=wanted["allow_personal_ids"])
    if wanted.get("archived") is True:
        archive.archive_project(**who, now=timezone.now())
    elif "archived" in wanted:
        archive.restore_project(**who)


def _team(organization: Organization, slug: str | None) -> Team | None:
    """:raises ValidationError: the organization has no such team."""
    if slug is None:
        return None
    team = team_selectors.team(organization=organization, slug=slug)
    if team is None:
        raise ValidationError({"team": "There is no such team."})
    return team
