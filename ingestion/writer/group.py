"""The queue between the event loop and the writer threads."""

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from ingestion.writer.flush import Flusher, Memory, Outcome, Stored, Transactions, Unavailable
from ingestion.writer.idempotency import Claim, Identity, KeyInUse
from ingestion.writer.lags import Lags
from ingestion.writer.queue import FairQueue
from ingestion.writer.rows import Line, Row, SampleRow, Target
from ingestion.writer.samples import SampleFlusher
from ingestion.writer.uses import KeyUse

FLUSH_ROWS: Final = 2_000
LINGER_SECONDS: Final = 0.005
# While one thread waits for Postgres the other prepares its rows; a third brought nothing (measured).
THREADS: Final = 2
MOST_WAITING_ROWS: Final = 40_000
# A flush of many rows takes long enough to be noticed by somebody else who sends one.
LONG_FLUSH_ROWS: Final = 500
LIGHT_ROWS: Final = 100

logger = logging.getLogger(__name__)


class QueueFullError(Exception):
    """More rows are waiting than may; the sender should come back in a moment."""


@dataclass(slots=True, eq=False)
class _Request[L: Line]:
    rows: Sequence[L]
    targets: Sequence[Target]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[Outcome]
    claim: Claim | None
    use: KeyUse | None
    came_at: float = field(default_factory=time.monotonic)

    @property
    def organization_id(self) -> int:
        """Whose turn it takes; a request of one key belongs to one organization."""
        if self.targets:
            return self.targets[0].organization_id
        return self.claim.organization_id if self.claim else 0

    @property
    def weight(self) -> int:
        """Its rows; one without any waits too."""
        return len(self.rows) or 1


