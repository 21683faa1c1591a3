"""Ends a worker whose task runs too long, because threads cannot be killed one by one as Celery's time limits do.

Threads, because a second and a third process for a worker that mostly waits would cost more memory than all the rest.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from celery import bootsteps, signals

_LOOK_SECONDS = 5.0

logger = logging.getLogger(__name__)


class Running:
    """The tasks running in this process and when each began, on the clock ``now`` (seconds)."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._began: dict[str, tuple[str, float]] = {}

    def begin(self, task_id: str, task: Any, **_: Any) -> None:
        self._began[task_id] = (task.name, self._now())

    def end(self, task_id: str, **_: Any) -> None:
        self._began.pop(task_id, None)

    def longer_than(self, seconds: float) -> list[str]:
        """Names of the tasks that began more than ``seconds`` ago."""
        return [name for name, began in list(self._began.values()) if self._now() - began > seconds]


class Overstay(bootsteps.StartStopStep):
    """Looks every few seconds. What the process held comes back when its visibility timeout ends."""

    def __init__(self, worker: Any, **kwargs: Any) -> None:
        super().__init__(worker, **kwargs)
        self._running = Running()
        self._stopped = threading.Event()

    def start(self, worker: Any) -> None:
        signals.task_prerun.connect(self._running.begin, weak=False)
        signals.task_postrun.connect(self._running.end, weak=False)
        limit = worker.app.conf.task_time_limit
        threading.Thread(target=self._watch, args=(limit,), name="overstay", daemon=True).start()

    def stop(self, worker: Any) -> None:
        self._stopped.set()

    def terminate(self, worker: Any) -> None:
        self.stop(worker)

    def _watch(self, limit: float) -> None:
        while not self._stopped.wait(_LOOK_SECONDS):
            if late := self._running.longer_than(limit):
                logger.error("the worker ends because these tasks take longer than %s s: %s", limit, ", ".join(late))
                logging.shutdown()
                os._exit(os.EX_TEMPFAIL)  # to whoever supervises: start me again
