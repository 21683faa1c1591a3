"""The work queue inside Postgres: a Celery transport for PGMQ, its tables, and ``enqueue`` for everybody.

An enqueue is only a hint. Work that must happen is a row, and a sweep finds it when the hint was lost.
"""

import logging
from datetime import datetime
from functools import partial
from queue import Empty
from time import monotonic, sleep
from typing import Any

import psycopg
from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError
from kombu.transport import TRANSPORT_ALIASES, pgmq
from pgmq import PGMQueue
from pgmq.install import get_embedded_install_sql
from psycopg_pool import ConnectionPool

from core.databases import QUEUE, Database

QUEUE_NAME = "tokenops"
BROKER_URL = "tokenops://localhost"  # the address is in the options; Celery wants to log some name
VISIBILITY_TIMEOUT = 120  # seconds until the task of a killed worker runs again; longer than any task may take

_FULL_WINDOW_SECONDS = 0.02
_PUBLISH_PATIENCE_SECONDS = 5.0
_INSTALL_LOCK = 7_060_312  # any number of our own: two provisioning runs take turns

logger = logging.getLogger(__name__)

TRANSPORT_ALIASES["tokenops"] = "core.queue:Transport"


def broker_options(conninfo: str) -> dict[str, object]:
    """Celery's ``broker_transport_options`` for the database that ``conninfo`` (libpq) names."""
    return {
        "conninfo": conninfo,
        "visibility_timeout": VISIBILITY_TIMEOUT,
        "pool_size": 2,
        "pool_timeout": _PUBLISH_PATIENCE_SECONDS,
        "use_notify": True,
        # New messages announce themselves; this finds those that became due or whose worker died.
        "polling_interval": 5.0,
        "wait_time_seconds": 0,
    }


class Channel(pgmq.Channel):
    """A channel that issues no DDL: :func:`install_queue` has made the queue and its trigger."""

    def _new_queue(self, queue: str, **kwargs: Any) -> None:
        """Nothing to make; upstream would lock the table to replace its trigger at every publisher's start."""

    def _maybe_enable_notify(self, queue: str, queue_name: str | None = None) -> None:
        name = queue_name or self._queue_name(queue)
        transport: Any = self.connection
        with transport.pool.connection() as connection:
            _announce_inserts(connection, name)
        transport._register_notify_queue(name)


class Transport(pgmq.Transport):
    """Upstream's transport with our own connections, and no nap of seconds while its prefetch window is full.

    Upstream rebuilds the connection string from five fields, which loses ``sslmode`` and breaks on a socket
    directory with a blank. It also waits for the next message, or a whole polling interval, when what it needs is a
    free slot: a backlog then drains at one or two tasks a second.
    """

    Channel = Channel

    client: Any
    cycle: Any
    channels: Any
    polling_interval: float

    def drain_events(self, connection: Any, timeout: float | None = None, **kwargs: Any) -> None:
        deadline = None if timeout is None else monotonic() + timeout
        while True:
            # Asked before reading: a slot that is freed just after a read that did not happen must not look like
            # a queue that was read and is empty.
            is_full = self._is_full()
            try:
                self.cycle.get(self._deliver, timeout=timeout)
            except Empty:
                left = self.polling_interval if deadline is None else deadline - monotonic()
                if left <= 0:
                    raise TimeoutError from None
                if is_full:
                    sleep(min(_FULL_WINDOW_SECONDS, left))
                else:
                    self._get_notify_waiter().wait(min(self.polling_interval, left))
            else:
                return

    def _is_full(self) -> bool:
        return any(channel._consumers and not channel.qos.can_consume() for channel in self.channels)

    @property
    def pool(self) -> "ConnectionPool[psycopg.Connection[Any]]":
        pool = self._get_pgmq_client().pool
        assert pool is not None  # noqa: S101 - ours, below
        return pool

    def _create_pgmq_client(self) -> PGMQueue:
        options = self.client.transport_options
        limits = {"min_size": 1, "max_size": options["pool_size"], "timeout": options["pool_timeout"]}
        pool = ConnectionPool(options["conninfo"], open=True, **limits)
        client = PGMQueue(conn_string=options["conninfo"], pool=pool, init_extension=False)
        client._own_pool = True  # closed with the client
        return client

    def _get_notify_waiter(self) -> Any:
        if self._notify_waiter is None:
            self._notify_waiter = pgmq._NotifyWaiter(self.client.transport_options["conninfo"])
        return self._notify_waiter


def install_queue(database: Database) -> None:
    """Create PGMQ's schema, the queue and its trigger where they are missing, as the queue's role.

    Safe at every start and from several processes at once.
    """
    with psycopg.connect(database.conninfo(QUEUE)) as connection:
        connection.execute("select pg_advisory_xact_lock(%s)", [_INSTALL_LOCK])
        if _scalar(connection, "select to_regnamespace('pgmq')") is None:
            connection.execute(get_embedded_install_sql())
        connection.execute("select pgmq.create(%s)", [QUEUE_NAME])
        trigger = f"select 1 from pg_trigger where tgrelid = 'pgmq.q_{QUEUE_NAME}'::regclass and not tgisinternal"
        if _scalar(connection, trigger) is None:
            connection.execute("select pgmq.enable_notify_insert(%s, 0)", [QUEUE_NAME])
        _announce_inserts(connection, QUEUE_NAME)
        # Each message is inserted, updated and deleted: vacuum by count, not by share of a table that is empty.
        connection.execute(
            f"alter table pgmq.q_{QUEUE_NAME}"
            " set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)"
        )


def backlog(database: Database) -> int:
    """Messages waiting or in flight.

    :raises psycopg.Error: there is no queue to work with.
    """
    with psycopg.connect(database.conninfo(QUEUE), connect_timeout=2) as connection:
        return int(_scalar(connection, f"select count(*) from pgmq.q_{QUEUE_NAME}"))


def waiting(database: Database) -> tuple[int, datetime | None]:
    """Messages waiting or in flight, and when the oldest of them was sent.

    :raises psycopg.Error: there is no queue to work with.
    """
    with psycopg.connect(database.conninfo(QUEUE), connect_timeout=2) as connection:
        row = connection.execute(f"select count(*), min(enqueued_at) from pgmq.q_{QUEUE_NAME}".encode()).fetchone()
    return (int(row[0]), row[1]) if row else (0, None)


def enqueue(task_name: str, **ids: int | str | None) -> None:
    """Ask a worker to run ``task_name`` with ``ids`` once the current transaction has committed.

    Only ids: whoever may read the queue would read everything else.
    """
    transaction.on_commit(partial(_publish, task_name, ids))


def _publish(task_name: str, ids: dict[str, int | str | None]) -> None:
    try:
        import_string(settings.CELERY_APP).send_task(task_name, kwargs=ids)
    except (OperationalError, psycopg.Error, OSError) as error:
        logger.warning("could not enqueue %s (%s); a sweep will find the work", task_name, type(error).__name__)


def _announce_inserts(connection: psycopg.Connection[Any], queue_name: str) -> None:
    """Make the trigger notify on every insert, without a pause between notifications.

    The row lives in an unlogged table that a crash of Postgres empties, and without it nothing is announced at all.
    Upstream's pause of 250 ms swallows the second of two quick messages, which then waits for the next poll.
    """
    connection.execute(
        "insert into pgmq.notify_insert_throttle (queue_name, throttle_interval_ms) values (%s, 0)"
        " on conflict (queue_name) do nothing",
        [queue_name],
    )


def _scalar(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query).fetchone()
    return row[0] if row else None
