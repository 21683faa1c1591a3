"""gateway-overhead, -throughput, -ttft, -memory: what a call costs that goes through the gateway instead of directly.

The gateway does all it does: authentication, a stored credential, attribution, usage, the spool and its draining. The
provider is a process on this machine. Direct calls, or a proxy that only forwards, take turns with it round by round.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from bench.cpu import Spent, spent_by
from bench.gateway_load import Proxied, ask, request
from bench.installation import ROOT, Server, database, free_port, server, wait_for_port
from bench.report import Row
from bench.soak_proxied import lead_to
from bench.tenants import create_tenant

NAMES = ("gateway-overhead", "gateway-throughput", "gateway-ttft", "gateway-memory")
DELAY_MS = 60
CONNECTIONS = (1, 16, 64, 256)
STREAMS, OPEN_STREAMS = 64, 1_000
_FORWARDING = "bench.gateway_forwarding:application"
_MB = 2**20


@contextmanager
def provider() -> Iterator[Server]:
    """``bench.gateway_provider`` on a free port until the block ends."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "bench.gateway_provider", str(port)], cwd=ROOT)
    try:
        wait_for_port(port)
        yield Server("127.0.0.1", port, process.pid)
    finally:
        process.terminate()
        process.wait(10)


@dataclass(slots=True)
class Side:
    """One of the two that are compared: where it answers, and all its rounds."""

    server: Server
    load: Proxied = field(default_factory=Proxied)
    cpu: Spent = field(default_factory=Spent)

    def round(self, sent: bytes, *, connections: int, each: int) -> None:
        with spent_by(self.server.pid) as spent:
            load = ask(self.server, sent, connections=connections, each=each)
        load.expect_only(200)
        self.load.seconds += load.seconds
        self.load.latencies_ms += load.latencies_ms
        self.load.own_cpu = max(self.load.own_cpu, load.own_cpu)
        self.cpu.seconds += spent.seconds

    @property
    def rate(self) -> float:
        return len(self.load.latencies_ms) / self.load.seconds

    @property
    def micros(self) -> float:
        return self.cpu.micros_each(len(self.load.latencies_ms))


