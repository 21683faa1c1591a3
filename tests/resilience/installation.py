"""An installation of its own whose Postgres may be stopped, and clients that load it."""

import contextlib
import fcntl
import http.client
import json
import os
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from tests.resilience.processes import wait_until
from tests.servers import ROOT, RunningServer, running_server
from tokenops.embedded import EmbeddedPostgres, admin_url

_SECRETS = {name: f"{name}-of-a-test-that-is-long-enough-to-be-one" for name in ("SECRET_KEY", "KEY_PEPPER")}
BATCH = 20
# Migrations, partitions, and a tenant with a key; run in a process of its own because its settings differ from ours.
_PREPARE = """
import django
django.setup()
from datetime import UTC, datetime, timedelta
from django.conf import settings
from core import provisioning, queue
from core.scope import org_scope
from ingestion import services as ingestion
from tenants import key_services, services
from tenants.models import Project, User
provisioning.create_roles(settings.DATABASE)
provisioning.migrate()
queue.install_queue(settings.DATABASE)
from django.db import connections
with connections["owner"].cursor() as cursor:
    today = datetime.now(UTC).date()
    cursor.execute("select ensure_partitions(%s, %s)", [today - timedelta(days=2), today + timedelta(days=2)])
user = User.objects.create_user(email="owner@resilience.test")
for name in ("Resilience", "Neighbour"):
    organization = services.create_organization(actor=user, name=name)
    project = services.create_project(organization=organization, actor=user, name="Web")
    print(key_services.create_key(
        organization=organization, actor=user, name="load", scopes=["ingest"], project=project).text)
"""
# Prints whether a rebuild from the calls changes any rollup.
_REBUILD = """
import django
django.setup()
from datetime import UTC, datetime, timedelta
from django.db import connections
from ingestion.rebuild import rebuild_rollups
from tenants.models import Organization
def rollups():
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "select to_jsonb(h) from call_rollups_hourly h union all select to_jsonb(d) from call_rollups_daily d"
            " union all select to_jsonb(s) from call_sizes_daily s"
            " union all select to_jsonb(p) from prompt_hash_daily p"
            " union all select to_jsonb(u) from user_rollups_daily u")
        return sorted(map(str, cursor.fetchall()))
kept, today = rollups(), datetime.now(UTC).date()
for organization in Organization.objects.all():
    rebuild_rollups(
        organization=organization, first_date=today - timedelta(days=2), end_date=today + timedelta(days=3))
print(bool(kept) and kept == rollups())
"""


@dataclass(frozen=True)
class Installation:
    """A Postgres of its own, which may be stopped, with two tenants in it."""

    postgres: EmbeddedPostgres
    environ: dict[str, str]
    key: str = field(repr=False)
    neighbours_key: str = field(repr=False)

    def stored(self) -> dict[str, int]:
        """How often each call id is stored."""
        with psycopg.connect(self.environ["DATABASE_URL"]) as admin:
            return dict(admin.execute("select call_id, count(*) from calls group by 1").fetchall())

    def stored_by_trace(self) -> dict[str, int]:
        """How many calls of each trace id are stored."""
        with psycopg.connect(self.environ["DATABASE_URL"]) as admin:
            return dict(admin.execute("select trace_id, count(*) from calls group by 1").fetchall())

    def rollups_equal_a_rebuild(self) -> bool:
        """Whether a fresh rebuild from the calls finds what the rollups say, column by column."""
        return run(_REBUILD, self.environ).split()[-1] == "True"

    def rolled_up(self) -> list[int]:
        """Calls by the hourly and by the daily rollups."""
        with psycopg.connect(self.environ["DATABASE_URL"]) as admin:
            tables = ("call_rollups_hourly", "call_rollups_daily")
            return [calls for table in tables for (calls,) in admin.execute(f"select sum(calls) from {table}".encode())]


