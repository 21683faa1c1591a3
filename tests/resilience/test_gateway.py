"""Edges are killed, Postgres is stopped and disks are filled under proxied load: every call that the provider heard
of is stored, once, and what a client got whole is stored as it was.
"""

import os
import signal
from pathlib import Path

import psycopg
import pytest

from core import keys
from tests.fake_provider import fake_provider
from tests.resilience.conftest import TABLES
from tests.resilience.disks import fill, small_disk
from tests.resilience.installation import server
from tests.resilience.processes import wait_until
from tests.resilience.proxied import (
    SECRET,
    ProxiedLoad,
    ask,
    counted,
    heard,
    lead_to,
    stored_by_name,
    wait_until_stored,
)
from tests.resilience.sizes import SIZE

pytestmark = pytest.mark.resilience

CLIENTS = 4
CALLS = 60


@pytest.fixture(scope="module")
def provider():
    with fake_provider() as running:
        yield running


@pytest.fixture(scope="module")
def gateway_keys(installation, provider):
    installation.environ["OUTBOUND_ALLOWED_NETWORKS"] = "127.0.0.0/8"
    return lead_to(installation, provider)


@pytest.fixture
def place(installation, gateway_keys, provider, tmp_path):
    """The installation with no calls, a provider that was asked nothing, and an empty spool."""
    installation.environ["TOKENOPS_SPOOL_DIR"] = str(tmp_path / "spool")
    with psycopg.connect(installation.environ["DATABASE_URL"], autocommit=True) as admin:
        admin.execute(f"truncate {', '.join((*TABLES, 'gateway_traffic_hourly', 'gateway_spool_segments'))}".encode())
    provider.forget()
    return installation


@pytest.fixture
def load(gateway_keys):
    return ProxiedLoad(gateway_keys[0], clients=CLIENTS)


def assert_every_call_is_stored_once(installation, provider, load):
    """What the client got whole ⊆ what the provider heard ⊆ what is stored, once each."""
    names = heard(provider)
    stored = wait_until_stored(installation, set(names))
    assert set(names.values()) == {1}
    assert load.whole <= set(names)
    assert {one.times for one in stored.values()} == {1}
    assert {(stored[name].status, stored[name].is_estimated) for name in load.whole} == {("ok", False)}
    assert load.refused.isdisjoint(names)
    assert load.refused.isdisjoint(stored)
    traffic = counted(installation)
    assert (traffic["requests"], traffic["calls"], traffic["written"]) == (len(stored),) * 3
    assert installation.rolled_up() == [len(stored)] * 2
    return stored


def test_a_killed_edge_loses_and_doubles_no_proxied_call(place, provider, load, tmp_path):
    kills = 2 * SIZE
    with load:
        for attempt in range(kills):
            with server(place, tmp_path / f"{attempt}.log") as running:
                load.port = running.port
                load.wait_for(CALLS)
                os.killpg(running.process.pid, signal.SIGKILL)
                running.process.wait()
        with server(place, tmp_path / "last.log") as running:
            load.port = running.port
            load.wait_for(CALLS)
            load.finish()
            stored = assert_every_call_is_stored_once(place, provider, load)

    broken = {name: one for name, one in stored.items() if name not in load.whole}
    assert len(broken) <= kills * CLIENTS  # those that were on their way
    for one in broken.values():  # its end was recorded and its last byte not handed out, or nobody knows its end
        assert (one.status, one.is_estimated) in {("ok", False), ("error", True), ("error", False)}


def test_a_stopped_edge_stores_what_it_carried(place, provider, load, tmp_path):
    with load, server(place, tmp_path / "edge.log") as running:
        load.port = running.port
        load.wait_for(CALLS)
        os.killpg(running.process.pid, signal.SIGTERM)
        running.process.wait(30)
        load.finish()

    assert_every_call_is_stored_once(place, provider, load)


def test_calls_pass_while_postgres_is_away_and_are_stored_afterwards(place, provider, load, gateway_keys, tmp_path):
    key, neighbours_key = gateway_keys
    log = tmp_path / "edge.log"
    with server(place, log) as running, load:
        load.port = running.port
        load.wait_for(CALLS)
        assert ask(running.port, neighbours_key, name="neighbour")[0] == 200
        place.postgres.stop()
        load.wait_for(CALLS)
        unknown, impatient = (ask(running.port, one)[0] for one in (keys.generate().text, neighbours_key))
        place.postgres.start()
        load.wait_for(CALLS)
        load.finish()
        stored = assert_every_call_is_stored_once(place, provider, load)

    assert set(load.statuses) == {200}
    assert (unknown, impatient) == (503, 503)  # nobody can say whether it is right; and one who wants to be asked
    assert {one.status for one in stored.values()} == {"ok"}
    assert set(stored) == load.whole | {"neighbour"}
    assert not [secret for secret in (key, neighbours_key, SECRET) if secret in log.read_text()]


def test_a_full_spool_refuses_what_it_could_not_record(place, provider, load, tmp_path, monkeypatch):
    monkeypatch.setitem(place.environ, "GATEWAY_SPOOL_MAX_MB", "1")
    with server(place, tmp_path / "edge.log") as running, load:
        load.port = running.port
        load.wait_for(CALLS)
        place.postgres.stop()
        wait_until(lambda: load.statuses[503] > 0, "the spool to be full")
        place.postgres.start()
        load.wait_for(CALLS)
        load.finish()
        assert_every_call_is_stored_once(place, provider, load)

    assert set(load.statuses) == {200, 503}


def test_a_full_disk_under_the_spool_refuses_and_heals(place, provider, load, tmp_path, monkeypatch):
    with small_disk(tmp_path / "disk", megabytes=16) as disk:
        monkeypatch.setitem(place.environ, "TOKENOPS_SPOOL_DIR", str(disk / "spool"))
        with server(place, tmp_path / "edge.log") as running, load:
            load.port = running.port
            load.wait_for(CALLS)
            fill(disk / "ballast")
            wait_until(lambda: load.statuses[503] > 0, "the disk to be full")
            (disk / "ballast").unlink()
            load.wait_for(CALLS)
            load.finish()
            assert_every_call_is_stored_once(place, provider, load)

    assert set(load.statuses) == {200, 503}


def test_a_log_of_a_storm_is_short(place, provider, load, tmp_path):
    """An outage is said a few times, not once a call."""
    log: Path = tmp_path / "edge.log"
    with server(place, log) as running, load:
        load.port = running.port
        load.wait_for(CALLS)
        place.postgres.stop()
        load.wait_for(5 * CALLS)
        lines = len(log.read_text().splitlines())
        place.postgres.start()
        load.finish()
        wait_until_stored(place, set(heard(provider)))

    assert lines < 5 * CALLS
    assert set(stored_by_name(place)) == set(heard(provider))
