"""``make backup`` and ``make restore``: the whole database in one file, written while everything runs.

``python -m tokenops.backup save [FILE]`` and ``… restore FILE [--force]``. The programs are those that come with the
embedded Postgres, also for a server of your own. The queue's messages are left out, because they are only hints, and
so are sessions, because whoever finds a backup must not be signed in by it. Secrets are never in the file.
"""

import argparse
import hashlib
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final

import psycopg
from psycopg.conninfo import make_conninfo

from core.databases import OWNER, ROLES, Database
from tokenops import env
from tokenops.embedded import EmbeddedPostgres, EmbeddedPostgresError, admin_url, binary
from tokenops.stack import console, preflight
from tokenops.stack.preflight import StackError

BASE_DIR = Path(__file__).resolve().parents[1]

_PIECE_BYTES: Final = 2**20
_NOT_OURS: Final = ("--exclude-schema=pgmq",)
_NOT_KEPT: Final = ("--exclude-table-data=django_session", "--exclude-table-data=django_cache")
# Behind the archive, where pg_restore does not look: it takes a file that was cut off for a whole one.
_SEAL: Final = b"\nTOKENOPS-SHA256 %s\n"
_SEAL_BYTES: Final = len(_SEAL % (b"0" * 64))
_TABLES: Final = "select count(*) from pg_tables where schemaname = 'public'"
_SESSIONS: Final = """
    select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
    and usename = any(%s)"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Every anticipated failure is one sentence and exit code 1."""
    os.umask(0o077)
    options = _options(arguments)
    try:
        state_dir = Path(env.text("TOKENOPS_STATE_DIR", str(BASE_DIR / ".tokenops"))).resolve()
        _require_secrets(state_dir)
        if options.command == "save":
            _save(state_dir, options.file)
        else:
            _restore(state_dir, options.file, is_forced=options.force)
    except (StackError, EmbeddedPostgresError, env.ConfigurationError) as error:
        console.say(f"TokenOps: {error}")
        return 1
    except psycopg.OperationalError as error:
        console.say(f"TokenOps: The database cannot be reached: {str(error).splitlines()[0].rstrip('.')}.")
        return 1
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tokenops.backup", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("save").add_argument("file", nargs="?", type=Path)
    restore = commands.add_parser("restore")
    restore.add_argument("file", type=Path)
    restore.add_argument("--force", action="store_true", help="replace what is in the database")
    return parser.parse_args(arguments)


def _require_secrets(state_dir: Path) -> None:
    """Without the installation's own secrets a restored key opens nothing, and new ones would hide the mistake.

    :raises StackError: they are neither in the environment nor in ``secrets.env``.
    """
    found = env.read_secrets(state_dir)
    if any(not env.text(name) and name not in found for name in env.SECRET_NAMES):
        raise StackError(
            f"{state_dir / 'secrets.env'} is missing: put the secrets of the installation there"
            " (or in the environment) first."
        )


def _database(state_dir: Path) -> Database:
    secret = env.secret("SECRET_KEY", state_dir=state_dir, required=True)
    return Database(url=env.text("DATABASE_URL", admin_url(state_dir)), secret=secret)


# --- Saving -----------------------------------------------------------------------------------------------------------
def _save(state_dir: Path, file: Path | None) -> None:
    path = (file or state_dir / "backups" / f"tokenops-{datetime.now(UTC):%Y%m%d-%H%M%S}.dump").resolve()
    if path.exists():
        raise StackError(f"{path} is there already; choose another name.")
    with _running_server(state_dir):
        _write_dump(_database(state_dir), path)
    console.say(f"  Backup: {path} ({path.stat().st_size / 2**20:.1f} MB)")
    console.say("  Keep it on another machine, and keep the secrets apart from it: without SECRET_KEY, KEY_PEPPER and")
    console.say(f"  ENCRYPTION_KEY ({state_dir / 'secrets.env'} or your environment) no key of it works.")


@contextmanager
def _running_server(state_dir: Path) -> Iterator[None]:
    """The server as it runs, or the embedded one started for as long as this takes."""
    if env.text("DATABASE_URL") or _answers(admin_url(state_dir)):
        yield
        return
    if not (state_dir / "pg" / "data").exists():
        raise StackError(f"There is no database in {state_dir} yet.")
    with EmbeddedPostgres(state_dir):
        yield


def _answers(url: str) -> bool:
    with suppress(psycopg.OperationalError):
        psycopg.connect(url, connect_timeout=5).close()
        return True
    return False


