"""Who a key belongs to and where it may write, read from Postgres and remembered for a short while."""

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from core import crypto
from core.addresses import Network, networks
from ingestion.edge.limits import Quota
from ingestion.writer import LocalTime, Target
from tenants.environment_names import UNNAMED
from tenants.team_names import folded

logger = logging.getLogger(__name__)

OPTIONS: Final = "-c statement_timeout=2000 -c timezone=UTC"
FRESH_SECONDS: Final = 30.0  # bounds the age of what no notification tells: projects, events of the month
FRESH_SECONDS_UNHEARD: Final = 2.0  # while nobody would tell us of a revocation
_PAUSE_AFTER_FAILURE: Final = 0.25
_MOST_ENTRIES: Final = 10_000

local_time = lru_cache(maxsize=1_000)(LocalTime)

# The month is the organization's own. What it has sent is summed only where somebody asks: where there is a quota.
_LOOKUP: Final = b"""
    with key as materialized (
        select k.key_id, k.digest, k.pepper_id, k.allowed_ranges, k.organization_id,
               k.project_id as own_project_id, k.scopes, k.expires_at, k.revoked_at,
               s.time_zone, s.hash_key, s.delete_at is not null as is_closing, s.monthly_event_quota,
               case when s.monthly_event_quota is not null then (
                   select coalesce(sum(c.events), 0)::bigint from ingest_counters c
                   where c.organization_id = k.organization_id and c.month = m.month::date) end as events_this_month,
               (m.month + interval '1 month') at time zone s.time_zone as month_ends_at,
               (select jsonb_object_agg(a.folded, t.slug) from team_aliases a join teams t on t.id = a.team_id
                where a.organization_id = k.organization_id) as teams,
               exists (select from projects p where p.id = k.project_id and p.archived_at is not null) as is_archived
        from api_key_lookup k
        join organization_settings s using (organization_id),
            date_trunc('month', now() at time zone s.time_zone) as m (month)
        where k.prefix = %s)
    select key.*, p.id, p.slug, p.is_default, p.allow_personal_ids, p.retention_days, p.default_environment,
           (select slug from teams where id = p.team_id) as team
    from key
    left join projects p on p.organization_id = key.organization_id and p.delete_at is null and p.archived_at is null
        and (own_project_id is null or p.id = own_project_id)"""


type Parameters = Sequence[object] | Mapping[str, object]


class DirectoryUnavailableError(Exception):
    """The database cannot be asked."""


@dataclass(frozen=True, slots=True)
class Project:
    """A project a key may write to."""

    slug: str
    allow_personal_ids: bool
    retention_days: int
    target: Target
    team: str  # slug of the team whose calls are that name none; '' for nobody
    environment: str = UNNAMED  # of calls that name none


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """An API key with everything the edge decides by."""

    key_id: int
    organization_id: int
    digest: bytes = field(repr=False)
    pepper_id: int
    hash_key: bytes = field(repr=False)
    scopes: frozenset[str]
    allowed: tuple[Network, ...] = ()  # where it may come from; empty: anywhere
    expires_at: datetime | None
    revoked_at: datetime | None
    is_bound: bool  # to one project; else it is the organization's
    home: Project | None  # its own project, or the organization's default
    projects: dict[str, Project]  # without those that are archived or about to be deleted
    is_archived: bool = False  # the key's own project
    is_closing: bool = False  # the whole organization is about to be deleted
    quota: Quota | None = None  # as it stood when the key was read
    local_time: LocalTime = field(repr=False)
    teams: Mapping[str, str] = field(default_factory=dict, repr=False)  # slugs by the folded names of all teams

    def team(self, named: str, project: Project) -> str:
        """Whose a call is that names a team or, with '', none. A name that is no team's is kept as it is."""
        return self.teams.get(folded(named), named) if named else project.team


