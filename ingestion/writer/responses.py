"""One provider call, one bill: records of the same response meet here, and only the first of them counts.

A library's instrumentation inside a framework's, or an SDK in front of the gateway, report one call twice. The
provider's response id gives them away; telemetry.md says what else must agree.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import psycopg

from ingestion import store

KEPT_FOR: Final = timedelta(hours=48)
WITHIN: Final = timedelta(minutes=10)  # between the starts of the two records
_GATEWAY: Final = "gateway"

# A key that another flush is about to take makes this wait until it is committed.
_CLAIM: Final = b"""
    insert into response_seen (project_id, provider, response_id, input_tokens, output_tokens, started_at, call_id,
        model_key, model, response_model, source, organization_id, seen_at)
    select *, now() from unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::timestamptz[],
        %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[])
    on conflict (project_id, provider, response_id, input_tokens, output_tokens) """
_IF_FREE: Final = _CLAIM + b"do nothing"
_INSTEAD: Final = (
    _CLAIM
    + b"""do update
    set started_at = excluded.started_at, call_id = excluded.call_id, model_key = excluded.model_key,
        model = excluded.model, response_model = excluded.response_model, source = excluded.source,
        seen_at = excluded.seen_at"""
)
# A statement of its own: its snapshot must be younger than the waiting of the claim.
_HOLDERS: Final = b"""
    select project_id, provider, response_id, input_tokens, output_tokens,
           started_at, call_id, s.model_key, s.model, s.response_model, s.source
    from response_seen s
    join unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::bigint[]) with ordinality
        x (project_id, provider, response_id, input_tokens, output_tokens, position)
        using (project_id, provider, response_id, input_tokens, output_tokens)
    order by position for update of s"""
_KEY_COLUMNS: Final = 5


type Key = tuple[int, datetime, str]  # project, start, id: a call's identity
type ResponseKey = tuple[int, str, str, int, int]  # project, provider, response id, input and output tokens


class Record(NamedTuple):
    """A call as one of possibly several records of a response."""

    started_at: datetime
    call_id: str
    model_key: str
    model: str
    response_model: str
    source: str

    def is_same_call(self, other: "Record") -> bool:
        """Whether two records with the same response id and token counts are of one provider call.

        They name the same model when any name agrees, priced, asked for or answered: an SDK may only know ``gpt-4o``
        where the gateway saw ``gpt-4o-2024-08-06``. Two records of the gateway are two calls it made, whatever
        their ids say.
        """
        if self.source == other.source == _GATEWAY or abs(self.started_at - other.started_at) > WITHIN:
            return False
        return not self._models().isdisjoint(other._models())

    def is_itself(self, other: "Record") -> bool:
        return self.call_id == other.call_id and self.started_at == other.started_at

    def _models(self) -> set[str]:
        return {self.model_key, self.model, self.response_model} - {""}


class Response(NamedTuple):
    """A call that has a response id; ``detail`` is how much it knows: its price, and kinds of tokens."""

    key: ResponseKey
    organization_id: int
    record: Record
    detail: int

    @property
    def call_key(self) -> Key:
        return self.key[0], self.record.started_at, self.record.call_id


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
    return {row[:_KEY_COLUMNS]: Record(*row[_KEY_COLUMNS:]) for row in cursor}
