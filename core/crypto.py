"""Stored secrets: AES-256-GCM under a key derived from ``ENCRYPTION_KEY``.

A value begins with the form it has. Form 2 names its key, so that values under an old and a new key live side by side;
form 1, which is only read, does not.
"""

import hashlib
import os
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_WITHOUT_ID, _WITH_ID = b"\x01", b"\x02"
_ID: Final = 4
_NONCE: Final = 12


class DecryptionError(ValueError):
    """The value was written under another key or was changed."""


def encrypt(plain: bytes, *, key: str, context: str) -> bytes:
    """``context`` is bound to the value: a ciphertext moved to another row does not open there."""
    header, nonce = _WITH_ID + key_id(key), os.urandom(_NONCE)
    return header + nonce + AESGCM(_derive(key)).encrypt(nonce, plain, header + context.encode())


def decrypt(stored: bytes, *, key: str, context: str, previous: str = "") -> bytes:
    """The plain value; ``previous`` is the key that is being replaced, if any.

    :raises DecryptionError: wrong key, wrong context or a damaged value.
    """
    keys = [one for one in (key, previous) if one]
    if stored[:1] == _WITH_ID:
        named = stored[1 : 1 + _ID]
        return _open([one for one in keys if key_id(one) == named], stored[1 + _ID :], stored[: 1 + _ID], context)
    if stored[:1] == _WITHOUT_ID:
        return _open(keys, stored[1:], b"", context)
    raise DecryptionError("This value was encrypted in an unknown form.")


def is_under(stored: bytes, *, key: str) -> bool:
    """Whether the value names ``key`` as its own; one of the first form names none."""
    return stored[: 1 + _ID] == _WITH_ID + key_id(key)


def key_id(key: str) -> bytes:
    """Names a key and tells nothing about it."""
    return hashlib.sha256(b"tokenops-encryption-id:" + key.encode()).digest()[:_ID]


def _open(keys: list[str], sealed: bytes, header: bytes, context: str) -> bytes:
    nonce, ciphertext = sealed[:_NONCE], sealed[_NONCE:]
    if len(nonce) == _NONCE:
        for key in keys:
            try:
                return AESGCM(_derive(key)).decrypt(nonce, ciphertext, header + context.encode())
            except InvalidTag:
                continue
    raise DecryptionError("This value cannot be decrypted with the current key.")


@lru_cache(maxsize=8)
def _derive(key: str) -> bytes:
    return hashlib.sha256(b"tokenops-encryption:" + key.encode()).digest()
