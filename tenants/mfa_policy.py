"""An organization's rule that its members sign in with two steps; keys of machines are not people and go on."""

from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from core.scope import org_scope
from tenants import audit
from tenants.models import Organization, OrganizationSettings, User

# What opens an account beside the password; recovery codes only stand in for one of these.
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def has_second_factor(user: User) -> bool:
    """Whether every new sign-in of ``user`` takes two steps."""
    return bool(Authenticator.objects.filter(user=user, type__in=FACTORS).exists())


def keeps_out(user: User, *, settings: OrganizationSettings) -> bool:
    """Whether the organization requires what ``user`` has not; costs a query only where it does."""
    return settings.mfa_required and not has_second_factor(user)


def members_without_second_factor(*, organization: Organization) -> int:
    """How many people the rule would keep out, or does."""
    members = User.objects.filter(memberships__organization=organization)
    return members.exclude(pk__in=Authenticator.objects.filter(type__in=FACTORS).values("user_id")).count()


@transaction.atomic
def set_mfa_required(*, organization: Organization, actor: User, required: bool) -> None:
    """Require two-step sign-in of every member, or stop requiring it.

    :raises ValidationError: ``actor`` requires it of others without having it.
    """
    if required and not has_second_factor(actor):
        raise ValidationError({"required": "Set up two-step sign-in for yourself first."})
    with org_scope(organization.pk):
        locked = OrganizationSettings.objects.select_for_update().get(organization=organization)
        before, locked.mfa_required = locked.mfa_required, required
        if before == required:
            return
        locked.save(update_fields=["mfa_required"])
        audit.record(
            "organization.mfa_required_changed", actor=actor, target=organization, before=before, after=required
        )


def way_in(request: HttpRequest) -> HttpResponse:
    """The page that says what is missing, instead of the organization's; htmx loads it in place of the whole page."""
    answer = render(request, "tenants/mfa_required.html", status=403)
    answer["HX-Refresh"] = "true"
    return answer
