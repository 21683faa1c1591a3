"""Counts of what was refused, gathered in memory and added to the database every second.

Beside the flush of calls and not inside it: a request of which everything was refused has no flush, and counting it
must neither wait nor fail. A process that is killed loses the last second of counts; one that ends in order loses none.
"""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
import psycopg
from psycopg import Connection

from ingestion import store
from ingestion.wire.refused import SEPARATOR, Kind, Reason, Refused

logger = logging.getLogger(__name__)

INTERVAL_SECONDS: Final = 1.0
MOST_SAMPLES: Final = 20
MOST_REASONS: Final = 200  # a project and hour; what comes later is counted as (other)
MOST_KEYS: Final = 10_000  # in memory, which only fills while the database is away
NO_PROJECT: Final = 0
_OTHER: Final = Reason(store.OTHER, store.OTHER)
_NOTHING: Final = Reason("", "")
_OPTIONS: Final = "-c statement_timeout=2000 -c timezone=UTC"
_PATIENCE: Final = {"connect_timeout": "3", "tcp_user_timeout": "5000"}

# Samples that are there stay, so that a row stops changing once it has twenty.
_ADD: Final = f"""
    insert into rejected_events as r (organization_id, hour, project_id, endpoint, kind, field, reason,
                                      count, events, first_at, last_at, samples)
    select * from unnest(%s::bigint[], %s::timestamptz[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[],
                         %s::bigint[], %s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::jsonb[])
    on conflict (organization_id, hour, project_id, endpoint, kind, field, reason) do update set
        count = r.count + excluded.count, events = r.events + excluded.events,
        first_at = least(r.first_at, excluded.first_at), last_at = greatest(r.last_at, excluded.last_at),
        samples = case when jsonb_array_length(r.samples) >= {MOST_SAMPLES} or excluded.samples <@ r.samples
            then r.samples else (
                select jsonb_agg(sample order by place) from (
                    select sample, min(place) as place
                    from jsonb_array_elements(r.samples || excluded.samples) with ordinality x (sample, place)
                    group by sample order by 2 limit {MOST_SAMPLES}) kept) end"""


class Place(NamedTuple):
    """Where a refusal is counted; ``project_id`` is 0 when none could be decided, ``hour`` its local start."""

    organization_id: int
    hour: datetime
    project_id: int
    endpoint: str


class Key(NamedTuple):
    """The identity of a row, in the order of the table's primary key: every writer takes rows in this order."""

    organization_id: int
    hour: datetime
    project_id: int
    endpoint: str
    kind: str
    field: str
    reason: str


@dataclass(slots=True)
class Tally:
    """What is added to a row."""

    first_at: datetime
    last_at: datetime
    count: int = 0
    events: int = 0
    samples: set[str] = field(default_factory=set)

    def add(self, other: "Tally") -> None:
        self.count += other.count
        self.events += other.events
        self.first_at = min(self.first_at, other.first_at)
        self.last_at = max(self.last_at, other.last_at)
        for sample in other.samples:
            if len(self.samples) < MOST_SAMPLES:
                self.samples.add(sample)


type Tallies = dict[Key, Tally]


