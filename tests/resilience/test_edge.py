"""A real server is killed and a real Postgres is stopped under load: what was acknowledged is stored exactly once."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psycopg
import pytest

from tests.resilience.processes import wait_until
from tests.servers import ROOT, RunningServer, running_server
from tokenops.embedded import EmbeddedPostgres, admin_url

pytestmark = pytest.mark.resilience

_SECRETS = {name: f"{name}-of-a-test-that-is-long-enough-to-be-one" for name in ("SECRET_KEY", "KEY_PEPPER")}
_BATCH = 20
# Migrations, partitions, and a tenant with a key; run in a process of its own because its settings differ from ours.
_PREPARE = """
import django
django.setup()
from datetime import UTC, datetime, timedelta
from django.conf import settings
from core import provisioning
from core.scope import org_scope
from ingestion import services as ingestion
from tenants import services
from tenants.models import Project, User
provisioning.create_roles(settings.DATABASE)
provisioning.migrate()
from django.db import connections
with connections["owner"].cursor() as cursor:
    today = datetime.now(UTC).date()
    cursor.execute("select ensure_partitions(%s, %s)", [today - timedelta(days=2), today + timedelta(days=2)])
user = User.objects.create_user(email="owner@resilience.test")
organization = services.create_organization(actor=user, name="Resilience")
project = services.create_project(organization=organization, actor=user, name="Web")
print(services.create_key(
    organization=organization, actor=user, name="load", scopes=["ingest"], project=project).text)
"""


@dataclass(frozen=True)
class Installation:
    """A Postgres of its own, which may be stopped, with one tenant in it."""

    postgres: EmbeddedPostgres
    environ: dict[str, str]
    key: str = field(repr=False)

    def stored(self) -> dict[str, int]:
        """How often each call id is stored."""
        with psycopg.connect(self.environ["DATABASE_URL"]) as admin:
            return dict(admin.execute("select call_id, count(*) from calls group by 1").fetchall())

    def stored_by_trace(self) -> dict[str, int]:
        """How many calls of each trace id are stored."""
        with psycopg.connect(self.environ["DATABASE_URL"]) as admin:
            return dict(admin.execute("select trace_id, count(*) from calls group by 1").fetchall())

    def rolled_up(self) -> list[int]:
        """Calls by the hourly and by the daily rollups."""
        with psycopg.connect(self.environ["DATABASE_URL"]) as admin:
            tables = ("call_rollups_hourly", "call_rollups_daily")
            return [calls for table in tables for (calls,) in admin.execute(f"select sum(calls) from {table}".encode())]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    directory = tmp_path_factory.mktemp("resilience")
    environ = {
        "DATABASE_URL": admin_url(directory),
        "TOKENOPS_STATE_DIR": str(directory / "state"),
        "ENCRYPTION_KEY": "encryption-key-of-a-test-that-is-long-enough",
        "DJANGO_SETTINGS_MODULE": "tokenops.settings",
        "TOKENOPS_PROCESS": "edge",
        "LOG_LEVEL": "WARNING",
        "DEBUG": "true",
        # The load is one key's, and it sends as fast as it can.
        "INGEST_REQUESTS_PER_SECOND": "0",
        "INGEST_EVENTS_PER_SECOND": "0",
        **_SECRETS,
    }
    postgres = EmbeddedPostgres(directory, durable=True)
    postgres.start()
    try:
        output = subprocess.run(
            [sys.executable, "-c", _PREPARE], cwd=ROOT, env=os.environ | environ, check=True, capture_output=True
        )
        yield Installation(postgres, environ, output.stdout.decode().split()[-1])
    finally:
        postgres.stop()


@pytest.fixture
def empty(installation: Installation) -> Installation:
    with psycopg.connect(installation.environ["DATABASE_URL"], autocommit=True) as admin:
        admin.execute("truncate calls, call_rollups_hourly, call_rollups_daily, ingest_idempotency, ingest_counters")
    return installation


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
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, more: int) -> None:
        wanted = len(self.acknowledged) + more
        wait_until(lambda: len(self.acknowledged) >= wanted, f"{more} more events to be acknowledged")

    def _run(self) -> None:
        while not self._stop.is_set():
            now = datetime.now(UTC).isoformat()
            batch = [{"model": "m", "id": uuid.uuid4().hex, "timestamp": now} for _ in range(_BATCH)]
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


def counted(installation: Installation) -> int:
    """Events by the counters that quotas are checked against."""
    with psycopg.connect(installation.environ["DATABASE_URL"]) as admin:
        return int(admin.execute("select sum(events) from ingest_counters").fetchall()[0][0])


def assert_stored_exactly_once(installation: Installation, load: Load) -> None:
    stored = installation.stored()
    assert set(stored.values()) == {1}
    assert load.acknowledged <= set(stored)
    assert installation.rolled_up() == [len(stored)] * 2
    assert counted(installation) == len(stored)


def test_a_killed_edge_loses_and_doubles_nothing(empty, tmp_path):
    with Load(empty.key) as load:
        for attempt in range(3):
            with server(empty, tmp_path / f"{attempt}.log") as running:
                load.port = running.port
                load.wait_for(500)
                os.killpg(running.process.pid, signal.SIGKILL)
                running.process.wait()
        with server(empty, tmp_path / "last.log") as running:
            load.port = running.port
            load.wait_for(500)

    assert_stored_exactly_once(empty, load)


def test_a_stopped_edge_answers_what_it_took(empty, tmp_path):
    with server(empty, tmp_path / "edge.log") as running, Load(empty.key) as load:
        load.port = running.port
        load.wait_for(500)
        os.killpg(running.process.pid, signal.SIGTERM)
        running.process.wait(30)

    assert load.statuses <= {202, 503}
    assert_stored_exactly_once(empty, load)


def test_a_restarted_postgres_needs_no_restart_of_the_edge(empty, tmp_path):
    log = tmp_path / "edge.log"
    with server(empty, log) as running, Load(empty.key) as load:
        load.port = running.port
        load.wait_for(500)
        empty.postgres.stop()
        wait_until(lambda: 503 in load.statuses, "the edge to notice")
        empty.postgres.start()
        load.wait_for(500)

    assert load.statuses == {202, 503}
    assert_stored_exactly_once(empty, load)
    assert empty.key not in log.read_text()


def _batch_without_ids(name: str) -> str:
    return json.dumps([{"model": "m", "trace_id": name}] * _BATCH)


class KeyedLoad(Load):
    """Batches whose events have no id: only the request's Idempotency-Key keeps them from being stored twice."""

    def __init__(self, key: str, *, clients: int = 4) -> None:
        super().__init__(key, clients=clients)
        self.sent: set[str] = set()

    def _run(self) -> None:
        while not self._stop.is_set():
            name = uuid.uuid4().hex
            self.sent.add(name)
            body = _batch_without_ids(name)
            while not self._is_acknowledged(body, {"Idempotency-Key": name}):
                if self._stop.wait(0.02):
                    return
            self.acknowledged.add(name)


