"""A real server is killed and a real Postgres is stopped under load: what was acknowledged is stored exactly once."""

import contextlib
import http.client
import json
import os
import signal
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.resilience.installation import BATCH, Installation, Load, assert_stored_exactly_once, server
from tests.resilience.processes import kill, wait_until
from tests.resilience.sizes import SIZE

pytestmark = pytest.mark.resilience


def test_a_killed_edge_loses_and_doubles_nothing(empty, tmp_path):
    with Load(empty.key) as load:
        for attempt in range(3 * SIZE):
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


def test_a_killed_postgres_needs_no_restart_of_the_edge(empty, tmp_path):
    """No shutdown checkpoint, no goodbye to connections: what was acknowledged comes back from the log."""
    with server(empty, tmp_path / "edge.log") as running, Load(empty.key) as load:
        load.port = running.port
        for _ in range(SIZE):
            load.wait_for(500)
            kill(empty.postgres.pid)
            empty.postgres.stop()  # what is left of it: our handle and its lock
            load.statuses.clear()
            wait_until(lambda: 503 in load.statuses, "the edge to notice")
            empty.postgres.start()
        load.wait_for(500)

    assert load.statuses <= {202, 503}
    assert_stored_exactly_once(empty, load)


def _batch_without_ids(name: str) -> str:
    return json.dumps([{"model": "m", "trace_id": name}] * BATCH)


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
    assert set(stored.values()) == {BATCH}
    assert load.acknowledged <= set(stored) <= load.sent
    assert installation.rolled_up() == [sum(stored.values())] * 2


def test_a_killed_edge_takes_requests_with_a_key_once(empty, tmp_path):
    with KeyedLoad(empty.key) as load:
        for attempt in range(4 * SIZE):
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
    assert empty.stored_by_trace() == dict.fromkeys(names, BATCH)
    assert empty.rolled_up() == [len(names) * BATCH] * 2


def _send_all(key: str, names: list[str], port: int) -> list[tuple[int, bool, bytes]]:
    """Status, whether it is a replay, and body of each answer."""
    answers = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with contextlib.closing(connection):
        for name in names:
            headers = {"Content-Type": "application/json", "TS-API-Key": key, "Idempotency-Key": name}
            connection.request(
                "POST", "/api/v1/ingest", json.dumps([{"model": "m", "trace_id": name}] * BATCH), headers
            )
            response = connection.getresponse()
            answers.append((response.status, response.getheader("Idempotent-Replayed") == "true", response.read()))
    return answers
