"""Runs a WSGI application behind ASGI, because Django is several times faster as WSGI than as ASGI.

Written here because a2wsgi answers every POST under Granian with 500 (it takes ``receive()`` for a coroutine)
and keeps producing a stream whose reader has left.
"""

import asyncio
import json
import logging
import sys
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from contextvars import copy_context
from http import HTTPStatus
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import IO, Any
from urllib.parse import unquote_to_bytes

from core.logs import request_id

type Scope = MutableMapping[str, Any]
type Message = Mapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[dict[str, Any]], Awaitable[None]]
type ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
type Environ = dict[str, Any]
type ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None] | None
type WSGIApp = Callable[[Environ, Callable[..., Callable[[bytes], object]]], Iterable[bytes]]

logger = logging.getLogger(__name__)

_MEMORY_BYTES = 2**20  # a larger body waits on disk
_DISCARD_BYTES = 2**25  # how much of a refused body is read for politeness
_GATHER_BYTES = 2**16  # an answer below this crosses from its thread to the loop in one step


class ClientGoneError(Exception):
    """The client left or stopped reading, so nobody waits for the rest."""


class BodyTooLargeError(Exception):
    """The request carries more than the limit."""


class Bridge:
    """ASGI application that serves ``app`` from ``threads`` threads.

    The body is read first, so a slow upload never holds a thread. An answer goes out in steps of 64 KB, each
    waiting until the client took it. ``max_body_bytes`` bounds an upload (413); ``patience`` is how many seconds
    a client may neither send nor read anything.
    """

    def __init__(self, app: WSGIApp, *, threads: int, max_body_bytes: int, patience: float = 60.0) -> None:
        self._app = app
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="web")
        self._max_body_bytes = max_body_bytes
        self._patience = patience

    def close(self) -> None:
        """Let running requests end and stop the threads."""
        self._pool.shutdown()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with SpooledTemporaryFile(max_size=_MEMORY_BYTES) as body:
            try:
                length = await self._read_body(scope, receive, body)
            except BodyTooLargeError:
                await self._discard_rest(scope, receive)
                await send_problem(send, 413, f"A request body may have {self._max_body_bytes} bytes at most.")
            except TimeoutError:
                await send_problem(send, 408, "The request body did not arrive in time.")
            except ClientGoneError:
                logger.info("the client left before its request was complete")
            else:
                await self._answer(build_environ(scope, body, length), receive, send)

    async def _read_body(self, scope: Scope, receive: Receive, body: IO[bytes]) -> int:
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._max_body_bytes:
            raise BodyTooLargeError
        length, more = 0, True
        while more:
            async with asyncio.timeout(self._patience):
                message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            length += body.write(message.get("body", b""))
            if length > self._max_body_bytes:
                raise BodyTooLargeError
            more = message.get("more_body", False)
        body.seek(0)
        return length

    async def _discard_rest(self, scope: Scope, receive: Receive) -> None:
        """Let the client finish: one that is still sending when the connection closes never sees the answer."""
        if (b"expect", b"100-continue") in scope["headers"]:
            return  # it sends nothing before we ask
        left, more = _DISCARD_BYTES, True
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                while more and left > 0:
                    message = await receive()
                    left -= len(message.get("body", b""))
                    more = message.get("more_body", False)

    async def _answer(self, environ: Environ, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        answer = _Answer(receive, send, loop, self._patience)
        try:
            await loop.run_in_executor(self._pool, copy_context().run, self._respond, environ, answer)
        finally:
            answer.stop_watching()

    def _respond(self, environ: Environ, answer: "_Answer") -> None:
        """In a thread: one request, from the application's first line to the close of its answer."""
        try:
            with closing(_Chunks(self._app(environ, answer.start))) as chunks:
                for chunk in chunks:
                    answer.write(chunk)
                answer.finish()
        except ClientGoneError:
            logger.info("the client left before its answer was complete")
        except Exception:
            logger.exception("the web application failed")
            if answer.is_started:
                raise  # the server cuts the connection: half an answer must not look complete
            answer.fail()


class _Chunks:
    """What an application returned, with the ``close`` that PEP 3333 lets it leave out."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._chunks)

    def close(self) -> None:
        if hasattr(self._chunks, "close"):
            self._chunks.close()


class _Answer:
    """The way of one answer from its thread to the event loop."""

    def __init__(self, receive: Receive, send: Send, loop: asyncio.AbstractEventLoop, patience: float) -> None:
        self.is_started = False
        self._receive, self._send, self._loop, self._patience = receive, send, loop, patience
        self._head: dict[str, Any] | None = None
        self._buffer = bytearray()
        self._gone = threading.Event()
        self._watcher: asyncio.Task[None] | None = None

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo = None) -> Callable[[bytes], object]:
        """``start_response`` of PEP 3333."""
        if exc_info and exc_info[1] and self.is_started:
            raise exc_info[1].with_traceback(exc_info[2])
        self._head = {
            "type": "http.response.start",
            "status": int(status[:3]),
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        }
        return self.write

    def write(self, chunk: bytes) -> None:
        self._buffer += chunk
        if len(self._buffer) >= _GATHER_BYTES:
            self._flush(more=True)

    def finish(self) -> None:
        self._flush(more=False)

    def fail(self) -> None:
        """Answer 500 in place of whatever the application had prepared."""
        coroutine = send_problem(self._send, 500, "Something went wrong; the log has the details.")
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(self._patience)

    def stop_watching(self) -> None:
        if self._watcher:
            self._watcher.cancel()

    def _flush(self, *, more: bool) -> None:
        if self._gone.is_set():
            raise ClientGoneError
        step = asyncio.run_coroutine_threadsafe(self._deliver(bytes(self._buffer), more), self._loop)
        try:
            step.result(self._patience)
        except (TimeoutError, OSError):
            step.cancel()
            raise ClientGoneError from None
        self._buffer.clear()

    async def _deliver(self, body: bytes, more: bool) -> None:
        if self._head is None:
            raise RuntimeError("the application returned without calling start_response")
        if not self.is_started:
            self.is_started = True
            await self._send(self._head)
        if more and not self._watcher:
            self._watcher = self._loop.create_task(self._watch())
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone.set()


def build_environ(scope: Scope, body: IO[bytes], length: int) -> Environ:
    """Translate an ASGI scope to a WSGI environ for a body of ``length`` bytes, already read.

    Header names with an underscore are dropped: as environ keys they could not be told from the real header
    with a dash, which a proxy in front may have set on purpose.
    """
    server = scope.get("server") or ("localhost", 80)
    client = scope.get("client") or ("", 0)
    path = unquote_to_bytes(scope["raw_path"]) if scope.get("raw_path") else scope["path"].encode()
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": path.decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        _add_header(environ, name.decode("latin-1"), value.decode("latin-1"))
    environ["CONTENT_LENGTH"] = str(length)
    return environ


def _add_header(environ: Environ, name: str, value: str) -> None:
    if "_" in name or name.lower() == "transfer-encoding":
        return
    key = name.upper().replace("-", "_")
    key = key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
    separator = "; " if key == "HTTP_COOKIE" else ","
    environ[key] = f"{environ[key]}{separator}{value}" if key in environ else value


async def send_problem(send: Send, status: int, detail: str) -> None:
    """Answer with a problem document (RFC 9457) where no application is there to do it."""
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    body = json.dumps(document).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-request-id", request_id.get().encode()),
        # The rest of an unread body would be taken for the next request.
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
