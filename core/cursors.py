"""Where a page of an API's list begins, as an opaque text: it holds nothing secret and grants nothing, so it is not
signed."""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any, Final

from rest_framework import serializers

NOT_A_CURSOR: Final = "Use the cursor of an answer's next link as it is."
_LARGEST: Final = 2**63 - 1


class CursorField(serializers.CharField):
    """Reads what :func:`encode` wrote; ``members`` says which of it this list knows."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            return self.members(decode(super().to_internal_value(data)))
        except ValueError as error:
            raise serializers.ValidationError(NOT_A_CURSOR) from error

    def members(self, found: list[Any]) -> Any:
        """The place that ``found`` is.

        :raises ValueError: it is none of this list's.
        """
        raise NotImplementedError


def encode(members: Sequence[str | int]) -> str:
    """``members`` in the characters of a URL."""
    return base64.urlsafe_b64encode(json.dumps(members).encode()).decode().rstrip("=")


def decode(text: str) -> list[Any]:
    """The members that :func:`encode` was given: text and whole numbers that the database takes.

    :raises ValueError: it made no such text.
    """
    try:
        members = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, RecursionError) as error:
        raise ValueError("not a cursor") from error
    if not isinstance(members, list) or not all(map(_is_plausible, members)):
        raise ValueError("not a cursor")
    return members


def _is_plausible(member: Any) -> bool:
    """Text without null or lone surrogate, a number that fits a column."""
    if isinstance(member, str):
        return "\0" not in member and member == member.encode(errors="ignore").decode()
    return type(member) is int and abs(member) <= _LARGEST
