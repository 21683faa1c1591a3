"""Accounts made by the operator instead of by signing up, and the end of any account."""

from collections.abc import Iterable
from datetime import datetime

from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.socialaccount.models import SocialToken
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import connection, transaction

from core.scope import org_scope
from tenants import audit, deletion, invitations
from tenants.models import Invitation, Membership, Organization, ProjectRole, User
from tenants.permissions import Role


@transaction.atomic
def make_instance_admin(*, email: str, password: str | None) -> bool:
    """Make the account with ``email`` an instance administrator with a verified address; True when it was created.

    Running it again changes nothing but the password, and that only when one is given.

    :raises ValidationError: the address or the password is not acceptable.
    :raises ValueError: a new account needs a password.
    """
    address = email.strip().lower()
    user = User.objects.select_for_update().filter(email__iexact=address).first()
    is_new = user is None
    if user is None:
        if password is None:
            raise ValueError("A new account needs a password.")
        user = User(email=address)
    user.is_staff = user.is_active = True
    if password is not None:
        validate_password(password, user)
        user.set_password(password)
    user.full_clean(exclude=["password"])
    user.save()
    EmailAddress.objects.update_or_create(
        user=user, email=user.email, defaults={"verified": True, "primary": not _has_other_primary(user)}
    )
    return is_new


def _has_other_primary(user: User) -> bool:
    return bool(EmailAddress.objects.filter(user=user, primary=True).exclude(email=user.email).exists())


# --- The end of an account ---


def organizations_held_by(*, user: User) -> list[Organization]:
    """Organizations that have other members and no other owner than ``user``, who must hand them over first."""
    mine = Membership.objects.filter(user=user).values_list("organization_id", flat=True)
    return _held(user, Membership.objects.filter(organization_id__in=list(mine)))


@transaction.atomic
def delete_account(*, actor: User, confirmation: str, now: datetime) -> None:
    """Delete the actor: memberships, addresses, sessions, and their name in every audit log.

    Organizations in which nobody else is are scheduled for deletion.

    :raises ValidationError: ``confirmation`` is not the account's address, or an organization would have no owner.
    """
    if confirmation.strip().lower() != actor.email:
        raise ValidationError({"confirmation": "Type your address to confirm."})
    own, others = _locked(actor)
    held = _held(actor, [*own, *others])
    if held:
        raise ValidationError(f"Hand over {', '.join(organization.name for organization in held)} first.")
    addresses = invitations.addresses_of(actor) | {actor.email}
    lonely = {membership.organization_id for membership in own} - {membership.organization_id for membership in others}
    for membership in own:
        _leave(membership, actor, addresses, now, is_last=membership.organization_id in lonely)
    EmailConfirmation.objects.filter(email_address__user=actor).delete()  # two steps away from the account
    SocialToken.objects.filter(account__user=actor).delete()
    _end_sessions(actor)
    with connection.cursor() as cursor:
        cursor.execute("select forget_person(%s)", [actor.pk])


def _locked(user: User) -> tuple[list[Membership], list[Membership]]:
    """The user's memberships and everybody else's in the same organizations, locked in the order of their keys."""
    mine = list(Membership.objects.filter(user=user).values_list("organization_id", flat=True))
    found = Membership.objects.select_for_update().filter(organization_id__in=mine).order_by("pk")
    memberships = list(found)
    own = [membership for membership in memberships if membership.user_id == user.pk]
    return own, [membership for membership in memberships if membership.user_id != user.pk]


def _held(user: User, memberships: Iterable[Membership]) -> list[Organization]:
    owners: dict[int, set[int]] = {}
    members: dict[int, set[int]] = {}
    for membership in memberships:
        members.setdefault(membership.organization_id, set()).add(membership.user_id)
        if membership.role == Role.OWNER:
            owners.setdefault(membership.organization_id, set()).add(membership.user_id)
    held = [pk for pk, people in owners.items() if people == {user.pk} and members[pk] != people]
    return list(Organization.objects.filter(pk__in=held).order_by("name", "pk"))


def _leave(membership: Membership, actor: User, addresses: set[str], now: datetime, *, is_last: bool) -> None:
    organization = membership.organization
    with org_scope(organization.pk):
        if is_last:
            deletion.schedule_organization(
                organization=organization, actor=actor, confirmation=organization.slug, now=now
            )
            Invitation.objects.filter(accepted_at=None, revoked_at=None).update(revoked_at=now)
        Invitation.objects.filter(email__in=addresses).delete()
        ProjectRole.objects.filter(user=actor).delete()
        audit.record("member.account_deleted", actor=actor, target=actor, role=membership.role)
        membership.delete()


def _end_sessions(user: User) -> None:
    """A session says whose it is only in its data."""
    ended = [one.pk for one in Session.objects.iterator() if one.get_decoded().get(SESSION_KEY) == str(user.pk)]
    Session.objects.filter(pk__in=ended).delete()
