"""One provider call, one bill: records of the same response meet here, and only the first of them counts.

A library's instrumentation inside a framework's, or an SDK in front of the gateway, report one call twice. The
provider's response id gives them away; telemetry.md says what else must agree.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Final, NamedTuple

import psycopg

from ingestion import store
from ingestion.pricing.book import Priced
from ingestion.wire.types import Call, Usage

KEPT_FOR: Final = timedelta(hours=48)
_GATEWAY: Final = "gateway"
_tokens = attrgetter(*store.TOKENS)

# A key that another flush is about to take makes this wait until that is committed.
_CLAIM: Final = b"""
    insert into response_seen
        (project_id, response, started_at, call_id, model_names, is_gateway, organization_id, seen_at)
    select *, now() from unnest(%s::bigint[], %s::uuid[], %s::timestamptz[], %s::text[], %s::text[], %s::boolean[],
        %s::bigint[])
    on conflict (project_id, response) """
_IF_FREE: Final = _CLAIM + b"do nothing"
_INSTEAD: Final = (
    _CLAIM
    + b"""do update
    set started_at = excluded.started_at, call_id = excluded.call_id, model_names = excluded.model_names,
        is_gateway = excluded.is_gateway, seen_at = excluded.seen_at"""
)
# A statement of its own: its snapshot must be younger than the waiting of the claim.
_HOLDERS: Final = b"""
    select project_id, response, started_at, call_id, model_names, is_gateway
    from response_seen s
    join unnest(%s::bigint[], %s::uuid[]) with ordinality x (project_id, response, position)
        using (project_id, response)
    order by position for update of s"""

type Key = tuple[int, datetime, str]  # project, start, id: a call's identity
type ResponseKey = tuple[int, str]  # project, digest of the provider, its response id and the token counts


class Record(NamedTuple):
    """A call as one of possibly several records of a response."""

    started_at: datetime
    call_id: str
    model_names: str  # every name it has for its model, one a line
    is_gateway: bool

    def is_same_call(self, other: "Record") -> bool:
        """Whether two records with the same response id and token counts are of one provider call.

        They name the same model when any name agrees, priced, asked for or answered: an SDK may only know ``gpt-4o``
        where the gateway saw ``gpt-4o-2024-08-06``. Two records of the gateway are two calls it made, whatever
        their ids say.
        """
        if (self.is_gateway and other.is_gateway) or abs(self.started_at - other.started_at) > store.RECORDS_WITHIN:
            return False
        return not set(self.model_names.split("\n")).isdisjoint(other.model_names.split("\n"))

    def is_itself(self, other: "Record") -> bool:
        return self.call_id == other.call_id and self.started_at == other.started_at


class Response(NamedTuple):
    """A call that has a response id; ``detail`` is how much it knows: its price, and kinds of tokens."""

    key: ResponseKey
    organization_id: int
    record: Record
    detail: int

    @property
    def call_key(self) -> Key:
        return self.key[0], self.record.started_at, self.record.call_id


def response(call: Call, priced: Priced, *, organization_id: int, project_id: int) -> Response | None:
    """What a call can be recognized by; None without a response id."""
    if not call.response_id:
        return None
    usage = call.usage
    named = f"{call.provider}\0{call.response_id}\0{usage.input_tokens}\0{usage.output_tokens}"
    digest = hashlib.blake2b(named.encode(), digest_size=16).hexdigest()
    model_names = "\n".join(filter(None, dict.fromkeys((priced.model_key, call.model, call.response_model))))
    record = Record(call.started_at, call.call_id, model_names, call.source == _GATEWAY)
    detail = _detail(usage, is_priced=priced.cost_usd is not None)
    return Response((project_id, digest), organization_id, record, detail)


def _detail(usage: Usage, *, is_priced: bool) -> int:
    """A known price is worth more than all kinds of tokens together."""
    tokens = _tokens(usage)
    return len(tokens) - tokens.count(0) + (len(tokens) if is_priced else 0)


def claim(cursor: psycopg.Cursor[Any], responses: Sequence[Response]) -> dict[Key, Record]:
    """The calls that do not count, each with the record it is counted with.

    Claims in this transaction for calls that are not stored yet, and must be stored in it.
    """
    arrived = _by_key(responses)
    ordered = sorted(arrived)  # as every writer, so that two of them wait in turn and never in a circle
    _write(cursor, _IF_FREE, [arrived[key][0] for key in ordered])
    is_taken = cursor.rowcount < len(ordered)
    if not is_taken and len(ordered) == len(responses):
        return {}
    duplicates, latest = fold(arrived, _holders(cursor, ordered) if is_taken else {})
    if latest:
        _write(cursor, _INSTEAD, [latest[key] for key in sorted(latest)])
    return duplicates


def fold(
    arrived: Mapping[ResponseKey, Sequence[Response]], holders: Mapping[ResponseKey, Record]
) -> tuple[dict[Key, Record], dict[ResponseKey, Response]]:
    """Duplicates with what they are counted with, and the responses that become the holders of their keys.

    A key remembers its latest call: what is no record of that one is another call, and holds the key from then on.
    ``holders`` are those of the keys that were taken; the first response of any other key holds it already.
    """
    duplicates: dict[Key, Record] = {}
    latest: dict[ResponseKey, Response] = {}
    for key, responses in arrived.items():
        holder = holders.get(key, responses[0].record)
        for one in responses:
            if one.record.is_itself(holder):
                continue
            if one.record.is_same_call(holder):
                duplicates[one.call_key] = holder
            else:
                holder, latest[key] = one.record, one
    return duplicates, latest


def _by_key(responses: Sequence[Response]) -> dict[ResponseKey, list[Response]]:
    """The one that knows most first: of what arrives together, the better record counts."""
    found: dict[ResponseKey, list[Response]] = {}
    for one in responses:
        found.setdefault(one.key, []).append(one)
    for group in found.values():
        if len(group) > 1:
            group.sort(key=lambda one: (-one.detail, one.record))
    return found


def _write(cursor: psycopg.Cursor[Any], statement: bytes, responses: Sequence[Response]) -> None:
    rows = [(*one.key, *one.record, one.organization_id) for one in responses]
    cursor.execute(statement, store.array_literals(rows))


def _holders(cursor: psycopg.Cursor[Any], keys: Sequence[ResponseKey]) -> dict[ResponseKey, Record]:
    cursor.execute(_HOLDERS, store.array_literals(keys))
    return {(project_id, digest.hex): Record(*record) for project_id, digest, *record in cursor}
