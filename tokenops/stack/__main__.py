"""``python -m tokenops.stack``: bring everything up, watch it, take it down."""

import errno
import http.client
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from tokenops import env
from tokenops.embedded import EmbeddedPostgres, EmbeddedPostgresError
from tokenops.stack import console, preflight, static
from tokenops.stack.children import Child
from tokenops.stack.preflight import StackError

BASE_DIR = Path(__file__).resolve().parents[2]

_NO_SPACE_BYTES = 2**20
_READY_SECONDS = 120.0
_WATCH_SECONDS = 0.5
_WEB_PATIENCE = 15.0  # the server gives its own worker ten
_WORKER_PATIENCE = 20.0
_HOPELESS_PATIENCE = 3.0  # without a database nobody can finish anything


@dataclass(frozen=True, slots=True)
class Plan:
    """What the environment asks for."""

    state_dir: Path
    host: str
    port: int
    url: str
    is_invite_only: bool
    demo: bool

    @property
    def log_dir(self) -> Path:
        return self.state_dir / "logs"

    @property
    def report_path(self) -> Path:
        return self.state_dir / "run.json"

    @property
    def address(self) -> str:
        """Where this machine reaches the server, also when that listens on every interface."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104


def main() -> int:
    """Run until told to stop; every anticipated failure is one sentence and exit code 1."""
    os.umask(0o077)
    # SIGINT too: a shell starts background jobs with it ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with ExitStack() as cleanup:
            _run(cleanup)
    except KeyboardInterrupt:
        console.say("  Stopped.")
    except (StackError, EmbeddedPostgresError, env.ConfigurationError) as error:
        console.say(f"TokenOps: {error}")
        return 1
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        console.say("TokenOps: The disk is full; free some space and start again.")
        return 1
    return 0


def _run(cleanup: ExitStack) -> NoReturn:
    state_dir = _state_dir()
    cleanup.enter_context(preflight.only_one(state_dir))
    plan = _read_plan(state_dir)
    preflight.refuse_taken_port(plan.host, plan.port)
    plan.report_path.unlink(missing_ok=True)
    database = _start_database(plan, cleanup)
    report = _prepare(plan)
    children = _start_children(plan, cleanup)
    console.step("Waiting until it is ready")
    _wait_until_ready(plan, children, database)
    _write_private(plan.report_path, json.dumps(report, indent=2))
    console.say(console.welcome(report, is_invite_only=plan.is_invite_only))
    _watch(plan, children, database)


def _state_dir() -> Path:
    """The private directory of everything this installation keeps; children find it through the environment."""
    state_dir = Path(env.text("TOKENOPS_STATE_DIR", str(BASE_DIR / ".tokenops"))).resolve()
    try:
        for directory in (state_dir, state_dir / "logs"):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.chmod(0o700)
    except PermissionError as error:
        raise StackError(f"{error.filename} belongs to somebody else; run as that user or remove it.") from None
    except (FileExistsError, NotADirectoryError, FileNotFoundError) as error:
        raise StackError(f"TOKENOPS_STATE_DIR: {error.filename} cannot be a folder here; name another one.") from None
    os.environ["TOKENOPS_STATE_DIR"] = str(state_dir)
    return state_dir


def _read_plan(state_dir: Path) -> Plan:
    database_url = env.text("DATABASE_URL")
    if database_url:
        console.step("Looking for the database of DATABASE_URL")
        preflight.refuse_unreachable_database(database_url)
    else:
        env.ensure_secrets(state_dir)
    # Imported only now, because it reads the secrets; it is also where wrong values are found and named.
    settings: Any = importlib.import_module("tokenops.settings")
    return Plan(
        state_dir=state_dir,
        host=settings.HOST,
        port=settings.PORT,
        url=settings.BASE_URL,
        is_invite_only=not settings.LOOPBACK and settings.SIGNUP == "invite",
        demo=env.boolean("DEMO", True),
    )


def _start_database(plan: Plan, cleanup: ExitStack) -> EmbeddedPostgres | None:
    """Start the embedded server unless ``DATABASE_URL`` names another one."""
    if env.text("DATABASE_URL"):
        return None
    database = EmbeddedPostgres(plan.state_dir)
    exists = database.data_dir.exists()
    console.step("Starting Postgres" if exists else "Creating and starting Postgres")
    database.start()
    cleanup.callback(_stop, "Postgres", database.stop)
    return database


def _prepare(plan: Plan) -> dict[str, str | None]:
    """Bring the database up to date, and the static files beside it; return what run.json will say."""
    report_path = plan.state_dir / "prepared.json"
    options = ["--demo", "--run-key"] if plan.demo else []
    command = [sys.executable, "-m", "tokenops.prepare", *options, "--report", str(report_path)]
    with static.collecting(BASE_DIR, plan.state_dir, log_path=plan.log_dir / "static.log"):
        _run_steps(command, log_path=plan.log_dir / "prepare.log")
    report: dict[str, str | None] = json.loads(report_path.read_text(encoding="utf-8"))
    report_path.unlink()
    return {"url": plan.url} | report


def _run_steps(command: list[str], *, log_path: Path) -> None:
    """Run a command that prints a line for each step.

    :raises StackError: it failed; the message is the last line it logged.
    """
    descriptor = os.open(log_path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "r+", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(  # noqa: S603 - our own program
            command, cwd=BASE_DIR, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
        )
        assert process.stdout  # noqa: S101 - a pipe was asked for
        try:
            for line in process.stdout:
                console.step(line.rstrip())
        except BaseException:
            process.terminate()
            raise
        if process.wait() != 0:
            log.seek(0)
            raise StackError(_why_failed(log.read(), log_path))


def _why_failed(text: str, log_path: Path) -> str:
    is_full = shutil.disk_usage(log_path.parent).free < _NO_SPACE_BYTES  # then the log may be cut off, too
    if is_full or "No space left on device" in text:
        return "The disk is full; free some space and start again."
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(" ")]
    reason = lines[-1].rstrip(".") if lines else "no reason was given"
    return f"The database could not be prepared: {reason} (see {log_path})."


def _start_children(plan: Plan, cleanup: ExitStack) -> list[Child]:
    console.step("Starting web and worker")
    worker = _child("worker", _worker_command(), plan, process="worker", patience=_WORKER_PATIENCE)
    cleanup.callback(_stop, "worker", worker.stop)
    web = _child("web", _web_command(plan), plan, process="all", patience=_WEB_PATIENCE)
    cleanup.callback(_stop, "web", web.stop)
    return [web, worker]


def _child(name: str, command: list[str], plan: Plan, *, process: str, patience: float) -> Child:
    environment = os.environ | {"TOKENOPS_PROCESS": process, "PYTHONUNBUFFERED": "1"}
    return Child(
        name,
        [sys.executable, "-m", *command],
        directory=BASE_DIR,
        environment=environment,
        log_dir=plan.log_dir,
        warn=console.warn,
        patience=patience,
    )


def _web_command(plan: Plan) -> list[str]:
    command = ["granian", "--interface", "asgi", "--host", plan.host, "--port", str(plan.port)]
    command += ["--workers", "1", "--no-ws", "--http", "1", "--log-level", "warning"]
    # A worker that hangs at its end is killed, and one that died is replaced instead of ending the server.
    command += ["--workers-kill-timeout", "10", "--respawn-failed-workers"]
    return [*command, "tokenops.asgi:application"]


def _worker_command() -> list[str]:
    command = ["celery", "-A", "tokenops.celery", "worker", "--loglevel", "INFO"]
    return [*command, "--without-gossip", "--without-mingle", "--without-heartbeat"]


def _wait_until_ready(plan: Plan, children: list[Child], database: EmbeddedPostgres | None) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not _is_ready(plan):
        _refuse_ended(plan, children, database)
        if time.monotonic() > deadline:
            raise StackError(f"It did not become ready within {_READY_SECONDS:.0f} seconds; see {plan.log_dir}.")
        time.sleep(0.1)


def _is_ready(plan: Plan) -> bool:
    connection = http.client.HTTPConnection(plan.address, plan.port, timeout=5)
    with suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/readyz", headers={"Host": "localhost"})
        return connection.getresponse().status == http.HTTPStatus.OK
    return False


def _watch(plan: Plan, children: list[Child], database: EmbeddedPostgres | None) -> NoReturn:
    while True:
        _refuse_ended(plan, children, database)
        time.sleep(_WATCH_SECONDS)


def _refuse_ended(plan: Plan, children: list[Child], database: EmbeddedPostgres | None) -> None:
    for child in children:
        if child.poll() == os.EX_TEMPFAIL:  # a task overstayed; see tokenops.overstay
            child.start()
    states = {child.name: child.poll() for child in children}
    if database and database.poll() is not None:
        states["postgres"] = database.poll()
        for child in children:
            child.patience = _HOPELESS_PATIENCE
    for name, code in states.items():
        if code is not None:
            raise StackError(f"The process {name} ended (code {code}); see {plan.log_dir / name}.log.")


def _stop(name: str, stop: Any) -> None:
    # From here on another Ctrl-C would only leave things half stopped.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    console.step(f"Stopping {name}")
    stop()


def _write_private(path: Path, content: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)


if __name__ == "__main__":
    sys.exit(main())
