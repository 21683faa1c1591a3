"""The people of an organization: who they are, what they may do, and how they come and go."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tenants import invitation_mail, invitations, members, roles
from tenants.access import OrgRequest, org_view
from tenants.forms import status, write_with
from tenants.member_forms import InviteForm, ProjectRolesForm, RoleForm
from tenants.models import Invitation, Membership
from tenants.permissions import Permission, Role, allows, role_table


@require_GET
@org_view(Permission.MEMBERS_READ)
def member_list(request: OrgRequest) -> HttpResponse:
    context = _frame(request) | {
        "rows": members.members(organization=request.organization),
        "invited": _invited(request) if allows(request.role, Permission.MEMBERS_MANAGE) else [],
    }
    return render(request, "tenants/member_list.html", context)


@require_http_methods(["GET", "POST"])
@org_view(Permission.MEMBERS_MANAGE)
def member_invite(request: OrgRequest) -> HttpResponse:
    form = InviteForm(request.POST if request.method == "POST" else None, giver=request.role)
    issued = write_with(
        form,
        lambda data: invitations.invite(
            organization=request.organization, actor=request.user, now=timezone.now(), **data
        ),
    )
    if issued:
        invitation_mail.send_link(request, issued, invited_by=request.user.email)
        return redirect("tenants:member-list", request.organization.slug)
    return render(request, "tenants/member_invite.html", _frame(request) | {"form": form}, status=status(form))


@require_POST
@org_view(Permission.MEMBERS_MANAGE)
def invitation_resend(request: OrgRequest, invitation_id: int) -> HttpResponse:
    found = _invitation(invitation_id)
    try:
        issued = invitations.resend(
            organization=request.organization, actor=request.user, invitation=found, now=timezone.now()
        )
    except ValidationError as error:
        messages.error(request, error.messages[0])
    else:
        invitation_mail.send_link(request, issued, invited_by=request.user.email)
    return redirect("tenants:member-list", request.organization.slug)


@require_POST
@org_view(Permission.MEMBERS_MANAGE)
def invitation_revoke(request: OrgRequest, invitation_id: int) -> HttpResponse:
    found = _invitation(invitation_id)
    invitations.revoke(organization=request.organization, actor=request.user, invitation=found, now=timezone.now())
    return redirect("tenants:member-list", request.organization.slug)


@require_GET
@org_view(Permission.MEMBERS_READ)
def member_detail(request: OrgRequest, member_id: int) -> HttpResponse:
    return _detail(request, _member(request, member_id))


@require_POST
@org_view(Permission.MEMBERS_MANAGE)
def member_role(request: OrgRequest, member_id: int) -> HttpResponse:
    member = _member(request, member_id)
    form = RoleForm(request.POST, giver=request.role, initial=member.role)

    def change(data: dict[str, Any]) -> bool:
        members.set_role(organization=request.organization, actor=request.user, user=member.user, role=data["role"])
        return True

    if write_with(form, change):
        return redirect("tenants:member-detail", request.organization.slug, member_id)
    return _detail(request, _member(request, member_id), role_form=form)


@require_POST
@org_view(Permission.MEMBERS_MANAGE)
def member_projects(request: OrgRequest, member_id: int) -> HttpResponse:
    member = _member(request, member_id)
    form = ProjectRolesForm(request.POST, rows=members.project_roles(user=member.user))

    def change(_data: dict[str, Any]) -> bool:
        members.set_project_roles(
            organization=request.organization, actor=request.user, user=member.user, chosen=form.chosen()
        )
        return True

    if write_with(form, change):
        return redirect("tenants:member-detail", request.organization.slug, member_id)
    return _detail(request, member, projects_form=form)


@require_http_methods(["GET", "POST"])
@org_view(Permission.MEMBERS_MANAGE)
def member_remove(request: OrgRequest, member_id: int) -> HttpResponse:
    return _ask_then(request, member_id, members.remove, "tenants/member_remove.html")


@require_http_methods(["GET", "POST"])
@org_view(Permission.OWNERSHIP_MANAGE)
def member_transfer(request: OrgRequest, member_id: int) -> HttpResponse:
    return _ask_then(request, member_id, members.transfer_ownership, "tenants/member_transfer.html")


def _ask_then(request: OrgRequest, member_id: int, change: Callable[..., None], template: str) -> HttpResponse:
    """GET asks whether it is meant, POST does it and goes back to the list."""
    member = _member(request, member_id)
    context = _frame(request) | {"member": member, "error": ""}
    if request.method == "GET":
        return render(request, template, context)
    try:
        change(organization=request.organization, actor=request.user, user=member.user)
    except ValidationError as error:
        return render(request, template, context | {"error": error.messages[0]}, status=422)
    if member.user == request.user and change is members.remove:
        return redirect("home")
    return redirect("tenants:member-list", request.organization.slug)


def _detail(
    request: OrgRequest,
    member: Membership,
    *,
    role_form: RoleForm | None = None,
    projects_form: ProjectRolesForm | None = None,
) -> HttpResponse:
    rows = members.project_roles(user=member.user)
    is_self = member.user == request.user
    may_change = roles.may_give(request.role, member.role)
    context = _frame(request) | {
        "member": member,
        "is_self": is_self,
        "may_change": may_change,
        "may_change_projects": may_change and not is_self and member.role != Role.OWNER,
        "is_last_owner": members.is_last_owner(organization=request.organization, user=member.user),
        "overrides": [(project, Role(role).label) for project, role in rows if role],
        "role_form": role_form or RoleForm(None, giver=request.role, initial=member.role),
        "projects_form": projects_form or ProjectRolesForm(None, rows=rows),
    }
    failed = bool((role_form and role_form.errors) or (projects_form and projects_form.errors))
    return render(request, "tenants/member_detail.html", context, status=422 if failed else 200)


def _frame(request: OrgRequest) -> dict[str, Any]:
    """What all pages about members show: what each role may do, and whether this one may change it."""
    return {
        "nav_active": "members",
        "roles": [role.label for role in Role],
        "role_table": role_table(),
        "may_manage": allows(request.role, Permission.MEMBERS_MANAGE),
    }


def _invited(request: OrgRequest) -> list[tuple[Invitation, str, bool]]:
    """Open invitations with their state and whether this person may send or revoke them."""
    now = timezone.now()
    found = invitations.pending(organization=request.organization)
    return [(one, one.state(now), roles.may_give(request.role, one.role)) for one in found]


def _member(request: OrgRequest, member_id: int) -> Membership:
    found = members.find_member(organization=request.organization, user_id=member_id)
    if found is None:
        raise Http404
    return found


def _invitation(invitation_id: int) -> Invitation:
    found = Invitation.objects.filter(pk=invitation_id).first()
    if found is None:
        raise Http404
    return found