class Directory:
    """Keys by their public prefix. Lives in one event loop.

    A listener tells of changes. Everything is forgotten whenever it starts to listen, so that what it missed before
    does not matter.
    """

    def __init__(self, conninfo: str, *, encryption_key: str, previous_encryption_key: str = "") -> None:
        self._reader = Reader(conninfo)
        self._encryption_key, self._previous_encryption_key = encryption_key, previous_encryption_key
        self._entries: OrderedDict[str, tuple[float, Sender | None]] = OrderedDict()
        self._last_known: OrderedDict[str, tuple[float, Sender]] = OrderedDict()
        self._generation = 0
        self._is_hearing = False

    async def find(self, prefix: str) -> Sender | None:
        """The key with this prefix, or None when there is none.

        :raises DirectoryUnavailableError: it is not remembered and the database is away.
        """
        found = self._remembered(prefix)
        if found is None:
            async with self._reader.lock:
                found = self._remembered(prefix) or await self._read(prefix)
        return found[1]

    async def ask(self, prefix: str) -> Sender | None:
        """The key as the database has it now, whatever is remembered.

        :raises DirectoryUnavailableError: the database is away.
        """
        async with self._reader.lock:
            return (await self._read(prefix))[1]

    def last_known(self, prefix: str, *, within: float) -> Sender | None:
        """The key as it was read at most so many seconds ago, for who may go on while the database is away.

        A change that we were told of is heeded: such a key is not known until it was read again.
        """
        read_at, sender = self._last_known.get(prefix, (float("-inf"), None))
        return sender if time.monotonic() - read_at <= within else None

    @property
    def is_away(self) -> bool:
        """Whether the database could not be asked when somebody tried last."""
        return self._reader.is_away

    async def look_again(self) -> None:
        """Find out whether the database can be asked again."""
        with contextlib.suppress(DirectoryUnavailableError):
            async with self._reader.lock:
                await self._reader.rows(b"select 1")

    def forget(self, prefix: str) -> None:
        """Read this key again when it is needed next; '' stands for every key."""
        self._generation += 1
        if prefix:
            self._entries.pop(prefix, None)
            self._last_known.pop(prefix, None)
        else:
            self._entries.clear()

    def start_hearing(self) -> None:
        self.forget("")
        self._is_hearing = True

    def stop_hearing(self) -> None:
        self._is_hearing = False

    async def close(self) -> None:
        await self._reader.close()

    def _remembered(self, prefix: str) -> tuple[float, Sender | None] | None:
        entry = self._entries.get(prefix)
        if entry is None:
            return None
        age = time.monotonic() - entry[0]
        return entry if age < (FRESH_SECONDS if self._is_hearing else FRESH_SECONDS_UNHEARD) else None

    async def _read(self, prefix: str) -> tuple[float, Sender | None]:
        generation = self._generation
        asked_at = time.monotonic()
        rows = await self._reader.rows(_LOOKUP, [prefix])
        entry = (asked_at, self._sender(rows) if rows else None)
        # What was told while we asked may be newer than the answer, which then serves this one request only.
        if generation == self._generation:
            _keep(self._entries, prefix, entry)
            if entry[1]:
                _keep(self._last_known, prefix, (asked_at, entry[1]))
            else:
                self._last_known.pop(prefix, None)
        return entry

    def _sender(self, rows: Sequence[dict[str, Any]]) -> Sender:
        key = rows[0]
        organization_id = key["organization_id"]
        found = [_project(row) for row in rows if row["id"] is not None]
        home = next((project for project, row in zip(found, rows, strict=False) if _is_home(row)), None)
        return Sender(
            key_id=key["key_id"],
            organization_id=organization_id,
            digest=bytes(key["digest"]),
            pepper_id=key["pepper_id"],
            hash_key=crypto.decrypt(
                bytes(key["hash_key"]),
                key=self._encryption_key,
                context=f"hash-key:{organization_id}",
                previous=self._previous_encryption_key,
            ),
            scopes=frozenset(key["scopes"]),
            allowed=networks(key["allowed_ranges"]),
            expires_at=key["expires_at"],
            revoked_at=key["revoked_at"],
            is_bound=key["own_project_id"] is not None,
            home=home,
            projects={project.slug: project for project in found},
            is_closing=key["is_closing"],
            is_archived=key["is_archived"],
            quota=_quota(key),
            local_time=local_time(key["time_zone"]),
            teams=key["teams"] or {},
        )


def _keep[T](entries: OrderedDict[str, T], prefix: str, entry: T) -> None:
    entries[prefix] = entry
    entries.move_to_end(prefix)
    if len(entries) > _MOST_ENTRIES:
        entries.popitem(last=False)


def _quota(key: dict[str, Any]) -> Quota | None:
    limit = key["monthly_event_quota"]
    return Quota(limit, key["events_this_month"], key["month_ends_at"]) if limit is not None else None


def _is_home(row: dict[str, Any]) -> bool:
    return row["is_default"] or row["own_project_id"] is not None


def _project(row: dict[str, Any]) -> Project:
    target = Target(row["organization_id"], row["id"], row["key_id"], local_time(row["time_zone"]))
    return Project(
        row["slug"],
        row["allow_personal_ids"],
        row["retention_days"],
        target,
        row["team"] or "",
        row["default_environment"],
    )


class Reader:
    """One connection for rare reads. Hold ``lock`` while reading."""

    def __init__(self, conninfo: str) -> None:
        self.lock = asyncio.Lock()
        self._conninfo = psycopg.conninfo.make_conninfo(conninfo, options=OPTIONS, connect_timeout="2")
        self._connection: AsyncConnection[dict[str, Any]] | None = None
        self._failed_at = float("-inf")
        self.is_away = False

    async def rows(self, query: bytes, parameters: Parameters = ()) -> list[dict[str, Any]]:
        """:raises DirectoryUnavailableError: now, or within the last moment."""
        if time.monotonic() - self._failed_at < _PAUSE_AFTER_FAILURE:
            raise DirectoryUnavailableError
        try:
            async with asyncio.timeout(4):
                found = await self._rows(query, parameters)
        except (psycopg.Error, TimeoutError) as error:
            self._failed_at = time.monotonic()
            self.is_away = True
            await self.close()
            raise DirectoryUnavailableError from error
        self.is_away = False
        return found

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _rows(self, query: bytes, parameters: Parameters) -> list[dict[str, Any]]:
        kept = self._connection is not None
        try:
            return await self._ask(query, parameters)
        except psycopg.OperationalError:
            await self.close()
            if not kept:
                raise
        return await self._ask(query, parameters)  # the kept connection had died while nobody used it

    async def _ask(self, query: bytes, parameters: Parameters) -> list[dict[str, Any]]:
        if self._connection is None:
            self._connection = await AsyncConnection.connect(
                self._conninfo, autocommit=True, row_factory=dict_row, application_name="tokenops_edge reader"
            )
        cursor = await self._connection.execute(query, parameters)
        return await cursor.fetchall()
