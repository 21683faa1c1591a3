"""The background: a bounded queue, one thread that empties it in batches, and nothing that could hold up the host.

``put`` only appends. The thread is started with the first event, also after a fork, whose child begins with an empty
queue: what the parent had is the parent's to send.
"""

import logging
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final

from tokenops_sdk.config import Event, Settings
from tokenops_sdk.stats import Counters, Stats
from tokenops_sdk.transport import Drop, Sent, TooLarge, Transport, TryAgain, wait_seconds

logger = logging.getLogger("tokenops")

Build = Callable[[], "Event | None"]  # makes the event in the thread; None is for one that is not to be sent
_NAME: Final = "tokenops-sender"


class Sender:
    """Takes events from any thread and reports them in order. One a process, made anew in a forked child."""

    def __init__(self, settings: Settings, connect: Callable[[Settings], Transport]) -> None:
        self._settings = settings
        self._connect = connect
        self.counters = Counters()
        self._reset()
        _senders.add(self)

    def _reset(self) -> None:
        """An empty queue and no thread: at first, and in the child of a fork, where locks may be held by nobody."""
        self._queue: deque[Build] = deque()
        self._busy = 0  # events that are neither in the queue nor done
        self._wake = threading.Event()
        self._start = threading.Lock()
        self._done = threading.Condition()
        self._thread: threading.Thread | None = None
        self._transport: Transport | None = None
        self._closing = False
        self._deadline = float("inf")
        self._said: set[str] = set()

    def after_fork(self) -> None:
        self.counters = Counters()
        self._reset()

    def put(self, build: Build) -> None:
        """Have an event made and sent. Never waits, never raises; without room the event is dropped and counted."""
        queue = self._queue
        if len(queue) >= self._settings.queue_size:
            self.counters.add("dropped_queue_full")
            return
        queue.append(build)
        if len(queue) >= self._settings.batch_size:
            self._wake.set()
        if self._thread is None:
            self._start_thread()

    def flush(self, timeout: float | None = None) -> bool:
        """Send what is there now; whether all of it is done within ``timeout`` seconds."""
        if self._thread is None and not self._queue:
            return True
        if self._thread is None and not self._start_thread():
            self._drain()  # at the interpreter's end no thread can be started any more
            return True
        self._flush_wanted = True
        self._wake.set()
        with self._done:
            return self._done.wait_for(self._is_idle, timeout)

    def close(self, timeout: float | None = None) -> None:
        """Flush, then stop. What could not be sent in time is dropped and counted, or stays in the spool."""
        seconds = self._settings.shutdown_seconds if timeout is None else timeout
        self._deadline = monotonic() + seconds
        self._closing = True
        self.flush(seconds)
        left = len(self._queue) + self._busy
        self._queue.clear()
        if left:
            self.counters.add("dropped_at_exit", left)
            logger.warning("%d events could not be reported before the end.", left)
        self._wake.set()

    def stats(self) -> Stats:
        return self.counters.seen(waiting=len(self._queue) + self._busy)

    # --- The thread ---------------------------------------------------------------------------------------------------
    _flush_wanted = False

    def _start_thread(self) -> bool:
        with self._start:
            if self._thread is not None:
                return True
            thread = threading.Thread(target=self._run, name=_NAME, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no more threads, or the interpreter is ending
                self.counters.add("errors")
                return False
            self._thread = thread
            return True

    def _run(self) -> None:
        while not self._closing or self._queue:
            self._wake.wait(self._settings.flush_seconds)
            self._wake.clear()
            self._drain()
            if self._closing and monotonic() >= self._deadline:
                return

    def _drain(self) -> None:
        """Send whole batches, and at the end what is left of one."""
        while self._queue:
            events = self._take()
            try:
                self._deliver(events)
            except Exception:  # whatever it is, it must not end the thread
                self.counters.add("errors", len(events))
                self._say("internal", "An event could not be reported.", exc_info=True)
            finally:
                self._busy = 0
        with self._done:
            self._done.notify_all()

    def _take(self) -> list[Event]:
        events: list[Event] = []
        # Said before they leave the queue: flush looks at both.
        self._busy = min(len(self._queue), self._settings.batch_size)
        builds = [self._queue.popleft() for _ in range(self._busy)]
        for build in builds:
            try:
                event = build()
            except Exception:
                self.counters.add("dropped_unserialisable")
                self._say("unserialisable", "An event could not be written as JSON.")
                continue
            if event is not None:
                events.append(event)
        return events

    def _deliver(self, events: Sequence[Event]) -> None:
        """Until the server has decided, or waiting makes no sense any more."""
        attempt = 0
        while events:
            found = self._connected().send(events)
            if isinstance(found, TryAgain):
                if not self._wait(wait_seconds(attempt, found.after)):
                    self.counters.add("dropped_at_exit", len(events))
                    return
                attempt += 1
                self.counters.add("retries")
                self._say("retry", f"TokenOps cannot be reached ({found.reason}); trying again.")
                continue
            if isinstance(found, TooLarge) and len(events) > 1:
                middle = len(events) // 2
                self._deliver(events[:middle])
                events = events[middle:]
                continue
            self._count(found, len(events))
            return

    def _count(self, found: Sent | Drop | TooLarge, events: int) -> None:
        if isinstance(found, TooLarge):
            self.counters.add("dropped_too_large", events)
        elif isinstance(found, Drop):
            self.counters.add(found.count_as, events)
            self._say(found.count_as, f"{events} events were not taken: {found.reason}.")
        else:
            self.counters.add("accepted", found.accepted)
            self.counters.add("duplicates", found.duplicates)
            self.counters.add("rejected", found.rejected)
            if found.rejected:
                self._say("rejected", f"{found.rejected} events were refused, the first for {found.first_error}")

    def _wait(self, seconds: float) -> bool:
        """Wait to try again; False when the end of the program comes first."""
        end = monotonic() + seconds
        while (now := monotonic()) < end:
            if self._closing and min(end, self._deadline) - now <= 0:
                return False
            if self._closing and end > self._deadline:
                end = self._deadline
            self._wake.wait(min(end - now, 0.1) if self._closing else end - now)
            self._wake.clear()
            if self._closing and monotonic() >= self._deadline:
                return False
        return True

    def _connected(self) -> Transport:
        if self._transport is None:
            self._transport = self._connect(self._settings)
        return self._transport

    def _is_idle(self) -> bool:
        return not self._queue and not self._busy

    def _say(self, what: str, text: str, **options: bool) -> None:
        """One line a kind of trouble: a host's log is not ours to fill."""
        if what not in self._said:
            self._said.add(what)
            logger.warning("%s Counts are in tokenops_sdk.stats().", text, exc_info=options.get("exc_info", False))


_senders: "weakref.WeakSet[Sender]" = weakref.WeakSet()


def _in_child() -> None:
    for sender in list(_senders):
        sender.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
