"""Members over HTTP. A key may see and remove them as an admin may; roles are changed by people."""

from collections.abc import Mapping
from typing import Any, Final

from django.core.exceptions import PermissionDenied as ServiceRefusal
from django.core.exceptions import ValidationError as ServiceError
from django.db import transaction
from django.http import Http404
from rest_framework.decorators import api_view
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from core.parameters import OrganizationParameters
from tenants import members
from tenants.api import body
from tenants.api import members_schema as schema
from tenants.api.members_schema import MemberChangeSerializer, MemberParameters, MemberSerializer
from tenants.api.pages import page
from tenants.api_access import (
    NO_PERMISSION,
    ApiRequest,
    doer_of,
    key_of,
    org_api,
    person_of,
    refuse_project_keys,
)
from tenants.models import Membership, ProjectRole
from tenants.permissions import Permission, Scope

_CONFLICT: Final = "member-conflict"
_NO_OWNER: Final = "Only an owner takes an owner out of the organization."


class PeopleOnly(PermissionDenied):
    """A key would change a role."""

    problem = ("people-only", "Only people change roles.")

    def __init__(self) -> None:
        super().__init__("No API key may, whatever its scopes: whoever finds it must not become an admin by it.")


@schema.member_list
@api_view(["GET", "HEAD"])
@org_api(Permission.MEMBERS_READ, Scope.MANAGE)
def member_list(request: ApiRequest) -> Response:
    """Everybody in the organization."""
    refuse_project_keys(request)
    wanted = MemberParameters.read(request.query_params)
    found = _members(request)
    if "role" in wanted:
        found = found.filter(role=wanted["role"])
    if "email" in wanted:
        found = found.filter(user__email__iexact=wanted["email"])
    rows, following = page(request, found, wanted)
    return Response({"results": _documents(request, rows), "next": following})


@schema.member_detail
@schema.member_change
@schema.member_remove
@api_view(["GET", "HEAD", "PATCH", "DELETE"])
def member_detail(request: Request, member_id: int) -> Response:
    """One member."""
    answer = {"PATCH": _change, "DELETE": _remove}.get(str(request.method), _detail)
    return answer(request, member_id=member_id)


@org_api(Permission.MEMBERS_READ, Scope.MANAGE)
def _detail(request: ApiRequest, member_id: int) -> Response:
    _enter(request)
    return _shown(request, member_id)


@org_api(Permission.MEMBERS_MANAGE, Scope.MANAGE)
def _change(request: ApiRequest, member_id: int) -> Response:
    _enter(request)
    if key_of(request) is not None:
        raise PeopleOnly
    member = _member(request, member_id)
    wanted = body.read(MemberChangeSerializer, request, partial=True)
    try:
        with transaction.atomic():
            _set_roles(request, member, wanted)
    except ServiceRefusal as error:
        raise PermissionDenied(NO_PERMISSION) from error
    except ServiceError as error:
        raise body.conflict(error, _CONFLICT) from error
    return _shown(request, member_id)


@org_api(Permission.MEMBERS_MANAGE, Scope.MANAGE)
def _remove(request: ApiRequest, member_id: int) -> Response:
    _enter(request)
    member = _member(request, member_id)
    try:
        members.remove(organization=request.organization, actor=doer_of(request), user=member.user)
    except ServiceRefusal as error:
        raise PermissionDenied(_NO_OWNER) from error
    except ServiceError as error:
        raise body.conflict(error, _CONFLICT) from error
    return Response(status=204)


def _set_roles(request: ApiRequest, member: Membership, wanted: Mapping[str, Any]) -> None:
    who: dict[str, Any] = {"organization": request.organization, "actor": person_of(request), "user": member.user}
    if "role" in wanted:
        members.set_role(**who, role=wanted["role"])
    if "project_roles" in wanted:
        members.set_project_roles(**who, chosen=_by_project(request, wanted["project_roles"]))


def _by_project(request: ApiRequest, chosen: Mapping[str, str | None]) -> dict[int, str]:
    """Roles by the projects' ids; '' for the organization's.

    :raises ValidationError: there is no such project.
    """
    ids = dict(request.projects.filter(slug__in=chosen).values_list("slug", "pk"))
    if len(ids) != len(chosen):
        raise ValidationError({"project_roles": "There is no such project."})
    return {ids[slug]: role or "" for slug, role in chosen.items()}


def _enter(request: ApiRequest) -> None:
    """Members are the organization's, so a key of one project neither sees nor changes any."""
    refuse_project_keys(request)
    OrganizationParameters.read(request.query_params)


def _members(request: ApiRequest) -> Any:
    return Membership.objects.select_related("user").filter(organization=request.organization)


def _member(request: ApiRequest, member_id: int) -> Membership:
    """:raises Http404: nobody here has this id."""
    found = members.find_member(organization=request.organization, user_id=member_id)
    if found is None:
        raise Http404
    return found


def _shown(request: ApiRequest, member_id: int) -> Response:
    (document,) = _documents(request, [_member(request, member_id)])
    return Response(document)


def _documents(request: ApiRequest, rows: list[Membership]) -> list[dict[str, Any]]:
    """Members with their roles in the projects that who asks may see."""
    found = ProjectRole.objects.filter(user__in=[row.user_id for row in rows], project__in=request.projects)
    by_user: dict[int, list[dict[str, str]]] = {}
    for user_id, slug, role in found.order_by("project__slug").values_list("user_id", "project__slug", "role"):
        by_user.setdefault(user_id, []).append({"project": slug, "role": role})
    return [dict(MemberSerializer({"member": row, "project_roles": by_user.get(row.user_id, [])}).data) for row in rows]
