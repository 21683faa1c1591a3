"""One tenant floods a real server; it gets its own 429s, and its neighbour is not refused once."""

import contextlib
import http.client
import json
import threading

import pytest

from conftest import make_organization
from core.scope import org_scope
from ingestion.models import Call, IngestCounter
from tenants.models import Project
from tenants.permissions import Scope
from tenants.tests.keys import issue_key
from tests.resilience.processes import wait_until
from tests.servers import running_server

pytestmark = pytest.mark.resilience

_LIMITS = {"INGEST_REQUESTS_PER_SECOND": "50", "INGEST_EVENTS_PER_SECOND": "500"}
_BATCH = json.dumps([{"model": "gpt-4o"}] * 200)
_SINGLE = json.dumps({"model": "gpt-4o"})
_QUIET_REQUESTS = 40  # of the 50 that may come at once, however slow the machine is


class Flood:
    """Clients that send batches as fast as they are answered, whatever the answer, until told to stop."""

    def __init__(self, port: int, key: str, *, clients: int = 6) -> None:
        self.statuses: list[int] = []
        self.retry_after: set[int] = set()
        self.accepted = 0
        self._port, self._key = port, key
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def __enter__(self) -> "Flood":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            status, headers, body = post(self._port, self._key, _BATCH)
            with self._lock:
                self.statuses.append(status)
                if status == 429:
                    self.retry_after.add(int(headers["retry-after"]))
                elif status == 202:
                    self.accepted += json.loads(body)["accepted"]


def post(port, key, body):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        connection.request("POST", "/api/v1/ingest", body, {"Content-Type": "application/json", "TS-API-Key": key})
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()


def key_of(name):
    organization = make_organization(name)
    with org_scope(organization.pk):
        project = Project.objects.get()
    return organization, issue_key(organization, project=project, scopes=[Scope.INGEST]).text


def stored(organization):
    """Calls, and what the counters say of them."""
    with org_scope(organization.pk):
        return Call.objects.count(), sum(row.events for row in IngestCounter.objects.all())


def test_a_noisy_tenant_gets_its_own_429s_and_the_quiet_one_none(committed_db, tmp_path):
    (noisy, noisy_key), (quiet, quiet_key) = key_of("Noisy"), key_of("Quiet")

    with running_server(tmp_path / "server.log", **_LIMITS) as server, Flood(server.port, noisy_key) as flood:
        wait_until(lambda: 429 in flood.statuses, "the flood to be refused")
        answers = [post(server.port, quiet_key, _SINGLE) for _ in range(_QUIET_REQUESTS)]
        wait_until(lambda: flood.statuses.count(202) >= 3, "the flood to be served at its rate")

    assert {status for status, _, _ in answers} == {202}
    assert set(flood.statuses) == {202, 429}
    assert min(flood.retry_after) >= 1
    assert stored(quiet) == (_QUIET_REQUESTS, _QUIET_REQUESTS)
    assert stored(noisy) == (flood.accepted, flood.accepted)
