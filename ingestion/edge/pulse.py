"""The edge's sign of life: what an administrator wants to know of it, written where the system page reads it."""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final

from ingestion.edge.directory import DirectoryUnavailableError, Reader
from ingestion.writer import Writer

logger = logging.getLogger(__name__)

NAME: Final = "edge"
BEAT_SECONDS: Final = 15.0
_BEAT: Final = b"""
    insert into heartbeats (name, seen_at, facts) values (%s, %s, %s)
    on conflict (name) do update set seen_at = excluded.seen_at, facts = excluded.facts
    returning name"""


class Pulse:
    """Writes a heartbeat: how long the last minute's requests waited to be stored, and how much waits now.

    No tenant's data: counts and times of the process as a whole. Of several edge processes the last to write is seen.
    """

    def __init__(
        self,
        conninfo: str,
        writer: Writer,
        *,
        started_at: datetime,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._reader = Reader(conninfo)
        self._writer = writer
        self._started_at = started_at
        self._clock = clock

    async def beat(self) -> None:
        """:raises DirectoryUnavailableError: the database is away."""
        facts = asdict(self._writer.lags.pace()) | {
            "rows_waiting": self._writer.rows_waiting,
            "started_at": self._started_at.isoformat(),
        }
        async with self._reader.lock:
            await self._reader.rows(_BEAT, [NAME, self._clock(), json.dumps(facts)])

    async def beat_for_ever(self) -> None:
        try:
            while True:
                await self._try()
                await asyncio.sleep(BEAT_SECONDS)
        finally:
            await self._reader.close()

    async def _try(self) -> None:
        try:
            await self.beat()
        except DirectoryUnavailableError:
            logger.debug("no heartbeat: the database is away")
        except Exception:
            logger.exception("the heartbeat failed")
