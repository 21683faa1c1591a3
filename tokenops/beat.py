"""The clock: exactly one process sends what is due, however many are started."""

import logging
from typing import Any

import psycopg
from celery import bootsteps
from celery.beat import EmbeddedService, Scheduler
from django.conf import settings

from core.databases import APP

_LOCK = 7_060_313  # any number of our own
_RETRY_SECONDS = 10.0
_LONGEST_SLEEP_SECONDS = 10

logger = logging.getLogger(__name__)


class Lease:
    """A session-level advisory lock: whoever holds it is the clock, and loses it with its connection."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._connection: psycopg.Connection[Any] | None = None

    def is_held(self) -> bool:
        """Whether we hold the lock now; tries to take it when nobody does."""
        try:
            if self._connection is None:
                self._connection = self._take()
            else:
                self._connection.execute("select 1")
        except psycopg.Error:
            self.release()
        return self._connection is not None

    def release(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _take(self) -> psycopg.Connection[Any] | None:
        connection = psycopg.connect(self._conninfo, autocommit=True, connect_timeout=5)
        taken = connection.execute("select pg_try_advisory_lock(%s)", [_LOCK]).fetchone()
        if taken and taken[0]:
            logger.info("this process is the clock now")
            return connection
        connection.close()
        return None


class SoleScheduler(Scheduler):
    """Celery's scheduler, silent while another process is the clock."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.max_interval = _LONGEST_SLEEP_SECONDS
        self._lease = Lease(settings.DATABASE.conninfo(APP))

    def tick(self, *args: Any, **kwargs: Any) -> float:
        return float(super().tick(*args, **kwargs)) if self._lease.is_held() else _RETRY_SECONDS

    def close(self) -> None:
        super().close()
        self._lease.release()


class BeatThread(bootsteps.StartStopStep):
    """The clock as a thread of every worker: ``celery worker -B`` would spend a whole process on it."""

    def create(self, worker: Any) -> Any:
        return EmbeddedService(worker.app, thread=True, scheduler_cls=SoleScheduler)

    def stop(self, worker: Any) -> None:
        # It sleeps for seconds and is a daemon: not worth waiting for.
        self.obj.service.stop(wait=False)

    def terminate(self, worker: Any) -> None:
        self.stop(worker)
