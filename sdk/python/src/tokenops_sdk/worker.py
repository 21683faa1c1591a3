"""One thread and its queue: from calls that ended to answers of the server, without holding anybody up.

A worker is used once: after ``end`` it takes nothing more, and what comes later is the next worker's. Events pass two
stages. ``_raw`` holds what costs the caller nothing; soon, also while the server cannot be reached, the thread turns it
into JSON (so that no prompt is kept in memory longer than that) and appends it to ``_ready``, where it stays until the
server has decided.
"""

import json
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Final

from tokenops_sdk.config import Event, Settings
from tokenops_sdk.spool import Segment, Spool
from tokenops_sdk.stats import Counters
from tokenops_sdk.transport import LONGEST_ASKED, Drop, Outcome, Sent, TooLarge, Transport, TryAgain, wait_seconds
from tokenops_sdk.trouble import THREAD, Told, where

Build = Callable[[], "Event | None"]  # makes the event; None is for one that is not to be sent
Line = tuple[bytes, "Segment | None"]  # an event as JSON, and the file that keeps it

_NEVER: Final = float("inf")
_NOW: Final = 0.0
_SCAN_SECONDS: Final = 60.0


class Worker:
    """Takes events from any thread and reports them in order."""

    def __init__(
        self,
        settings: Settings,
        *,
        connect: Callable[[Settings], Transport],
        counters: Counters,
        told: Told,
        spool: Spool | None,
        started: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._connect = connect
        self._counters = counters
        self._told = told
        self._spool = spool
        self._started = started
        self.is_over = False
        self._raw: deque[Build | Line] = deque()
        self._ready: deque[Line] = deque()
        self._decided = 0  # how many have left both
        self._changed = threading.Condition()  # held where events move, so that none is counted twice or missed
        self._starting = threading.RLock()
        # Not an event: a finalizer may call ``put`` in the middle of anything, also of another ``put``.
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._rests = False
        self._thread: threading.Thread | None = None
        self._transport: Transport | None = None
        self._hurries = False
        self._halved = 0  # how many events fit into a request, after one was too large
        self._gathering_since: float | None = None
        self._attempt = 0
        self._own_pause_ends = _NOW  # what we wait on our own account; a flush ends it
        self._asked_pause_ends = _NOW  # what the server asked for
        self._next_scan = _NOW

    def put(self, build: Build) -> None:
        """Have an event made and sent. Never waits for the network; without room the event is dropped and counted."""
        raw = self._raw
        if len(raw) + len(self._ready) >= self._settings.queue_size:
            self._counters.add("dropped_queue_full")
            return
        if self._spool is None:
            raw.append(build)
        elif (line := self._made(build)) is not None:
            self._spool.append(line, lambda segment: raw.append((line, segment)))
        if self._rests:
            self._rests = False
            self._wake.put(None)
        elif len(raw) >= self._settings.batch_size and self._wake.empty():
            self._wake.put(None)
        if self._thread is None:
            self.start()

    def take(self, left: Build | Line) -> None:
        """What another worker had no time for."""
        self._raw.append(left)
        self.start()
        self._wake.put(None)

    def start(self) -> bool:
        """Whether the thread runs; at the end of the interpreter none can be started any more."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
                try:
                    self._thread.start()
                except RuntimeError:
                    self._thread = None
                    return False
                self._started()
            return True

    def flush(self, seconds: float) -> bool:
        """Send what is there now; whether all of it was decided about within ``seconds``. Answers at once when the next
        attempt is further away than that.
        """
        deadline = monotonic() + seconds
        with self._changed:
            wanted = self._decided + self.waiting
            if self._is_done(wanted):
                return True
            self._hurries = True
            self._own_pause_ends = _NOW
        if not self.start():
            return self._drain(deadline)
        self._wake.put(None)
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_done(wanted) or self.is_over or self._may_send_at() > deadline, seconds
            )
            return self._is_done(wanted)

    def _is_done(self, wanted: int) -> bool:
        """Whether so many are decided about, and what others have left is looked for."""
        return self._decided >= wanted and (self._spool is None or self._next_scan > _NOW)

    def end(self) -> list[Build | Line]:
        """Stop; what is left."""
        with self._changed:
            self.is_over = True
            left: list[Build | Line] = [*self._ready, *self._raw]
            self._ready, self._raw = deque(), deque()
            self._changed.notify_all()
        self._wake.put(None)
        return left

    @property
    def waiting(self) -> int:
        return len(self._raw) + len(self._ready)

    # --- The thread ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self.is_over:
            self._rest()
            try:
                self._step()
            except Exception as error:  # whatever it is, it must not end the thread
                self._trouble(error)
                self._sleep(self._settings.flush_seconds)
        if self._transport is not None:
            self._transport.close()

    def _rest(self) -> None:
        """Sleep until there is something to do; while there is nothing, until somebody says so."""
        self._rests = True
        due_at = self._due_at()
        if self._raw:
            self._rests = False  # it is known when these are due
        seconds = due_at - monotonic()
        if seconds > 0 and not self.is_over:
            self._sleep(None if due_at == _NEVER else seconds)
        self._rests = False

    def _sleep(self, seconds: float | None) -> None:
        """Until somebody wakes us, or for so long."""
        with suppress(Empty):
            self._wake.get(timeout=seconds)
            while True:
                self._wake.get_nowait()

    def _due_at(self) -> float:
        if self._spool is not None and self._next_scan == _NOW:
            return _NOW
        if not self.waiting:
            return _NEVER
        if self._raw and (self._hurries or len(self._raw) >= self._settings.batch_size):
            return _NOW
        if self._ready and (self._hurries or self._attempt):
            return min(self._may_send_at(), self._gathered_at() if self._raw else _NEVER)
        return self._gathered_at()

    def _gathered_at(self) -> float:
        """When a batch that is not full has waited long enough for more."""
        if self._gathering_since is None:
            self._gathering_since = monotonic()
        return self._gathering_since + self._settings.flush_seconds

    def _may_send_at(self) -> float:
        return max(self._own_pause_ends, self._asked_pause_ends)

    def _step(self) -> None:
        with self._changed:
            hurries, self._hurries = self._hurries, False
        is_partial_due = hurries or self._attempt > 0 or self._gathered_at() <= monotonic()
        self._gathering_since = None
        self._make_all()
        self._send(1 if is_partial_due else self._settings.batch_size)
        while len(self._ready) < self._settings.batch_size and self._has_adopted():
            self._send(1)

    def _send(self, fewest: int) -> None:
        """Batches of so many events at least, until the server has us wait."""
        while len(self._ready) >= fewest and self._may_send_at() <= monotonic() and not self.is_over:
            self._send_some()

    def _drain(self, deadline: float) -> bool:
        """All of it here and now, because there is no thread any more."""
        self._step()
        while self._ready and self._may_send_at() < deadline:
            self._sleep(max(self._may_send_at() - monotonic(), 0))
            self._step()
        return not self._ready

    def _make_all(self) -> None:
        raw = self._raw
        for _ in range(len(raw)):
            line = raw[0] if isinstance(raw[0], tuple) else self._made(raw[0])
            with self._changed:
                if self.is_over:
                    return
                raw.popleft()
                if line is None:
                    self._decided += 1
                else:
                    self._ready.append(line if isinstance(line, tuple) else (line, None))
                self._changed.notify_all()

    def _made(self, build: Build) -> bytes | None:
        """An event as JSON; None for one that is not to be sent, or cannot be."""
        try:
            event = build()
        except Exception as error:
            self._trouble(error)
            self._counters.add("dropped_internal")
            return None
        if event is None:
            return None
        try:
            text = json.dumps(event, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
            return text.encode(errors="replace")
        except (TypeError, ValueError, RecursionError) as error:
            self._counters.add("dropped_unserialisable")
            self._told.once("unserialisable", f"An event could not be written as JSON ({type(error).__name__}).")
            return None

    def _send_some(self) -> None:
        ready = self._ready
        batch = list(islice(ready, self._halved or self._settings.batch_size))
        found = self._answer([line for line, _ in batch])
        if isinstance(found, TryAgain):
            self._pause(found)
        elif isinstance(found, TooLarge) and len(batch) > 1:
            self._halved = len(batch) // 2
        else:
            self._settle(ready, batch, found)

    def _answer(self, events: Sequence[bytes]) -> Outcome:
        try:
            if self._transport is None:
                self._transport = self._connect(self._settings)
            return self._transport.send(events)
        except Exception as error:
            self._trouble(error)
            return Drop("dropped_internal", type(error).__name__)

    def _pause(self, answer: TryAgain) -> None:
        self._counters.add("retries")
        self._told.once("retry", f"TokenOps cannot be reached ({answer.reason}); trying again.")
        with self._changed:
            self._own_pause_ends = monotonic() + wait_seconds(self._attempt, None)
            self._asked_pause_ends = _NOW if answer.after is None else monotonic() + min(answer.after, LONGEST_ASKED)
            self._attempt += 1
            self._changed.notify_all()

    def _settle(self, ready: deque[Line], batch: Sequence[Line], found: Outcome) -> None:
        """The server has decided, unless somebody has given the events up meanwhile."""
        with self._changed:
            if ready is not self._ready:
                return
            for _ in batch:
                ready.popleft()
            self._decided += len(batch)
            self._attempt = self._halved = 0
            self._own_pause_ends = self._asked_pause_ends = _NOW
            self._count(found, len(batch))
            self._changed.notify_all()
        if self._spool is not None:
            self._spool.acknowledge(segment for _, segment in batch)

    def _count(self, found: Outcome, events: int) -> None:
        if isinstance(found, Sent):
            for name in ("accepted", "duplicates", "rejected"):
                self._counters.add(name, getattr(found, name))
            if found.rejected:
                self._told.once("rejected", f"{found.rejected} events were refused, the first for {found.first_error}.")
        elif isinstance(found, Drop):
            self._counters.add(found.count_as, events)
            self._told.once(found.count_as, f"{events} events were not taken: {found.reason}.")
        else:
            self._counters.add("dropped_too_large", events)

    def _has_adopted(self) -> bool:
        """Whether there are events now that a process has left which is gone; looked for once a minute at most."""
        if self._spool is None or monotonic() < self._next_scan:
            return False
        found = self._spool.adopt()
        with self._changed:
            if found is None:
                self._next_scan = monotonic() + _SCAN_SECONDS
            else:
                self._ready.extend((line, found[0]) for line in found[1])
            self._changed.notify_all()
        return found is not None

    def _trouble(self, error: BaseException) -> None:
        self._counters.add("errors")
        self._told.once("internal", f"Something in the TokenOps SDK failed ({where(error)}).")
