"""Reading the audit log: its entries, and the proof that nobody changed them."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection
from django.db.models import Q, QuerySet

from tenants.models import AuditEntry, Organization

PAGE_SIZE: Final = 50
_AT_ONCE: Final = 1_000

_LINKS: Final = """
    select e.id, e.sequence, e.previous_hash, e.hash, audit_payload(e)
    from audit_entries e where e.organization_id = %s and e.sequence > %s order by e.sequence limit %s"""
_HEAD: Final = "select sequence, hash from audit_heads where organization_id = %s"
_UNCHAINED: Final = "select min(id) from audit_entries where organization_id = %s and sequence is null"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """What to look for; what is empty or None is not looked at. The period is half-open."""

    actor: str = ""
    actor_kind: str = ""
    action: str = ""
    target_kind: str = ""
    target_id: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def condition(self) -> Q:
        wanted: dict[str, Any] = {
            "actor_name__iexact": self.actor,
            "actor_kind": self.actor_kind,
            "action": self.action,
            "target_kind": self.target_kind,
            "target_id": self.target_id,
            "created_at__gte": self.since,
            "created_at__lt": self.until,
        }
        return Q(**{name: value for name, value in wanted.items() if value})


def entries(*, organization: Organization, chosen: AuditFilter, before: int | None = None) -> QuerySet[AuditEntry]:
    """Entries, newest first; with ``before``, those older than that entry id."""
    found = AuditEntry.objects.filter(chosen.condition(), organization=organization).order_by("-pk")
    return found if before is None else found.filter(pk__lt=before)


def entry(*, organization: Organization, entry_id: int) -> AuditEntry | None:
    return AuditEntry.objects.filter(organization=organization, pk=entry_id).first()


def actions(*, organization: Organization) -> list[str]:
    """Every action the log of the organization has, by name."""
    found = AuditEntry.objects.filter(organization=organization).order_by("action").distinct()
    return list(found.values_list("action", flat=True))


@dataclass(frozen=True, slots=True)
class Broken:
    """The first place at which the chain does not hold. ``sequence`` is None for an entry that is in no chain."""

    sequence: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Verified:
    """The whole chain holds, and this is its length."""

    entries: int


def verify(*, organization: Organization) -> Verified | Broken:
    """Recompute the chain: each entry hashes itself and the one before it (SHA-256), and the head is the last one.

    Finds an entry that was changed, removed, inserted or moved, and a chain that was cut short. It cannot find a whole
    chain that was written anew by somebody who owns the database: keep the head's hash elsewhere for that.
    """
    sequence, previous = 0, b""
    for link in _links(organization.pk):
        reason = link.fault(sequence, previous)
        if reason:
            return Broken(sequence + 1, reason)
        sequence, previous = sequence + 1, link.hash
    return _end_fault(organization.pk, sequence, previous) or Verified(sequence)


@dataclass(frozen=True, slots=True)
class _Link:
    sequence: int
    previous_hash: bytes
    hash: bytes
    payload: str

    def fault(self, sequence: int, previous: bytes) -> str:
        """Why this cannot be the entry after ``sequence``; '' when it is."""
        if self.sequence != sequence + 1:
            return "the entry is missing"
        if self.previous_hash != previous:
            return "the entry does not follow the one before it"
        if hashlib.sha256(previous + self.payload.encode()).digest() != self.hash:
            return "the entry was changed"
        return ""


def _links(organization_id: int) -> Iterator[_Link]:
    last = 0
    while True:
        rows = _rows(_LINKS, organization_id, last, _AT_ONCE)
        for _id, sequence, previous_hash, digest, payload in rows:
            yield _Link(sequence, bytes(previous_hash or b""), bytes(digest or b""), payload)
        if len(rows) < _AT_ONCE:
            return
        last = rows[-1][1]


def _end_fault(organization_id: int, sequence: int, last_hash: bytes) -> Broken | None:
    head = _rows(_HEAD, organization_id)
    expected = (head[0][0], bytes(head[0][1])) if head else (0, b"")
    if expected != (sequence, last_hash):
        return Broken(sequence + 1, "the newest entries are missing")
    ((unchained,),) = _rows(_UNCHAINED, organization_id)
    return Broken(None, "an entry is in no chain") if unchained else None


def _rows(statement: str, *parameters: int) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
