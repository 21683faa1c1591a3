"""How far each file of a spool is stored, and what was counted of it: moved on together, in one transaction."""

import asyncio
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection, sql

from gateway.spool.counts import COLUMNS, Counts
from ingestion.edge.directory import OPTIONS

_MOVE: Final = b"""
    insert into gateway_spool_segments as s (name, drained_to, updated_at) values (%(name)s, %(until)s, %(now)s)
    on conflict (name) do update set drained_to = excluded.drained_to, updated_at = excluded.updated_at
    where s.drained_to = %(since)s
    returning name"""
_KEY: Final = ("organization_id", "hour", "project_id", "provider")
_COUNT: Final = sql.SQL(
    "insert into gateway_traffic_hourly as t ({names}) values ({values})"
    " on conflict (organization_id, hour, project_id, provider) do update set {sums}"
).format(
    names=sql.SQL(", ").join(map(sql.Identifier, (*_KEY, *COLUMNS))),
    values=sql.SQL(", ").join([sql.Placeholder()] * (len(_KEY) + len(COLUMNS))),
    sums=sql.SQL(", ").join(sql.SQL("{0} = t.{0} + excluded.{0}").format(sql.Identifier(name)) for name in COLUMNS),
)
_PATIENCE: Final = 4.0


class Ledger:
    """One connection of the edge's role. Lives in one event loop."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = psycopg.conninfo.make_conninfo(conninfo, options=OPTIONS, connect_timeout="2")
        self._connection: AsyncConnection[tuple[Any, ...]] | None = None

    async def drained_to(self, name: str) -> int:
        """Bytes of the file that are stored and counted.

        :raises psycopg.Error: the database is away.
        """
        rows = await self._run(self._rows, b"select drained_to from gateway_spool_segments where name = %s", [name])
        return int(rows[0][0]) if rows else 0

    async def move(self, name: str, *, since: int, until: int, counts: Counts) -> bool:
        """Count, and say that the file is stored so far; False when somebody did so before: then nothing is counted.

        :raises psycopg.Error: the database is away.
        """
        return bool(await self._run(self._move, name, since, until, counts))

    async def forget(self, name: str) -> None:
        """The file is gone.

        :raises psycopg.Error: the database is away.
        """
        await self._run(self._rows, b"delete from gateway_spool_segments where name = %s returning 1", [name])

    async def close(self) -> None:
        if self._connection:
            await self._connection.close()
            self._connection = None

    async def _run(self, work: Any, *arguments: Any) -> Any:
        try:
            async with asyncio.timeout(_PATIENCE):
                if self._connection is None:
                    self._connection = await AsyncConnection.connect(
                        self._conninfo, application_name="tokenops_edge spool"
                    )
                async with self._connection.transaction():
                    return await work(self._connection, *arguments)
        except (psycopg.Error, TimeoutError, asyncio.CancelledError) as error:
            await self.close()
            if isinstance(error, TimeoutError):
                raise psycopg.OperationalError("no answer in time") from error
            raise

    async def _rows(self, connection: AsyncConnection[Any], query: bytes, parameters: list[object]) -> list[Any]:
        return await (await connection.execute(query, parameters)).fetchall()

    async def _move(self, connection: AsyncConnection[Any], name: str, since: int, until: int, counts: Counts) -> bool:
        parameters = {"name": name, "since": since, "until": until, "now": datetime.now(UTC)}
        if not await (await connection.execute(_MOVE, parameters)).fetchall():
            return False
        rows = counts.rows()
        if rows:
            await connection.cursor().executemany(_COUNT, rows)
        return True
