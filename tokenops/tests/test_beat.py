from datetime import UTC, datetime

import psycopg
import pytest
from django.conf import settings

from core import queue
from core.databases import APP
from core.models import Heartbeat
from tokenops.beat import Lease, SoleScheduler
from tokenops.schedule import SCHEDULE

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def leases():
    conninfo = settings.DATABASE.conninfo(APP, application_name="lease")
    first, second = Lease(conninfo), Lease(conninfo)
    yield first, second
    first.release()
    second.release()


def end_connections():
    """What a restart of Postgres does to whoever holds the lock."""
    with psycopg.connect(settings.DATABASE.url, autocommit=True) as admin:
        admin.execute("select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name = 'lease'")


def test_one_of_two_holds_the_lease_until_it_lets_go(leases):
    first, second = leases

    assert (first.is_held(), second.is_held()) == (True, False)
    assert first.is_held()
    first.release()
    assert second.is_held()
    assert not first.is_held()


def test_a_lost_connection_is_a_lost_lease_that_anybody_may_take(leases):
    first, second = leases
    assert first.is_held()

    end_connections()

    assert second.is_held()
    assert not first.is_held()


def test_a_database_that_is_away_holds_no_lease():
    lease = Lease("host=127.0.0.1 port=1 dbname=none")

    assert not lease.is_held()


class Sent(SoleScheduler):
    """Records what would be sent."""

    def apply_async(self, entry, *args, **kwargs):
        self.sent.append(entry.task)

    sent: list[str]


@pytest.fixture
def scheduler():
    from tokenops.celery import app

    queue.install_queue(settings.DATABASE)
    scheduler = Sent(app=app, lazy=False)
    scheduler.sent = []
    for entry in scheduler.schedule.values():
        entry.last_run_at = datetime(2020, 1, 1, tzinfo=UTC)
    yield scheduler
    scheduler.close()


def drain(scheduler):
    """Tick as often as there are entries: one tick sends at most one task."""
    return [scheduler.tick() for _ in SCHEDULE]


def test_the_clock_sends_every_entry_that_is_due(scheduler):
    drain(scheduler)

    assert sorted(scheduler.sent) == sorted(entry["task"] for entry in SCHEDULE.values())


def test_a_process_that_is_not_the_clock_sends_nothing(scheduler, leases):
    assert leases[0].is_held()

    pauses = drain(scheduler)

    assert scheduler.sent == []
    assert set(pauses) == {10.0}


def test_the_heartbeat_beats_every_thirty_seconds_and_no_entry_piles_up():
    assert SCHEDULE["heartbeat"]["schedule"] == 30.0
    assert all(entry["options"]["expires"] > 0 for entry in SCHEDULE.values())


def test_the_clock_says_that_it_lives(scheduler):
    before = datetime.now(UTC)

    scheduler.tick()
    scheduler.tick()

    (beat,) = Heartbeat.objects.filter(name="beat")
    assert beat.seen_at >= before
    assert datetime.fromisoformat(beat.facts["started_at"]) <= beat.seen_at


def test_a_process_that_is_not_the_clock_says_nothing(scheduler, leases):
    assert leases[0].is_held()

    scheduler.tick()

    assert not Heartbeat.objects.filter(name="beat").exists()


def test_a_sign_of_life_that_cannot_be_written_costs_the_lease_and_no_more(leases):
    first, second = leases
    assert first.is_held()
    end_connections()

    first.tell(datetime.now(UTC), started_at=datetime.now(UTC))

    assert not Heartbeat.objects.filter(name="beat").exists()
    assert second.is_held()


def test_without_a_lease_nothing_is_told(leases):
    leases[0].tell(datetime.now(UTC), started_at=datetime.now(UTC))

    assert not Heartbeat.objects.exists()
