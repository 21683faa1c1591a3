"""Whether this installation can do its work: asked by ``/readyz`` and shown on the instance page."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

import psycopg
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from core import queue
from core.models import Heartbeat

type State = Literal["ok", "warning", "error"]

FEWEST_DAYS_AHEAD: Final = 3
MOST_WAITING: Final = 1_000  # minutes of work for one worker
OLDEST_HEARTBEAT: Final = timedelta(seconds=120)  # four beats missed


@dataclass(frozen=True, slots=True)
class Component:
    """One part of the installation and how it is; ``detail`` is a sentence for the operator, without secrets."""

    name: str
    state: State
    detail: str


def components(*, now: datetime) -> list[Component]:
    """All parts. The first is the database; without it the others cannot be asked and are left out."""
    first = database()
    if first.state == "error":
        return [first]
    return [first, migrations(), partitions(now=now), tasks(), *heartbeats(now=now)]


def database() -> Component:
    try:
        with connection.cursor() as cursor:
            cursor.execute("select current_setting('server_version')")
            (version,) = cursor.fetchone()
    except DatabaseError:
        return Component("Database", "error", "The database does not answer.")
    return Component("Database", "ok", f"Postgres {version.split()[0]} answers.")


def migrations() -> Component:
    """Whether the schema is the one this code was written for."""
    return _asked("Migrations", _migrations)


def partitions(*, now: datetime) -> Component:
    """How many days of calls can still be stored: without a partition for tomorrow, tomorrow's calls are refused."""
    return _asked("Partitions", lambda: _partitions(now))


def tasks() -> Component:
    """Whether background work can be handed over, and how much of it waits."""
    if settings.CELERY_BROKER_URL:
        return Component("Queue", "ok", "Tasks go through the broker of CELERY_BROKER_URL.")
    try:
        waiting = queue.backlog(settings.DATABASE)
    except psycopg.Error:
        return Component("Queue", "error", "There is no queue in the database; restart the stack.")
    return Component("Queue", "ok" if waiting < MOST_WAITING else "warning", f"{waiting} tasks wait or run.")


def heartbeats(*, now: datetime) -> list[Component]:
    """The background processes that said they live; one that never did is not known here, so their absence is told."""
    beats = list(Heartbeat.objects.order_by("name"))
    if not beats:
        return [Component("Worker", "warning", "No background process has reported yet.")]
    return [_heartbeat(beat, now) for beat in beats]


def _asked(name: str, ask: Callable[[], Component]) -> Component:
    try:
        with transaction.atomic():
            return ask()
    except DatabaseError:
        return Component(name, "error", "The database could not say.")


def _migrations() -> Component:
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if pending:
        return Component("Migrations", "error", f"{len(pending)} migrations are missing; restart the stack or migrate.")
    return Component("Migrations", "ok", "The schema is up to date.")


def _partitions(now: datetime) -> Component:
    with connection.cursor() as cursor:
        cursor.execute("select last_date from call_partitions()")
        (last_date,) = cursor.fetchone()
    days = (last_date - now.date()).days if last_date else -1
    if days < 0:
        return Component("Partitions", "error", "There is no room for today's calls; start the worker.")
    state: State = "ok" if days >= FEWEST_DAYS_AHEAD else "error"
    return Component("Partitions", state, f"Calls can be stored for {days} days ahead.")


def _heartbeat(beat: Heartbeat, now: datetime) -> Component:
    age = now - beat.seen_at
    state: State = "ok" if age <= OLDEST_HEARTBEAT else "error"
    return Component(beat.name.capitalize(), state, f"Last seen {max(0, round(age.total_seconds()))} s ago.")
