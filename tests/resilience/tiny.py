"""A small server that writes what happens to a file, to see the mux and the bridge under the real Granian."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tokenops.bridge import Bridge, Receive, Scope, Send
from tokenops.mux import Mux, die_with_parent

_DIARY = Path(os.environ["TINY_DIARY"])


def note(text: str) -> None:
    with _DIARY.open("a", encoding="utf-8") as diary:
        diary.write(f"{text}\n")


def web(environ: dict[str, Any], start_response: Any) -> Any:
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/endless":
        return Endless()
    return [environ["CONTENT_LENGTH"].encode() + b":" + environ["wsgi.input"].read()]


class Endless:
    def __iter__(self) -> Iterator[bytes]:
        note("stream started")
        while True:
            yield b"x" * 2**16

    def close(self) -> None:
        note("stream closed")


async def slow(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers only once the file ``release`` exists, so that a test decides how long it is in flight."""
    note("slow started")
    while not _DIARY.with_name("release").exists():
        await asyncio.sleep(0.01)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"slow but answered"})
    note("slow answered")


@asynccontextmanager
async def live() -> AsyncIterator[None]:
    die_with_parent()
    note(f"worker {os.getpid()}")
    yield
    note("flushed")


application = Mux(
    routes={"/slow": slow},
    fallback=Bridge(web, threads=2, max_body_bytes=2**20),
    lifespan=live,
)
