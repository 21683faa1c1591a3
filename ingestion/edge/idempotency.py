"""``Idempotency-Key`` in HTTP: the header as it is sent, and the answers to those who may not go on."""

import hashlib
from collections.abc import Mapping
from typing import Final

from ingestion.edge.http import Headers, Problem

MOST_CHARACTERS: Final = 255
REPLAYED: Final[Headers] = (("idempotent-replayed", "true"),)
_HEADER: Final = b"idempotency-key"


def key_digest(headers: Mapping[bytes, list[bytes]]) -> bytes | None:
    """SHA-256 of the request's key; None when it has none.

    :raises Problem: 400, the key is empty, longer than 255 characters, or there are several.
    """
    values = [value.strip() for value in headers.get(_HEADER, ())]
    if not values:
        return None
    if len(values) > 1 or not 0 < len(values[0]) <= MOST_CHARACTERS:
        detail = f"Send one key of 1 to {MOST_CHARACTERS} characters."
        raise Problem(400, "invalid-idempotency-key", "The Idempotency-Key cannot be used.", detail)
    return hashlib.sha256(values[0]).digest()


def reused() -> Problem:
    """422: the key belongs to another body."""
    detail = "Nothing of this request is stored. A new request needs a new key."
    return Problem(422, "idempotency-key-reused", "This Idempotency-Key came with another body before.", detail)


def in_use() -> Problem:
    """409: the first request with the key is still running."""
    title = "A request with this Idempotency-Key is still running."
    return Problem(409, "idempotency-key-in-use", title, "Try again in a moment.", headers=(("retry-after", "1"),))
