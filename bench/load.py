"""A load generator that costs little: prebuilt bytes over kept-alive connections, closed loop."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.installation import Server


@dataclass(slots=True)
class Load:
    """What came back: wall seconds, latency of each request in milliseconds, and how often each status."""

    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    def percentile(self, q: float) -> float:
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(q * len(ordered)))]

    def expect_only(self, status: int) -> None:
        """:raises RuntimeError: something else was answered, so the figures would not mean what they say."""
        if set(self.statuses) != {status}:
            raise RuntimeError(f"Expected only {status}, got {self.statuses}.")


def request_bytes(path: str, *, key: str, body: bytes, content_type: str = "application/json") -> bytes:
    """One whole HTTP request."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def drive(server: Server, *, per_connection: Sequence[Sequence[bytes]]) -> Load:
    """Send every connection's requests one after the other, all connections at once."""
    return asyncio.run(_drive(server, per_connection))


async def _drive(server: Server, per_connection: Sequence[Sequence[bytes]]) -> Load:
    load = Load()
    connections = [await asyncio.open_connection(server.host, server.port) for _ in per_connection]
    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for (reader, writer), requests in zip(connections, per_connection, strict=True):
            group.create_task(_send_all(reader, writer, requests, load))
    load.seconds = time.perf_counter() - started
    for _, writer in connections:
        writer.close()
    return load


async def _send_all(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, requests: Sequence[bytes], load: Load
) -> None:
    for request in requests:
        started = time.perf_counter()
        writer.write(request)
        await writer.drain()
        status = await read_answer(reader)
        load.latencies_ms.append((time.perf_counter() - started) * 1000)
        load.statuses[status] = load.statuses.get(status, 0) + 1


async def read_answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    lower = head.lower()
    at = lower.index(b"content-length:") + len(b"content-length:")
    await reader.readexactly(int(lower[at : lower.index(b"\r\n", at)]))
    return int(head[9:12])
