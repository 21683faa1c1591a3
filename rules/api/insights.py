"""Insights over HTTP: what was found, and what people and machines do about it."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from django.core.exceptions import ValidationError as ServiceError
from django.http import Http404
from django.utils import timezone
from rest_framework.decorators import api_view
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.response import Response

from core.parameters import Body, OrganizationParameters
from rules import insight_life, selectors
from rules.api import insight_schema as schema
from rules.api.insight_bodies import AssignSerializer, CommentBodySerializer, InsightParameters, MuteSerializer
from rules.api.insight_documents import detail, document
from rules.models import Insight
from rules.selectors import InsightFilter
from tenants import roles
from tenants.api import body, pages
from tenants.api_access import NO_PERMISSION, ApiRequest, actor_of, key_of, person_of, project_api
from tenants.models import Project
from tenants.permissions import Permission, Scope, allows

RESOLVED: Final = "insight-resolved"


@schema.insight_list
@api_view(["GET", "HEAD"])
@project_api(Permission.TELEMETRY_READ, Scope.READ)
def insight_list(request: ApiRequest) -> Response:
    """What rules found, newest first."""
    wanted = InsightParameters.read(request.query_params)
    narrowed = InsightFilter(
        project_ids=reach(request, Permission.TELEMETRY_READ, wanted.get("project")),
        statuses=wanted["status"],
        severities=wanted.get("severity", ()),
        rules=wanted.get("rule", ()),
        teams=wanted.get("team", ()),
        text=wanted.get("q", ""),
    )
    found = selectors.insights(organization=request.organization, narrowed=narrowed)
    shown, following = pages.page(request, found, wanted)
    return Response({"results": [document(insight) for insight in shown], "next": following})


@schema.insight_detail
@api_view(["GET", "HEAD"])
@project_api(Permission.TELEMETRY_READ, Scope.READ)
def insight_detail(request: ApiRequest, insight_id: int) -> Response:
    """One insight with its evidence and history."""
    OrganizationParameters.read(request.query_params)
    return _answer(request, _find(request, insight_id, Permission.TELEMETRY_READ))


_may_act = project_api(Permission.INSIGHTS_ACT, Scope.MANAGE)


@schema.insight_acknowledge
@api_view(["POST"])
@_may_act
def insight_acknowledge(request: ApiRequest, insight_id: int) -> Response:
    return _act(request, insight_id, insight_life.acknowledge)


@schema.insight_mute
@api_view(["POST"])
@_may_act
def insight_mute(request: ApiRequest, insight_id: int) -> Response:
    return _act(request, insight_id, insight_life.mute, MuteSerializer)


@schema.insight_unmute
@api_view(["POST"])
@_may_act
def insight_unmute(request: ApiRequest, insight_id: int) -> Response:
    return _act(request, insight_id, insight_life.unmute)


@schema.insight_resolve
@api_view(["POST"])
@_may_act
def insight_resolve(request: ApiRequest, insight_id: int) -> Response:
    return _act(request, insight_id, insight_life.resolve)


@schema.insight_comment
@api_view(["POST"])
@_may_act
def insight_comment(request: ApiRequest, insight_id: int) -> Response:
    return _act(request, insight_id, insight_life.comment, CommentBodySerializer)


@schema.insight_assign
@api_view(["POST"])
@_may_act
def insight_assign(request: ApiRequest, insight_id: int) -> Response:
    """To a member who may see it, or to nobody."""
    OrganizationParameters.read(request.query_params)
    insight = _find(request, insight_id, Permission.INSIGHTS_ACT)
    wanted = body.read(AssignSerializer, request)["assignee"]
    people = {
        user.pk: user for user in selectors.assignable(organization=request.organization, project=insight.project)
    }
    if wanted is not None and wanted not in people:
        raise ValidationError({"assignee": ["This is no member who may see the insight."]})
    return _write(request, insight, insight_life.assign, {"assignee": people.get(wanted)})


def reach(request: ApiRequest, permission: Permission, named: Sequence[str] | None = None) -> list[int | None]:
    """Projects the principal has ``permission`` in, and None for the organization where it has it as a whole.

    :raises Http404: one of ``named`` is not among them.
    """
    visible = dict(request.projects.values_list("slug", "pk"))
    if named is not None:
        if not set(named) <= set(visible):
            raise Http404
        return [visible[slug] for slug in named]
    key = key_of(request)
    has_all = allows(request.role or "", permission) if key is None else key.project_id is None
    return [*visible.values(), None] if has_all else list(visible.values())


def _act(
    request: ApiRequest, insight_id: int, write: Callable[..., object], body_class: type[Body] | None = None
) -> Response:
    OrganizationParameters.read(request.query_params)
    insight = _find(request, insight_id, Permission.INSIGHTS_ACT)
    return _write(request, insight, write, body.read(body_class, request) if body_class else {})


def _write(request: ApiRequest, insight: Insight, write: Callable[..., object], given: dict[str, Any]) -> Response:
    """Do it, and answer with the insight as it is now."""
    try:
        write(
            organization=request.organization,
            actor=actor_of(request),
            insight=insight,
            now=timezone.now(),
            **given,
        )
    except ServiceError as error:
        raise body.conflict(error, RESOLVED) from error
    return _answer(request, _find(request, insight.pk, Permission.INSIGHTS_ACT))


def _answer(request: ApiRequest, insight: Insight) -> Response:
    calls = insight.evidence["calls"]
    project_id = calls["project_id"] if calls else None
    slug = None
    if project_id is not None:
        slug = Project.objects.filter(pk=project_id).values_list("slug", flat=True).first()
    return Response(detail(insight, slug=slug))


def _find(request: ApiRequest, insight_id: int, permission: Permission) -> Insight:
    """:raises Http404: there is none, or it is not theirs to see.

    :raises PermissionDenied: they see it, and their role there does not allow this.
    """
    found = selectors.insight(
        organization=request.organization, insight_id=insight_id, project_ids=reach(request, permission)
    )
    if found is None:
        raise PermissionDenied(NO_PERMISSION) if _is_seen(request, insight_id) else Http404
    return found


def _is_seen(request: ApiRequest, insight_id: int) -> bool:
    if key_of(request) is not None:
        return False
    role = request.role or ""
    projects: list[int | None] = list(
        roles.visible_projects(user=person_of(request), role=role).values_list("pk", flat=True)
    )
    if allows(role, Permission.TELEMETRY_READ):
        projects.append(None)
    found = selectors.insight(organization=request.organization, insight_id=insight_id, project_ids=projects)
    return found is not None
