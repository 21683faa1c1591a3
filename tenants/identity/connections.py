"""Accounts elsewhere that open one here: to see, and to take away again."""

from dataclasses import dataclass
from datetime import datetime

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from tenants.models import User


@dataclass(frozen=True, slots=True)
class Provider:
    """Somebody to sign in with, as the operator named them."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Connection:
    """An account elsewhere. ``provider`` is the name it had when it is not offered any more."""

    pk: int
    provider: str
    label: str
    connected_at: datetime
    is_offered: bool


def offered() -> list[Provider]:
    """Everybody one can sign in with, in the order of the documentation."""
    apps = [app for kind in settings.SOCIALACCOUNT_PROVIDERS.values() for app in kind["APPS"]]
    return [Provider(app["provider_id"], app["name"]) for app in apps]


def connections(*, user: User) -> list[Connection]:
    """Of this person, oldest first."""
    names = {provider.id: provider.name for provider in offered()}
    return [
        Connection(
            pk=account.pk,
            provider=names.get(account.provider, account.provider),
            label=_label(account.extra_data),
            connected_at=account.date_joined,
            is_offered=account.provider in names,
        )
        for account in SocialAccount.objects.filter(user=user).order_by("pk")
    ]


@transaction.atomic
def disconnect(*, user: User, connection_id: int) -> None:
    """Take a way in away, and mail that it is gone. Doing so twice changes nothing.

    :raises ValidationError: it is the last one.
    """
    User.objects.select_for_update().get(pk=user.pk)  # two at once must not both leave the other
    account = SocialAccount.objects.filter(user=user, pk=connection_id).first()
    if account is None:
        return
    usable = [provider.id for provider in offered()]
    others = SocialAccount.objects.filter(user=user, provider__in=usable).exclude(pk=account.pk)
    if not user.has_usable_password() and not others.exists():
        raise ValidationError("Set a password first: this is the only way into your account.")
    name = next((provider.name for provider in offered() if provider.id == account.provider), account.provider)
    account.delete()
    get_adapter().send_notification_mail("socialaccount/email/account_disconnected", user, context={"provider": name})


def _label(told: dict[str, object]) -> str:
    return str(told.get("email") or told.get("login") or told.get("preferred_username") or told.get("name") or "")
