"""``bench.gateway_forwarding`` with pyreqwest, for docs/adr/0023-upstream-client.md; install that to run it."""

import os
from typing import Any

from bench.gateway_forwarding import alive, body_of, to_upstream

_KEPT_FROM_UPSTREAM = frozenset({"connection", "transfer-encoding"})
_client: list[Any] = []


def client() -> Any:
    """The process's one, made in its event loop."""
    if not _client:
        from pyreqwest.client import ClientBuilder

        _client.append(ClientBuilder().no_proxy().http1_only().tcp_nodelay(True).build())
    return _client[0]


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    if scope["path"] == "/healthz":
        await alive(send)
        return
    request = client().request(scope["method"], os.environ["BENCH_UPSTREAM"] + scope["path"])
    request = request.headers(to_upstream(scope["headers"])).body_bytes(await body_of(receive)).build_streamed()
    async with request as response:
        pairs = response.headers.items()
        headers = [(name.encode(), value.encode()) for name, value in pairs if name not in _KEPT_FROM_UPSTREAM]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        while chunk := await response.body_reader.read_chunk():
            await send({"type": "http.response.body", "body": bytes(chunk), "more_body": True})
        await send({"type": "http.response.body", "body": b""})
