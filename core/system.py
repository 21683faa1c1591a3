"""What the instance page says of this installation: each part, how it is, and what to do when it is not well.

Everything here is about processes, tables and disks as a whole; nothing says what any tenant has or does.
"""

import platform
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import django
import psycopg
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from core import formats, health, queue
from core.health import Component, State
from core.models import Heartbeat, WorkDue

STARTED_AT: Final = timezone.now()  # of this process
MONTHS_SHOWN: Final = 12

# name → how it is called, seconds until it is missed and until it counts as gone, what to do
_PROCESSES: Final = {
    "edge": ("Edge", 45, 120, "Start the edge: without it no telemetry is taken."),
    "beat": ("Clock", 60, 120, "Start a worker, or the beat process: nothing that runs by the clock happens."),
    "worker": ("Worker", 75, 120, "Start a worker: exports, retention and every other background work waits."),
}
_LAG_MS: Final = (1_000.0, 5_000.0)
_SPOOL_SHARE: Final = (0.5, 0.8)
_SPOOL_AGE: Final = (60.0, 600.0)  # seconds
_ROWS_WAITING: Final = (10_000.0, 30_000.0)
_WORK_AGE: Final = (90.0, 600.0)  # seconds; the sweep comes every 30
_MESSAGE_AGE: Final = (120.0, 600.0)
_CONNECTION_SHARE: Final = (0.7, 0.9)
_DISK_SHARE: Final = (0.85, 0.95)
_DISK_LEFT: Final = (5 * 2**30, 2**30)  # bytes

_CONNECTIONS: Final = "select count(*), current_setting('max_connections')::int from pg_stat_activity"
_SIZE: Final = "select pg_database_size(current_database())"
_LAST_CALL: Final = "select max(last_received_at) from project_activity"
_MONTHS: Final = """
    select to_char(to_date(substr(c.relname, 7), 'YYYYMMDD'), 'YYYY-MM'), sum(pg_total_relation_size(c.oid))::bigint
    from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'calls'::regclass
    group by 1 having sum(pg_relation_size(c.oid)) > 0 order by 1 desc limit %s"""
_CATALOGUE: Final = "select max(version) from rate_cards where source = 'genai-prices'"


@dataclass(frozen=True, slots=True)
class Group:
    """Parts that belong together on the page."""

    name: str
    components: list[Component]


@dataclass(frozen=True, slots=True)
class Month:
    """How much room the calls of a month take, and its part of the largest month."""

    name: str
    size: str
    share: float


@dataclass(frozen=True, slots=True)
class Report:
    """Everything the page shows. ``worst`` is the state of the part that is least well."""

    groups: list[Group]
    months: list[Month]
    versions: dict[str, str]
    uptimes: dict[str, datetime]

    @property
    def worst(self) -> State:
        return worst_of([one.state for group in self.groups for one in group.components])

    @property
    def unwell(self) -> int:
        return sum(one.state != "ok" for group in self.groups for one in group.components)


def report(*, now: datetime) -> Report:
    """Ask every part. Without the database only that and the disk can be told."""
    database = health.database()
    if database.state == "error":
        groups = [Group("Database", [database]), Group("Disk", disks())]
        return Report(groups, [], _versions(""), {"Web": STARTED_AT})
    beats = {beat.name: beat for beat in Heartbeat.objects.filter(name__in=_PROCESSES)}
    return Report(
        groups=[
            Group("Telemetry", [process("edge", beats, now=now), lag(beats, now=now), last_call(now=now), _ahead(now)]),
            *_gateway(now=now),
            Group(
                "Background work",
                [process("worker", beats, now=now), process("beat", beats, now=now), messages(now=now), work(now=now)],
            ),
            Group("Database", [database, health.migrations(), connections(), size()]),
            Group("Disk", disks()),
        ],
        months=months(),
        versions=_versions(_scalar(_CATALOGUE) or ""),
        uptimes=_uptimes(beats),
    )


def process(name: str, beats: dict[str, Heartbeat], *, now: datetime) -> Component:
    """Whether a process gave a sign of life lately."""
    title, missed, gone, advice = _PROCESSES[name]
    beat = beats.get(name)
    if beat is None:
        return Component(title, "warning", "Has not reported yet.", advice)
    age = max(0.0, (now - beat.seen_at).total_seconds())
    return _judged(title, age, (missed, gone), f"Last seen {_age(age)} ago.", advice)


