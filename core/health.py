"""Whether this installation can do its work: asked by ``/readyz`` and, with more, by the instance page."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

type State = Literal["ok", "warning", "error"]

FEWEST_DAYS_AHEAD: Final = 3
MOST_WAITING: Final = 1_000  # minutes of work for one worker


@dataclass(frozen=True, slots=True)
class Component:
    """One part of the installation and how it is.

    ``detail`` is a sentence for the operator, without secrets; ``advice`` what to do when the part is not well.
    """

    name: str
    state: State
    detail: str
    advice: str = ""


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
