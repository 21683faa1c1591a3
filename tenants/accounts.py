"""Accounts made by the operator instead of by signing up."""

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.db import transaction

from tenants.models import User


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
