"""``make backup`` and ``make restore`` as an operator runs them, with a server of its own to restore into."""

import hashlib
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.utils import timezone

from conftest import make_organization
from core import provisioning, queue
from core.databases import APP, Database
from core.scope import org_scope
from dashboards.tests.factories import record_calls
from ingestion.tests.edge.rows import make_row, new_flusher
from tenants import key_services
from tenants.models import Project
from tenants.permissions import Scope
from tokenops.embedded import EmbeddedPostgres

ROOT = Path(__file__).resolve().parents[2]
# What restoring makes anew, or leaves out on purpose.
MADE_ANEW = {
    "django_session",
    "django_cache",
    "rate_cards",
    "catalogue_changes",
    "django_migrations",
    "auth_permission",
}
SECRETS = ("SECRET_KEY", "KEY_PEPPER", "ENCRYPTION_KEY")

pytestmark = pytest.mark.resilience


@pytest.fixture
def tenants(committed_db):
    """Two tenants with calls and their sums, and a key."""
    queue.install_queue(settings.DATABASE)
    found = []
    for name in ("Acme", "Globex"):
        organization = make_organization(name)
        with org_scope(organization.pk):
            project = Project.objects.get()
        key_services.create_key(organization=organization, actor=None, name="k", scopes=[Scope.INGEST], project=project)
        now = timezone.now()
        record_calls(project, [{"started_at": now - timedelta(hours=hour)} for hour in range(0, 60, 5)])
        found.append(organization)
    with psycopg.connect(settings.DATABASE.url) as admin:
        admin.execute("insert into django_session values ('somebody-signed-in', 'x', now())")
    return found