class Group[L: Line]:
    """Accepts lines from coroutines and stores them from its own threads.

    While all of them are busy with much of somebody's, one more stores the little that others send: without it, who
    sends single calls would wait for a neighbour's thousands.

    ``start`` before the first ``write``; ``close`` stores everything that was accepted and then ends.
    """

    def __init__(
        self,
        new_flusher: Callable[[], Transactions[L]],
        *,
        threads: int,
        most_rows: int,
        on_flush: Callable[[int, float], None] = lambda _rows, _seconds: None,
    ) -> None:
        """``on_flush`` is told the rows and the seconds of each flush, from the threads that flush."""
        self._new_flusher = new_flusher
        self._most_threads = threads
        self._most_rows = most_rows
        self._on_flush = on_flush
        self._waiting: FairQueue[_Request[L]] = FairQueue()
        self._claimed: set[Identity] = set()  # from the moment a request is taken until it is answered
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._is_held_up = threading.Condition(self._lock)
        self._long_flushes = 0
        self._being_stored: Counter[int] = Counter()  # requests by organization
        self._closing = False
        self.lags = Lags()
        takes = [*[self._take] * threads, self._take_light]
        self._threads = [
            threading.Thread(target=self._run, args=[take], name=f"writer-{n}", daemon=True)
            for n, take in enumerate(takes)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Flush and end the threads. Blocks; not for the event loop."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            self._is_held_up.notify_all()
        for thread in self._threads:
            thread.join()

    @property
    def rows_waiting(self) -> int:
        """Rows accepted and not yet taken by a flush."""
        return self._waiting.rows

    async def write(
        self, rows: Sequence[L], targets: Sequence[Target], claim: Claim | None = None, *, use: KeyUse | None = None
    ) -> Outcome:
        """Store the rows of one request and say what became of them. ``targets`` are where they go.

        With a ``claim`` they are stored once, however often they come; then there may be no rows at all. ``use`` is
        noted of the key that sends them, after they are answered.

        :raises QueueFullError: nothing was taken.
        """
        loop = asyncio.get_running_loop()
        request = _Request(rows, targets, loop, loop.create_future(), claim, use)
        with self._changed:
            if claim and claim.identity in self._claimed:
                return KeyInUse()
            if self._closing or self._waiting.rows + request.weight > self._most_rows:
                raise QueueFullError
            if claim:
                self._claimed.add(claim.identity)
            self._waiting.put(request)
            (self._is_held_up if self._long_flushes >= self._most_threads else self._changed).notify()
        return await request.done

    def _run(self, take: Callable[[], list[_Request[L]]]) -> None:
        flusher = self._new_flusher()
        while requests := take():
            outcomes: Sequence[Outcome] = [Unavailable()] * len(requests)
            started = time.monotonic()
            try:
                outcomes = flusher.flush([request.rows for request in requests], _claims(requests))
            finally:
                self._on_flush(_rows(requests), time.monotonic() - started)
                self._release(requests)
                self._note_lags(requests, outcomes)
                _answer(requests, outcomes)
            flusher.note_key_usage([request.use for request in requests if request.use], datetime.now(UTC))
        flusher.close()

    def _note_lags(self, requests: Sequence[_Request[L]], outcomes: Sequence[Outcome]) -> None:
        is_stored = any(isinstance(outcome, Stored) for outcome in outcomes)
        self.lags.note([request.came_at for request in requests], is_stored=is_stored)

    def _release(self, requests: Sequence[_Request[L]]) -> None:
        with self._changed:
            self._claimed -= {request.claim.identity for request in requests if request.claim}
            self._being_stored -= _organizations(requests)
            if _rows(requests) > LONG_FLUSH_ROWS:
                self._long_flushes -= 1

    def _take(self) -> list[_Request[L]]:
        """The requests of the next flush; empty when there will be no more."""
        with self._changed:
            while True:
                while not self._waiting:
                    if self._closing:
                        return []
                    self._changed.wait()
                self._linger()
                if self._waiting:  # or the other thread was faster
                    return self._take_waiting()

    def _linger(self) -> None:
        """Give others the chance to share the commit."""
        deadline = time.monotonic() + LINGER_SECONDS
        while self._waiting.rows < FLUSH_ROWS and not self._closing:
            left = deadline - time.monotonic()
            if left <= 0:
                return
            self._changed.wait(left)

    def _take_waiting(self) -> list[_Request[L]]:
        taken = self._begin(self._waiting.take(FLUSH_ROWS))
        if self._waiting:
            self._changed.notify()
        return taken

    def _take_light(self) -> list[_Request[L]]:
        """What others than those who keep all threads busy wait with, if it is little; empty at the end."""
        with self._is_held_up:
            while not self._closing:
                if self._long_flushes >= self._most_threads:
                    light = self._waiting.take_light(LIGHT_ROWS, busy=self._being_stored)
                    if light:
                        return self._begin(light)
                self._is_held_up.wait()
            return []

    def _begin(self, requests: list[_Request[L]]) -> list[_Request[L]]:
        self._being_stored += _organizations(requests)
        if _rows(requests) > LONG_FLUSH_ROWS:
            self._long_flushes += 1
            if self._long_flushes >= self._most_threads:
                self._is_held_up.notify()
        return requests


class Writer(Group[Row]):
    """Group commit of calls."""

    def __init__(
        self,
        conninfo: str,
        *,
        memory: Memory | None = None,
        most_rows: int = MOST_WAITING_ROWS,
        on_flush: Callable[[int, float], None] = lambda _rows, _seconds: None,
    ) -> None:
        known = memory or Memory()
        super().__init__(lambda: Flusher(conninfo, known), threads=THREADS, most_rows=most_rows, on_flush=on_flush)


class SampleWriter(Group[SampleRow]):
    """Group commit of samples, by threads of their own: they are few, and must not delay a call."""

    def __init__(self, conninfo: str, *, most_rows: int = MOST_WAITING_ROWS) -> None:
        memory = Memory()
        super().__init__(lambda: SampleFlusher(conninfo, memory), threads=1, most_rows=most_rows)


def _rows(requests: Sequence[_Request[Any]]) -> int:
    return sum(len(request.rows) for request in requests)


def _organizations(requests: Sequence[_Request[Any]]) -> Counter[int]:
    return Counter(request.organization_id for request in requests)


def _claims(requests: Sequence[_Request[Any]]) -> dict[int, Claim]:
    return {position: request.claim for position, request in enumerate(requests) if request.claim}


def _answer(requests: Sequence[_Request[Any]], outcomes: Sequence[Outcome]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Outcome], Outcome]]] = {}
    for request, outcome in zip(requests, outcomes, strict=True):
        by_loop.setdefault(request.loop, []).append((request.done, outcome))
    for loop, answers in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, answers)
        except RuntimeError:  # the loop is gone, and with it everybody who waited
            logger.info("nobody waits for a flush any more")


def _settle(answers: Sequence[tuple[asyncio.Future[Outcome], Outcome]]) -> None:
    for future, outcome in answers:
        if not future.done():
            future.set_result(outcome)
