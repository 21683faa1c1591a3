"""noisy-neighbour: what a quiet tenant's requests take, alone and beside a tenant that floods the same process.

The flood is a process of its own, or its work would be measured as the quiet tenant's waiting. It sends batches over
many connections, one after the other, whatever it is answered, and never waits for ``Retry-After``.
"""

import asyncio
import multiprocessing
import time
from collections.abc import Sequence
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from typing import TYPE_CHECKING, Any

from bench import events
from bench.installation import Server, database, server
from bench.load import Load, read_answer, request_bytes
from bench.report import Row
from bench.tenants import create_tenant

if TYPE_CHECKING:
    from collections.abc import Iterator

NOISY_CONNECTIONS, NOISY_BATCH = 32, 500
QUIET_CONNECTIONS, QUIET_SECONDS = 4, 10.0
QUIET_PAUSES = {1: 0.04, 100: 0.4}  # seconds by events a request; below the 200 requests a second of a key
HUNG_UP = 0  # no answer could be read, because the server closed before it had taken the body
# Events a second of a key: the default, and one that the flood is sure to exceed. A batch is decoded in the pool.
CASES = ((20_000, 1), (20_000, 100), (2_000, 1))


def run() -> list[Row]:
    with database():
        noisy, quiet = create_tenant("Noisy"), create_tenant("Quiet")
        return [_measure(noisy.keys[0], quiet.keys[0], limit, size) for limit, size in CASES]


def _measure(noisy_key: str, quiet_key: str, limit: int, size: int) -> Row:
    with server(INGEST_REQUESTS_PER_SECOND="200", INGEST_EVENTS_PER_SECOND=str(limit)) as running:
        _quiet(running, quiet_key, size, seed=limit + size + 1)
        alone = _quiet(running, quiet_key, size, seed=limit + size + 2)
        with _flood(running, noisy_key, seed=limit) as told:
            beside = _quiet(running, quiet_key, size, seed=limit + size + 3)
    return _row(alone, beside, told, limit, size)


def _row(alone: Load, beside: Load, flood: dict[int, int], limit: int, size: int) -> Row:
    """:raises RuntimeError: the quiet tenant was refused, which is what must not happen."""
    for load in (alone, beside):
        load.expect_only(202)
    return Row(
        name="noisy-neighbour",
        case=f"requests of {size} beside {NOISY_CONNECTIONS} connections of {NOISY_BATCH}; limit {limit:,} events/s",
        measured=beside.percentile(0.5),
        unit="ms p50",
        baseline=alone.percentile(0.5),
        baseline_name="the same requests alone",
        goal="only 202 for the quiet one",
        met=True,
        figures={
            "p99 ms": beside.percentile(0.99),
            "p99 ms alone": alone.percentile(0.99),
            "p99 ratio": beside.percentile(0.99) / alone.percentile(0.99),
            **{f"flood's {status}": times for status, times in sorted(flood.items())},
        },
    )


def _quiet(running: Server, key: str, size: int, *, seed: int) -> Load:
    pause = QUIET_PAUSES[size]
    count = int(QUIET_CONNECTIONS * QUIET_SECONDS / pause)
    requests = [
        request_bytes("/api/v1/ingest", key=key, body=body)
        for body in events.bodies(events.json_body, count=count, size=size, seed=seed)
    ]
    return asyncio.run(_paced(running, [requests[n::QUIET_CONNECTIONS] for n in range(QUIET_CONNECTIONS)], pause))


async def _paced(running: Server, per_connection: Sequence[Sequence[bytes]], pause: float) -> Load:
    load, started = Load(), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for requests in per_connection:
            group.create_task(_send(running, requests, load, pause))
    load.seconds = time.perf_counter() - started
    return load


async def _send(running: Server, requests: Sequence[bytes], load: Load, pause: float) -> None:
    reader, writer = await asyncio.open_connection(running.host, running.port)
    until = time.perf_counter() + QUIET_SECONDS
    for request in requests:
        if time.perf_counter() >= until:
            break
        await asyncio.sleep(pause)
        started = time.perf_counter()
        writer.write(request)
        status = await read_answer(reader)
        load.latencies_ms.append((time.perf_counter() - started) * 1000)
        load.statuses[status] = load.statuses.get(status, 0) + 1
    writer.close()


@contextmanager
def _flood(running: Server, key: str, *, seed: int) -> "Iterator[dict[int, int]]":
    """Flood while the block runs; afterwards the dictionary says how often each status was answered."""
    context = multiprocessing.get_context("spawn")
    stop, told = context.Event(), context.Queue()
    process = context.Process(target=_flooder, args=(running, key, seed, stop, told), daemon=True)
    statuses: dict[int, int] = {}
    process.start()
    told.get()  # it has its requests and its connections
    try:
        yield statuses
    finally:
        stop.set()
        statuses |= told.get()
        process.join()


def _flooder(running: Server, key: str, seed: int, stop: Event, told: "multiprocessing.Queue[Any]") -> None:
    made = events.bodies(events.json_body, count=NOISY_CONNECTIONS, size=NOISY_BATCH, seed=seed)
    requests = [request_bytes("/api/v1/ingest", key=key, body=body) for body in made]
    told.put(None)
    told.put(asyncio.run(_flood_all(running, requests, stop)))


async def _flood_all(running: Server, requests: Sequence[bytes], stop: Event) -> dict[int, int]:
    statuses: dict[int, int] = {}

    async def flood(request: bytes) -> None:
        reader, writer = await asyncio.open_connection(running.host, running.port)
        while not stop.is_set():
            try:
                writer.write(request)
                await writer.drain()
                status = await read_answer(reader)
            except (OSError, asyncio.IncompleteReadError):  # answered before the body was read, and hung up
                writer.close()
                reader, writer = await asyncio.open_connection(running.host, running.port)
                status = HUNG_UP
            statuses[status] = statuses.get(status, 0) + 1
        writer.close()

    async with asyncio.TaskGroup() as group:
        for request in requests:
            group.create_task(flood(request))
    return statuses
