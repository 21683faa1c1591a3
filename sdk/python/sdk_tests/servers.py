"""A TokenOps server on loopback that remembers what it was sent and answers as it is told."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FakeServer(ThreadingHTTPServer):
    """``answers`` are (status, document, headers) for the next requests; after them everything is accepted."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[tuple[int, dict[str, Any], dict[str, str]]] = []
        self.requests: list[tuple[dict[str, str], list[dict[str, Any]]]] = []
        self.arrived = threading.Condition()
        self.holds = False  # does not answer what arrives from now on, until it is False again

        self.delays: threading.Event | None = None  # what the answers wait for

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event of every request, in order of arrival."""
        return [event for _, events in self.requests for event in events]

    def will(self, status: int, document: dict[str, Any] | None = None, **headers: str) -> None:
        """Answer the next request that is not planned yet so."""
        self.answers.append((status, document or {}, {name.replace("_", "-"): text for name, text in headers.items()}))

    def release(self) -> None:
        """Give up the requests that are held, without an answer."""
        with self.arrived:
            self.holds = False
            self.arrived.notify_all()

    def wait_for(self, requests: int) -> None:
        """Until so many requests are here."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.requests) >= requests, timeout=20)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        events = json.loads(body)["events"]
        with self.server.arrived:
            self.server.requests.append(({name.lower(): value for name, value in self.headers.items()}, events))
            self.server.arrived.notify_all()
            if self.server.holds:
                self.server.arrived.wait_for(lambda: not self.server.holds, timeout=60)
                self.close_connection = True
                return
        if self.server.delays is not None:
            self.server.delays.wait(60)
        accepted = {"accepted": len(events), "duplicates": 0, "rejected_count": 0, "rejected": []}
        status, document, headers = self.server.answers.pop(0) if self.server.answers else (202, accepted, {})
        answer = json.dumps(document).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def fake_server() -> Iterator[FakeServer]:
    server = FakeServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.release()
        server.shutdown()
        server.server_close()
        thread.join()
