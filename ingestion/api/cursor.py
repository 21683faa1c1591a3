"""A place in the call log as an opaque text: where the next page begins."""

import base64
import binascii
import json
from datetime import datetime
from typing import Any

from rest_framework import serializers

from ingestion.call_log import Position

_LARGEST_ID = 2**63 - 1
_LONGEST_CALL_ID = 200  # of what is stored; the wire allows 64


class Cursor(serializers.CharField):
    """Reads what ``encode`` wrote. It holds nothing secret and grants nothing, so it is not signed."""

    def to_internal_value(self, data: Any) -> Position:  # type: ignore[override]
        try:
            return decode(super().to_internal_value(data))
        except ValueError as error:
            raise serializers.ValidationError("Use the cursor of an answer's next link as it is.") from error


def encode(position: Position) -> str:
    """``position`` in the characters of a URL."""
    members = [position.started_at.isoformat(), position.project_id, position.call_id]
    return base64.urlsafe_b64encode(json.dumps(members).encode()).decode().rstrip("=")


def decode(text: str) -> Position:
    """The position that ``encode`` was given.

    :raises ValueError: it made no such text.
    """
    try:
        members = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        started_at, project_id, call_id = members
        position = Position(started_at=datetime.fromisoformat(started_at), call_id=call_id, project_id=project_id)
    except (binascii.Error, TypeError, RecursionError) as error:
        raise ValueError("not a cursor") from error
    if not _is_plausible(position):
        raise ValueError("not a cursor")
    return position


def _is_plausible(position: Position) -> bool:
    call_id, project_id = position.call_id, position.project_id
    return (
        position.started_at.tzinfo is not None
        and type(project_id) is int
        and 0 < project_id <= _LARGEST_ID
        and isinstance(call_id, str)
        and len(call_id) <= _LONGEST_CALL_ID
        and "\0" not in call_id
        and call_id == call_id.encode(errors="ignore").decode()  # a lone surrogate is no text for the database
    )
