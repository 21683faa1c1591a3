"""``python -m bench.soak``: the whole edge under a mixed load for ``MINUTES`` (10), watched and then checked.

Three tenants send batches, single events and traces, a part of them twice, some late, some early, and call a provider
through the gateway, whole and streamed; a fourth sends what is broken. At the end everything acknowledged must be
stored exactly once, and every proxied call as often as its client asked and the provider heard; the rollups must be
what a rebuild finds, memory must be flat and throughput stable; else the exit code says no.
"""

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import psutil
import psycopg
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench import events
from bench.installation import Server, database, free_port, postgres_pid, server, stop_in_order
from bench.load import read_answer, request_bytes
from bench.soak_proxied import Connection, Provider, ProxiedClient, lead_to
from bench.tenants import Tenant, create_tenant

TENANTS, BATCH = 3, 100
SAMPLE_SECONDS = 10.0
RETRY_SECONDS = 0.05
AGAIN = {429, 500, 502, 503, 504}
ACCEPTED = {200, 202}
TWICE = 0.05  # share of requests that are sent again although they were acknowledged
DAYS_LATE = 2
STORED_SECONDS = 30.0  # that the last proxied calls may take into the database
LEAST_STABLE = 0.8  # throughput of the last third by that of the first
MOST_GROWTH = 0.15  # memory over the second half, by the line through it, of what it was
MB = 2**20

# Sums of fractions of milliseconds depend on their order in the last digits.
_ROW = (
    "to_jsonb(r) || jsonb_build_object('latency_sum_ms', round(latency_sum_ms::numeric, 3),"
    " 'first_token_sum_ms', round(first_token_sum_ms::numeric, 3))"
)

type Shape = Callable[["Client"], bytes]


@dataclass(slots=True, eq=False)
class Client:
    """One connection that sends requests of one shape and each again until it is acknowledged."""

    number: int
    key: str = field(repr=False)
    shape: Shape
    random: Random
    path: str = "/api/v1/ingest"
    content_type: str = "application/json"
    size: int = 1
    acknowledged: int = 0  # events; only of requests that count
    sent: int = 0  # ids given out

    @property
    def trace_id(self) -> str:
        return f"{self.number + 1:032x}"

    def next_span_id(self) -> str:
        self.sent += 1
        return f"{self.sent:016x}"

    def moment(self) -> datetime:
        """Mostly now; some are hours late, some a little early."""
        chance = self.random.random()
        if chance < 0.9:
            seconds = -self.random.random() * 5
        elif chance < 0.98:
            seconds = -self.random.random() * 86_400 * (DAYS_LATE - 1)
        else:
            seconds = self.random.random() * 300
        return datetime.now(UTC) + timedelta(seconds=seconds)


def batch(client: Client) -> bytes:
    found = [_event(client) for _ in range(client.size)]
    return msgspec.json.encode(found if client.size > 1 else found[0])


def _event(client: Client) -> dict[str, object]:
    span_id = client.next_span_id()
    own = {"id": f"{client.number}-{span_id}", "trace_id": client.trace_id}
    return events.event(client.random, started_at=client.moment()) | own


def trace(client: Client) -> bytes:
    request = ExportTraceServiceRequest.FromString(events.otlp_body(client.random, client.size, datetime.now(UTC)))
    for span in request.resource_spans[0].scope_spans[0].spans:
        span.trace_id, span.span_id = bytes.fromhex(client.trace_id), bytes.fromhex(client.next_span_id())
    return request.SerializeToString()


def broken(client: Client) -> bytes:
    """Something no server should accept."""
    whole = batch(client)
    return whole[: client.random.randrange(1, len(whole) - 1)]


@dataclass(slots=True)
class Sample:
    """What was true in the last seconds. Bytes of memory: the edge's resident, Postgres's without shared buffers."""

    at: float
    events: int
    latencies_ms: list[float]
    statuses: Counter[int]
    edge: int
    postgres: int

    def percentile(self, q: float) -> float:
        ordered = sorted(self.latencies_ms) or [0.0]
        return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


@dataclass(slots=True)
class Meter:
    """Counts since the last sample."""

    events: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)


