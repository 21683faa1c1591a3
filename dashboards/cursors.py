"""Places in the calls log as opaque texts: where the next page begins, and what a live page has shown. Pure.

They hold nothing secret and grant nothing, so they are not signed; anything unreadable is None.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from ingestion.call_log import Position

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_LARGEST_ID: Final = 2**63 - 1
_LATEST: Final = (datetime(9998, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LONGEST: Final = 600


@dataclass(frozen=True, slots=True)
class Seen:
    """What a live page shows: when its newest call was received, and a fingerprint of its rows."""

    received_at: datetime
    fingerprint: str


def encode_position(position: Position) -> str:
    """``position`` in the characters of a URL."""
    return _packed(str(_micros(position.started_at)), str(position.project_id), position.call_id)


def decode_position(text: str) -> Position | None:
    """What ``encode_position`` was given."""
    match _unpacked(text):
        case [micros, project_id, *rest] if rest:
            moment, project = _moment(micros), _number(project_id, _LARGEST_ID)
            call_id = "\n".join(rest)
            if moment is not None and project and "\0" not in call_id:
                return Position(started_at=moment, call_id=call_id, project_id=project)
    return None


def encode_seen(seen: Seen) -> str:
    """``seen`` in the characters of a URL."""
    return _packed(str(_micros(seen.received_at)), seen.fingerprint)


def decode_seen(text: str) -> Seen | None:
    """What ``encode_seen`` was given."""
    match _unpacked(text):
        case [micros, fingerprint] if (moment := _moment(micros)) is not None:
            return Seen(moment, fingerprint)
    return None


def fingerprint(parts: Iterable[str]) -> str:
    """A short digest that differs when the parts do: an open page sends it back to learn whether anything changed."""
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()


def encode_moment(moment: datetime) -> str:
    """Microseconds since 1970: the exact start of a call in its page's address."""
    return str(_micros(moment))


def decode_moment(text: str) -> datetime | None:
    """What ``encode_moment`` was given."""
    return _moment(text)


def _packed(*members: str) -> str:
    return base64.urlsafe_b64encode("\n".join(members).encode()).decode().rstrip("=")


def _unpacked(text: str) -> list[str]:
    """The members, or an empty list for anything we did not write."""
    if len(text) > _LONGEST:
        return []
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode().split("\n")
    except (binascii.Error, ValueError):
        return []


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _moment(text: str) -> datetime | None:
    micros = _number(text, _LATEST)
    return None if micros is None else _EPOCH + micros * _MICROSECOND


def _number(text: str, most: int) -> int | None:
    """A plain decimal from 0 to ``most``."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most))):
        return None
    number = int(text)
    return number if number <= most else None