def lag(beats: dict[str, Heartbeat], *, now: datetime) -> Component:
    """How long the last minute's requests waited until they were durable, as the edge tells it."""
    title, advice = "Ingest lag", "Postgres commits slowly: look at its disk and at what else it is doing."
    edge = beats.get("edge")
    if edge is None or process("edge", beats, now=now).state == "error":
        return Component(title, "warning", "Not known while the edge is silent.", _PROCESSES["edge"][3])
    facts = edge.facts
    waiting, failures = _number(facts.get("rows_waiting")), _number(facts.get("failures"))
    p50, p99 = facts.get("lag_p50_ms"), facts.get("lag_p99_ms")
    if failures:
        detail = f"{failures:,.0f} of the last minute's {_number(facts.get('flushes')):,.0f} writes failed."
        return Component(title, "error", detail, "Look at the edge's log: the senders were told to try again.")
    waits = _judged(title, waiting, _ROWS_WAITING, f"{waiting:,.0f} events wait to be stored.", advice)
    if waits.state != "ok" or p99 is None:
        return waits if waits.state != "ok" else Component(title, "ok", "No events in the last minute.")
    detail = f"Stored {formats.duration_ms(_number(p50))} after arrival, 99 of 100 within {formats.duration_ms(p99)}."
    return _judged(title, _number(p99), _LAG_MS, detail, advice)


def _gateway(*, now: datetime) -> list[Group]:
    """The proxy's part, where there is one."""
    if not settings.GATEWAY_ENABLED:
        return []
    return [Group("Gateway", [spool(Heartbeat.objects.filter(name="gateway").first(), now=now)])]


def spool(beat: Heartbeat | None, *, now: datetime) -> Component:
    """How full the proxy's file of calls is, and how long the oldest call in it waits to be stored."""
    title, gone = "Spool", _PROCESSES["edge"][2]
    if beat is None:
        return Component(title, "ok", "Has not reported yet.")
    if (now - beat.seen_at).total_seconds() >= gone:
        return Component(title, "warning", "Not known while the edge is silent.", _PROCESSES["edge"][3])
    used, limit = _number(beat.facts.get("spool_bytes")), _number(beat.facts.get("spool_limit"))
    oldest = _number(beat.facts.get("oldest_seconds"))
    waits = f"the oldest call waits for {_age(oldest)}" if oldest >= 1 else "no call waits"
    detail = f"{_bytes(round(used))} of {_bytes(round(limit))} are used, {waits}."
    full = _judged(
        title, used / limit if limit else 0.0, _SPOOL_SHARE, detail, "See why calls are not stored: the spool fills."
    )
    late = _judged(title, oldest, _SPOOL_AGE, detail, "See that Postgres is there and quick: calls wait to be stored.")
    return max(full, late, key=lambda found: _STATES.index(found.state))


def last_call(*, now: datetime) -> Component:
    """When any project last received a call; silence is no fault of the installation's."""
    received_at = _scalar(_LAST_CALL)
    if received_at is None:
        return Component("Last event", "ok", "None yet.")
    return Component("Last event", "ok", f"Received {formats.relative_time(received_at, now)}.")


def messages(*, now: datetime) -> Component:
    """Tasks that were handed over and are not done."""
    if settings.CELERY_BROKER_URL:
        return Component("Queue", "ok", "Tasks go through the broker of CELERY_BROKER_URL; ask it.")
    try:
        waiting, oldest_at = queue.waiting(settings.DATABASE)
    except psycopg.Error:
        return Component("Queue", "error", "There is no queue in the database.", "Restart the stack, or prepare again.")
    advice = "The worker is too slow or stuck: look at its log, or start a second one."
    if oldest_at is None:
        return Component("Queue", "ok", "Nothing waits.")
    age = max(0.0, (now - oldest_at).total_seconds())
    detail = f"{waiting:,} {'task waits or runs' if waiting == 1 else 'tasks wait or run'}, the oldest for {_age(age)}."
    component = _judged("Queue", age, _MESSAGE_AGE, detail, advice)
    return component if waiting < health.MOST_WAITING or component.state == "error" else _as_warning(component, advice)


def work(*, now: datetime) -> Component:
    """Work that should have been handed out by now."""
    overdue = WorkDue.objects.filter(due_at__lte=now)
    oldest = overdue.order_by("due_at").values_list("due_at", flat=True).first()
    if oldest is None:
        return Component("Work due", "ok", "Nothing is overdue.")
    age = (now - oldest).total_seconds()
    detail = f"{overdue.count():,} overdue, the oldest for {_age(age)}."
    return _judged("Work due", age, _WORK_AGE, detail, "The sweep hands it out: see that clock and worker run.")