class Soak:
    """The clients, what they count, and the samples taken meanwhile."""

    def __init__(
        self, edge: Server, clients: list[Client], proxied: list[ProxiedClient], port: int, seconds: float
    ) -> None:
        self.clients, self.proxied = clients, proxied
        self.provider, self._port = Provider(), port
        self.samples: list[Sample] = []
        self.statuses: Counter[int] = Counter()
        self._edge, self._seconds = edge, seconds
        self._meter = Meter()
        self._ends = 0.0

    async def run(self) -> None:
        self._ends = time.monotonic() + self._seconds
        async with self.provider.listening(self._port), asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            for client in self.clients:
                group.create_task(self._send(client))
            for caller in self.proxied:
                group.create_task(self._call(caller))

    async def _send(self, client: Client) -> None:
        reader, writer = await asyncio.open_connection(self._edge.host, self._edge.port)
        while time.monotonic() < self._ends:
            body = client.shape(client)
            request = request_bytes(client.path, key=client.key, body=body, content_type=client.content_type)
            counts = client.shape is not broken
            while (status := await self._exchange(reader, writer, request)) in AGAIN:
                await asyncio.sleep(RETRY_SECONDS)
            if counts and status in ACCEPTED:
                client.acknowledged += client.size
                self._meter.events += client.size
                if client.random.random() < TWICE:
                    await self._exchange(reader, writer, request)
        writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
        started = time.perf_counter()
        writer.write(request)
        await writer.drain()
        status = await read_answer(reader)
        self._meter.latencies_ms.append((time.perf_counter() - started) * 1000)
        self._meter.statuses[status] += 1
        return status

    async def _call(self, client: ProxiedClient) -> None:
        connection = Connection(self._edge)
        while time.monotonic() < self._ends:
            started = time.perf_counter()
            status = await connection.ask(client)
            self._meter.latencies_ms.append((time.perf_counter() - started) * 1000)
            self._meter.statuses[status] += 1
            if status in AGAIN:
                await asyncio.sleep(RETRY_SECONDS)
            else:
                self._meter.events += 1
        connection.close()

    async def _watch(self) -> None:
        started = time.monotonic()
        pause = min(SAMPLE_SECONDS, self._seconds / 12)
        while time.monotonic() + pause / 2 < self._ends:
            await asyncio.sleep(pause)
            meter, self._meter = self._meter, Meter()
            self.statuses += meter.statuses
            memory = [sum(_memory(pid, kind)) for pid, kind in ((self._edge.pid, "rss"), (postgres_pid(), "uss"))]
            self.samples.append(
                Sample(time.monotonic() - started, meter.events, meter.latencies_ms, meter.statuses, *memory)
            )


def _memory(pid: int, kind: str) -> Iterator[int]:
    root = psutil.Process(pid)
    for process in (root, *root.children(recursive=True)):
        try:
            yield int(getattr(process.memory_full_info(), kind))
        except psutil.NoSuchProcess:
            continue


def _clients(tenants: list[Tenant]) -> list[Client]:
    clients: list[Client] = []
    for tenant in tenants:
        shapes: tuple[tuple[Shape, dict[str, Any]], ...] = (
            (batch, {"size": BATCH}),
            (batch, {"size": 1}),
            (batch, {"size": 1}),
            (trace, {"size": BATCH, "path": "/v1/traces", "content_type": "application/x-protobuf"}),
        )
        for shape, options in shapes:
            number = len(clients)
            clients.append(Client(number, tenant.keys[number % 4], shape, Random(number), **options))
    clients.append(Client(len(clients), tenants[0].keys[5], broken, Random(99), size=20))
    return clients


def _proxied(tenants: list[Tenant], port: int, first: int) -> list[ProxiedClient]:
    """Of each tenant one that asks for whole answers and one that asks for streams."""
    clients: list[ProxiedClient] = []
    for tenant in tenants:
        key = lead_to(tenant, port)
        for is_stream in (False, True):
            number = first + len(clients)
            clients.append(ProxiedClient(number, key, is_stream, Random(number)))
    return clients


