"""Invitations over HTTP. An invitation gives a role, so a key gives none that would let it do more than it may."""

from typing import Final

from django.core.exceptions import PermissionDenied as ServiceRefusal
from django.core.exceptions import ValidationError as ServiceError
from django.http import Http404
from django.utils import timezone
from rest_framework.decorators import api_view
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.response import Response

from core.parameters import OrganizationParameters
from tenants import invitation_mail, invitations
from tenants.api import body
from tenants.api import invitations_schema as schema
from tenants.api.invitations_schema import InvitationParameters, InvitationSerializer, NewInvitationSerializer
from tenants.api.pages import page
from tenants.api_access import NO_PERMISSION, ApiRequest, doer_of, key_of, org_api, refuse_project_keys
from tenants.audit import KeyActor
from tenants.invitations import Issued
from tenants.models import Invitation, Project
from tenants.permissions import Permission, Scope

_CONFLICT: Final = "invitation-conflict"
_OF_KEY: Final = "A key invites with the roles member, viewer and none, and takes back no owner's invitation."


class RoleNotGrantable(PermissionDenied):
    """The invitation is to a role that who asks may not give or take."""

    problem = ("role-not-grantable", "You may not give or take this role.")

    def __init__(self, request: ApiRequest) -> None:
        super().__init__(NO_PERMISSION if key_of(request) is None else _OF_KEY)


@schema.invitation_list
@schema.invitation_create
@api_view(["GET", "HEAD", "POST"])
@org_api(Permission.MEMBERS_MANAGE, Scope.MANAGE)
def invitation_list(request: ApiRequest) -> Response:
    """The invitations, and where new ones are made."""
    refuse_project_keys(request)
    return _create(request) if request.method == "POST" else _list(request)


@schema.invitation_detail
@schema.invitation_revoke
@api_view(["GET", "HEAD", "DELETE"])
@org_api(Permission.MEMBERS_MANAGE, Scope.MANAGE)
def invitation_detail(request: ApiRequest, invitation_id: int) -> Response:
    """One invitation."""
    refuse_project_keys(request)
    OrganizationParameters.read(request.query_params)
    found = _invitation(request, invitation_id)
    return _revoke(request, found) if request.method == "DELETE" else _shown(found)


@schema.invitation_resend
@api_view(["POST"])
@org_api(Permission.MEMBERS_MANAGE, Scope.MANAGE)
def invitation_resend(request: ApiRequest, invitation_id: int) -> Response:
    """The same invitation with a new link."""
    refuse_project_keys(request)
    OrganizationParameters.read(request.query_params)
    found, doer = _invitation(request, invitation_id), doer_of(request)
    try:
        issued = invitations.resend(organization=request.organization, actor=doer, invitation=found, now=timezone.now())
    except ServiceRefusal as error:
        raise RoleNotGrantable(request) from error
    except ServiceError as error:
        raise body.conflict(error, _CONFLICT) from error
    return _sent(request, issued)


def _list(request: ApiRequest) -> Response:
    wanted = InvitationParameters.read(request.query_params)
    every = invitations.invitations(organization=request.organization)
    found = invitations.in_state(every, wanted.get("state", ""), now=timezone.now())
    if "email" in wanted:
        found = found.filter(email__iexact=wanted["email"])
    rows, following = page(request, found, wanted)
    return Response({"results": [_document(row) for row in rows], "next": following})


def _create(request: ApiRequest) -> Response:
    OrganizationParameters.read(request.query_params)
    wanted = body.read(NewInvitationSerializer, request)
    try:
        issued = invitations.invite(
            organization=request.organization,
            actor=doer_of(request),
            email=wanted["email"],
            role=wanted["role"],
            project=_project(wanted.get("project")),
            project_role=wanted.get("project_role") or "",
            now=timezone.now(),
        )
    except ServiceRefusal as error:
        raise RoleNotGrantable(request) from error
    except ServiceError as error:
        raise body.conflict(error, _CONFLICT) from error
    return _sent(request, issued, status=201)


def _revoke(request: ApiRequest, found: Invitation) -> Response:
    try:
        invitations.revoke(
            organization=request.organization, actor=doer_of(request), invitation=found, now=timezone.now()
        )
    except ServiceRefusal as error:
        raise RoleNotGrantable(request) from error
    return Response(status=204)


def _invitation(request: ApiRequest, invitation_id: int) -> Invitation:
    """:raises Http404: the organization has no such invitation."""
    found = invitations.invitations(organization=request.organization).filter(pk=invitation_id).first()
    if found is None:
        raise Http404
    return found


def _project(slug: str | None) -> Project | None:
    """:raises ValidationError: the organization has no such project."""
    if slug is None:
        return None
    project = Project.objects.filter(slug=slug).first()
    if project is None:
        raise ValidationError({"project": "There is no such project."})
    return project


def _sent(request: ApiRequest, issued: Issued, *, status: int = 200) -> Response:
    doer = doer_of(request)
    name = f"The API key “{doer.name}”" if isinstance(doer, KeyActor) else doer.email
    invitation_mail.send_link(request._request, issued, invited_by=name)
    return _shown(_invitation(request, issued.invitation.pk), status=status)


def _shown(found: Invitation, *, status: int = 200) -> Response:
    return Response(_document(found), status=status)


def _document(found: Invitation) -> dict[str, object]:
    return dict(InvitationSerializer(found, context={"now": timezone.now()}).data)
