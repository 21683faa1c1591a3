"""What must be true before anything starts. Each failure is one sentence for the person at the terminal."""

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg


class StackError(Exception):
    """The stack cannot start or go on; the message is one sentence that says what to do."""


@contextmanager
def only_one(state_dir: Path) -> Iterator[None]:
    """Hold the state directory for this process; the kernel gives it back even after ``kill -9``.

    :raises StackError: another stack is running on it.
    """
    path = state_dir / "lock"
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = lock.read().strip() or "unknown"
            raise StackError(f"TokenOps is already running here (process {holder}); stop it first.") from None
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def refuse_taken_port(host: str, port: int) -> None:
    """Bind the address once to learn whether the server will be able to.

    :raises StackError: it will not.
    """
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            candidate.bind(address)
    except OSError as error:
        raise StackError(_why_not_bound(host, port, error)) from None


def _why_not_bound(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is taken; stop what uses it or choose another one with PORT=…."
    if error.errno == errno.EACCES:
        return f"Port {port} is reserved for root; choose one above 1023 with PORT=…."
    return f"HOST={host} is not an address of this machine."


def refuse_unreachable_database(url: str) -> None:
    """Connect once.

    :raises StackError: the URL is malformed or nobody answers; the message repeats no part of the URL's secret.
    """
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.ProgrammingError:
        raise StackError("DATABASE_URL is not a Postgres URL like postgresql://user:password@host/database.") from None
    except psycopg.OperationalError as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise StackError(f"The database of DATABASE_URL cannot be reached: {reason}.") from None
