"""An authenticator app: RFC 6238 with SHA-1, six digits and steps of 30 seconds, written from the text."""

import base64
import hmac
import time

from allauth.mfa.models import Authenticator
from django.test import Client
from django.urls import reverse

PASSWORD = "correct horse battery"


def code(secret: str, *, steps_ahead: int = 0) -> str:
    """What an app shows for ``secret``; a step ahead is a fresh code where one was just used."""
    counter = int(time.time()) // 30 + steps_ahead
    digest = hmac.digest(base64.b32decode(secret), counter.to_bytes(8), "sha1")
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4]) & 0x7FFF_FFFF
    return f"{number % 1_000_000:06}"


def sign_in(client: Client, email: str, **parameters: str):
    return client.post(reverse("account_login"), {"login": email, "password": PASSWORD} | parameters)


def offered_secret(client: Client, email: str) -> str:
    """Sign in, say once more that it is oneself, and read the secret of the page that sets an app up."""
    sign_in(client, email)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    secret: str = client.get(reverse("mfa_activate_totp")).context["form"].secret
    return secret


def set_up(client: Client, email: str) -> tuple[str, list[str]]:
    """Turn an app on; its secret, and the recovery codes as the page showed them."""
    secret = offered_secret(client, email)
    turned_on = client.post(reverse("mfa_activate_totp"), {"code": code(secret)})
    assert turned_on["Location"] == reverse("mfa_view_recovery_codes")
    return secret, client.get(reverse("mfa_view_recovery_codes")).context["unused_codes"]


def give_factor(email: str) -> None:
    """An authenticator as the database has it, where a test needs no code of it."""
    from tenants.models import User

    user = User.objects.get(email=email)
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": ""})
