"""One port for two kinds of code: exact paths go to raw ASGI handlers, the rest to the web application."""

import ctypes
import json
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager

from core.logs import request_id
from core.middleware import clean_request_id
from tokenops.bridge import ASGIApp, Receive, Scope, Send, send_problem

type Lifespan = Callable[[], AbstractAsyncContextManager[None]]

logger = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1
_REQUEST_ID = b"x-request-id"


class Mux:
    """ASGI application: ``routes`` by exact path, by method and path or by prefix, else ``fallback``, else 404.

    A route ``/log`` answers every method itself; what ``POST /api/v1/cloud-metrics`` leaves is the fallback's.
    ``/v1/proxy/``, with a slash at its end, takes whatever begins so.

    ``lifespan`` is entered before the first request and left after the last answer, so what it flushes on the
    way out includes everything that was accepted.
    """

    def __init__(self, *, routes: Mapping[str, ASGIApp], fallback: ASGIApp | None, lifespan: Lifespan) -> None:
        self._routes = {"/healthz": alive} | {name: app for name, app in routes.items() if name.startswith("/")}
        self._by_prefix = [(name, app) for name, app in routes.items() if name.startswith("/") and name.endswith("/")]
        self._of_one_method = {name: app for name, app in routes.items() if not name.startswith("/")}
        self._fallback = fallback or nothing_here
        self._lifespan = lifespan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            _name_request(scope)
            await self._route(scope)(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    def _route(self, scope: Scope) -> ASGIApp:
        path = scope["path"]
        found = self._routes.get(path)
        if found is None and self._of_one_method:
            found = self._of_one_method.get(f"{scope['method']} {path}")
        return found or self._prefixed(path) or self._fallback

    def _prefixed(self, path: str) -> ASGIApp | None:
        return next((app for prefix, app in self._by_prefix if path.startswith(prefix)), None)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Speak the lifespan protocol; a failed start is reported, so the server ends instead of limping."""
        await receive()
        started = False
        try:
            async with self._lifespan():
                started = True
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except Exception as error:
            logger.exception("the %s failed", "shutdown" if started else "start")
            phase = "shutdown" if started else "startup"
            await send({"type": f"lifespan.{phase}.failed", "message": type(error).__name__})
        else:
            await send({"type": "lifespan.shutdown.complete"})


def die_with_parent() -> None:
    """Ask Linux to end this process when the one that started it is gone, even by ``kill -9``.

    The server's workers would otherwise go on holding the port and their database connections.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    parent = multiprocessing.parent_process()
    if parent and parent.pid != os.getppid():  # it was gone before we asked
        os.kill(os.getpid(), signal.SIGTERM)


async def alive(scope: Scope, receive: Receive, send: Send) -> None:
    """``/healthz``: the process answers. Whether it can do its work is what ``/readyz`` says."""
    body = json.dumps({"status": "alive"}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def nothing_here(scope: Scope, receive: Receive, send: Send) -> None:
    await send_problem(send, 404, "This process does not serve that path.")


def _name_request(scope: Scope) -> None:
    """Give the request the id that every log line of it and its answer will carry."""
    headers = list(scope["headers"])
    candidate = next((value for name, value in headers if name == _REQUEST_ID), b"")
    identifier = clean_request_id(candidate.decode("latin-1"))
    request_id.set(identifier)
    scope["headers"] = [pair for pair in headers if pair[0] != _REQUEST_ID]
    scope["headers"].append((_REQUEST_ID, identifier.encode()))
