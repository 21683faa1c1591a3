"""The least a gateway can do, as the limit of ours: raw ASGI that forwards, with the HTTP client that ours uses.

It neither authenticates nor reads nor records. ``BENCH_UPSTREAM`` is where it forwards to.
"""

import os
from typing import Any

import aiohttp
from yarl import URL

_KEPT_FROM_CLIENT = frozenset({b"host", b"connection", b"content-length"})
_KEPT_FROM_UPSTREAM = frozenset({b"connection", b"transfer-encoding"})
_NONE_OF_ITS_OWN = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
_session: list[aiohttp.ClientSession] = []


def session() -> aiohttp.ClientSession:
    """The process's one, made in its event loop."""
    if not _session:
        _session.append(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=_NONE_OF_ITS_OWN,
                timeout=aiohttp.ClientTimeout(total=None),
            )
        )
    return _session[0]


async def body_of(receive: Any) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def alive(send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def to_upstream(headers: Any) -> list[tuple[str, str]]:
    return [(name.decode(), value.decode("latin-1")) for name, value in headers if name not in _KEPT_FROM_CLIENT]


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    if scope["path"] == "/healthz":
        await alive(send)
        return
    url = URL(os.environ["BENCH_UPSTREAM"] + scope["path"], encoded=True)
    response = await session().request(
        scope["method"], url, headers=to_upstream(scope["headers"]), data=await body_of(receive), allow_redirects=False
    )
    headers = [pair for pair in response.raw_headers if pair[0].lower() not in _KEPT_FROM_UPSTREAM]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    async for chunk in response.content.iter_any():
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