class Tallying:
    """Bounded sums, shared by the event loop and the thread that writes them."""

    def __init__(self) -> None:
        self._tallies: Tallies = {}
        self._reasons: dict[tuple[int, datetime, int], set[tuple[str, ...]]] = {}
        self._lost = 0
        self._lock = threading.Lock()

    def add(self, place: Place, kind: Kind, reason: Reason, tally: Tally) -> None:
        with self._lock:
            self._add(self._key(place, kind, reason), tally)

    def take(self) -> Tallies:
        """What was added since; it is the caller's now."""
        with self._lock:
            taken, self._tallies = self._tallies, {}
            lost, self._lost = self._lost, 0
        if lost:
            logger.error("refusals were not counted", extra={"reasons": lost})
        return taken

    def give_back(self, tallies: Tallies) -> None:
        """What could not be written is written with what comes next."""
        with self._lock:
            for key, tally in tallies.items():
                self._add(key, tally)

    def _add(self, key: Key, tally: Tally) -> None:
        found = self._tallies.get(key)
        if found is not None:
            found.add(tally)
        elif len(self._tallies) < MOST_KEYS:
            self._tallies[key] = tally
        else:
            self._lost += 1

    def _key(self, place: Place, kind: Kind, reason: Reason) -> Key:
        """Approximate on purpose: each process keeps this many reasons of its own apart."""
        of_project = (place.organization_id, place.hour, place.project_id)
        if of_project not in self._reasons:
            self._forget(place.hour - timedelta(hours=2))
        known = self._reasons.setdefault(of_project, set())
        wanted = (place.endpoint, kind, *reason)
        if wanted not in known and len(known) >= MOST_REASONS:
            return Key(*place, kind, *_OTHER)
        known.add(wanted)
        return Key(*place, kind, *reason)

    def _forget(self, before: datetime) -> None:
        old = [place for place in self._reasons if place[1] < before]
        for place in old if len(self._reasons) < MOST_KEYS else list(self._reasons):
            del self._reasons[place]


class RefusalLog:
    """Adds refusals to the database from a thread of its own.

    ``start`` before it counts; ``close`` writes what is left. Between them every call is a moment's work in memory.
    """

    def __init__(self, conninfo: str) -> None:
        self._conninfo = psycopg.conninfo.make_conninfo(conninfo, options=_OPTIONS, **_PATIENCE)
        self._tallying = Tallying()
        self._closing = threading.Event()
        self._connection: Connection[Any] | None = None
        self._thread = threading.Thread(target=self._run, name="refusals", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Write what was counted. Blocks; not for the event loop."""
        self._closing.set()
        self._thread.join()

    def add_events(self, place: Place, refused: Refused, *, now: datetime) -> None:
        """Count the refused events of a request that was read."""
        for reason, found in refused.items():
            tally = Tally(now, now, found.errors, found.events, found.samples)
            self._tallying.add(place, Kind.EVENT, reason, tally)

    def add_request(self, place: Place, slug: str, *, now: datetime) -> None:
        """Count a request that was refused as a whole; ``slug`` is its problem's."""
        self._tallying.add(place, Kind.REQUEST, Reason("", slug), Tally(now, now, count=1))

    def add_content(self, place: Place, fields: int, *, now: datetime) -> None:
        """Count content fields that were dropped."""
        self._tallying.add(place, Kind.CONTENT, _NOTHING, Tally(now, now, count=fields))

    def _run(self) -> None:
        while not self._closing.wait(INTERVAL_SECONDS):
            self._write()
        self._write()
        self._disconnect()

    def _write(self) -> None:
        tallies = self._tallying.take()
        if not tallies:
            self._disconnect()  # who has nothing to say needs no connection
            return
        try:
            add(self._connect(), tallies)
        except psycopg.Error as error:
            # Nothing is stored for certain; should it have been the commit, these counts are there twice.
            self._disconnect()
            self._tallying.give_back(tallies)
            logger.warning("refusals could not be counted yet", extra={"error": type(error).__name__})
        except Exception:
            self._disconnect()
            logger.exception("refusals could not be counted")

    def _connect(self) -> Connection[Any]:
        if self._connection is None:
            self._connection = psycopg.connect(self._conninfo, application_name="tokenops_edge refusals")
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def add(connection: Connection[Any], tallies: Mapping[Key, Tally]) -> None:
    """Add to the rows and commit, as ``tokenops_edge``."""
    rows = [(*key, *_values(tally)) for key, tally in sorted(tallies.items(), key=lambda item: item[0])]
    connection.execute(_ADD.encode(), [list(column) for column in zip(*rows, strict=True)])
    connection.commit()


def _values(tally: Tally) -> tuple[Any, ...]:
    samples = msgspec.json.encode([sample.split(SEPARATOR) for sample in sorted(tally.samples)[:MOST_SAMPLES]]).decode()
    return tally.count, tally.events, tally.first_at, tally.last_at, samples
