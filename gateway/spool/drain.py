"""Stores what the spool holds: calls first, then the counts together with how far the file is stored."""

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import psycopg

from gateway.spool.files import FileSpool
from gateway.spool.journal import AdoptedJournal, Ended, Journal, OwnJournal, adopt
from gateway.spool.segments import Piece
from gateway.spool.storing import NotNowError, store
from gateway.spool.traffic import Counts, Ledger, Place
from ingestion.edge.directory import DirectoryUnavailableError, Sender
from ingestion.edge.handler import Engine

type Work = Callable[[], Awaitable[None]]

logger = logging.getLogger(__name__)

LINGER_SECONDS: Final = 0.25
"""One transaction for what came in so long: one for each call would take the interpreter from the calls."""
ADOPT_SECONDS: Final = 30.0
_PAUSES: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
_NOT_NOW: Final = (NotNowError, DirectoryUnavailableError, psycopg.Error, OSError)


@dataclass(slots=True)
class Totals:
    """Since the process started; ``requests`` were read back from files."""

    requests: int = 0
    calls: int = 0
    written: int = 0
    unknown: int = 0  # of keys that are gone with their organization
    lost: int = 0  # ends whose start was damaged


class Drainer:
    """Belongs to the event loop of the edge, and runs as long as it does."""

    def __init__(self, spool: FileSpool, engine: Engine, conninfo: str) -> None:
        self._spool, self._engine = spool, engine
        self._ledger = Ledger(conninfo)
        self._own = OwnJournal(spool)
        self._adopted: list[AdoptedJournal] = []
        self._adopt_at = 0.0
        self._appended = asyncio.Event()
        self.totals = Totals()

    async def run(self) -> None:
        """Store what comes, for ever. Where it is cancelled, ``drain`` may go on."""
        while True:
            await self._try()
            await self._wait()

    async def _try(self) -> None:
        try:
            await self.drain()
        except Exception:
            logger.exception("the spool could not be drained")
            await asyncio.sleep(_PAUSES[-1])

    async def drain(self) -> None:
        """Store everything there is now; waits for a database that is away."""
        self._adopt()
        for journal in list(self._adopted):
            await self._drain_adopted(journal)
        await self._drain(self._own)
        self._spool.oldest = None if self._own.next() is None else self._spool.oldest

    async def close(self) -> None:
        """Let adopted files go, stored or not: who comes next takes them."""
        for journal in self._adopted:
            journal.release()
        self._adopted.clear()
        if self.is_empty:
            with contextlib.suppress(psycopg.Error):
                await self._ledger.forget([self._spool.path(number).name for number in self._spool.numbers])
        await self._ledger.close()

    @property
    def is_empty(self) -> bool:
        """Nothing waits and no call runs: the files need not be kept."""
        return self._own.next() is None and not self._own.open.starts

    async def _wait(self) -> None:
        self._appended.clear()
        loop = asyncio.get_running_loop()
        self._spool.wake_once(lambda: loop.call_soon_threadsafe(self._appended.set))
        if self._own.next() is None:
            try:
                async with asyncio.timeout(max(0.0, self._adopt_at - time.monotonic())):
                    await self._appended.wait()
            except TimeoutError:
                return
        await asyncio.sleep(LINGER_SECONDS)

    def _adopt(self) -> None:
        if time.monotonic() < self._adopt_at:
            return
        self._adopt_at = time.monotonic() + ADOPT_SECONDS
        mine = {self._spool.owner, *(journal.owner for journal in self._adopted)}
        self._adopted += adopt(self._spool.directory, known=mine.__contains__)
        self._spool.adopted_bytes = sum(journal.waiting for journal in self._adopted)

    async def _drain_adopted(self, journal: AdoptedJournal) -> None:
        await self._patiently(lambda: self._begin(journal))
        self._spool.adopted_bytes = sum(journal.waiting for journal in self._adopted)
        await self._drain(journal)
        journal.release()
        self._adopted.remove(journal)
        self._spool.adopted_bytes = sum(journal.waiting for journal in self._adopted)

    async def _begin(self, journal: AdoptedJournal) -> None:
        journal.begin(await self._ledger.drained(segment.name for segment in journal.segments))

    async def _drain(self, journal: Journal) -> None:
        while piece := journal.next():
            self._spool.oldest = piece.oldest or self._spool.oldest
            await self._store_piece(journal, piece)
            await self._tidy(journal)
        await self._tidy(journal)

    async def _store_piece(self, journal: Journal, piece: Piece) -> None:
        ended, lost = journal.open.ended(piece)
        counts = await self._counts(ended)
        await self._patiently(lambda: self._ledger.move(piece, counts))
        journal.done(piece)
        self._spool.damaged += piece.damaged
        self.totals.lost += lost
        if piece.damaged or lost:
            logger.error("lines of the spool cannot be read", extra={"damaged": piece.damaged, "lost": lost})

    async def _tidy(self, journal: Journal) -> None:
        removed = journal.finished()
        if removed:
            try:
                await self._ledger.forget([path.name for path in removed])
            except psycopg.Error:
                logger.info("rows of removed segments stay")

    async def _counts(self, ended: Sequence[Ended]) -> dict[Place, Counts]:
        groups: dict[tuple[str, str], list[Ended]] = defaultdict(list)
        for request in ended:
            groups[request.start.key_prefix, request.start.project_slug].append(request)
        counts: dict[Place, Counts] = defaultdict(Counts)
        for (prefix, slug), requests in groups.items():
            await self._patiently(lambda p=prefix, s=slug, r=requests: self._store_group(p, s, r, counts))  # type: ignore[misc]
        return counts

    async def _store_group(
        self, prefix: str, slug: str, requests: Sequence[Ended], counts: dict[Place, Counts]
    ) -> None:
        sender = await self._engine.directory.find(prefix)
        written = set() if sender is None else await store(self._engine, sender, slug, requests)
        self.totals.requests += len(requests)
        self.totals.calls += sum(request.is_call for request in requests)
        self.totals.written += len(written)
        if sender is None:
            self.totals.unknown += len(requests)
            logger.warning("proxied requests of a key that is gone", extra={"requests": len(requests)})
            return
        for request in requests:
            place = _place(sender, slug, request)
            counts[place].add(request, is_written=request.start.call_id in written)

    async def _patiently(self, work: Work) -> None:
        """Until it is done: what is in a file is never given up."""
        attempt = 0
        while True:
            try:
                await work()
            except _NOT_NOW as error:
                if attempt == 0:
                    logger.warning("the spool waits", extra={"error": type(error).__name__})
                await asyncio.sleep(_PAUSES[min(attempt, len(_PAUSES) - 1)])
                attempt += 1
            else:
                return


def _place(sender: Sender, slug: str, request: Ended) -> Place:
    hour, _ = sender.local_time.buckets(request.start.at)
    project = sender.projects.get(slug) if slug else sender.home
    return Place(sender.organization_id, hour, project.target.project_id if project else 0, request.start.provider)
