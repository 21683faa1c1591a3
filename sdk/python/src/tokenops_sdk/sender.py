"""The sender of a process: a worker in the background, another one after a fork, and an orderly end.

The child of a fork begins with nothing: what the parent had is the parent's to send.
"""

import atexit
import os
import sys
import threading
import weakref
from collections.abc import Callable
from time import monotonic
from typing import Final

from tokenops_sdk.config import Settings
from tokenops_sdk.spool import IS_POSSIBLE, Spool
from tokenops_sdk.stats import Counters, Stats
from tokenops_sdk.transport import Transport
from tokenops_sdk.trouble import Told, logger
from tokenops_sdk.worker import Build, Worker

# Processes that these start end without the interpreter's own end, but run what is registered here.
_CHILDREN_OF: Final = ("multiprocessing.util", "billiard.util")
_FIRST: Final = 100  # before pools and queues, whose end may take long


class Sender:
    """Takes events from any thread and reports them. Everything is counted."""

    def __init__(self, settings: Settings, connect: Callable[[Settings], Transport]) -> None:
        self._settings = settings
        self._connect = connect
        self._begin()
        _senders.add(self)

    def _begin(self) -> None:
        settings = self._settings
        self.counters = Counters()
        self._told = Told()
        self._lock = threading.Lock()
        self._spool: Spool | None = None
        if settings.spool_dir and IS_POSSIBLE:
            self._spool = Spool(settings.spool_dir, settings.spool_mb, self.counters, self._told)
        elif settings.spool_dir:
            self._told.once("spool", "There is no spool on this system; events are kept in memory only.")
        self._worker = self._hired()

    def _hired(self) -> Worker:
        return Worker(
            self._settings,
            connect=self._connect,
            counters=self.counters,
            told=self._told,
            spool=self._spool,
            started=_prepare_end,
        )

    @property
    def patience(self) -> float:
        """Seconds that the end of the program may take."""
        return self._settings.shutdown_seconds

    def put(self, build: Build) -> None:
        """Have an event made and sent. Never waits, never raises."""
        worker = self._worker
        worker.put(build)
        if worker.is_over:  # it was closed just now; its successor is here already
            for left in worker.end():
                self._worker.take(left)

    def flush(self, seconds: float | None = None) -> bool:
        """Send what is there now; whether all of it was decided about within ``seconds``."""
        return self._worker.flush(self.patience if seconds is None else seconds)

    def close(self, seconds: float | None = None) -> None:
        """Flush, then stop. What could not be sent in time is dropped and counted, or stays in the spool."""
        with self._lock:
            worker, self._worker = self._worker, self._hired()
        worker.flush(self.patience if seconds is None else seconds)
        left = worker.end()
        kept = sum(isinstance(one, tuple) and one[1] is not None for one in left)
        self.counters.add("left_in_spool", kept)
        self.counters.add("dropped_at_exit", len(left) - kept)
        if len(left) > kept:
            logger.warning("%d events could not be reported to TokenOps before the end.", len(left) - kept)
        if self._spool is not None:
            self._spool.close()

    def stats(self) -> Stats:
        return self.counters.seen(waiting=self._worker.waiting)

    def after_fork(self) -> None:
        """In the child: nobody may hold the locks any more, and nothing that waits is ours."""
        if self._spool is not None:
            self._spool.forget()
        self._begin()


_senders: "weakref.WeakSet[Sender]" = weakref.WeakSet()
_prepared_in: set[int] = set()  # processes


def close_all() -> None:
    """At the end of the process, all within the time that the most patient of them has."""
    senders = list(_senders)
    end = monotonic() + max((sender.patience for sender in senders), default=0)
    for sender in senders:
        sender.close(min(sender.patience, max(end - monotonic(), 0)))


def _prepare_end() -> None:
    """Of this process, if it is one that ends without the interpreter's own end."""
    if os.getpid() in _prepared_in:
        return
    _prepared_in.add(os.getpid())
    for name in _CHILDREN_OF:
        if (module := sys.modules.get(name)) is not None:
            module.Finalize(None, close_all, exitpriority=_FIRST)


def _in_child() -> None:
    for sender in list(_senders):
        sender.after_fork()


atexit.register(close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
