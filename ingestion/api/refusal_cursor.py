"""A place among the counts of refusals as an opaque text: where the next page begins."""

import base64
import binascii
import json
from datetime import datetime
from typing import Any, Final

from rest_framework import serializers

from ingestion.refusals import Position

_LARGEST_ID: Final = 2**63 - 1
_LONGEST: Final = 500


class RefusalCursor(serializers.CharField):
    """Reads what ``encode`` wrote. It holds nothing secret and grants nothing, so it is not signed."""

    def to_internal_value(self, data: Any) -> Position:  # type: ignore[override]
        try:
            return decode(super().to_internal_value(data))
        except ValueError as error:
            raise serializers.ValidationError("Use the cursor of an answer's next link as it is.") from error


def encode(position: Position) -> str:
    """``position`` in the characters of a URL."""
    texts = [position.endpoint, position.kind, position.field, position.reason]
    members = [position.hour.isoformat(), position.project_id, *texts]
    return base64.urlsafe_b64encode(json.dumps(members).encode()).decode().rstrip("=")


def decode(text: str) -> Position:
    """The position that ``encode`` was given.

    :raises ValueError: it made no such text.
    """
    try:
        members = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        hour, project_id, *texts = members
        moment = datetime.fromisoformat(hour)
        endpoint, kind, field, reason = map(_text, texts)
    except (binascii.Error, TypeError, RecursionError) as error:
        raise ValueError("not a cursor") from error
    if moment.tzinfo is None or type(project_id) is not int or not 0 <= project_id <= _LARGEST_ID:
        raise ValueError("not a cursor")
    return Position(hour=moment, project_id=project_id, endpoint=endpoint, kind=kind, field=field, reason=reason)


def _text(value: object) -> str:
    """:raises ValueError: no text for the database."""
    if not isinstance(value, str) or len(value) > _LONGEST or "\0" in value:
        raise ValueError("not a cursor")
    if value != value.encode(errors="ignore").decode():  # a lone surrogate
        raise ValueError("not a cursor")
    return value
