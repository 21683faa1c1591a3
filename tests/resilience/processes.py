"""Waiting for real processes."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from threading import Event
from time import monotonic

PATIENCE = 180.0  # seconds; a bound for machines that are busy, not an expectation


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """:raises TimeoutError: it never became true."""
    deadline = monotonic() + PATIENCE
    while not condition():
        if monotonic() > deadline:
            raise TimeoutError(what)
        Event().wait(0.02)


def is_running(pid: int) -> bool:
    """Whether the process lives; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_running(pid), f"process {pid} to die")
