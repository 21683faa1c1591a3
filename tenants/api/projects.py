"""Changing a project over HTTP."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError as ServiceError
from django.db import transaction
from django.http import Http404
from django.utils import timezone
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from core.parameters import OrganizationParameters
from tenants import archive, environments, project_data, services, team_selectors
from tenants.api import body
from tenants.api.serializers import ProjectChangeSerializer, ProjectSerializer
from tenants.api_access import ApiRequest, actor_of, org_api
from tenants.models import Organization, Project, Team
from tenants.permissions import Permission, Scope


@org_api(Permission.PROJECT_MANAGE, Scope.MANAGE)
def project_change(request: ApiRequest, project_slug: str) -> Response:
    """Change what the body names, all of it or nothing."""
    OrganizationParameters.read(request.query_params)
    project = request.projects.filter(slug=project_slug).first()
    if project is None:
        raise Http404
    wanted = body.read(ProjectChangeSerializer, request, partial=True)
    who = {"organization": request.organization, "actor": actor_of(request), "project": project}
    try:
        with transaction.atomic():
            _change(who, wanted)
    except ServiceError as error:
        raise body.refusal(error, {"days": "retention_days"}) from error
    return Response(ProjectSerializer(Project.objects.select_related("team").get(pk=project.pk)).data)


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
