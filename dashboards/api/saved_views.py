"""Saved views over HTTP."""

from typing import Any, Final

from django.core.exceptions import ValidationError as ServiceError
from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils.timezone import now
from rest_framework.decorators import api_view
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from core.parameters import Body, OrganizationParameters
from dashboards import saved_views
from dashboards.api import saved_view_schema as schema
from dashboards.api.saved_view_serializers import (
    NewSavedViewSerializer,
    SavedViewChangeSerializer,
    document,
    parted,
)
from dashboards.filters import Filter
from dashboards.models import SavedView
from dashboards.saved_views import Wanted
from tenants import roles, selectors
from tenants.api_access import (
    NO_PERMISSION,
    PROJECT_KEY,
    ApiRequest,
    actor_of,
    key_of,
    person_of,
    project_api,
)
from tenants.models import Project, ProjectRole
from tenants.permissions import Permission, Scope, allows

_READ: Final = project_api(Permission.TELEMETRY_READ, Scope.READ)
_WRITE: Final = project_api(Permission.VIEWS_SHARE, Scope.MANAGE)


@schema.view_list
@schema.view_create
@api_view(["GET", "HEAD", "POST"])
def view_list(request: Request) -> Response:
    """The views, and where new ones are saved."""
    return _create(request) if request.method == "POST" else _list(request)


@schema.view_detail
@schema.view_change
@schema.view_delete
@api_view(["GET", "HEAD", "PATCH", "DELETE"])
def view_detail(request: Request, view_id: int) -> Response:
    """One view."""
    answer = {"PATCH": _change, "DELETE": _delete}.get(str(request.method), _detail)
    return answer(request, view_id=view_id)


@_READ
def _list(request: ApiRequest) -> Response:
    OrganizationParameters.read(request.query_params)
    found = _reachable(request, Permission.TELEMETRY_READ)
    return Response({"results": [document(view) for view in found], "next": None})


@_READ
def _detail(request: ApiRequest, view_id: int) -> Response:
    OrganizationParameters.read(request.query_params)
    return Response(document(_find(request, Permission.TELEMETRY_READ, view_id)))


@_WRITE
def _create(request: ApiRequest) -> Response:
    OrganizationParameters.read(request.query_params)
    given = _read(NewSavedViewSerializer, request)
    project = _project(request, given["project"])
    chosen = _chosen(request, given["query"])
    wanted = Wanted(name=given["name"], page=given["page"], project=project, is_shared=given["shared"], **chosen)
    try:
        view = saved_views.create_view(
            organization=request.organization, actor=actor_of(request), wanted=wanted, now=now()
        )
    except ServiceError as error:
        raise _refusal(error) from error
    return Response(document(view), status=201)


@_WRITE
def _change(request: ApiRequest, view_id: int) -> Response:
    OrganizationParameters.read(request.query_params)
    view = _own(request, view_id)
    given = _read(SavedViewChangeSerializer, request, partial=True)
    changes: dict[str, Any] = {"name": given["name"]} if "name" in given else {}
    changes |= _chosen(request, given["query"]) if "query" in given else {}
    changes |= {"is_shared": given["shared"]} if "shared" in given else {}
    try:
        changed = saved_views.change_view(
            organization=request.organization, actor=actor_of(request), view=view, now=now(), **changes
        )
    except ServiceError as error:
        raise _refusal(error) from error
    return Response(document(changed))


@_WRITE
def _delete(request: ApiRequest, view_id: int) -> Response:
    OrganizationParameters.read(request.query_params)
    view = _own(request, view_id)
    saved_views.delete_view(organization=request.organization, actor=actor_of(request), view=view)
    return Response(status=204)


def _reachable(request: ApiRequest, permission: Permission) -> QuerySet[SavedView]:
    """Views of the whole organization and of the projects that the principal reaches with ``permission``."""
    key = key_of(request)
    user = None if key else person_of(request)
    found = saved_views.views(organization=request.organization, user=user).select_related("owner")
    reaches_all = key.project_id is None if key else allows(str(request.role), permission)
    of_projects = Q(project__in=request.projects)
    return found.filter(of_projects | Q(project=None) if reaches_all else of_projects)


def _find(request: ApiRequest, permission: Permission, view_id: int) -> SavedView:
    """:raises Http404: there is none in their reach."""
    view = _reachable(request, permission).filter(pk=view_id).first()
    if view is None:
        raise Http404
    return view


def _own(request: ApiRequest, view_id: int) -> SavedView:
    """:raises PermissionDenied: they may see it and not change it."""
    view = _find(request, Permission.VIEWS_SHARE, view_id)
    if key_of(request) is None:
        user, role = person_of(request), _role_at(request, view)
        if not saved_views.may_change(view, user=user, role=role):
            raise PermissionDenied(NO_PERMISSION)
    return view


def _role_at(request: ApiRequest, view: SavedView) -> str:
    role = str(request.role)
    if view.project_id is None:
        return role
    own = ProjectRole.objects.filter(user=person_of(request), project_id=view.project_id).first()
    return roles.effective_role(role, own.role if own else None)


def _project(request: ApiRequest, slug: str | None) -> Project | None:
    """The project of a view to be.

    :raises PermissionDenied: a view of the whole organization is more than they may save.
    :raises ValidationError: there is no such project for them.
    """
    key = key_of(request)
    if slug is None:
        if key and key.project_id is not None:
            raise PermissionDenied(PROJECT_KEY)
        if not key and not allows(str(request.role), Permission.VIEWS_SHARE):
            raise PermissionDenied(NO_PERMISSION)
        return None
    project = request.projects.filter(slug=slug).first()
    if project is None:
        raise ValidationError({"project": "There is no such project."})
    return project


def _chosen(request: ApiRequest, query: str) -> dict[str, Any]:
    """Filters and options of a query string as a view keeps them.

    :raises ValidationError: a page would leave something of it out.
    """
    known, options = parted(query)
    zone = selectors.time_zone(organization=request.organization)
    chosen = Filter.parse(known, now=now(), zone=zone)
    if chosen.problems:
        raise ValidationError({"query": list(chosen.problems)})
    return {"query": chosen.pairs, "options": options}


def _read(serializer_class: type[Body], request: ApiRequest, *, partial: bool = False) -> dict[str, Any]:
    serializer = serializer_class(data=request.data, partial=partial)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _refusal(error: ServiceError) -> ValidationError:
    """What a service says, by the names of the body's members."""
    if not hasattr(error, "error_dict"):
        return ValidationError(error.messages)
    return ValidationError({"query" if name == "options" else name: said for name, said in error.message_dict.items()})
