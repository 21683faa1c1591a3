"""From the spool into the database: calls through the writer that telemetry has, then what was counted of them.

The order makes a crash harmless. A call that comes again has its id and its time and is stored once; what was counted
moves on with the place in the file, in one transaction.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Iterable, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, cast

import psycopg

from gateway.spool.counts import Counts, Place
from gateway.spool.files import FileSpool, adopt, age_of, release, segment_path, segments_of
from gateway.spool.ledger import Ledger
from gateway.spool.trail import Stretch, Trail
from gateway.types import End, Outcome, Start
from ingestion.edge import refusals
from ingestion.edge.digest import CallDigester, Digest, Request
from ingestion.edge.directory import DirectoryUnavailableError, Sender
from ingestion.edge.handler import Engine
from ingestion.edge.http import Problem
from ingestion.wire.batch import Batch, ParseContext
from ingestion.wire.body import BoundedBody
from ingestion.wire.rest import parse_ingest
from ingestion.writer import KeyUse, QueueFullError, Refused, Row, Stored

logger = logging.getLogger(__name__)

_SOURCE: Final = "gateway"
_ENDPOINT: Final = "/v1/proxy"
_LINGER_SECONDS: Final = 0.05  # so that calls of one moment share a transaction
_ADOPT_SECONDS: Final = 30.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_STORE_PATIENCE: Final = 15.0
_MOST_BODY: Final = 64 * 2**20
_INLINE: Final = 20  # events that are decoded in the loop
_NO_PROJECT: Final = 0


class NotNowError(Exception):
    """Something that is needed is away; the same is tried again."""


class Origin(NamedTuple):
    """Who sent a call, and for which project."""

    key_prefix: str
    project_slug: str


@dataclass(slots=True)
class Load:
    """What one stretch brings: events by origin, and what is counted once they are stored."""

    events: dict[Origin, list[tuple[Start, bytes]]] = field(default_factory=lambda: defaultdict(list))
    began: list[Start] = field(default_factory=list)
    ended: list[tuple[Start, End]] = field(default_factory=list)

    @classmethod
    def of(cls, pairs: Iterable[tuple[Start, End | None]]) -> "Load":
        load = cls()
        for start, end in pairs:
            if end is None:
                load.began.append(start)
                continue
            load.ended.append((start, end))
            if end.event:
                load.events[Origin(start.key_prefix, start.project_slug)].append((start, end.event))
        return load


@dataclass(frozen=True, slots=True)
class Pace:
    """How the spool stands."""

    bytes: int
    limit: int
    oldest_seconds: float
    requests: int  # since the process began
    calls: int
    written: int
    damaged: int


class Drainer:
    """Empties this process's spool, and those of processes that are gone. Lives in one event loop."""

    def __init__(self, spool: FileSpool, engine: Engine, conninfo: str) -> None:
        self._spool, self._engine = spool, engine
        self._ledger = Ledger(conninfo)
        self._trails = [Trail(spool.directory, spool.owner)]
        self._digester = CallDigester(_parse)
        self._adopted_at = float("-inf")
        self._requests = self._calls = self._written = self._damaged = 0

    async def run(self) -> None:
        """Store what comes, for ever."""
        pause = _FIRST_PAUSE
        while True:
            try:
                self._spool.appended.clear()
                await self.drain()
                pause = _FIRST_PAUSE
            except NotNowError:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            except Exception:
                logger.exception("the spool cannot be drained")
                await asyncio.sleep(_LONGEST_PAUSE)
                continue
            await self._wait()

    async def drain(self) -> None:
        """Store everything that is there.

        :raises NotNowError: the database is away, or takes nothing now.
        """
        await self._adopt()
        for trail in list(self._trails):
            while stretch := trail.read():
                await self._take(trail, stretch)
            if trail.is_over:
                await self._close(trail)

    async def close(self) -> None:
        await self._ledger.close()

    def pace(self) -> Pace:
        """For metrics and the heartbeat."""
        return Pace(
            bytes=self._spool.size,
            limit=self._spool.most_bytes,
            oldest_seconds=max((age_of(path) for path in self._waiting()), default=0.0),
            requests=self._requests,
            calls=self._calls,
            written=self._written,
            damaged=self._damaged,
        )

    def _waiting(self) -> list[Path]:
        """Files with something that is not stored."""
        found = [
            (segment_path(trail.directory, trail.owner, number), number, trail)
            for trail in self._trails
            for number in segments_of(trail.directory, trail.owner)
            if number >= trail.at.number
        ]
        return [path for path, number, trail in found if _unread(path, number, trail)]

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_ADOPT_SECONDS):
                await self._spool.appended.wait()
        except TimeoutError:
            return
        await asyncio.sleep(_LINGER_SECONDS)

    async def _adopt(self) -> None:
        if time.monotonic() - self._adopted_at < _ADOPT_SECONDS:
            return
        self._adopted_at = time.monotonic()
        for owner, lock in adopt(self._spool.directory, own=self._spool.owner).items():
            if all(trail.owner != owner for trail in self._trails):
                logger.info("a spool was left behind and is taken over", extra={"spool": owner})
                self._trails.append(Trail(self._spool.directory, owner, lock))

    async def _take(self, trail: Trail, stretch: Stretch) -> None:
        """Store a stretch, count it, and go on behind it."""
        number = stretch.since.number
        if trail.is_over and number not in trail.stored:
            trail.stored[number] = await self._now(self._ledger.drained_to(trail.name(number)))
            if trail.stored[number]:
                return  # it is cut where the one before us stopped
        before = dict(trail.starts), trail.at
        load = Load.of(trail.follow(stretch))
        self._damaged += stretch.damaged
        if trail.is_stored(stretch):
            return
        try:
            await self._store(load, trail.name(number), stretch.since.offset, stretch.until.offset)
        except (NotNowError, asyncio.CancelledError):  # cancelled: the last drain begins with it anew
            trail.starts, trail.at = before
            self._damaged -= stretch.damaged
            raise
        if not trail.is_over:
            await self._clear(trail, trail.finished())

    async def _close(self, trail: Trail) -> None:
        """The owner is gone: calls that it began and did not end were interrupted. Then nothing is left of it."""
        numbers = segments_of(trail.directory, trail.owner)
        if trail.starts and numbers:
            name = trail.name(numbers[-1])
            at = await self._now(self._ledger.drained_to(name))
            ended = [
                (start, End(call_id=start.call_id, outcome=Outcome.INTERRUPTED, event=start.interrupted))
                for start, _ in trail.starts.values()
            ]
            size = segment_path(trail.directory, trail.owner, numbers[-1]).stat().st_size
            if at <= size:  # else somebody has done this, and died before the files were gone
                await self._store(Load.of(ended), name, at, size + 1)
        await self._clear(trail, numbers)
        if trail.lock is not None:
            release(trail.directory, trail.owner, trail.lock)
        self._trails.remove(trail)

    async def _clear(self, trail: Trail, numbers: Iterable[int]) -> None:
        for number in numbers:
            path = segment_path(trail.directory, trail.owner, number)
            size = path.stat().st_size
            path.unlink()
            self._spool.forget(size)
            await self._now(self._ledger.forget(trail.name(number)))

    async def _store(self, load: Load, name: str, since: int, until: int) -> None:
        senders = await self._senders(load)
        counts = Counts()
        for origin, events in load.events.items():
            await self._write(senders.get(origin.key_prefix), origin, events, counts)
        self._count(load, senders, counts)
        if await self._now(self._ledger.move(name, since=since, until=until, counts=counts)):
            self._requests += len(load.began)
            self._calls += sum(bool(start.interrupted) for start in load.began)

    async def _senders(self, load: Load) -> dict[str, Sender]:
        """Of revoked and expired keys too: their calls were made."""
        prefixes = {start.key_prefix for start in load.began} | {start.key_prefix for start, _ in load.ended}
        found = {}
        for prefix in prefixes:
            try:
                sender = await self._engine.directory.find(prefix)
            except DirectoryUnavailableError as error:
                raise NotNowError from error
            if sender:
                found[prefix] = sender
            else:
                logger.warning("calls of a key that is gone are not stored", extra={"prefix": prefix})
        return found

    async def _write(
        self, sender: Sender | None, origin: Origin, events: list[tuple[Start, bytes]], counts: Counts
    ) -> None:
        if sender is None:
            return
        request = self._request(sender, origin.project_slug)
        use = KeyUse(sender.key_id, sender.organization_id, events[-1][0].address)
        stored = await self._written_of(request, [event for _, event in events], use)
        if stored is None and len(events) > 1:  # one of them spoils it for all: each by itself
            for one in events:
                await self._write(sender, origin, [one], counts)
            return
        if stored is None:
            logger.error("a call cannot be stored", extra={"organization_id": sender.organization_id})
            return
        self._written += stored
        counts.written(_place(sender, events[0][0]), stored)

    async def _written_of(self, request: Request, events: list[bytes], use: KeyUse) -> int | None:
        """How many of them are stored now; None when the database refused them."""
        digest = await self._digest(request, events)
        place = refusals.place_of(request.sender, request.project_slug, endpoint=_ENDPOINT, now=request.now)
        refusals.count_events(
            self._engine.refusals, place, request.sender, digest.batch, digest.refused, now=request.now
        )
        if not digest.rows:
            return 0
        try:
            async with asyncio.timeout(_STORE_PATIENCE):
                outcome = await self._engine.writer.write(cast("Sequence[Row]", digest.rows), digest.targets, use=use)
        except (QueueFullError, TimeoutError) as error:
            raise NotNowError from error
        if isinstance(outcome, Stored):
            return outcome.accepted + outcome.duplicates
        if isinstance(outcome, Refused):
            return None
        raise NotNowError

    async def _digest(self, request: Request, events: list[bytes]) -> Digest:
        body = BoundedBody(content_encoding="", limit=_MOST_BODY)
        document = b"[" + b",".join(events) + b"]"
        work = partial(self._digester.digest, request, [document], body=body, content_type="application/json")
        if len(events) <= _INLINE:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._engine.pool, copy_context().run, work)

    def _request(self, sender: Sender, project_slug: str) -> Request:
        try:
            return Request(
                sender=sender,
                project_slug=project_slug,
                book=self._engine.reference.book,
                window=self._engine.reference.window,
                now=datetime.now(UTC),
                is_claimed=False,
                source=_SOURCE,
            )
        except Problem as error:  # prices or partitions were not read yet
            raise NotNowError from error

    def _count(self, load: Load, senders: dict[str, Sender], counts: Counts) -> None:
        for start in load.began:
            if sender := senders.get(start.key_prefix):
                counts.began(_place(sender, start), is_call=bool(start.interrupted))
        for start, end in load.ended:
            if sender := senders.get(start.key_prefix):
                counts.ended(_place(sender, start), end)

    async def _now[T](self, question: Awaitable[T]) -> T:
        try:
            return await question
        except psycopg.Error as error:
            raise NotNowError from error


def _parse(body: bytes, content_type: str, context: ParseContext) -> Batch:
    return parse_ingest(body, content_type=content_type, context=context)


def _place(sender: Sender, start: Start) -> Place:
    hour, _ = sender.local_time.buckets(start.at)
    project = sender.projects.get(start.project_slug) or (None if start.project_slug else sender.home)
    return Place(sender.organization_id, hour, project.target.project_id if project else _NO_PROJECT, start.provider)


def _unread(path: Path, number: int, trail: Trail) -> bool:
    read = trail.at.offset if number == trail.at.number else 0
    return path.stat().st_size > read
