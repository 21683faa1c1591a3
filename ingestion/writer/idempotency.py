"""``Idempotency-Key``: a request is taken once, and its answer is kept in the transaction that stores its calls.

A claim is a transaction's advisory lock: asking for it never waits, whoever gets it sees what its predecessor
committed, and it is gone with the transaction, also when the process is killed.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import psycopg

from ingestion.wire.answer import Answer

type Identity = tuple[int, str, bytes]  # API key, path, digest of the Idempotency-Key

KEPT_FOR: Final = timedelta(hours=24)

_LOCK: Final = b"""
    select pg_try_advisory_xact_lock(lock) from unnest(%s::bigint[]) with ordinality x (lock, position)
    order by position"""
_READ: Final = b"""
    select api_key_id, path, key_digest, body_digest, status, content_type, answer
    from ingest_idempotency join unnest(%s::bigint[], %s::text[], %s::bytea[]) x (api_key_id, path, key_digest)
        using (api_key_id, path, key_digest)
    where created_at > now() - %s::interval"""
# Only a row whose time is over can be in the way.
_KEEP: Final = b"""
    insert into ingest_idempotency
        (organization_id, api_key_id, path, key_digest, body_digest, status, content_type, answer, created_at)
    values (%s, %s, %s, %s, %s, %s, %s, %s, now())
    on conflict (api_key_id, path, key_digest) do update
    set body_digest = excluded.body_digest, status = excluded.status, content_type = excluded.content_type,
        answer = excluded.answer, created_at = excluded.created_at"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A request's wish to be taken once. Digests are SHA-256; ``answer`` makes the answer of accepted and duplicates.

    What was answered is kept per API key and path, for 24 hours.
    """

    organization_id: int
    api_key_id: int
    path: str
    key_digest: bytes
    body_digest: bytes
    answer: Callable[[int, int], Answer] = field(repr=False)

    @property
    def identity(self) -> Identity:
        return self.api_key_id, self.path, self.key_digest


@dataclass(frozen=True, slots=True)
class Replay:
    """The same request was answered before; nothing was stored now."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class KeyReused:
    """The key came with another body before; nothing was stored."""


@dataclass(frozen=True, slots=True)
class KeyInUse:
    """The first request with this key is not answered yet; nothing of this one was stored."""


type Lost = Replay | KeyReused | KeyInUse


def claim(cursor: psycopg.Cursor[Any], claims: Mapping[int, Claim]) -> dict[int, Lost]:
    """Claim for this transaction; what became of the claims that were not granted, by their position."""
    firsts: dict[Identity, int] = {}
    for position, wanted in claims.items():
        firsts.setdefault(wanted.identity, position)  # a second one would be granted its own transaction's lock
    held = _lock(cursor, {position: claims[position] for position in firsts.values()})
    # A statement of its own: its snapshot must be younger than the locks.
    answered = _read(cursor, held) if held else {}
    in_use: dict[int, Lost] = {position: KeyInUse() for position in claims if position not in held}
    return in_use | {
        position: answered[one.identity].outcome(one) for position, one in held.items() if one.identity in answered
    }


def keep(cursor: psycopg.Cursor[Any], answers: Sequence[tuple[Claim, Answer]]) -> None:
    """Keep what will be answered once this transaction is committed."""
    cursor.executemany(
        _KEEP,
        [
            (one.organization_id, *one.identity, one.body_digest, answer.status, answer.content_type, answer.body)
            for one, answer in sorted(answers, key=lambda pair: pair[0].identity)
        ],
    )


def _lock(cursor: psycopg.Cursor[Any], claims: Mapping[int, Claim]) -> dict[int, Claim]:
    cursor.execute(_LOCK, [[_lock_id(one.identity) for one in claims.values()]])
    granted = [row[0] for row in cursor]
    return {position: one for (position, one), is_granted in zip(claims.items(), granted, strict=True) if is_granted}


def _lock_id(identity: Identity) -> int:
    api_key_id, path, key_digest = identity
    digest = hashlib.sha256(f"{api_key_id} {path} ".encode() + key_digest).digest()
    return int.from_bytes(digest[:8], signed=True)


def _read(cursor: psycopg.Cursor[Any], held: Mapping[int, Claim]) -> dict[Identity, "_Kept"]:
    keys, paths, digests = zip(*(one.identity for one in held.values()), strict=True)
    cursor.execute(_READ, [list(keys), list(paths), list(digests), KEPT_FOR])
    return {(row[0], row[1], row[2]): _Kept(*row[3:]) for row in cursor}


@dataclass(frozen=True, slots=True)
class _Kept:
    body_digest: bytes
    status: int
    content_type: str
    body: bytes

    def outcome(self, claim: Claim) -> Lost:
        if claim.body_digest != self.body_digest:
            return KeyReused()
        return Replay(Answer(status=self.status, content_type=self.content_type, body=self.body))
