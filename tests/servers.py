"""Real server processes for tests: edge and web behind Granian, on this worker's own database."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 60.0  # seconds; a bound for machines that are busy, not an expectation


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that answers at ``url``; its output is in ``log``."""

    url: str
    port: int
    process: "subprocess.Popen[bytes]"
    log: Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_server(log: Path, **environ: str) -> Iterator[RunningServer]:
    """Start one worker of the whole application and stop it, with everything it started, at the end."""
    port = free_port()
    environment = os.environ | {"PORT": str(port), "BASE_URL": f"http://127.0.0.1:{port}"} | environ
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--no-ws", "--log-level", "warning", "tokenops.asgi:application"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=output, start_new_session=True
        )
        try:
            wait_until_alive(f"http://127.0.0.1:{port}/healthz", process, log)
            yield RunningServer(f"http://127.0.0.1:{port}", port, process, log)
        finally:
            stop(process)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """SIGTERM to the whole group; SIGKILL if it does not listen."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until_alive(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """:raises RuntimeError: the process ended, or did not answer in time; with its output."""
    deadline = monotonic() + PATIENCE
    while monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            Event().wait(0.05)
    raise RuntimeError(f"The server did not start:\n{log.read_text()}")