def _write_dump(database: Database, path: Path) -> None:
    """One snapshot of everything, compressed, for its owner's eyes; a file that is there is a whole one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            _run("pg_dump", "--format=custom", "--compress=gzip:6", *_NOT_OURS, *_NOT_KEPT, database=database, out=file)
        with partial.open("r+b") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.write(_SEAL % digest.encode())  # at the end, where reading ended
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)


# --- Restoring --------------------------------------------------------------------------------------------------------
def _restore(state_dir: Path, file: Path, *, is_forced: bool) -> None:
    if not file.is_file():
        raise StackError(f"{file} is not a file.")
    _require_whole(file)
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with preflight.only_one(state_dir), _server_for_restore(state_dir):
        database = _database(state_dir)
        contents = _contents(file)
        _refuse_running(database)
        _make_room(database, is_forced=is_forced)
        console.step("Restoring")
        _load(database, file, contents)
        _bring_up_to_date()


def _require_whole(file: Path) -> None:
    """:raises StackError: the file is not what ``save`` wrote."""
    with file.open("rb") as archive:
        size = max(0, archive.seek(0, os.SEEK_END) - _SEAL_BYTES)
        archive.seek(0)
        digest, left = hashlib.sha256(), size
        while left and (piece := archive.read(min(left, _PIECE_BYTES))):
            digest.update(piece)
            left -= len(piece)
        seal = archive.read()
    if seal != _SEAL % digest.hexdigest().encode():
        raise StackError(f"{file} was cut off or changed, or was not made by `make backup`.")


@contextmanager
def _server_for_restore(state_dir: Path) -> Iterator[None]:
    if env.text("DATABASE_URL"):
        preflight.refuse_unreachable_database(env.text("DATABASE_URL"))
        yield
        return
    console.step("Starting Postgres")
    with EmbeddedPostgres(state_dir):
        yield


def _contents(file: Path) -> str:
    """What the archive holds, without what belongs to the database itself and is made by provisioning."""
    listed = _run("pg_restore", "--list", str(file)).decode()
    return "".join(line for line in listed.splitlines(keepends=True) if " SCHEMA " not in line)


def _refuse_running(database: Database) -> None:
    with psycopg.connect(database.url) as connection:
        row = connection.execute(_SESSIONS, [list(ROLES)]).fetchone()
    if row and row[0]:
        raise StackError(f"TokenOps is using this database ({row[0]} connections); stop every process of it first.")


def _make_room(database: Database, *, is_forced: bool) -> None:
    """Roles as they must be, and nothing in their way.

    :raises StackError: there is something, and nobody said that it may go.
    """
    with psycopg.connect(database.url) as connection:
        (tables,) = connection.execute(_TABLES).fetchone() or (0,)
    if tables and not is_forced:
        raise StackError("The database is not empty; FORCE=1 deletes what is in it and cannot be undone.")
    provisioning = importlib.import_module("core.provisioning")
    _set_up_django()
    provisioning.create_roles(database)
    if tables:
        console.step("Emptying the database")
        with psycopg.connect(database.conninfo(OWNER), autocommit=True) as connection:
            connection.execute("drop owned by current_user cascade")
        provisioning.create_roles(database)


def _load(database: Database, file: Path, contents: str) -> None:
    """Everything or nothing, as the owner of everything."""
    with NamedTemporaryFile("w", encoding="utf-8", suffix=".list") as wanted:
        wanted.write(contents)
        wanted.flush()
        options = ["--no-owner", "--single-transaction", "--exit-on-error", f"--use-list={wanted.name}"]
        _run("pg_restore", *options, str(file), database=database)


def _bring_up_to_date() -> None:
    """Migrations that are newer than the backup, queue, partitions; then proof that it is what it was."""
    prepare: Any = importlib.import_module("tokenops.prepare")
    prepare.prepare(demo=False, run_key=False, progress=console.step, now=datetime.now(UTC))
    restored: Any = importlib.import_module("tokenops.restored")
    findings = restored.findings(now=datetime.now(UTC), progress=console.step)
    for finding in findings:
        console.warn(finding)
    if findings:
        raise StackError("The backup is restored, but not all is well; see above.")
    console.say("  Restored. People sign in anew: sessions are not part of a backup.")


def _set_up_django() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tokenops.settings")
    django: Any = importlib.import_module("django")
    django.setup()


# --- Programs of Postgres ---------------------------------------------------------------------------------------------
def _run(program: str, *options: str, database: Database | None = None, out: Any = subprocess.PIPE) -> bytes:
    """Run a program of Postgres as the owner of ``database``; what it wrote, unless that went to ``out``.

    :raises StackError: it failed; the message is its first complaint.
    """
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    if database is not None:
        parameters = database.parameters(OWNER)
        environment["PGPASSWORD"] = parameters.pop("password")  # not on the command line, which others may read
        options = (f"--dbname={make_conninfo(**parameters)}", *options)
    command = [binary(program), *options]
    done = subprocess.run(  # noqa: S603 - fixed programs, own arguments
        command, check=False, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, env=environment
    )
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").splitlines() or ["no reason was given"]
        raise StackError(f"{program} failed: {lines[0].removeprefix(f'{program}: ').rstrip('.')}.")
    return done.stdout or b""


if __name__ == "__main__":
    sys.exit(main())
