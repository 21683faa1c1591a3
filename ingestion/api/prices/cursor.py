"""A place in the list of rate cards as an opaque text: where the next page begins."""

import base64
import binascii
import json
from typing import Any

from rest_framework import serializers

from ingestion.pricing.listing import SortKey

_MEMBERS = (str, str, str, int)


class PriceCursor(serializers.CharField):
    """Reads what ``encode`` wrote. It holds nothing secret and grants nothing, so it is not signed."""

    def to_internal_value(self, data: Any) -> SortKey:  # type: ignore[override]
        try:
            return decode(super().to_internal_value(data))
        except ValueError as error:
            raise serializers.ValidationError("Use the cursor of an answer's next link as it is.") from error


def encode(key: SortKey) -> str:
    """``key`` in the characters of a URL."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def decode(text: str) -> SortKey:
    """The key that ``encode`` was given.

    :raises ValueError: it made no such text.
    """
    try:
        members = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, RecursionError) as error:
        raise ValueError("not a cursor") from error
    if not isinstance(members, list) or tuple(map(type, members)) != _MEMBERS:
        raise ValueError("not a cursor")
    provider, model, kind, number = members
    return provider, model, kind, number