def run(command, *arguments, environment=None):
    """The exit code and everything that was said."""
    done = subprocess.run(
        [sys.executable, "-m", "tokenops.backup", command, *map(str, arguments)],
        cwd=ROOT,
        env=environment or dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.fixture
def elsewhere(tmp_path):
    """The environment of another machine with an embedded database and the same secrets, kept in its secrets.env."""
    state_dir = tmp_path / "elsewhere"
    state_dir.mkdir(mode=0o700)
    (state_dir / "secrets.env").write_text("".join(f"{name}={os.environ[name]}\n" for name in SECRETS))
    kept = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", *SECRETS}}
    return kept | {"TOKENOPS_STATE_DIR": str(state_dir)}


def state_dir_of(environment):
    return Path(environment["TOKENOPS_STATE_DIR"])


def saved(tmp_path):
    path = tmp_path / "all.dump"
    code, said = run("save", path)
    assert code == 0, said
    return path, said


def contents(connection):
    """Every table with its rows, but for what is made anew; partitions are in their parents."""
    tables = connection.execute(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
        " and not relispartition order by 1"
    ).fetchall()
    return {
        name: sorted(str(row) for row in connection.execute(f"select t::text from {name} t"))
        for (name,) in tables
        if name not in MADE_ANEW
    }


def catalogue(connection):
    """Owners, rights, policies and functions, as the database itself describes them."""
    acl = "(select array_agg(a::text order by 1) from unnest({}) a)"
    relations, functions = acl.format("relacl"), acl.format("proacl")
    ours = "relnamespace = 'public'::regnamespace and not relispartition"
    # A check's expression is written differently when it was parsed twice.
    definition = "case when contype = 'c' then 'check' else pg_get_constraintdef(c.oid) end"
    public, constraints = "pronamespace = 'public'::regnamespace", f"conrelid = r.oid and contype <> 'n' and {ours}"
    questions = [
        f"select relname, relowner::regrole::text, relrowsecurity, {relations} from pg_class where {ours}",
        "select tablename, policyname, roles::text, cmd, qual, with_check from pg_policies",
        f"select proname, proowner::regrole::text, prosecdef, {functions}, prosrc from pg_proc where {public}",
        f"select relname, conname, {definition} from pg_constraint c, pg_class r where {constraints}",
    ]
    return [sorted(map(repr, connection.execute(question).fetchall())) for question in questions]


def test_what_is_restored_elsewhere_is_what_was_saved(tenants, tmp_path, elsewhere):
    path, said = saved(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert "secrets" in said
    assert str(path) in said

    code, said = run("restore", path, environment=elsewhere)

    assert code == 0, said
    assert "Restored." in said
    with (
        EmbeddedPostgres(state_dir_of(elsewhere)) as server,
        psycopg.connect(server.url) as restored,
        psycopg.connect(settings.DATABASE.url) as original,
    ):
        before, after = contents(original), contents(restored)
        assert len(before["calls"]) == 24
        assert before == after
        for was, now in zip(catalogue(original), catalogue(restored), strict=True):
            assert set(was) ^ set(now) == set()
        assert restored.execute("select count(*) from django_session").fetchone() == (0,)
        # Row-level security binds the restored web role as it bound the first one.
        restored.execute(f"set role {APP}")
        restored.execute("select set_config('tokenops.org_id', %s, false)", [str(tenants[0].pk)])
        assert restored.execute("select count(*) from calls").fetchone() == (12,)
    log = (state_dir_of(elsewhere) / "logs").glob("*")
    assert all(os.environ["SECRET_KEY"] not in file.read_text(errors="replace") for file in log)


def test_a_backup_while_calls_arrive_is_one_moment_and_replaces_a_database_only_by_force(tenants, tmp_path, elsewhere):
    acme = tenants[0]
    with sending_calls(acme):
        path, _ = saved(tmp_path)
    with EmbeddedPostgres(state_dir_of(elsewhere)) as server, psycopg.connect(server.url) as other:
        provisioning.create_roles(Database(url=server.url, secret=os.environ["SECRET_KEY"]))
        other.execute("create table somebodys (n integer)")
        other.execute("alter table somebodys owner to tokenops_owner")

    code, said = run("restore", path, environment=elsewhere)

    assert (code, "FORCE=1" in said) == (1, True)
    assert counts(elsewhere, "select count(*) from somebodys") == 0

    code, said = run("restore", path, "--force", environment=elsewhere)

    assert code == 0, said
    assert counts(elsewhere, "select count(*) from pg_tables where tablename = 'somebodys'") == 0
    # Sums and calls are of the same moment, which the restore itself proves, too.
    of_acme = f"where organization_id = {acme.pk}"
    calls = counts(elsewhere, f"select count(*) from calls {of_acme}")
    assert calls == counts(elsewhere, f"select sum(calls) from call_rollups_daily {of_acme}")
    assert calls > 12


def counts(environment, question):
    with EmbeddedPostgres(state_dir_of(environment)) as server, psycopg.connect(server.url) as connection:
        (count,) = connection.execute(question).fetchone()
    return count


@contextmanager
def sending_calls(organization):
    """Flushes, one after the other, from the first that is stored until the end."""
    with org_scope(organization.pk):
        project = Project.objects.get()
    stop, begun = threading.Event(), threading.Event()

    def keep_sending():
        flusher = new_flusher()
        number = 0
        while not stop.is_set():
            rows = [make_row(project, f"live-{number}-{n}", started_at=timezone.now()) for n in range(20)]
            flusher.flush([rows])
            begun.set()
            number += 1
        flusher.close()

    sender = threading.Thread(target=keep_sending)
    sender.start()
    try:
        assert begun.wait(60)
        yield
    finally:
        stop.set()
        sender.join()


def test_a_restore_into_a_database_in_use_is_refused(tenants, tmp_path):
    path, _ = saved(tmp_path)

    code, said = run("restore", path, "--force")  # this process is connected to it as the web role

    assert code == 1
    assert "is using this database" in said
    with psycopg.connect(settings.DATABASE.url) as kept:
        assert kept.execute("select count(*) from organizations").fetchone() == (2,)


def test_a_stack_that_runs_is_not_restored_into(tenants, tmp_path, elsewhere):
    from tokenops.stack import preflight

    path, _ = saved(tmp_path)
    with preflight.only_one(state_dir_of(elsewhere)):
        code, said = run("restore", path, environment=elsewhere)

    assert (code, "already running" in said) == (1, True)


def test_without_secrets_nothing_is_restored(tmp_path, elsewhere):
    (state_dir_of(elsewhere) / "secrets.env").unlink()

    code, said = run("restore", tmp_path / "any.dump", environment=elsewhere)

    assert code == 1
    assert "put the secrets of the installation there" in said
    assert not (state_dir_of(elsewhere) / "pg").exists()


@pytest.mark.parametrize("spoil", [lambda _: b"", lambda _: b"not a backup", lambda whole: whole[:-1], lambda w: w[1:]])
def test_a_file_that_is_no_whole_backup_is_refused_before_anything_starts(tmp_path, elsewhere, spoil):
    path = tmp_path / "broken.dump"
    whole = b"PGDMP and so on"
    path.write_bytes(spoil(whole + b"\nTOKENOPS-SHA256 %s\n" % hashlib.sha256(whole).hexdigest().encode()))

    code, said = run("restore", path, "--force", environment=elsewhere)

    assert code == 1
    assert "was cut off or changed" in said
    assert not (state_dir_of(elsewhere) / "pg").exists()


def test_what_postgres_cannot_read_leaves_everything_as_it_was(tmp_path, elsewhere):
    path = tmp_path / "strange.dump"
    path.write_bytes(b"PGDMP\nTOKENOPS-SHA256 %s\n" % hashlib.sha256(b"PGDMP").hexdigest().encode())

    code, said = run("restore", path, "--force", environment=elsewhere)

    assert code == 1
    assert "pg_restore failed" in said


def test_a_backup_never_overwrites_a_file(tenants, tmp_path):
    path = tmp_path / "precious"
    path.write_text("mine")

    code, said = run("save", path)

    assert (code, "is there already" in said, path.read_text()) == (1, True, "mine")


def test_there_is_nothing_to_save_before_the_first_start(elsewhere):
    code, said = run("save", environment=elsewhere)

    assert (code, "There is no database" in said) == (1, True)
    assert not (state_dir_of(elsewhere) / "backups").exists()


def test_a_backup_that_fails_leaves_no_file(tmp_path):
    environment = dict(os.environ) | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}

    code, said = run("save", tmp_path / "none.dump", environment=environment)

    assert code == 1
    assert "pg_dump failed" in said
    assert list(tmp_path.iterdir()) == []


def test_make_restore_without_a_file_says_what_to_name():
    recipe = subprocess.run(["make", "--dry-run", "restore"], cwd=ROOT, capture_output=True, text=True, check=True)

    assert 'name the backup: make restore FILE="…"' in recipe.stdout


def test_make_hands_the_file_and_the_force_on():
    def recipe(*arguments):
        done = subprocess.run(["make", "--dry-run", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()[-1]

    assert recipe("restore", "FILE=a b.dump", "FORCE=1").endswith('tokenops.backup restore "a b.dump" --force')
    assert recipe("restore", "FILE=x.dump", "FORCE=0").rstrip().endswith('tokenops.backup restore "x.dump"')
    assert recipe("backup", "FILE=x.dump").endswith('tokenops.backup save "x.dump"')
    assert recipe("backup").rstrip().endswith("tokenops.backup save")


def test_the_embedded_database_is_saved_whether_it_runs_or_not(tmp_path, elsewhere):
    with EmbeddedPostgres(state_dir_of(elsewhere)) as server:
        provisioning.create_roles(Database(url=server.url, secret=os.environ["SECRET_KEY"]))
    code, said = run("save", environment=elsewhere)
    assert code == 0, said

    with EmbeddedPostgres(state_dir_of(elsewhere)):
        code, said = run("save", tmp_path / "running.dump", environment=elsewhere)

    assert code == 0, said
    assert len(list((state_dir_of(elsewhere) / "backups").glob("*.dump"))) == 1
    assert (tmp_path / "running.dump").stat().st_size > 0