def assert_requests_are_stored_whole_and_once(installation: Installation, load: KeyedLoad) -> None:
    stored = installation.stored_by_trace()
    assert set(stored.values()) == {_BATCH}
    assert load.acknowledged <= set(stored) <= load.sent
    assert installation.rolled_up() == [sum(stored.values())] * 2


def test_a_killed_edge_takes_requests_with_a_key_once(empty, tmp_path):
    with KeyedLoad(empty.key) as load:
        for attempt in range(4):
            with server(empty, tmp_path / f"{attempt}.log") as running:
                load.port = running.port
                load.wait_for(30)
                os.killpg(running.process.pid, signal.SIGKILL)
                running.process.wait()
        with server(empty, tmp_path / "last.log") as running:
            load.port = running.port
            load.wait_for(30)

    assert_requests_are_stored_whole_and_once(empty, load)


def test_a_restarted_postgres_takes_requests_with_a_key_once(empty, tmp_path):
    with server(empty, tmp_path / "edge.log") as running, KeyedLoad(empty.key) as load:
        load.port = running.port
        load.wait_for(30)
        empty.postgres.stop()
        wait_until(lambda: 503 in load.statuses, "the edge to notice")
        empty.postgres.start()
        load.wait_for(30)

    assert load.statuses <= {202, 409, 503}
    assert_requests_are_stored_whole_and_once(empty, load)


def test_two_edges_take_the_same_requests_once(empty, tmp_path):
    """Both get every request at about the same time; one takes it, the other repeats the answer or asks to wait."""
    names = [uuid.uuid4().hex for _ in range(60)]
    with server(empty, tmp_path / "one.log") as one, server(empty, tmp_path / "two.log") as two:
        ports = [one.port, two.port] * 2
        with ThreadPoolExecutor(len(ports)) as pool:
            answers = [answer for many in pool.map(partial(_send_all, empty.key, names), ports) for answer in many]

    statuses = {status for status, _, _ in answers}
    replays = [body for status, replayed, body in answers if status == 202 and replayed]
    taken = [body for status, replayed, body in answers if status == 202 and not replayed]
    assert statuses <= {202, 409}
    assert len(taken) == len(names)
    assert set(replays) <= set(taken)
    assert empty.stored_by_trace() == dict.fromkeys(names, _BATCH)
    assert empty.rolled_up() == [len(names) * _BATCH] * 2


def _send_all(key: str, names: list[str], port: int) -> list[tuple[int, bool, bytes]]:
    """Status, whether it is a replay, and body of each answer."""
    answers = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with contextlib.closing(connection):
        for name in names:
            headers = {"Content-Type": "application/json", "TS-API-Key": key, "Idempotency-Key": name}
            connection.request(
                "POST", "/api/v1/ingest", json.dumps([{"model": "m", "trace_id": name}] * _BATCH), headers
            )
            response = connection.getresponse()
            answers.append((response.status, response.getheader("Idempotent-Replayed") == "true", response.read()))
    return answers
