"""Requests to a provider, direct or through a proxy: closed loop over kept connections, streams read as they come."""

import asyncio
import time
from dataclasses import dataclass

import psutil

from bench.installation import Server
from bench.load import Load

PATH = "/v1/proxy/openai/v1/chat/completions"
_BODY = b'{"model":"gpt-4o","messages":[{"role":"user","content":"%s"}],"stream":%s}'


@dataclass(slots=True)
class Proxied(Load):
    """Milliseconds are until the first byte of the body; ``own_cpu`` is the share of a core the load itself took."""

    own_cpu: float = 0.0


def request(key: str, *, delay: int = 0, pieces: int = 0, gap: int = 0) -> bytes:
    """One whole request; the provider of the bench does what its headers say."""
    body = _BODY % (b"How are you today? " * 20, b"true" if pieces else b"false")
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        f"User-Agent: OpenAI/Python 2.0\r\nAccept: application/json\r\nX-TokenOps-Feature: bench\r\n"
        f"X-Bench-Delay: {delay}\r\nX-Bench-Pieces: {pieces}\r\nX-Bench-Gap: {gap}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def ask(server: Server, sent: bytes, *, connections: int, each: int) -> Proxied:
    """Every connection sends ``each`` requests one after the other, all connections at once."""
    return asyncio.run(_ask(server, sent, connections, each))


async def _ask(server: Server, sent: bytes, connections: int, each: int) -> Proxied:
    load = Proxied()
    streams = [await asyncio.open_connection(server.host, server.port) for _ in range(connections)]
    me = psutil.Process()
    before, started = sum(me.cpu_times()[:2]), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for reader, writer in streams:
            group.create_task(_one_after_the_other(reader, writer, sent, each, load))
    load.seconds = time.perf_counter() - started
    load.own_cpu = (sum(me.cpu_times()[:2]) - before) / load.seconds
    for _, writer in streams:
        writer.close()
    return load


async def _one_after_the_other(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: bytes, each: int, load: Proxied
) -> None:
    for _ in range(each):
        started = time.perf_counter()
        writer.write(sent)
        status, first_at = await _read(reader)
        load.latencies_ms.append((first_at - started) * 1000)
        load.statuses[status] = load.statuses.get(status, 0) + 1


async def _read(reader: asyncio.StreamReader) -> tuple[int, float]:
    """Status, and when the body began."""
    head = await reader.readuntil(b"\r\n\r\n")
    lower = head.lower()
    at = lower.find(b"content-length:")
    if at >= 0:
        await reader.readexactly(int(lower[at + 15 : lower.index(b"\r\n", at)]))
        return int(head[9:12]), time.perf_counter()
    first_at = 0.0
    while size := int(await reader.readuntil(b"\r\n"), 16):
        first_at = first_at or time.perf_counter()
        await reader.readexactly(size + 2)
    await reader.readexactly(2)
    return int(head[9:12]), first_at
