"""Static files: collected and compressed when something they are made of has changed, while the database gets ready."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tokenops.stack import console
from tokenops.stack.preflight import StackError

_SOURCES = ("static", "core/staticfiles.py", "package-lock.json", "requirements.lock", "tokenops/settings/__init__.py")


@contextmanager
def collecting(base_dir: Path, state_dir: Path, *, log_path: Path) -> Iterator[None]:
    """Collect beside what the caller does, and wait for it at the end.

    :raises StackError: collecting failed.
    """
    stamp = state_dir / "static.stamp"
    wanted = fingerprint([base_dir / source for source in _SOURCES])
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        yield
        return
    console.step("Static files")
    process = _collect(base_dir, log_path)
    try:
        yield
    except BaseException:
        process.terminate()
        raise
    if process.wait() != 0:
        raise StackError(f"The static files could not be collected; see {log_path}.")
    stamp.write_text(wanted, encoding="utf-8")


def fingerprint(sources: list[Path]) -> str:
    """A digest of the names, sizes and times of every file in ``sources`` (files or folders)."""
    files = sorted(file for source in sources for file in (source.rglob("*") if source.is_dir() else [source]))
    facts = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files if file.is_file()]
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def _collect(base_dir: Path, log_path: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "manage.py", "collectstatic", "--noinput", "--clear", "--verbosity", "0"]
    descriptor = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as log:
        return subprocess.Popen(  # noqa: S603 - our own program
            command, cwd=base_dir, stdout=log, stderr=log, start_new_session=True, umask=0o077
        )
