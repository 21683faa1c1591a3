import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread

import pytest

from tests.resilience.processes import PATIENCE, is_running, kill, wait_until
from tests.servers import ROOT, free_port, stop, wait_until_alive

pytestmark = pytest.mark.resilience


@dataclass(frozen=True)
class Tiny:
    port: int
    process: subprocess.Popen[bytes]
    diary: Path

    def connect(self):
        return HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def notes(self):
        return self.diary.read_text().splitlines()

    def worker(self):
        return int(self.notes()[0].removeprefix("worker "))

    def wait_for(self, note):
        wait_until(lambda: note in self.notes(), note)


@pytest.fixture
def tiny(tmp_path):
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--port", str(port), "--no-ws", "--http", "1"]
    command += ["--workers-kill-timeout", "10", "tests.resilience.tiny:application"]
    environ = os.environ | {"TINY_DIARY": str(tmp_path / "diary")}
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=output, stderr=output, start_new_session=True)
        wait_until_alive(f"http://127.0.0.1:{port}/healthz", process, log)
        yield Tiny(port, process, tmp_path / "diary")
        stop(process)


def post(tiny, body, **headers):
    connection = tiny.connect()
    connection.request("POST", "/echo", body=body, headers=headers, encode_chunked="Transfer-Encoding" in headers)
    response = connection.getresponse()
    return response.status, response.read()


def test_a_post_arrives_with_and_without_a_declared_length(tiny):
    assert post(tiny, b"declared") == (200, b"8:declared")
    assert post(tiny, iter([b"chunk ", b"by chunk"]), **{"Transfer-Encoding": "chunked"}) == (200, b"14:chunk by chunk")


def test_a_body_over_the_limit_is_413_declared_or_not(tiny):
    too_large = b"x" * (2**20 + 1)

    assert post(tiny, too_large)[0] == 413
    assert post(tiny, iter([too_large]), **{"Transfer-Encoding": "chunked"})[0] == 413


def test_a_stream_stops_when_its_reader_leaves(tiny):
    connection = socket.create_connection(("127.0.0.1", tiny.port))
    connection.sendall(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
    assert connection.recv(1024).startswith(b"HTTP/1.1 200 OK")

    connection.close()

    tiny.wait_for("stream closed")


def test_sigterm_answers_what_is_in_flight_and_flushes_after_it(tiny):
    answers = []

    def ask():
        connection = tiny.connect()
        connection.request("GET", "/slow")
        answers.append(connection.getresponse().read())

    asking = Thread(target=ask)
    asking.start()
    tiny.wait_for("slow started")

    tiny.process.send_signal(signal.SIGTERM)
    tiny.diary.with_name("release").touch()
    asking.join(PATIENCE)
    tiny.process.wait(PATIENCE)

    assert answers == [b"slow but answered"]
    assert tiny.notes()[1:] == ["slow started", "slow answered", "flushed"]


def test_a_worker_does_not_outlive_its_killed_server(tiny):
    worker = tiny.worker()

    kill(tiny.process.pid)

    wait_until(lambda: not is_running(worker), "the worker to end")
