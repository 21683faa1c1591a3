"""What allauth asks us about second factors: how their secrets are stored."""

import base64
from typing import Final

from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings

from core import crypto

_CONTEXT: Final = "mfa"


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc] # allauth has no types
    """Seeds of authenticator apps and recovery codes lie encrypted in the database."""

    def encrypt(self, text: str) -> str:
        sealed = crypto.encrypt(text.encode(), key=settings.ENCRYPTION_KEY, context=_CONTEXT)
        return base64.b64encode(sealed).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """The plain secret.

        :raises DecryptionError: it was written under another ``ENCRYPTION_KEY``.
        """
        sealed = base64.b64decode(encrypted_text)
        return crypto.decrypt(sealed, key=settings.ENCRYPTION_KEY, context=_CONTEXT).decode()