@contextlib.contextmanager
def installed(directory: Path, settings: dict[str, str] | None = None) -> Iterator[Installation]:
    """A durable Postgres in ``directory``, with these settings besides its usual ones, and two tenants.

    With its usual ones it starts from a copy of one that is made once a run: that takes eleven seconds of a core.
    """
    if settings is None:
        _copy(_original(), directory)
    with _running(directory, settings) as installation:
        yield installation


def _original() -> Path:
    """Where the one lies, stopped; whichever worker of the run comes first makes it."""
    place = Path(os.environ["TOKENOPS_TEST_DIR"]) / "installation"
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _keys(place).exists():
            with _running(place):
                pass
    return place


def _copy(original: Path, directory: Path) -> None:
    data = Path("pg", "data")
    (directory / data.parent).mkdir()
    subprocess.run(["cp", "-a", original / data, directory / data], check=True)  # owned by who runs the server
    shutil.copy(_keys(original), _keys(directory))


def _keys(directory: Path) -> Path:
    return directory / "keys"


@contextlib.contextmanager
def _running(directory: Path, settings: dict[str, str] | None = None) -> Iterator[Installation]:
    """The installation in ``directory``, which is made if there is none."""
    environ = {
        "DATABASE_URL": admin_url(directory),
        "TOKENOPS_STATE_DIR": str(directory / "state"),
        "ENCRYPTION_KEY": "encryption-key-of-a-test-that-is-long-enough",
        "DJANGO_SETTINGS_MODULE": "tokenops.settings",
        "TOKENOPS_PROCESS": "edge",
        # The load is one key's, and it sends as fast as it can.
        "INGEST_REQUESTS_PER_SECOND": "0",
        "INGEST_EVENTS_PER_SECOND": "0",
        "LOG_LEVEL": "WARNING",
        "DEBUG": "true",
        **_SECRETS,
    }
    postgres = EmbeddedPostgres(directory, durable=True, settings=settings)
    postgres.start()
    try:
        if not _keys(directory).exists():
            _keys(directory).write_text(run(_PREPARE, environ))
        *_, key, neighbours_key = _keys(directory).read_text().split()
        yield Installation(postgres, environ, key, neighbours_key)
    finally:
        postgres.stop()


def run(program: str, environ: dict[str, str]) -> str:
    """What a program prints that runs with the installation's settings: ours are others."""
    command = [sys.executable, "-c", program]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | environ, check=True, stdout=subprocess.PIPE
    ).stdout.decode()


class Load:
    """Clients that send batches until told to stop, and send each again until it is acknowledged."""

    def __init__(self, key: str, *, clients: int = 4) -> None:
        self.port = 0
        self.acknowledged: set[str] = set()
        self.statuses: set[int] = set()
        self._key = key
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def finish(self) -> None:
        """Let the clients end; what they were about to send again stays unacknowledged."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, more: int) -> None:
        wanted = len(self.acknowledged) + more
        wait_until(lambda: len(self.acknowledged) >= wanted, f"{more} more events to be acknowledged")

    def _run(self) -> None:
        while not self._stop.is_set():
            now = datetime.now(UTC).isoformat()
            batch = [{"model": "m", "id": uuid.uuid4().hex, "timestamp": now} for _ in range(BATCH)]
            body = json.dumps(batch)
            while not self._is_acknowledged(body):
                if self._stop.wait(0.02):
                    return
            self.acknowledged |= {event["id"] for event in batch}

    def _is_acknowledged(self, body: str, more_headers: dict[str, str] | None = None) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"Content-Type": "application/json", "TS-API-Key": self._key} | (more_headers or {})
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("POST", "/api/v1/ingest", body, headers)
            response = connection.getresponse()
            response.read()
            self.statuses.add(response.status)
            return response.status == 202
        return False


@contextlib.contextmanager
def server(installation: Installation, log: Path) -> Iterator[RunningServer]:
    with running_server(log, **installation.environ) as running:
        yield running


def assert_stored_exactly_once(installation: Installation, load: Load) -> None:
    stored = installation.stored()
    assert set(stored.values()) == {1}
    assert load.acknowledged <= set(stored)
    assert installation.rolled_up() == [len(stored)] * 2
