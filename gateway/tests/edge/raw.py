"""A server that is no HTTP server: it plays a script on every connection and notes what it was sent."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import wraps

type Script = Callable[["Peer"], Awaitable[None]]


@dataclass(slots=True)
class Peer:
    """One connection as the server sees it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    upstream: "Raw"

    async def head(self) -> bytes:
        """The next request's line and headers; b'' when the client is gone."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""
        self.upstream.heads.append(head)
        return head

    async def say(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def gone(self) -> None:
        """Wait until the client has closed its side."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65_536):
                continue
        self.upstream.left.set()

    def reset(self) -> None:
        self.writer.transport.abort()


@dataclass(slots=True)
class Raw:
    """What happened so far; ``left`` is set when a client was seen to leave."""

    url: str = ""
    connections: int = 0
    heads: list[bytes] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def serving(script: Script) -> AsyncIterator[Raw]:
    """A raw server on a free port of this machine for the time of the block."""
    raw = Raw()
    tasks: set[asyncio.Task[object]] = set()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raw.connections += 1
        if task := asyncio.current_task():
            tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await script(Peer(reader, writer, raw))
        writer.close()

    server = await asyncio.start_server(play, "127.0.0.1", 0, limit=2**20)
    raw.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield raw
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def in_a_loop[**P](test: Callable[P, Coroutine[None, None, None]]) -> Callable[P, None]:
    """A test that waits, in an event loop of its own; one that waits in vain fails."""

    @wraps(test)
    def run(*arguments: P.args, **named: P.kwargs) -> None:
        asyncio.run(asyncio.wait_for(test(*arguments, **named), 30))

    return run
