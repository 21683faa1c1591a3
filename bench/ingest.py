"""ingest-batch, ingest-single, ingest-otlp: what the edge stores a second, against Postgres or the edge itself.

A machine is never quiet, so measurement and baseline take turns, round by round, and the ratio is that of their sums.
``BENCH_ROUNDS`` (default 3) makes a run longer; ``lowest`` and ``highest`` are the ratios of single rounds.
"""

import os
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psycopg

from bench import events
from bench.cpu import Spent, spent_by
from bench.events import Body
from bench.installation import Server, database, postgres_pid, server
from bench.load import Load, drive, request_bytes
from bench.report import Row
from bench.tenants import Tenant, create_tenant

NAMES = ("ingest-batch", "ingest-single", "ingest-otlp")
BATCH, CONNECTIONS, REQUESTS_EACH = 500, 8, 12
SINGLE_CONNECTIONS, SINGLE_REQUESTS_EACH = 64, 40
INGEST, TRACES = "/api/v1/ingest", "/v1/traces"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The shape of a load; ``size`` is events a request."""

    path: str
    body: Body
    content_type: str
    status: int
    size: int
    connections: int
    each: int

    @property
    def events(self) -> int:
        return self.connections * self.each * self.size


BATCHES = Workload(
    path=INGEST,
    body=events.json_body,
    content_type="application/json",
    status=202,
    size=BATCH,
    connections=CONNECTIONS,
    each=REQUESTS_EACH,
)
TRACE_BATCHES = Workload(
    path=TRACES,
    body=events.otlp_body,
    content_type="application/x-protobuf",
    status=200,
    size=BATCH,
    connections=CONNECTIONS,
    each=REQUESTS_EACH,
)
SINGLES = Workload(
    path=INGEST,
    body=events.json_body,
    content_type="application/json",
    status=202,
    size=1,
    connections=SINGLE_CONNECTIONS,
    each=SINGLE_REQUESTS_EACH,
)


@dataclass(slots=True)
class Measured:
    """Rounds of one side: events and wall seconds of each, CPU of the edge and of Postgres over all of them."""

    rounds: list[tuple[int, float]] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)
    edge: Spent = field(default_factory=Spent)
    postgres: Spent = field(default_factory=Spent)

    def add(self, events: int, seconds: float, *, edge: Spent, postgres: Spent) -> None:
        self.rounds.append((events, seconds))
        self.edge.seconds += edge.seconds
        self.postgres.seconds += postgres.seconds

    @property
    def events(self) -> int:
        return sum(events for events, _ in self.rounds)

    @property
    def rate(self) -> float:
        return self.events / sum(seconds for _, seconds in self.rounds)

    def ratios(self, baseline: "Measured") -> list[float]:
        pairs = zip(self.rounds, baseline.rounds, strict=True)
        return [(mine / seconds) / (theirs / other) for (mine, seconds), (theirs, other) in pairs]

    def percentile(self, q: float) -> float:
        return Load(latencies_ms=self.latencies_ms).percentile(q)

    def figures(self, baseline: "Measured") -> dict[str, float]:
        ratios = self.ratios(baseline)
        return {
            "p50 ms": self.percentile(0.5),
            "p99 ms": self.percentile(0.99),
            "lowest ratio": min(ratios),
            "highest": max(ratios),
            "edge CPU µs": self.edge.micros_each(self.events),
            "Postgres CPU µs": self.postgres.micros_each(self.events),
            "Postgres CPU µs of the baseline": baseline.postgres.micros_each(baseline.events),
        }


def run(names: Collection[str] = NAMES) -> list[Row]:
    """The named ones of ``NAMES``, on one installation."""
    rounds = int(os.environ.get("BENCH_ROUNDS", "3"))
    with database(), server() as edge:
        from django.conf import settings

        bench = _Bench(edge, create_tenant(), settings.DATABASE.url, rounds)
        benchmarks = {"ingest-batch": _batch, "ingest-single": _single, "ingest-otlp": _otlp}
        return [benchmark(bench) for name, benchmark in benchmarks.items() if name in names]


class _Bench:
    """One installation under load; every request it sends is new."""

    def __init__(self, edge: Server, tenant: Tenant, url: str, rounds: int) -> None:
        self.edge, self.rounds = edge, rounds
        self._tenant, self._url = tenant, url
        self._seed = 0

    def warm_up(self, workload: Workload, *, on: Server | None = None) -> None:
        """The first requests open connections, learn the day's values and fill caches."""
        self.load(workload, Measured(), on=on)

    def load(self, workload: Workload, into: Measured, *, on: Server | None = None) -> None:
        """One round of requests to the edge, or to the server ``on``."""
        target = on or self.edge
        requests = self._requests(workload)
        with spent_by(target.pid) as edge, spent_by(postgres_pid()) as postgres:
            load = drive(target, per_connection=requests)
        load.expect_only(workload.status)
        into.add(workload.events, load.seconds, edge=edge, postgres=postgres)
        into.latencies_ms += load.latencies_ms

    def load_then_copy(self, workload: Workload, into: Measured, baseline: Measured) -> None:
        """A round of requests, then what Postgres takes when nothing but COPY happens: same rows, order and indexes."""
        since = datetime.now(UTC)
        self.load(workload, into)
        with psycopg.connect(self._url, autocommit=True) as connection:
            chunks = _stored(connection, since)
            connection.execute("create table copy_limit (like calls including all)")
            with spent_by(postgres_pid()) as postgres:
                started = time.perf_counter()
                _copy(connection, chunks)
                seconds = time.perf_counter() - started
            connection.execute("drop table copy_limit")
        baseline.add(workload.events, seconds, edge=Spent(), postgres=postgres)

    def _requests(self, workload: Workload) -> list[list[bytes]]:
        self._seed += 1
        count, keys = workload.connections * workload.each, self._tenant.keys
        bodies = events.bodies(workload.body, count=count, size=workload.size, seed=self._seed)
        requests = [
            request_bytes(workload.path, key=keys[number % len(keys)], body=body, content_type=workload.content_type)
            for number, body in enumerate(bodies)
        ]
        return [requests[number :: workload.connections] for number in range(workload.connections)]


