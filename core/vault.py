"""Secrets in the database, under this installation's key; while it is being replaced the previous one still opens."""

from django.conf import settings

from core import crypto

type Stored = bytes | memoryview[int]  # what a BinaryField reads


def seal(plain: bytes, *, context: str) -> bytes:
    """``plain`` for a BinaryField; ``context`` names the row and is needed to open it."""
    return crypto.encrypt(plain, key=settings.ENCRYPTION_KEY, context=context)


def unseal(stored: Stored, *, context: str) -> bytes:
    """The plain value.

    :raises crypto.DecryptionError: another installation's, another row's, or damaged.
    """
    previous = settings.ENCRYPTION_KEY_PREVIOUS
    return crypto.decrypt(bytes(stored), key=settings.ENCRYPTION_KEY, context=context, previous=previous)


def is_current(stored: Stored) -> bool:
    """Whether the value would open without the previous key."""
    return crypto.is_under(bytes(stored), key=settings.ENCRYPTION_KEY)
