"""A TokenOps API on loopback: says what it is told to, and remembers what it was asked."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

ME: Final[dict[str, Any]] = {
    "kind": "key",
    "user": None,
    "memberships": [],
    "key": {"prefix": "Ab3dEf7h", "name": "Reports", "scopes": ["read"], "expires_at": None},
    "organization": {"slug": "acme", "name": "Acme"},
    "project": None,
}


class ApiServer(ThreadingHTTPServer):
    """``answers`` maps a path to its answers, (status, document), of which the last one is repeated; a function in an
    answer's place is called with the handler and answers by itself.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, list[Any]] = {"/api/v1/me": [(200, ME)]}
        self.asked: list[tuple[str, str, dict[str, list[str]], dict[str, str], Any]] = []
        self.now: float | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def will(self, path: str, document: Any, status: int = 200) -> None:
        """Answer ``path`` so, after what was said before."""
        self.answers.setdefault(path, []).append((status, document))

    def will_do(self, path: str, act: "Callable[[BaseHTTPRequestHandler], None]") -> None:
        """Let ``act`` answer ``path``, after what was said before."""
        self.answers.setdefault(path, []).append(act)

    def queries(self, path: str) -> list[dict[str, list[str]]]:
        return [query for _, asked, query, _, _ in self.asked if asked == path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ApiServer

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        target = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        given = json.loads(body) if body else None
        self.server.asked.append((self.command, target.path, parse_qs(target.query), headers, given))
        found = self.server.answers.get(target.path, [(404, {"title": "There is nothing here."})])
        answer = found.pop(0) if len(found) > 1 else found[0]
        if callable(answer):
            answer(self)
            return
        status, document = answer
        text = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response_only(status)
        self.send_header("Date", formatdate(self.server.now, usegmt=True))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def api_server() -> Iterator[ApiServer]:
    server = ApiServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
