"""What allauth asks us about second factors: how their secrets are stored, what they are called."""

import base64
from typing import Final

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings

from core import crypto
from tenants.models import User

_CONTEXT: Final = "mfa"


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc] # allauth has no types
    """Seeds of authenticator apps and recovery codes lie encrypted in the database."""

    def encrypt(self, text: str) -> str:
        sealed = crypto.encrypt(text.encode(), key=settings.ENCRYPTION_KEY, context=_CONTEXT)
        return base64.b64encode(sealed).decode()

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
        sealed = base64.b64decode(encrypted_text)
        return crypto.decrypt(sealed, key=settings.ENCRYPTION_KEY, context=_CONTEXT).decode()