@dataclass(frozen=True, slots=True)
class Bench:
    """The processes of a run; ``key`` is exchanged for the stored credential."""

    gateway: Server
    forwarding: Server
    provider: Server
    key: str = field(repr=False)
    rounds: int

    def compare(
        self, baseline: Server, *, connections: int, each: int, delay: int = 0, pieces: int = 0, gap: int = 0
    ) -> tuple[Side, Side]:
        """The gateway and ``baseline``, in turns; the first round of each opens connections and is forgotten."""
        sent = request(self.key, delay=delay, pieces=pieces, gap=gap)
        for one in (self.gateway, baseline):
            Side(one).round(sent, connections=connections, each=max(1, each // 4))
        ours, other = Side(self.gateway), Side(baseline)
        for _ in range(self.rounds):
            ours.round(sent, connections=connections, each=each)
            other.round(sent, connections=connections, each=each)
        return ours, other


def run(names: Collection[str] = NAMES) -> list[Row]:
    """The named ones of ``NAMES``, on one installation."""
    rounds = int(os.environ.get("BENCH_ROUNDS", "3"))
    with database(), provider() as upstream, server(_FORWARDING, BENCH_UPSTREAM=upstream.url) as forwarding:
        key = lead_to(create_tenant(), upstream.port)
        with server(OUTBOUND_ALLOWED_NETWORKS="127.0.0.0/8") as gateway:
            bench = Bench(gateway, forwarding, upstream, key, rounds)
            benchmarks = {
                "gateway-overhead": _overhead,
                "gateway-throughput": _throughput,
                "gateway-ttft": _ttft,
                "gateway-memory": _memory,
            }
            return [row for name in names for row in benchmarks[name](bench)]


def _added(ours: Side, direct: Side, q: float) -> float:
    return ours.load.percentile(q) - direct.load.percentile(q)


def _overhead(bench: Bench) -> list[Row]:
    ours, direct = bench.compare(bench.provider, connections=1, each=60, delay=DELAY_MS)
    p50, p99 = _added(ours, direct, 0.5), _added(ours, direct, 0.99)
    return [
        Row(
            name="gateway-overhead",
            case=f"{DELAY_MS} ms upstream, 1 connection",
            measured=ours.load.percentile(0.5),
            unit="ms",
            baseline=direct.load.percentile(0.5),
            baseline_name="direct calls",
            goal="p50 +≤ 1.5 ms, p99 +≤ 5 ms",
            met=p50 <= 1.5 and p99 <= 5,
            figures={"p50 added ms": p50, "p99 added ms": p99, "edge CPU µs": ours.micros},
        )
    ]


def _throughput(bench: Bench) -> list[Row]:
    return [_throughput_at(bench, connections) for connections in CONNECTIONS]


def _throughput_at(bench: Bench, connections: int) -> Row:
    ours, limit = bench.compare(bench.forwarding, connections=connections, each=max(6, 1_600 // connections))
    is_the_goal = connections == 64
    return Row(
        name="gateway-throughput",
        case=f"zero-delay upstream, {connections} connections",
        measured=ours.rate,
        unit="requests/s",
        baseline=limit.rate,
        baseline_name="raw ASGI that only forwards",
        goal="≥ 0.6, ≥ 1,500 requests/s" if is_the_goal else "",
        met=(ours.rate >= 0.6 * limit.rate and ours.rate >= 1_500) if is_the_goal else None,
        figures={
            "p50 ms": ours.load.percentile(0.5),
            "p99 ms": ours.load.percentile(0.99),
            "edge CPU µs": ours.micros,
            "forwarding CPU µs": limit.micros,
            "load's share of a core": ours.load.own_cpu,
        },
    )


def _ttft(bench: Bench) -> list[Row]:
    ours, direct = bench.compare(bench.provider, connections=STREAMS, each=3, delay=DELAY_MS, pieces=20, gap=20)
    p50 = _added(ours, direct, 0.5)
    return [
        Row(
            name="gateway-ttft",
            case=f"{STREAMS} streams at once, first event after {DELAY_MS} ms, 20 events 20 ms apart",
            measured=ours.load.percentile(0.5),
            unit="ms",
            baseline=direct.load.percentile(0.5),
            baseline_name="direct calls",
            goal="p50 +≤ 3 ms",
            met=p50 <= 3,
            figures={"p50 added ms": p50, "p99 added ms": _added(ours, direct, 0.99), "edge CPU µs": ours.micros},
        )
    ]


def _memory(bench: Bench) -> list[Row]:
    before = _resident(bench.gateway.pid)
    most = asyncio.run(_most_resident(bench))
    return [
        Row(
            name="gateway-memory",
            case=f"{OPEN_STREAMS:,} open streams, an event a second each",
            measured=most / _MB,
            unit="MB",
            goal="RSS < 300 MB",
            met=most < 300 * _MB,
            figures={"before": before / _MB, "KB a stream": (most - before) / 1024 / OPEN_STREAMS},
        )
    ]


async def _most_resident(bench: Bench) -> int:
    """The gateway's memory while all streams are open."""
    sent = request(bench.key, pieces=20, gap=1_000)
    streams = [await asyncio.open_connection(bench.gateway.host, bench.gateway.port) for _ in range(OPEN_STREAMS)]
    for _, writer in streams:
        writer.write(sent)
    heads = await asyncio.gather(*(reader.readuntil(b"\r\n\r\n") for reader, _ in streams))
    if not all(head.startswith(b"HTTP/1.1 200") for head in heads):
        raise RuntimeError("Not every stream was opened, so the figure would not mean what it says.")
    most, until = 0, time.monotonic() + 5
    while time.monotonic() < until:
        most = max(most, _resident(bench.gateway.pid))
        await asyncio.sleep(0.5)
    for _, writer in streams:
        writer.close()
    return most


def _resident(pid: int) -> int:
    """Of the worker, without the process that started it."""
    root = psutil.Process(pid)
    return int(max(process.memory_info().rss for process in (root, *root.children(recursive=True))))
