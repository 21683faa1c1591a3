"""A throw-away installation with a durable Postgres and a real server, for the time of one benchmark."""

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_WITHOUT_LIMITS = {"INGEST_REQUESTS_PER_SECOND": "0", "INGEST_EVENTS_PER_SECOND": "0"}


@dataclass(frozen=True, slots=True)
class Server:
    """Where a running edge and web answers."""

    host: str
    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


def stop_in_order() -> None:
    """Let SIGTERM end this process as Ctrl-C does, so that no server of it stays behind."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def in_its_own_process[**P, T](function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """What ``function`` answers there: Django is set up once a process, so each ``database`` needs another one."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=stop_in_order) as pool:
        return pool.submit(function, *arguments, **named).result()


@contextmanager
def database() -> Iterator[None]:
    """An embedded Postgres with fsync on, prepared and without a demo; Django is set up on it."""
    from tokenops.embedded import EmbeddedPostgres
    from tokenops.env import ensure_secrets

    with tempfile.TemporaryDirectory(prefix="tokenops-bench-") as directory:
        os.environ["TOKENOPS_STATE_DIR"] = directory
        os.environ.setdefault("LOG_LEVEL", "ERROR")
        for name in ("DATABASE_URL", "SECRET_KEY", "KEY_PEPPER", "ENCRYPTION_KEY"):
            os.environ.pop(name, None)
        ensure_secrets(Path(directory))
        with EmbeddedPostgres(Path(directory)):
            _prepare()
            yield


def postgres_pid() -> int:
    """The server process of the running ``database``."""
    lines = (Path(os.environ["TOKENOPS_STATE_DIR"]) / "pg" / "data" / "postmaster.pid").read_text()
    return int(lines.split()[0])


def _prepare() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tokenops.settings")
    django.setup()
    from tokenops.prepare import prepare

    prepare(demo=False, run_key=False, progress=lambda step: None, now=datetime.now(UTC))


@contextmanager
def server(application: str = "tokenops.asgi:application", **environ: str) -> Iterator[Server]:
    """One Granian worker serving ``application`` on a free port until the block ends; ``environ`` are settings.

    Unless they say otherwise, a key may send as much as it likes: a benchmark's load comes from few.
    """
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--no-ws", "--log-level", "error", application]
    environment = os.environ | _WITHOUT_LIMITS | {"PORT": str(port)} | environ
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
    try:
        _wait_until_alive(f"http://127.0.0.1:{port}/healthz", process)
        yield Server("127.0.0.1", port, process.pid)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def free_port() -> int:
    """One that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, patience: float = 20.0) -> None:
    """Until something on this machine listens there.

    :raises TimeoutError: nothing does.
    """
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError("Nothing listens on the port.")


def _wait_until_alive(url: str, process: "subprocess.Popen[bytes]", patience: float = 60.0) -> None:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError("The server ended before it answered.")
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError("The server did not answer in time.")