def growth(samples: list[Sample], memory: Callable[[Sample], int]) -> float:
    """How much the line of least squares through the second half rises over it, as a share of the half's mean."""
    half = samples[len(samples) // 2 :]
    times, sizes = [sample.at for sample in half], [memory(sample) for sample in half]
    middle, mean = sum(times) / len(times), sum(sizes) / len(sizes)
    spread = sum((at - middle) ** 2 for at in times)
    slope = sum((at - middle) * (size - mean) for at, size in zip(times, sizes, strict=True)) / spread
    return slope * (times[-1] - times[0]) / mean


def stability(samples: list[Sample]) -> float:
    """Throughput of the last third of the run by that of the first."""
    third = len(samples) // 3
    return sum(sample.events for sample in samples[-third:]) / sum(sample.events for sample in samples[:third])


def _stored(url: str) -> dict[str, tuple[int, int]]:
    """Calls, and different calls, by trace: every client has its own."""
    with psycopg.connect(url) as connection:
        rows = connection.execute("select trace_id, count(*), count(distinct call_id) from calls group by 1").fetchall()
    return {trace_id: (calls, different) for trace_id, calls, different in rows}


def _wait_for_calls(url: str, calls: int) -> None:
    """The gateway answers first and stores then; what is not there after ``STORED_SECONDS`` is missing."""
    ends = time.monotonic() + STORED_SECONDS
    with psycopg.connect(url, autocommit=True) as connection:
        while time.monotonic() < ends:
            (stored,) = connection.execute("select count(*) from calls where source = 'gateway'").fetchone() or (0,)
            if stored >= calls:
                return
            time.sleep(RETRY_SECONDS)


def _rollups(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        tables = ("call_rollups_hourly", "call_rollups_daily")
        found = [connection.execute(f"select {_ROW} from {table} r".encode()).fetchall() for table in tables]
    return sorted(str(row) for rows in found for row in rows)


def _equal_a_rebuild(url: str, tenants: list[Tenant], today: date) -> bool:
    from django.db import connection

    from ingestion.rebuild import rebuild_rollups
    from tenants.models import Organization

    with connection.cursor() as cursor:  # a day of a soak is larger than what a page may take time for
        cursor.execute("set statement_timeout = 0")
    kept = _rollups(url)
    first, end = today - timedelta(days=DAYS_LATE + 1), today + timedelta(days=2)
    for tenant in tenants:
        organization = Organization.objects.get(pk=tenant.organization_id)
        rebuild_rollups(organization=organization, first_date=first, end_date=end)
    return bool(kept) and kept == _rollups(url)


def _checks(soak: Soak, url: str, tenants: list[Tenant], today: date) -> list[tuple[str, str, bool]]:
    asked = {caller.trace_id: caller.asked for caller in soak.proxied}
    _wait_for_calls(url, sum(asked.values()))
    stored = _stored(url)
    proxied = {trace_id: stored.pop(trace_id, (0, 0)) for trace_id in asked}
    left = sum(caller.left for caller in soak.proxied)
    senders = {client.trace_id: client.acknowledged for client in soak.clients if client.shape is not broken}
    edge, postgres = (growth(soak.samples, memory) for memory in (lambda one: one.edge, lambda one: one.postgres))
    stable = stability(soak.samples)
    bad = {status: times for status, times in soak.statuses.items() if status not in {200, 202, 400}}
    return [
        (
            "acknowledged = stored exactly once",
            f"{sum(senders.values()):,} events",
            stored == {trace_id: (events, events) for trace_id, events in senders.items()},
        ),
        (
            "proxied: asked = heard = stored, once each",
            f"{sum(asked.values()):,} calls, {left:,} of them left in the middle",
            asked == dict(soak.provider.heard) and proxied == {name: (n, n) for name, n in asked.items()},
        ),
        ("rollups = a rebuild from calls", "column by column", _equal_a_rebuild(url, tenants, today)),
        ("no answer but 200, 202, 400", str(bad or "none"), not bad),
        ("edge's memory is flat", f"{edge:+.1%} over the second half", edge <= MOST_GROWTH),
        ("Postgres's memory is flat", f"{postgres:+.1%} over the second half", postgres <= MOST_GROWTH),
        ("throughput is stable", f"last third {stable:.2f} × the first", stable >= LEAST_STABLE),
    ]


def table(samples: list[Sample], lines: int = 12) -> str:
    """A line for every so many samples, as docs/performance.md shows them."""
    step = max(1, len(samples) // lines)
    head = (
        "| Second | Events/s | p50 ms | p99 ms | Answers other than 200, 202 | Edge MB | Postgres MB |\n"
        + "|---" * 7
        + "|"
    )
    rows = [head]
    for start in range(0, len(samples) - step + 1, step):
        group = samples[start : start + step]
        began = samples[start - 1].at if start else 0.0
        last = group[-1]
        merged = Sample(last.at, sum(one.events for one in group), [], Counter(), last.edge, last.postgres)
        for one in group:
            merged.latencies_ms += one.latencies_ms
            merged.statuses += one.statuses
        others = ", ".join(
            f"{status}: {n}" for status, n in sorted(merged.statuses.items()) if status not in {200, 202}
        )
        rows.append(
            f"| {last.at:.0f} | {merged.events / (last.at - began):,.0f} | {merged.percentile(0.5):.0f}"
            f" | {merged.percentile(0.99):.0f} | {others or 'none'} | {last.edge / MB:.0f} | {last.postgres / MB:.0f} |"
        )
    return "\n".join(rows)


def main() -> int:
    stop_in_order()
    seconds = float(os.environ.get("MINUTES", "10")) * 60
    with database(), server(OUTBOUND_ALLOWED_NETWORKS="127.0.0.0/8") as edge:
        from django.conf import settings

        tenants = [create_tenant(f"Soak {number}") for number in range(TENANTS)]
        today = datetime.now(UTC).date()
        clients, port = _clients(tenants), free_port()
        soak = Soak(edge, clients, _proxied(tenants, port, len(clients)), port, seconds)
        asyncio.run(soak.run())
        print(table(soak.samples), flush=True)
        checks = _checks(soak, settings.DATABASE.url, tenants, today)
    print("\n| Check | Found | Holds |\n|---|---|---|")
    for name, found, holds in checks:
        print(f"| {name} | {found} | {'yes' if holds else 'no'} |")
    return 0 if all(holds for _, _, holds in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
