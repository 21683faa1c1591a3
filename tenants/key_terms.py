"""What people write about a key, as values: how long it works and from where; and what it could do in wrong hands.

Pure: the moment and the zone are arguments. No message repeats what was written.
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from tenants.permissions import Scope

SHORTEST_OVERLAP, LONGEST_OVERLAP = timedelta(hours=1), timedelta(days=30)
USUAL_OVERLAP: Final = "24h"
MOST_RANGES: Final = 50
EXPIRES_SOON: Final = timedelta(days=7)
_FIRST_YEAR, _LAST_YEAR = 2000, 2199  # further ahead than any key needs, and far from where calendars end

_DURATION: Final = re.compile(r"([1-9][0-9]{0,4}) ?([hd])", re.ASCII)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_INSTANT: Final = re.compile(
    _DAY.pattern + r"[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?([Zz]|[+-][0-9]{2}:[0-9]{2})?", re.ASCII
)

_NOT_AN_EXPIRY: Final = "Write 24h, 7d, a day such as 2027-01-31, or a moment such as 2027-01-31T18:00Z."
_NOT_AN_INSTANT: Final = "Write 24h, 7d, or a moment with its offset such as 2027-01-31T18:00:00Z."
_NOT_AHEAD: Final = "Choose a moment in the future."
_TOO_FAR: Final = f"Choose a day before the year {_LAST_YEAR + 1}, or leave it empty."
NOT_AN_OVERLAP: Final = "Choose from 1 hour to 30 days, written as 24h or 7d."

_LEAKED: Final = {
    Scope.INGEST: "send made-up calls to {where}, which spoils figures and uses up the quota",
    Scope.READ: "read every call of {where}: models, costs, users and tags, never prompts or answers",
    Scope.MANAGE: "change the settings of {where} as an admin can, and make and revoke keys",
    Scope.GATEWAY: "send calls through the gateway for {where}, at your cost and within its limits",
}
_LEAKED_OF_ALL: Final = {
    Scope.MANAGE: "change the settings of {where} as an admin can, make and revoke keys, see and remove members, invite"
    " others and read the audit log",
}


class TermError(ValueError):
    """What was written means nothing; the message says what would."""


def duration(text: str) -> timedelta | None:
    """``24h`` or ``7d``; None for anything else."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        return None
    return timedelta(hours=int(match[1])) if match[2] == "h" else timedelta(days=int(match[1]))


def overlap(text: str) -> timedelta:
    """For how long an old key works beside its successor.

    :raises TermError: not a duration, or out of bounds.
    """
    found = duration(text)
    if found is None or not SHORTEST_OVERLAP <= found <= LONGEST_OVERLAP:
        raise TermError(NOT_AN_OVERLAP)
    return found


def expiry(text: str, *, now: datetime, zone: tzinfo | None) -> datetime | None:
    """When a key stops working; None for '', which is never.

    A duration counts from ``now``. A day is the last one the key works on in ``zone``, where moments without an offset
    are too; without a zone neither is understood.

    :raises TermError: none of these, not after ``now``, or beyond all calendars.
    """
    written = text.strip()
    if not written:
        return None
    length = duration(written)
    moment = now + length if length else _moment(written, zone)
    if moment.year > _LAST_YEAR:
        raise TermError(_TOO_FAR)
    if moment <= now:
        raise TermError(_NOT_AHEAD)
    return moment


def _moment(written: str, zone: tzinfo | None) -> datetime:
    is_day = zone is not None and _DAY.fullmatch(written) is not None
    try:
        moment = datetime.fromisoformat(written.upper()) if is_day or _INSTANT.fullmatch(written) else None
    except ValueError:  # 2027-02-30
        moment = None
    if moment is None or (moment.tzinfo is None and zone is None):
        raise TermError(_NOT_AN_EXPIRY if zone else _NOT_AN_INSTANT)
    if moment.year > _LAST_YEAR:
        raise TermError(_TOO_FAR)
    if moment.year < _FIRST_YEAR:  # also: an offset could lead out of the calendar
        raise TermError(_NOT_AHEAD)
    if is_day:
        moment += timedelta(days=1)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def ranges(entries: Iterable[str]) -> list[str]:
    """Networks in their usual form, each once; an address alone is a network of one.

    :raises TermError: an entry is neither, or there are too many.
    """
    written = [entry.strip() for entry in entries if entry.strip()]
    if len(written) > MOST_RANGES:
        raise TermError(f"Give at most {MOST_RANGES} addresses or networks.")
    return list(dict.fromkeys(_range(entry, number) for number, entry in enumerate(written, start=1)))


def _range(entry: str, number: int) -> str:
    try:
        network = ipaddress.ip_network(entry) if "%" not in entry else None
    except ValueError:
        network = None
    if network is None:
        sentence = f"Entry {number} is neither an address nor a network such as 203.0.113.0/24 or 2001:db8::/32."
        raise TermError(sentence)
    if isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped is not None:
        raise TermError(f"Entry {number} is an IPv4 network in IPv6 clothes: write it as IPv4.")
    return str(network)


def if_leaked(scopes: Sequence[str], *, project: str | None) -> str:
    """What somebody could do who finds the key of a project (by its name) or of the organization, as one sentence."""
    where = "every project of the organization" if project is None else f"the project {project}"
    words = _LEAKED | _LEAKED_OF_ALL if project is None else _LEAKED
    could = [words[scope].format(where=where) for scope in Scope if scope in scopes]
    return f"Whoever finds it can {'; '.join(could)}." if could else ""
