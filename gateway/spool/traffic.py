"""Counts of what passed, added in the transaction that moves a segment on: what is drained again counts nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import AsyncConnection

from gateway.spool.journal import Ended
from gateway.spool.segments import Piece
from gateway.types import Outcome

_THROTTLED: Final = 429
_WITHIN_MS: Final = (1, 5, 25, 100)
_CLIENT_ERROR, _SERVER_ERROR = 400, 500
_OPTIONS: Final = "-c statement_timeout=5000 -c timezone=UTC -c idle_in_transaction_session_timeout=10000"
_OF_OUTCOME: Final = {
    Outcome.UNREACHABLE: "unreachable",
    Outcome.TIMEOUT: "timeouts",
    Outcome.BROKEN: "broken",
    Outcome.CLIENT_LEFT: "client_left",
    Outcome.INTERRUPTED: "interrupted",
}


class Place(NamedTuple):
    """The identity of a row, in the order of the table's primary key; ``project_id`` 0 is none."""

    organization_id: int
    hour: datetime
    project_id: int
    provider: str


@dataclass(slots=True)
class Counts:
    """What is added to a row, by the names of its columns."""

    requests: int = 0
    calls: int = 0
    written: int = 0
    client_errors: int = 0
    throttled: int = 0
    server_errors: int = 0
    unreachable: int = 0
    timeouts: int = 0
    broken: int = 0
    client_left: int = 0
    interrupted: int = 0
    added_us: int = 0
    within_1_ms: int = 0
    within_5_ms: int = 0
    within_25_ms: int = 0
    within_100_ms: int = 0

    def add(self, request: Ended, *, is_written: bool) -> None:
        self.requests += 1
        self.calls += request.is_call
        self.written += is_written
        if column := _outcome(request.end.outcome, request.end.http_status):
            setattr(self, column, getattr(self, column) + 1)
        if request.end.outcome is not Outcome.INTERRUPTED:
            self._add_wait(request.end.added_us)

    def _add_wait(self, added_us: int) -> None:
        self.added_us += added_us
        milliseconds = added_us / 1_000
        for bound in _WITHIN_MS:
            if milliseconds <= bound:
                column = f"within_{bound}_ms"
                setattr(self, column, getattr(self, column) + 1)


def _outcome(outcome: Outcome, status: int) -> str:
    """The column that counts how a request ended; '' when all was well."""
    if outcome is not Outcome.ANSWERED:
        return _OF_OUTCOME[outcome]
    if status == _THROTTLED:
        return "throttled"
    if status >= _SERVER_ERROR:
        return "server_errors"
    return "client_errors" if status >= _CLIENT_ERROR else ""


_COLUMNS: Final = tuple(Counts.__dataclass_fields__)
_ADD: Final = f"""
    insert into gateway_traffic_hourly as t (organization_id, hour, project_id, provider, {", ".join(_COLUMNS)})
    values (%s, %s, %s, %s, {", ".join(["%s"] * len(_COLUMNS))})
    on conflict (organization_id, hour, project_id, provider) do update set
        {", ".join(f"{name} = t.{name} + excluded.{name}" for name in _COLUMNS)}""".encode()
_KNOW: Final = b"""
    insert into gateway_spool_segments (name, drained_to, updated_at) values (%s, 0, now()) on conflict do nothing"""
_MOVE: Final = b"""
    update gateway_spool_segments set drained_to = %s, updated_at = now() where name = %s and drained_to = %s"""


class Ledger:
    """How far each segment is stored, and the counts. One connection of ``tokenops_edge``, for one coroutine."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = psycopg.conninfo.make_conninfo(
            conninfo, options=_OPTIONS, connect_timeout="3", tcp_user_timeout="5000"
        )
        self._connection: AsyncConnection[tuple[Any, ...]] | None = None

    async def move(self, piece: Piece, counts: Mapping[Place, Counts]) -> None:
        """Add the counts unless the segment is that far already: then they were added before.

        :raises psycopg.Error: perhaps nothing was done; to ask again is safe.
        """
        connection = await self._connect()
        try:
            async with connection.transaction():
                await connection.execute(_KNOW, [piece.segment.name])
                moved = await connection.execute(_MOVE, [piece.ends, piece.segment.name, piece.begins])
                if moved.rowcount:
                    await _add(connection, counts)
        except psycopg.Error:
            await self.close()
            raise

    async def drained(self, names: Iterable[str]) -> dict[str, int]:
        """:raises psycopg.Error: it cannot be said now."""
        query = b"select name, drained_to from gateway_spool_segments where name = any(%s)"
        cursor = await self._execute(query, [list(names)])
        return dict(await cursor.fetchall())

    async def forget(self, names: Iterable[str]) -> None:
        """Of files that are gone.

        :raises psycopg.Error: the rows stay; they are small, and their names do not come again.
        """
        await self._execute(b"delete from gateway_spool_segments where name = any(%s)", [list(names)])

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _execute(self, query: bytes, parameters: list[Any]) -> psycopg.AsyncCursor[tuple[Any, ...]]:
        connection = await self._connect()
        try:
            return await connection.execute(query, parameters)
        except psycopg.Error:
            await self.close()
            raise

    async def _connect(self) -> AsyncConnection[tuple[Any, ...]]:
        if self._connection is None:
            self._connection = await AsyncConnection.connect(
                self._conninfo, autocommit=True, application_name="tokenops_edge spool"
            )
        return self._connection


async def _add(connection: AsyncConnection[Any], counts: Mapping[Place, Counts]) -> None:
    """Rows in the order of their key, as every writer takes them: so no two wait for each other."""
    rows = [(*place, *astuple(found)) for place, found in sorted(counts.items(), key=lambda item: item[0])]
    if rows:
        async with connection.cursor() as cursor:
            await cursor.executemany(_ADD, rows)
