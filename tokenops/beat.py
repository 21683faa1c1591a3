"""The clock: exactly one process sends what is due, however many are started."""

import json
import logging
import time
from datetime import UTC, datetime
from typing import Any

import psycopg
from celery import bootsteps
from celery.beat import EmbeddedService, Scheduler
from django.conf import settings

from core.databases import APP

_LOCK = 7_060_313  # any number of our own
_RETRY_SECONDS = 10.0
_LONGEST_SLEEP_SECONDS = 10
_HEARTBEAT_SECONDS = 30.0
_HEARTBEAT = """
    insert into heartbeats (name, seen_at, facts) values ('beat', %s, %s)
    on conflict (name) do update set seen_at = excluded.seen_at, facts = excluded.facts"""

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

    def tell(self, now: datetime, *, started_at: datetime) -> None:
        """Write the clock's sign of life. A connection that cannot is lost, and the lease with it."""
        if self._connection is None:
            return
        try:
            facts = json.dumps({"started_at": started_at.isoformat()})
            self._connection.execute(_HEARTBEAT, [now, facts])
        except psycopg.Error:
            self.release()

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
        self._started_at = datetime.now(UTC)
        self._told_at = float("-inf")

    def tick(self, *args: Any, **kwargs: Any) -> float:
        if not self._lease.is_held():
            return _RETRY_SECONDS
        self._tell()
        return float(super().tick(*args, **kwargs))

    def _tell(self) -> None:
        """A worker's heartbeat also needs the queue and a worker: this one tells the clock's own faults apart."""
        if time.monotonic() - self._told_at >= _HEARTBEAT_SECONDS:
            self._told_at = time.monotonic()
            self._lease.tell(datetime.now(UTC), started_at=self._started_at)

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
