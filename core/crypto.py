"""Stored secrets: AES-256-GCM under a key derived from ``ENCRYPTION_KEY``; the first byte names the key generation."""

import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_GENERATION = b"\x01"
_NONCE = 12


class DecryptionError(ValueError):
    """The value was written under another key or was changed."""


def encrypt(plain: bytes, *, key: str, context: str) -> bytes:
    """``context`` is bound to the value: a ciphertext moved to another row does not open there."""
    nonce = os.urandom(_NONCE)
    return _GENERATION + nonce + AESGCM(_derive(key)).encrypt(nonce, plain, context.encode())


def decrypt(stored: bytes, *, key: str, context: str) -> bytes:
    """The plain value.

    :raises DecryptionError: wrong key, wrong context or a damaged value.
    """
    nonce, sealed = stored[1 : 1 + _NONCE], stored[1 + _NONCE :]
    if stored[:1] != _GENERATION or len(nonce) < _NONCE:
        raise DecryptionError("This value was encrypted by an unknown key generation.")
    try:
        return AESGCM(_derive(key)).decrypt(nonce, sealed, context.encode())
    except InvalidTag as error:
        raise DecryptionError("This value cannot be decrypted with the current key.") from error


def _derive(key: str) -> bytes:
    return hashlib.sha256(b"tokenops-encryption:" + key.encode()).digest()
