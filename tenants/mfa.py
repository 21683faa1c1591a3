"""What allauth asks us about second factors: how their secrets are stored, what they are called."""

import base64
from typing import Final

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import transaction

from core import vault
from tenants.models import User

_CONTEXT: Final = "mfa"
_SEALED: Final = {"secret", "seed", "migrated_codes"}  # what allauth encrypts of an app and of recovery codes


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc] # allauth has no types
    """Seeds of authenticator apps and recovery codes lie encrypted in the database."""

    def encrypt(self, text: str) -> str:
        return base64.b64encode(vault.seal(text.encode(), context=_CONTEXT)).decode()

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Passkeys belong to a host name; the browser shows ours beside it."""
        host: str = super().get_public_key_credential_rp_entity()["id"]
        return {"id": host, "name": settings.MFA_TOTP_ISSUER}

    def generate_authenticator_name(self, user: User, type: str) -> str:  # noqa: A002 - allauth's name
        """What a new passkey is called until its owner calls it something."""
        number = Authenticator.objects.filter(user=user, type=type).count() + 1
        return "Passkey" if number == 1 else f"Passkey {number}"

    def decrypt(self, encrypted_text: str) -> str:
        """The plain secret.

        :raises DecryptionError: it was written under another ``ENCRYPTION_KEY``.
        """
        return vault.unseal(base64.b64decode(encrypted_text), context=_CONTEXT).decode()


def seal_anew() -> tuple[int, int]:
    """Put the secrets of everybody's factors under the current key; how many were renewed, how many nobody can open.

    Safe to run twice, and beside sign-ins: each factor is locked while it is renewed.
    """
    renewed = left = 0
    for pk in Authenticator.objects.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            factor = Authenticator.objects.select_for_update().get(pk=pk)
            found = {name: value for name, value in factor.data.items() if name in _SEALED}
            try:
                anew = {name: _anew(value) for name, value in found.items()}
            except ValueError:  # core.crypto.DecryptionError
                left += 1
                continue
            if anew != found:
                factor.data |= anew
                factor.save(update_fields=["data"])
                renewed += 1
    return renewed, left


def _anew(sealed: str | list[str]) -> str | list[str]:
    """A secret, or a list of them, under the current key; as it is where it is already."""
    if isinstance(sealed, list):
        return [str(_anew(one)) for one in sealed]
    stored = base64.b64decode(sealed)
    if vault.is_current(stored):
        return sealed
    return base64.b64encode(vault.seal(vault.unseal(stored, context=_CONTEXT), context=_CONTEXT)).decode()
