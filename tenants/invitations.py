"""Invitations: an address, a role and a link that is only in the mail. Who opens the link and is that address joins."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet

from core import keys
from core.scope import org_scope
from tenants import audit, roles
from tenants.audit import KeyActor
from tenants.models import (
    Invitation,
    InvitationLookup,
    Membership,
    Organization,
    OrganizationSettings,
    Project,
    ProjectRole,
    User,
)
from tenants.permissions import Role

type Inviter = User | KeyActor

STATES: Final = ("pending", "expired", "accepted", "revoked")
VALID_FOR: Final = timedelta(days=7)
MOST_PENDING: Final = 100  # of an organization: nobody sends mails to the whole world through it
_LONGEST_TOKEN: Final = 100


@dataclass(frozen=True, slots=True)
class Issued:
    """An invitation at the only moment its link is known."""

    invitation: Invitation
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """An invitation as its link shows it; ``state`` is pending, expired, accepted or revoked."""

    invitation: Invitation
    organization: Organization
    state: str
    invited_by: str

    def is_for(self, user: User) -> bool:
        """By the address of the account or any other that this person has confirmed."""
        return self.invitation.email in addresses_of(user)


class NotYoursError(Exception):
    """The invitation is for another address."""


# --- Reads ---


def pending(*, organization: Organization) -> QuerySet[Invitation]:
    """Invitations nobody has taken up or taken back, also those whose time is over; newest first. In scope."""
    found = Invitation.objects.filter(organization=organization, accepted_at=None, revoked_at=None)
    return found.select_related("invited_by", "project").order_by("-created_at", "-pk")


def invitations(*, organization: Organization) -> QuerySet[Invitation]:
    """Every invitation of the organization, whatever became of it. In scope."""
    return Invitation.objects.filter(organization=organization).select_related("invited_by", "project")


def in_state(found: QuerySet[Invitation], state: str, *, now: datetime) -> QuerySet[Invitation]:
    """Those of ``found`` that are in ``state`` (of STATES); all of them without one."""
    is_open = Q(accepted_at=None, revoked_at=None)
    match state:
        case "pending":
            return found.filter(is_open, expires_at__gt=now)
        case "expired":
            return found.filter(is_open, expires_at__lte=now)
        case "accepted":
            return found.filter(accepted_at__isnull=False)
        case "revoked":
            return found.filter(accepted_at=None, revoked_at__isnull=False)
    return found


def find(*, token: str, now: datetime) -> Found | None:
    """The invitation behind a link, whatever its state; None when the link was never good or was replaced."""
    return _find(digest(token), now)


def open_address(*, digest: bytes, now: datetime) -> str | None:
    """The address of a pending invitation that is known by its digest; None when it is not pending any more."""
    found = _find(digest, now)
    return found.invitation.email if found and found.state == "pending" else None


def digest(token: str) -> bytes:
    """What is stored of a link."""
    return keys.digest(token[:_LONGEST_TOKEN], pepper=settings.KEY_PEPPER)


def masked(email: str) -> str:
    """Enough of an address for its owner to know it, and for nobody else to learn it: ``a…@…``."""
    return f"{email[:1]}…@…"


def addresses_of(user: User) -> set[str]:
    """The addresses this person has shown to be theirs."""
    confirmed = user.emailaddress_set.filter(verified=True)  # type: ignore[attr-defined] # allauth's
    return {str(address).lower() for address in confirmed.values_list("email", flat=True)}


def _find(stored: bytes, now: datetime) -> Found | None:
    lookup = InvitationLookup.objects.filter(digest=stored).first()
    if lookup is None:
        return None
    organization = Organization.objects.filter(pk=lookup.organization_id).first()
    if organization is None:
        return None
    with org_scope(organization.pk):
        invitation = Invitation.objects.select_related("invited_by").filter(pk=lookup.invitation_id).first()
        if invitation is None:
            return None
        by = invitation.invited_by.email if invitation.invited_by else ""
        return Found(invitation, organization, invitation.state(now), by)


# --- Writes ---


@transaction.atomic
def invite(
    *,
    organization: Organization,
    actor: Inviter,
    email: str,
    role: str,
    project: Project | None = None,
    project_role: str = "",
    now: datetime,
) -> Issued:
    """Invite an address, with another role in one project if given. Its link is in the answer only.

    :raises PermissionDenied: the actor may not give this role.
    :raises ValidationError: the address is none, is a member's, or was invited already.
    """
    _may_give(actor, organization, role, project_role)
    address = email.strip().lower()
    with org_scope(organization.pk):
        OrganizationSettings.objects.select_for_update().get(organization=organization)  # one at a time
        invitation = Invitation(
            organization=organization,
            email=address,
            role=role,
            project=project,
            project_role=project_role if project and role != Role.OWNER else "",
            invited_by=actor if isinstance(actor, User) else None,
            created_at=now,
            expires_at=now + VALID_FOR,
        )
        invitation.full_clean(exclude=["organization", "invited_by", "project"], validate_constraints=False)
        _check_address(organization, address, now)
        invitation.save()
        token = _new_link(invitation)
        _record("invitation.created", actor, invitation, role=role)
    return Issued(invitation, token)


@transaction.atomic
def resend(*, organization: Organization, actor: Inviter, invitation: Invitation, now: datetime) -> Issued:
    """Give an invitation a new link and the full time again; the old link stops working.

    :raises PermissionDenied: the actor may not give its role.
    :raises ValidationError: it was accepted or revoked.
    """
    with org_scope(organization.pk):
        locked = Invitation.objects.select_for_update().get(pk=invitation.pk)
        _may_give(actor, organization, locked.role, locked.project_role)
        if locked.state(now) in {"accepted", "revoked"}:
            raise ValidationError("This invitation is over. Invite the address anew.")
        locked.expires_at = now + VALID_FOR
        locked.save(update_fields=["expires_at"])
        token = _new_link(locked)
        _record("invitation.resent", actor, locked, role=locked.role)
    return Issued(locked, token)


@transaction.atomic
def revoke(*, organization: Organization, actor: Inviter, invitation: Invitation, now: datetime) -> None:
    """Take an invitation back. Doing so twice, or after it was accepted, changes nothing.

    :raises PermissionDenied: the actor may not take this role from anybody.
    """
    with org_scope(organization.pk):
        locked = Invitation.objects.select_for_update().get(pk=invitation.pk)
        if not roles.may_give(_role_of(actor, organization), locked.role):
            raise PermissionDenied
        if locked.state(now) not in {"pending", "expired"}:
            return
        locked.revoked_at = now
        locked.save(update_fields=["revoked_at"])
        _record("invitation.revoked", actor, locked, role=locked.role)


@transaction.atomic
def accept(*, token: str, actor: User, now: datetime) -> Organization:
    """Join the organization. The link works once.

    :raises NotYoursError: the invitation is for an address the actor has not confirmed.
    :raises ValidationError: it is not pending, or the actor is a member already.
    """
    found = find(token=token, now=now)
    if found is None:
        raise ValidationError("This invitation is not known.")
    if not found.is_for(actor):
        raise NotYoursError
    organization = found.organization
    with org_scope(organization.pk):
        locked = Invitation.objects.select_for_update().get(pk=found.invitation.pk)
        if locked.state(now) != "pending":
            raise ValidationError("This invitation is not valid any more.")
        if Membership.objects.filter(organization=organization, user=actor).exists():
            raise ValidationError("You are a member already.")
        _join(locked, actor)
        locked.accepted_at = now
        locked.save(update_fields=["accepted_at"])
        _record("invitation.accepted", actor, locked, role=locked.role)
    return organization


def _join(invitation: Invitation, user: User) -> None:
    Membership.objects.create(user=user, organization_id=invitation.organization_id, role=invitation.role)
    if invitation.project_id and invitation.project_role:
        ProjectRole.objects.create(
            organization_id=invitation.organization_id,
            project_id=invitation.project_id,
            user=user,
            role=invitation.project_role,
        )


def _may_give(actor: Inviter, organization: Organization, role: str, project_role: str) -> None:
    """:raises PermissionDenied: nobody is given this by the actor."""
    by_key = isinstance(actor, KeyActor)
    if by_key and not {role, project_role or Role.NONE} <= roles.GIVEN_BY_KEYS:
        raise PermissionDenied
    if not roles.may_give(_role_of(actor, organization), role):
        raise PermissionDenied


def _role_of(actor: Inviter, organization: Organization) -> str:
    """What counts for the actor; a key that may manage changes what an admin may."""
    if isinstance(actor, KeyActor):
        return Role.ADMIN
    membership = Membership.objects.filter(organization=organization, user=actor).first()
    return membership.role if membership else ""


def _check_address(organization: Organization, address: str, now: datetime) -> None:
    """What an invitation that nobody took up in time leaves behind makes room for a new one."""
    known = User.objects.filter(memberships__organization=organization)
    if (
        known.filter(email__iexact=address).exists()
        or known.filter(emailaddress__email__iexact=address, emailaddress__verified=True).exists()
    ):
        raise ValidationError({"email": "This person is a member already."})
    before = pending(organization=organization).filter(email=address).first()
    if before is None:
        if pending(organization=organization).count() >= MOST_PENDING:
            raise ValidationError(f"At most {MOST_PENDING} invitations can be open. Revoke some first.")
        return
    if before.state(now) == "pending":
        raise ValidationError({"email": "This address was invited already. Send that invitation again or revoke it."})
    before.revoked_at = now
    before.save(update_fields=["revoked_at"])


def _new_link(invitation: Invitation) -> str:
    token = secrets.token_urlsafe(32)
    InvitationLookup.objects.update_or_create(
        invitation_id=invitation.pk,
        defaults={
            "digest": digest(token),
            "organization_id": invitation.organization_id,
            "expires_at": invitation.expires_at,
        },
    )
    return token


def _record(action: str, actor: Inviter, invitation: Invitation, *, role: str) -> None:
    audit.record(action, actor=actor, target=invitation, personal={"email": invitation.email}, role=role)
