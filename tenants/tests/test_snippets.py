"""The snippets are run as a reader would run them, against a server that answers like the edge."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest

from core import keys
from ingestion.tests.wire.builders import CONTEXT
from ingestion.wire.samples import parse_samples
from tenants.snippets import PLACEHOLDER, cloud_sample, snippets

KEY = keys.generate().text
CALL = {
    "model": "gpt-4o-mini",
    "endpoint_name": "hello",
    "input_tokens": 1200,
    "output_tokens": 350,
    "latency_ms": 840,
}
RUNNERS = {"curl": ["sh", "-c"], "Python": [sys.executable, "-c"], "JavaScript": ["node", "-e"]}


class _Edge(BaseHTTPRequestHandler):
    received: ClassVar[list[tuple[str, str, Any]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((self.path, self.headers["Authorization"], json.loads(body)))
        self.send_response(202)
        self.send_header("Content-Length", "14")
        self.end_headers()
        self.wfile.write(b'{"accepted":1}')

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def edge() -> Iterator[str]:
    _Edge.received.clear()
    server = HTTPServer(("127.0.0.1", 0), _Edge)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def code(title: str, *, base_url: str = "https://tokenops.example.com", key: str | None = KEY) -> str:
    return next(snippet.code for snippet in snippets(base_url=base_url, key=key) if snippet.title == title)


@pytest.mark.parametrize("key", [KEY, None], ids=["key filled in", "key from the environment"])
@pytest.mark.parametrize("title", RUNNERS)
def test_a_pasted_snippet_sends_the_call(edge, title, key):
    command = RUNNERS[title]
    if shutil.which(command[0]) is None or (title == "curl" and shutil.which("curl") is None):
        pytest.skip(f"this machine has no {title}")
    environment = os.environ | ({} if key else {"TOKENOPS_API_KEY": KEY})

    run = subprocess.run(
        [*command, code(title, base_url=edge, key=key)], env=environment, capture_output=True, check=True, timeout=60
    )

    assert _Edge.received == [("/api/v1/ingest", f"Bearer {KEY}", CALL)]
    assert b'{"accepted":1}' in run.stdout


def test_four_ways_are_shown():
    titles = [snippet.title for snippet in snippets(base_url="http://x", key=None)]

    assert titles == ["curl", "Python", "JavaScript", "OpenTelemetry"]


def test_opentelemetry_is_set_up_by_its_own_variables():
    text = code("OpenTelemetry")

    assert 'OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf"' in text
    assert 'OTEL_EXPORTER_OTLP_ENDPOINT="https://tokenops.example.com"' in text
    assert f'OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer%20{KEY}"' in text


@pytest.mark.parametrize("title", ["curl", "OpenTelemetry"])
def test_without_a_key_the_shell_fills_it_in(title):
    assert PLACEHOLDER in code(title, key=None)
    assert "tko_" not in code(title, key=None)


def test_the_snippet_of_a_sample_is_a_sample():
    code = cloud_sample(base_url="http://x")

    body = json.loads(code.partition("-d '")[2].rpartition("'")[0])
    batch = parse_samples(json.dumps(body).encode(), content_type="application/json", context=CONTEXT)
    assert [one.resource for _, one in batch.samples] == ["thumbnailer"]
    assert batch.rejected == []
    assert "http://x/api/v1/cloud-metrics" in code
    assert "$TOKENOPS_API_KEY" in code
