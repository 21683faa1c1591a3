"""A person's own account: joining by a link, leaving an organization, deleting the account."""

from allauth.account.decorators import reauthentication_required
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from tenants import accounts, invitations, members, selectors
from tenants.access import OrgRequest, enter_organization
from tenants.adapter import INVITATION
from tenants.forms import status, write_with
from tenants.invitations import Found
from tenants.member_forms import AccountForm
from tenants.models import User
from tenants.permissions import Role


@require_http_methods(["GET", "POST"])
@never_cache
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Where the link of an invitation leads: sign in or up first, then join with one click."""
    found = invitations.find(token=token, now=timezone.now())
    if found is None:
        return render(request, "tenants/invitation_over.html", {"state": "unknown"}, status=404)
    if found.state != "pending":
        context = {"state": found.state, "inviting": found.organization}
        return render(request, "tenants/invitation_over.html", context, status=410)
    if not isinstance(request.user, User):
        return _to_strangers(request, found, token)
    if not found.is_for(request.user):
        return _not_yours(request, found)
    if request.method == "POST":
        return _join(request, request.user, found, token)
    return render(request, "tenants/invitation.html", _shown(found))


def _to_strangers(request: HttpRequest, found: Found, token: str) -> HttpResponse:
    if request.method == "POST":
        return redirect_to_login(request.path)
    request.session[INVITATION] = invitations.digest(token).hex()
    back = urlencode({"next": request.path})
    context = _shown(found) | {
        "login_url": f"{reverse('account_login')}?{back}",
        "signup_url": f"{reverse('account_signup')}?{back}" if settings.SIGNUP != "closed" else "",
        "masked": invitations.masked(found.invitation.email),
    }
    return render(request, "tenants/invitation.html", context)


def _not_yours(request: HttpRequest, found: Found) -> HttpResponse:
    context = {"masked": invitations.masked(found.invitation.email)}
    return render(request, "tenants/invitation_not_yours.html", context, status=403)


def _join(request: HttpRequest, user: User, found: Found, token: str) -> HttpResponse:
    try:
        organization = invitations.accept(token=token, actor=user, now=timezone.now())
    except ValidationError as error:
        context = _shown(found) | {"error": error.messages[0]}
        return render(request, "tenants/invitation.html", context, status=422)
    request.session.pop(INVITATION, None)
    return redirect(f"{reverse('home')}?{urlencode({'organization': organization.slug})}")


def _shown(found: Found) -> dict[str, object]:
    return {
        "inviting": found.organization,
        "invited_by": found.invited_by,
        "role": Role(found.invitation.role),
        "expires_at": found.invitation.expires_at,
    }


@require_GET
@login_required
def organization_list(request: HttpRequest) -> HttpResponse:
    """The organizations of a person, to go to or to leave."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101 - login_required let it in
    return render(request, "tenants/account_organizations.html", {"mine": selectors.organizations_of(user=user)})


@require_http_methods(["GET", "POST"])
@login_required
def organization_leave(request: OrgRequest, organization_slug: str) -> HttpResponse:
    enter_organization(request, organization_slug)
    organization = request.organization
    context = {
        "leaving": organization,
        "is_last_owner": members.is_last_owner(organization=organization, user=request.user),
        "error": "",
    }
    if request.method == "GET":
        return render(request, "tenants/organization_leave.html", context)
    try:
        members.leave(organization=organization, actor=request.user)
    except ValidationError as error:
        return render(request, "tenants/organization_leave.html", context | {"error": error.messages[0]}, status=422)
    return redirect("tenants:account-organizations")


@require_http_methods(["GET", "POST"])
@never_cache
@login_required
@reauthentication_required  # type: ignore[untyped-decorator] # allauth has no types
def account_delete(request: HttpRequest) -> HttpResponse:
    """For those who have shown just now that it is them; their address is typed to confirm."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101 - login_required let it in
    form = AccountForm(request.POST if request.method == "POST" else None)

    def delete(data: dict[str, str]) -> bool:
        accounts.delete_account(actor=user, confirmation=data["confirmation"], now=timezone.now())
        return True

    if write_with(form, delete):
        logout(request)
        messages.info(request, "Your account is deleted.")
        return redirect("account_login")
    context = {"form": form, "held": accounts.organizations_held_by(user=user)}
    return render(request, "tenants/account_delete.html", context, status=status(form))
