"""Real receivers on loopback for tests of what we send: HTTP servers that obey, fail, hang, drip or flood, and SMTP."""

import asyncio
import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from aiosmtpd.controller import Controller


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it arrived; names of headers in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Answered:
    """What a receiver says to one request."""

    status: int = 200
    body: bytes = b"ok"
    headers: dict[str, str] = field(default_factory=dict)


type Behaviour = Callable[["BaseHTTPRequestHandler", Event], None]


def hang(handler: BaseHTTPRequestHandler, over: Event) -> None:
    """Says nothing until the test is over."""
    over.wait(30)


def drip(handler: BaseHTTPRequestHandler, over: Event) -> None:
    """A byte now and then, and never a whole answer."""
    try:
        while not over.wait(0.02):
            handler.wfile.write(b"H")
            handler.wfile.flush()
    except OSError:
        pass


def flood(handler: BaseHTTPRequestHandler, over: Event) -> None:
    """An answer without an end."""
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n")
        while not over.is_set():
            handler.wfile.write(b"x" * 65_536)
    except OSError:
        pass


def hang_up(handler: BaseHTTPRequestHandler, over: Event) -> None:
    """Closes the connection without a word."""


def speak_nonsense(handler: BaseHTTPRequestHandler, over: Event) -> None:
    handler.wfile.write(b"this is not HTTP\r\n\r\n")


class Receiver:
    """An HTTP server that keeps what arrives and says what it was told to, then ``usually``."""

    def __init__(self, url: str, over: Event) -> None:
        self.url, self._over = url, over
        self.received: list[Received] = []
        self.usually: Answered | Behaviour = Answered()
        self._next: list[Answered | Behaviour] = []

    def says(self, *answers: Answered | Behaviour) -> None:
        """To the next requests, one each."""
        self._next += answers

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.received.append(Received(handler.command, handler.path, headers, body))
        answer = self._next.pop(0) if self._next else self.usually
        if isinstance(answer, Answered):
            _write(handler, answer)
        else:
            answer(handler, self._over)


def _write(handler: BaseHTTPRequestHandler, answer: Answered) -> None:
    handler.send_response(answer.status)
    for name, value in answer.headers.items():
        handler.send_header(name, value)
    handler.send_header("content-length", str(len(answer.body)))
    handler.end_headers()
    handler.wfile.write(answer.body)


@contextmanager
def http_receiver(tls: ssl.SSLContext | None = None, *, port: int = 0) -> Iterator[Receiver]:
    """A receiver on ``port`` (0: a free one) of 127.0.0.1, over TLS with ``tls``."""
    over = Event()

    class Handler(BaseHTTPRequestHandler):
        def _take(self) -> None:
            self.close_connection = True
            receiver.take(self)

        do_GET = do_POST = do_PUT = do_DELETE = _take  # noqa: N815 - the library's names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            """Tests print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver = Receiver(f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}", over)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()


class MailServer:
    """An SMTP server that keeps mails, answers ``refusal`` instead, or is silent to the next ``hangs``."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.refusal = ""
        self.hangs = 0
        self.port = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - the library's name
        if self.refusal:
            return self.refusal
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients.append(envelope.rcpt_tos)
        if self.hangs:
            self.hangs -= 1
            await asyncio.Event().wait()  # until the client goes
        return "250 OK"


class _Controller(Controller):
    """On a port that the system chooses."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        super()._trigger_server()


@contextmanager
def mail_server(*, port: int = 0) -> Iterator[MailServer]:
    """An SMTP server on ``port`` (0: a free one) of 127.0.0.1."""
    mails = MailServer()
    controller = _Controller(mails, hostname="127.0.0.1", port=port)
    controller.start()
    mails.port = controller.port
    try:
        yield mails
    finally:
        controller.stop()
