"""One flush is one transaction: calls, rollups and activity of many requests, together or not at all.

The common case costs nothing for duplicates: rows go by COPY straight into the day's partition, and only when its
unique index objects is the flush done again through a temporary table that tells which rows are new.
"""

import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

import msgspec
import psycopg
from psycopg import Connection, errors

from core.recent import Recent
from ingestion import daily_tables, store
from ingestion.writer import counters, daily_sums, idempotency, responses, rollups
from ingestion.writer.counters import Owner
from ingestion.writer.daily_sums import PromptCounts
from ingestion.writer.idempotency import Claim, Lost
from ingestion.writer.responses import Key, Record
from ingestion.writer.rollups import Day, DistinctValues, Values
from ingestion.writer.rows import Dimensions, Line, Row
from ingestion.writer.uses import KeyUse, note_use

type Rows = Sequence[Row]
type Claims = Mapping[int, Claim]  # by the position of their request

logger = logging.getLogger(__name__)

_MOST_ATTEMPTS: Final = 4
_SUSPECT_SECONDS: Final = 60.0
_KEY_USAGE_SECONDS: Final = 60.0
# The last one frees what a machine held that vanished in the middle of a transaction.
_OPTIONS: Final = (
    "-c statement_timeout=2000 -c timezone=UTC -c client_min_messages=warning"
    " -c idle_in_transaction_session_timeout=10000"
)
# A peer that is gone must not hold a writer for longer than its clients wait.
_PATIENCE: Final = {"connect_timeout": "3", "tcp_user_timeout": "5000", "keepalives_idle": "5"}
_TRY_AGAIN: Final = (errors.DeadlockDetected, errors.SerializationFailure)
# What a row can be to blame for while the others of its flush are fine: its values, or a day without partition.
_REFUSED: Final = ("22", "23")
_NO_PARTITION: Final = ("42P01", "23514")

_by_key = attrgetter("key")

_VALUES_OF_DAYS = f"""
    select project_id, bucket_date, {", ".join(f"array_agg(distinct {name})" for name in store.DIMENSIONS)}
    from {store.DAILY} where (project_id, bucket_date) in (select * from unnest(%s::bigint[], %s::date[]))
    group by 1, 2"""
_USERS_OF_DAYS = f"""
    select project_id, bucket_date, array_agg(distinct user_id) from {daily_tables.USERS}
    where (organization_id, project_id, bucket_date) in (select * from unnest(%s::bigint[], %s::bigint[], %s::date[]))
    group by 1, 2"""
_STORED = f"""
    select {", ".join(store.CALL_KEY)} from calls
    join unnest(%s::bigint[], %s::timestamptz[], %s::text[]) x ({", ".join(store.CALL_KEY)})
        using ({", ".join(store.CALL_KEY)})
    where started_at between %s and %s"""
_ACTIVITY = """
    insert into project_activity as a (project_id, organization_id, first_received_at, last_received_at)
    select p, o, %(now)s, %(now)s from unnest(%(projects)s::bigint[], %(organizations)s::bigint[]) x (p, o)
    on conflict (project_id) do update set last_received_at = greatest(a.last_received_at, excluded.last_received_at)"""


@dataclass(frozen=True, slots=True)
class Stored:
    """The request's calls are durable; ``duplicates`` were there before, or twice in what arrived together."""

    accepted: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Postgres refuses something in this request, alone and for good."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Not known to be stored; sending the same again is safe."""


type Outcome = Stored | Refused | Unavailable | Lost


class _CommitUnknownError(Exception):
    """The connection broke while committing."""


@dataclass(slots=True)
class Memory:
    """What the writers of one process know together. Times are monotonic seconds."""

    values: DistinctValues = field(default_factory=DistinctValues)
    users: DistinctValues = field(default_factory=lambda: DistinctValues(daily_tables.MOST_USERS))
    prompts: PromptCounts = field(default_factory=PromptCounts)
    suspects: Recent = field(default_factory=lambda: Recent(_SUSPECT_SECONDS))
    key_usage: Recent = field(default_factory=lambda: Recent(_KEY_USAGE_SECONDS))