def _stored(connection: psycopg.Connection[tuple[object, ...]], since: datetime) -> list[bytes]:
    """The calls received since then as data for COPY, in the order they came, 500 a piece: each was one request."""
    rows = "select * from calls where received_at >= %s order by received_at, project_id, started_at, call_id"
    with connection.cursor().copy(f"copy ({rows}) to stdout".encode(), [since]) as copy:
        lines = b"".join(bytes(block) for block in copy).splitlines(keepends=True)
    return [b"".join(lines[start : start + BATCH]) for start in range(0, len(lines), BATCH)]


def _copy(connection: psycopg.Connection[tuple[object, ...]], chunks: list[bytes]) -> None:
    for chunk in chunks:  # every one a durable transaction
        with connection.cursor().copy("copy copy_limit from stdin") as copy:
            copy.write(chunk)


def _batch(bench: _Bench) -> Row:
    edge, limit = Measured(), Measured()
    bench.warm_up(BATCHES)
    for _ in range(bench.rounds):
        bench.load_then_copy(BATCHES, edge, limit)
    return Row(
        name="ingest-batch",
        case=f"{BATCH} events a request, {CONNECTIONS} connections",
        measured=edge.rate,
        unit="events/s",
        baseline=limit.rate,
        baseline_name=f"COPY of the same rows, prebuilt bytes, {BATCH} a transaction",
        goal="≥ 0.50",
        met=edge.rate / limit.rate >= 0.5,
        figures=edge.figures(limit),
    )


def _otlp(bench: _Bench) -> Row:
    traces, batches = Measured(), Measured()
    bench.warm_up(BATCHES)
    bench.warm_up(TRACE_BATCHES)
    for _ in range(bench.rounds):
        bench.load(TRACE_BATCHES, traces)
        bench.load(BATCHES, batches)
    return Row(
        name="ingest-otlp",
        case=f"{BATCH} protobuf spans a request, {CONNECTIONS} connections",
        measured=traces.rate,
        unit="events/s",
        baseline=batches.rate,
        baseline_name="ingest-batch",
        goal="≥ 0.70",
        met=traces.rate / batches.rate >= 0.7,
        figures=traces.figures(batches),
    )


def _single(bench: _Bench) -> Row:
    stored, acknowledged = Measured(), Measured()
    with server("bench.no_database:application") as without:
        bench.warm_up(SINGLES)
        bench.warm_up(SINGLES, on=without)
        for _ in range(bench.rounds):
            bench.load(SINGLES, stored)
            bench.load(SINGLES, acknowledged, on=without)
    ratio, p99 = stored.rate / acknowledged.rate, stored.percentile(0.99)
    return Row(
        name="ingest-single",
        case=f"1 event a request, {SINGLE_CONNECTIONS} connections",
        measured=stored.rate,
        unit="requests/s",
        baseline=acknowledged.rate,
        baseline_name="the same handler, decoding and pricing, answering without the database",
        goal="≥ 0.40, p99 < 50 ms",
        met=ratio >= 0.4 and p99 < 50,
        figures=stored.figures(acknowledged),
    )