def connections() -> Component:
    """Connections in use, of everybody on this server."""

    def ask() -> Component:
        used, most = _row(_CONNECTIONS)
        advice = "Lower WEB_THREADS or the number of processes, or raise max_connections of Postgres."
        return _judged("Connections", used / most, _CONNECTION_SHARE, f"{used} of {most} are in use.", advice)

    return _asked("Connections", ask)


def size() -> Component:
    return _asked("Size", lambda: Component("Size", "ok", f"The database takes {_bytes(_scalar(_SIZE))}."))


def disks() -> list[Component]:
    """Free room where this installation writes. Of a database server elsewhere nothing is known."""
    state = Path(settings.STATE_DIR)
    found = [disk("State directory", state)]
    if not settings.EMBEDDED_POSTGRES:
        return [*found, Component("Database server", "ok", "Its disk is not known here; watch it where it runs.")]
    data = state / "pg"
    if data.exists() and data.stat().st_dev != state.stat().st_dev:
        found.append(disk("Database directory", data))
    return found


def disk(title: str, path: Path) -> Component:
    try:
        usage = shutil.disk_usage(path)
    except OSError:
        return Component(title, "warning", "Its disk cannot be asked.", "See that the directory exists.")
    advice = "Make room: shorten the retention of projects, or move the directory to a larger disk."
    detail = f"{_bytes(usage.free)} of {_bytes(usage.total)} are free."
    by_share = state_of(1 - usage.free / usage.total, _DISK_SHARE)
    by_left = state_of(-float(usage.free), (-float(_DISK_LEFT[0]), -float(_DISK_LEFT[1])))
    # A large disk may be nearly full and still have room for years.
    state = min(by_share, by_left, key=_STATES.index) if by_left != "error" else "error"
    return Component(title, state, detail, "" if state == "ok" else advice)


def months() -> list[Month]:
    """The latest months with calls, newest first."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_MONTHS, [MONTHS_SHOWN])
            found: list[tuple[str, int]] = cursor.fetchall()
    except DatabaseError:
        return []
    largest = max((taken for _, taken in found), default=1)
    return [Month(name, _bytes(taken), taken / largest) for name, taken in found]


_STATES: Final[Sequence[State]] = ("ok", "warning", "error")


def worst_of(states: Sequence[State]) -> State:
    return max(states, key=_STATES.index, default="ok")


def state_of(value: float, limits: tuple[float, float]) -> State:
    """``limits`` are where warning and error begin, both included."""
    warning, error = limits
    return "error" if value >= error else "warning" if value >= warning else "ok"


def _judged(title: str, value: float, limits: tuple[float, float], detail: str, advice: str) -> Component:
    state = state_of(value, limits)
    return Component(title, state, detail, "" if state == "ok" else advice)


def _as_warning(component: Component, advice: str) -> Component:
    return Component(component.name, "warning", component.detail, advice)


def _ahead(now: datetime) -> Component:
    found = health.partitions(now=now)
    advice = "" if found.state == "ok" else "Start a worker: it makes the days that calls are stored in."
    return Component(found.name, found.state, found.detail, advice)


def _asked(title: str, ask: Callable[[], Component]) -> Component:
    try:
        with transaction.atomic():
            return ask()
    except DatabaseError:
        return Component(title, "warning", "The database could not say.")


def _versions(catalogue: str) -> dict[str, str]:
    found = {"TokenOps": settings.VERSION, "Python": platform.python_version(), "Django": django.get_version()}
    found |= {"PGMQ": _installed("pgmq"), "Prices (genai-prices)": _installed("genai-prices")}
    if catalogue and catalogue != found["Prices (genai-prices)"]:
        found["Prices in use"] = catalogue
    return found


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return formats.UNKNOWN


def _uptimes(beats: dict[str, Heartbeat]) -> dict[str, datetime]:
    """Since when each process runs, as far as it said so."""
    found = {"Web": STARTED_AT}
    for name, (title, *_) in _PROCESSES.items():
        started = _moment(beats[name].facts.get("started_at")) if name in beats else None
        if started:
            found[title] = started
    return found


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _age(seconds: float) -> str:
    """Whole seconds up to a minute: nobody needs to know it better."""
    minute = 60
    return f"{round(seconds)}{formats.NBSP}s" if seconds < minute else formats.duration_ms(round(seconds) * 1000)


def _bytes(count: int) -> str:
    return formats.megabytes(Decimal(count) / 2**20)


def _row(statement: str) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return tuple(cursor.fetchone())


def _scalar(statement: str) -> Any:
    return _row(statement)[0]