class Transactions[L: Line](ABC):
    """Stores requests through one connection as ``tokenops_edge``. Belongs to one thread.

    What the lines are and where they go is the subclass's business; that a request is stored once, whole or not at
    all, is ours.
    """

    def __init__(self, conninfo: str, memory: Memory) -> None:
        self._conninfo = psycopg.conninfo.make_conninfo(conninfo, options=_OPTIONS, **_PATIENCE)
        self._memory = memory
        self._connection: Connection[Any] | None = None

    def flush(self, requests: Sequence[Sequence[L]], claims: Claims | None = None) -> list[Outcome]:
        """Store the rows of each request; one outcome a request. Never raises for what the database says.

        A request whose claim is not granted is not stored; the others do not notice.
        """
        claims = claims or {}
        try:
            return self._until_it_works(requests, claims)
        except psycopg.Error as error:
            self._rollback()  # and know that it is done: a claim made again must not meet this one
            self.close()
            if _is_about_content(error) and len(requests) > 1:
                return [self._alone(request, claims.get(n)) for n, request in enumerate(requests)]
            if _is_refusal(error):
                logger.error("Postgres refused what looked valid to us", extra={"sqlstate": error.sqlstate})
                return [Refused()]
            logger.warning("a flush failed", extra={"error": type(error).__name__, "sqlstate": error.sqlstate})
        except _CommitUnknownError:
            logger.warning("the outcome of a commit is unknown")
        except Exception:
            self.close()
            logger.exception("a flush failed unexpectedly")
        return [Unavailable()] * len(requests)

    def close(self) -> None:
        """Close rather than reuse: a connection in doubt may be in the middle of a COPY."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def note_key_usage(self, uses: Iterable[KeyUse], now: datetime) -> None:
        """Remember when and from where keys were last used, at most once a minute a key. Losing one is harmless.

        A key whose digest was made with an old pepper gets its new one here, away from the request that showed it.
        """
        for use in uses:
            if use.key_id in self._memory.key_usage:
                continue
            self._memory.key_usage.add(use.key_id)
            try:
                connection = self._connect()
                note_use(connection, use, now)
                connection.commit()
            except psycopg.Error as error:  # also: the key was deleted a moment ago
                self.close()
                logger.info("the use of a key was not noted", extra={"sqlstate": error.sqlstate})

    def _alone(self, request: Sequence[L], claim: Claim | None) -> Outcome:
        (outcome,) = self.flush([request], {0: claim} if claim else None)
        return outcome

    def _until_it_works(self, requests: Sequence[Sequence[L]], claims: Claims) -> list[Outcome]:
        """One outcome a request.

        Up to the commit nothing is stored for certain, so a deadlock or a connection that turned out to be dead is no
        reason to bother the sender.
        """
        suspect: Callable[[Sequence[L]], list[L]] = self._of_suspects
        for attempt in range(_MOST_ATTEMPTS):
            last = attempt == _MOST_ATTEMPTS - 1
            reused = self._connection is not None
            try:
                return self._attempt(requests, claims, suspect)
            except errors.UniqueViolation:
                self._rollback()
                suspect = list
            except _TRY_AGAIN:
                self._rollback()
                if last:
                    raise
            except psycopg.OperationalError as error:
                self.close()
                if last or not reused or error.sqlstate == errors.QueryCanceled.sqlstate:
                    raise
        raise errors.UniqueViolation("duplicates appear faster than they can be told apart")

    def _of_suspects(self, rows: Sequence[L]) -> list[L]:
        """Rows of projects that sent duplicates a moment ago: one retrier must not spoil every flush."""
        suspects = {project for project in {row.key[0] for row in rows} if project in self._memory.suspects}
        return [row for row in rows if row.key[0] in suspects] if suspects else []

    def _attempt(
        self, requests: Sequence[Sequence[L]], claims: Claims, suspect: Callable[[Sequence[L]], list[L]]
    ) -> list[Outcome]:
        """``suspect`` chooses the rows that may be there already."""
        connection = self._connect()
        cursor = connection.cursor()
        lost = idempotency.claim(cursor, claims) if claims else {}
        if lost:
            requests = [() if n in lost else request for n, request in enumerate(requests)]
        stored = self._store(cursor, requests, suspect)
        if claims:
            _keep_answers(cursor, claims, {n: one for n, one in enumerate(stored) if n not in lost})
        self._commit(connection)
        return [lost.get(n, one) for n, one in enumerate(stored)]

    @abstractmethod
    def _store(
        self,
        cursor: psycopg.Cursor[Any],
        requests: Sequence[Sequence[L]],
        suspect: Callable[[Sequence[L]], list[L]],
    ) -> list[Stored]:
        """Store what is new of each request and count it; ``suspect`` chooses the lines that may be there already.

        :raises errors.UniqueViolation: another line was there; the transaction is done again, and then all are suspect.
        """

    def _counted(self, request: Sequence[L], unique: dict[Key, L], stored: set[Key] | None) -> Stored:
        new = [row for row in request if unique[row.key] is row]
        accepted = len(new) if stored is None else sum(1 for row in new if row.key in stored)
        if accepted < len(request):
            for project in {row.key[0] for row in request}:
                self._memory.suspects.add(project)
        return Stored(accepted, len(request) - accepted)

    def _connect(self) -> Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._conninfo, application_name="tokenops_edge writer")
        return self._connection

    def _commit(self, connection: Connection[Any]) -> None:
        try:
            connection.commit()
        except psycopg.OperationalError as error:
            self.close()
            raise _CommitUnknownError from error

    def _rollback(self) -> None:
        try:
            if self._connection is not None:
                self._connection.rollback()
        except psycopg.Error:
            self.close()


class Flusher(Transactions[Row]):
    """Stores calls, their rollups and activity."""

    def _store(
        self, cursor: psycopg.Cursor[Any], requests: Sequence[Rows], suspect: Callable[[Rows], list[Row]]
    ) -> list[Stored]:
        unique = unique_lines(requests)
        rows = sorted(unique.values(), key=_by_key)
        stored = self._insert(cursor, rows, suspect(rows)) if rows else None
        if stored is None and len(unique) == sum(map(len, requests)):
            return [Stored(len(request), 0) for request in requests]
        return [self._counted(request, unique, stored) for request in requests]

    def _insert(self, cursor: psycopg.Cursor[Any], rows: Rows, staged: list[Row]) -> set[Key] | None:
        """The stored keys, or None for all of them."""
        direct = _others(rows, staged)
        new = [*_with_response(direct), *_not_stored(cursor, _with_response(staged))]
        duplicates = responses.claim(cursor, [row.response for row in new if row.response]) if new else {}
        if direct:
            _copy_to_partitions(cursor, _marked(direct, duplicates))
        stored = None
        if staged:
            stored = _insert_staged(cursor, _marked(staged, duplicates)) | set(map(_by_key, direct))
            if any(row.key not in stored for row in new):
                raise errors.SerializationFailure("a call that had claimed its response was stored by somebody else")
            rows = [row for row in rows if row.key in stored]
        if rows:
            self._add_to_rollups(cursor, [row for row in rows if row.key not in duplicates] if duplicates else rows)
            now, events = datetime.now(UTC), Counter(row.dimensions[:2] for row in rows)
            _note_activity(cursor, events, now)
            counters.count(cursor, events, now)
        return stored

    def _add_to_rollups(self, cursor: psycopg.Cursor[Any], rows: Rows) -> None:
        arrived = rollups.group(rows)
        if not arrived:
            return
        values = self._memory.values
        unseen = values.unseen(rollups.days(arrived))
        if unseen:
            values.learn(_values_of(cursor, unseen))
        groups = rollups.cap(arrived, values)
        measures = rollups.measured(groups)
        hourly, daily = rollups.rollup_rows(measures)
        for table, lines in ((store.HOURLY, hourly), (store.DAILY, daily)):
            cursor.execute(_UPSERTS[table], store.array_literals(lines))
        if not all(row.is_sized for row in rows):
            measures = rollups.measured({of: [row for row in calls if row.is_sized] for of, calls in groups.items()})
        daily_sums.add_sizes(cursor, daily_sums.size_rows(measures))
        prompted = [(of, row.measures, row.prompts) for of, calls in groups.items() for row in calls if row.prompts]
        if prompted:
            daily_sums.add_prompts(cursor, daily_sums.prompt_rows(prompted), self._memory.prompts)
        self._add_users(cursor, groups)

    def _add_users(self, cursor: psycopg.Cursor[Any], groups: Mapping[Dimensions, Rows]) -> None:
        """``groups`` are calls by their capped dimensions."""
        users = self._memory.users
        days = daily_sums.by_user(
            {of: [(row.user_id, row.measures) for row in calls if row.user_id] for of, calls in groups.items()}
        )
        unseen = set(users.unseen(owner[1:] for owner in days))
        if unseen:
            users.learn(_users_of(cursor, sorted(owner for owner in days if owner[1:] in unseen)))
        for owner, calls in days.items():
            beyond = users.beyond(owner[1:], {user_id for user_id, _, _ in calls})
            if beyond:
                days[owner] = daily_sums.without_users(calls, beyond)
        daily_sums.add_users(cursor, daily_sums.user_rows(days))


_UPSERTS: Final = {table: store.rollup_upsert(table).encode() for table in store.BUCKETS}


def _keep_answers(cursor: psycopg.Cursor[Any], claims: Claims, stored: Mapping[int, Stored]) -> None:
    won = [(one, stored[n]) for n, one in claims.items() if n in stored]
    if won:
        idempotency.keep(cursor, [(one, one.answer(counts.accepted, counts.duplicates)) for one, counts in won])


def _is_refusal(error: psycopg.Error) -> bool:
    state = error.sqlstate or ""
    return state[:2] in _REFUSED and state not in _NO_PARTITION


def _is_about_content(error: psycopg.Error) -> bool:
    return _is_refusal(error) or error.sqlstate in _NO_PARTITION


def unique_lines[L: Line](requests: Sequence[Sequence[L]]) -> dict[Key, L]:
    """Lines by identity; the first of a key wins."""
    # Written last to first, because in a dictionary the last one wins.
    return {row.key: row for request in reversed(requests) for row in reversed(request)}


def _others(rows: Rows, staged: Rows) -> Rows:
    projects = {row.key[0] for row in staged}
    return [row for row in rows if row.key[0] not in projects] if projects else rows


def _with_response(rows: Rows) -> list[Row]:
    return [row for row in rows if row.response]


def _not_stored(cursor: psycopg.Cursor[Any], rows: Rows) -> Rows:
    """Those of ``rows`` whose identity is not taken: an event that was sent again has no say in who counts."""
    if not rows:
        return rows
    starts = [row.key[1] for row in rows]
    # Not prepared: the planner must see the two moments, or it looks at every day there is.
    cursor.execute(
        _STORED.encode(), [*store.array_literals([row.key for row in rows]), min(starts), max(starts)], prepare=False
    )
    stored = set(cursor.fetchall())
    return [row for row in rows if row.key not in stored]


def _marked(rows: Rows, duplicates: Mapping[Key, Record]) -> Rows:
    """``rows`` whose text says with which call those are counted that do not count."""
    if not duplicates:
        return rows
    return [_marked_row(row, duplicates[row.key]) if row.key in duplicates else row for row in rows]


def _marked_row(row: Row, counted: Record) -> Row:
    line = store.duplicate_line(row.line, started_at=counted.started_at, call_id=counted.call_id)
    return msgspec.structs.replace(row, line=line)


def _copy_to_partitions(cursor: psycopg.Cursor[Any], rows: Rows) -> None:
    """COPY rows, sorted by key, day by day: a partition takes only its own day (UTC)."""
    starts = [row.key[1] for row in rows]
    first, last = min(starts).date(), max(starts).date()
    if first == last:
        _copy(cursor, store.leaf(first), rows)
        return
    for day, group in groupby(sorted(rows, key=_day), key=_day):
        _copy(cursor, store.leaf(day), list(group))


def _day(row: Row) -> date:
    return row.key[1].date()


def _copy(cursor: psycopg.Cursor[Any], table: str, rows: Rows) -> None:
    with cursor.copy(store.copy_calls(table).encode()) as copy:
        copy.write(store.csv([row.line for row in rows]))


def _insert_staged(cursor: psycopg.Cursor[Any], rows: Rows) -> set[Key]:
    cursor.execute(store.CREATE_STAGE.encode())
    _copy(cursor, store.STAGE, rows)
    cursor.execute(store.INSERT_STAGED.encode())
    return set(cursor.fetchall())


def _values_of(cursor: psycopg.Cursor[Any], days: Sequence[Day]) -> dict[Day, Values]:
    """The distinct values the daily rollups hold already; empty sets for a day without rows."""
    projects, dates = zip(*days, strict=True)
    cursor.execute(_VALUES_OF_DAYS.encode(), [list(projects), list(dates)])
    known: dict[Day, Values] = {(row[0], row[1]): tuple(set(values) for values in row[2:]) for row in cursor}
    return {day: known.get(day) or tuple(set() for _ in store.DIMENSIONS) for day in days}


def _users_of(cursor: psycopg.Cursor[Any], owners: Sequence[tuple[int, int, date]]) -> dict[Day, Values]:
    """The end users that days of projects hold already; an empty set for a day without."""
    organizations, projects, dates = zip(*owners, strict=True)
    cursor.execute(_USERS_OF_DAYS.encode(), [list(organizations), list(projects), list(dates)])
    known: dict[Day, Values] = {(project, day): (set(users),) for project, day, users in cursor}
    return {(project, day): known.get((project, day)) or (set(),) for _, project, day in owners}


def _note_activity(cursor: psycopg.Cursor[Any], owners: Iterable[Owner], now: datetime) -> None:
    projects = sorted((project, organization) for organization, project in owners)
    cursor.execute(
        _ACTIVITY.encode(),
        {
            "now": now,
            "projects": [project for project, _ in projects],
            "organizations": [organization for _, organization in projects],
        },
    )
