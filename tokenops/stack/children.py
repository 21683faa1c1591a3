"""The stack's processes: their output goes to private log files, their warnings also to the console."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from tokenops.embedded import tie_to_parent

type Warn = Callable[[str], None]

_LARGEST_LOG_BYTES = 10 * 2**20
_REPEAT_SECONDS = 60.0
_MOST_REMEMBERED = 100


class Log:
    """A file of at most 10 MB, with the part before it beside it as ``.1``; only its owner may read it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = _open_private(path)

    def write(self, line: bytes) -> None:
        # A full disk must not stop us from emptying the pipe: the child would hang on it.
        with contextlib.suppress(OSError):
            if self._file.tell() > _LARGEST_LOG_BYTES:
                self._file.close()
                self.path.replace(self.path.with_suffix(".log.1"))
                self._file = _open_private(self.path)
            self._file.write(line)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()


class Child:
    """One process in a session of its own, so that Ctrl-C reaches only the supervisor; it dies with the supervisor.

    ``patience`` is how many seconds it gets to end after SIGTERM, before it and whatever it started are killed.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str],
        log_dir: Path,
        warn: Warn,
        patience: float,
    ) -> None:
        self.name = name
        self.patience = patience
        self._log = Log(log_dir / f"{name}.log")
        self._warnings = Warnings(name, warn)
        self._command = [*tie_to_parent("TERM"), *command]
        self._directory, self._environment = directory, dict(environment)
        self.start()

    def start(self) -> None:
        """Start it, also again after it ended."""
        self._process = subprocess.Popen(  # noqa: S603 - our own programs
            self._command,
            cwd=self._directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
        )
        output = self._process.stdout
        self._reader = threading.Thread(target=_copy, args=(output, self._log, self._warnings), daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        """Return the exit code, ``None`` while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """Ask it to end, then end it; returns when it and its own children are gone."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(self.patience)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join(timeout=1.0)
        self._log.close()


class Warnings:
    """Shows a child's warnings, each at most once a minute: a broken database repeats itself a lot."""

    def __init__(self, name: str, warn: Warn) -> None:
        self._name = name
        self._warn = warn
        self._shown: dict[str, float] = {}

    def look_at(self, line: bytes) -> None:
        message = warning_in(line)
        now = time.monotonic()
        if not message or now - self._shown.get(message, -_REPEAT_SECONDS) < _REPEAT_SECONDS:
            return
        if len(self._shown) >= _MOST_REMEMBERED:
            self._shown.clear()
        self._shown[message] = now
        self._warn(f"{self._name}: {message}")


def warning_in(line: bytes) -> str:
    """Return the message of a JSON log line of level WARNING or worse, '' for any other line."""
    if not line.startswith(b"{"):
        return ""
    with contextlib.suppress(ValueError):
        record = json.loads(line)
        if record.get("level") in {"WARNING", "ERROR", "CRITICAL"}:
            return str(record.get("message", "")).partition("\n")[0]
    return ""


def _copy(source: IO[bytes], log: Log, warnings: Warnings) -> None:
    with contextlib.suppress(ValueError):  # closed while we read: the child is gone
        for line in source:
            log.write(line)
            warnings.look_at(line)


def _open_private(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab", buffering=0)
