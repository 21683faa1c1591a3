"""start: from the command to the first page, empty, with the demo, and again; then what an idle stack costs."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil

from bench.installation import ROOT
from bench.report import Row

IDLE_SECONDS = 15.0


def run() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="tokenops-bench-") as empty, tempfile.TemporaryDirectory() as full:
        first, _ = _start(Path(empty), demo=False)
        demo, _ = _start(Path(full), demo=True)
        second, idle = _start(Path(full), demo=True, observe=True)
    return [
        _row("first start, DEMO=0", first, goal=15.0),
        _row("first start with the demo", demo, goal=60.0),
        _row("second start with the demo", second, goal=15.0),
        Row("start", "idle CPU", idle["cpu"], "% of a core", goal="< 2 %", met=idle["cpu"] < 2),
        Row("start", "idle memory", idle["rss"], "MB RSS", goal="< 700 MB", met=idle["rss"] < 700),
    ]


def _row(case: str, seconds: float, *, goal: float) -> Row:
    return Row("start", case, seconds, "s", goal=f"≤ {goal:.0f} s", met=seconds <= goal)


def _start(state_dir: Path, *, demo: bool, observe: bool = False) -> tuple[float, dict[str, float]]:
    """Seconds until the sign-in page answers; with ``observe`` also CPU and memory at rest. Stops the stack again."""
    port = _free_port()
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("TOKENOPS_", "DATABASE_"))}
    environ |= {"TOKENOPS_STATE_DIR": str(state_dir), "PORT": str(port), "DEMO": "1" if demo else "0"}
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "tokenops.stack"], cwd=ROOT, env=environ, stdout=subprocess.DEVNULL
    ) as process:
        try:
            _wait_for(f"http://127.0.0.1:{port}/accounts/login/", process)
            seconds = time.perf_counter() - started
            _wait_for_file(state_dir / "run.json", process)
            return seconds, _observe(process.pid) if observe else {}
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def _observe(pid: int) -> dict[str, float]:
    """CPU share and resident memory of the whole process tree over ``IDLE_SECONDS``, after it came to rest."""
    time.sleep(5)
    root = psutil.Process(pid)
    family = [root, *root.children(recursive=True)]
    before, started = _cpu_seconds(family), time.perf_counter()
    time.sleep(IDLE_SECONDS)
    share = (_cpu_seconds(family) - before) / (time.perf_counter() - started)
    return {"cpu": 100 * share, "rss": sum(one.memory_info().rss for one in family) / 2**20}


def _cpu_seconds(family: list[psutil.Process]) -> float:
    return sum(float(times.user + times.system) for times in (one.cpu_times() for one in family))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str, process: "subprocess.Popen[bytes]", patience: float = 300.0) -> None:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError("The stack did not start.")


def _wait_for_file(path: Path, process: "subprocess.Popen[bytes]", patience: float = 120.0) -> None:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and process.poll() is None:
        if path.exists() and json.loads(path.read_text() or "{}").get("url"):
            return
        time.sleep(0.1)
    raise RuntimeError("The stack did not say that it is ready.")
