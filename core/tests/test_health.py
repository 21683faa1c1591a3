from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from psycopg.conninfo import make_conninfo

from core import health, queue
from core.databases import OWNER
from core.models import Heartbeat

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def last_partition() -> datetime:
    """Noon of the last day that has a partition."""
    with connection.cursor() as cursor:
        cursor.execute("select last_date from call_partitions()")
        (day,) = cursor.fetchone()
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def test_an_installation_with_a_fresh_worker_is_well(db, settings):
    settings.CELERY_BROKER_URL = "redis://127.0.0.1"
    now = last_partition() - timedelta(days=14)
    Heartbeat.objects.create(name="worker", seen_at=now - timedelta(seconds=30))

    found = health.components(now=now)

    assert [(part.name, part.state) for part in found] == [
        ("Database", "ok"),
        ("Migrations", "ok"),
        ("Partitions", "ok"),
        ("Queue", "ok"),
        ("Worker", "ok"),
    ]
    assert found[2].detail == "Calls can be stored for 14 days ahead."
    assert found[4].detail == "Last seen 30 s ago."


@pytest.mark.parametrize(("days", "state"), [(3, "ok"), (2, "error"), (0, "error"), (-1, "error")])
def test_partitions_must_reach_three_days_ahead(db, days, state):
    assert health.partitions(now=last_partition() - timedelta(days=days)).state == state


@pytest.mark.parametrize(("seconds", "state"), [(0, "ok"), (120, "ok"), (121, "error")])
def test_a_process_that_missed_four_beats_is_an_error(db, seconds, state):
    Heartbeat.objects.create(name="worker", seen_at=NOW - timedelta(seconds=seconds))

    assert [part.state for part in health.heartbeats(now=NOW)] == [state]


def test_the_queue_in_the_database_says_how_much_waits(committed_db):
    queue.install_queue(settings.DATABASE)

    found = health.tasks()

    assert found.state == "ok"
    assert found.detail == f"{queue.backlog(settings.DATABASE)} tasks wait or run."


def test_a_database_without_our_queue_is_an_error(db, settings):
    elsewhere = make_conninfo(settings.DATABASE.url, dbname="postgres")
    settings.DATABASE = replace(settings.DATABASE, url=elsewhere)

    assert health.tasks().state == "error"


def test_a_worker_that_never_reported_is_a_warning(db):
    assert [part.state for part in health.heartbeats(now=NOW)] == ["warning"]


def test_a_missing_migration_is_an_error(committed_db):
    (newest,) = MigrationLoader(None).graph.leaf_nodes("core")
    with psycopg.connect(settings.DATABASE.conninfo(OWNER), autocommit=True) as owner:
        taken = "delete from django_migrations where app = %s and name = %s returning app, name, applied"
        row = owner.execute(taken, newest).fetchone()
        found = health.migrations()
        owner.execute("insert into django_migrations (app, name, applied) values (%s, %s, %s)", row)

    assert (found.state, found.detail) == ("error", "1 migrations are missing; restart the stack or migrate.")


def test_without_a_database_only_that_is_said(committed_db):
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        backend = cursor.fetchone()
    with psycopg.connect(settings.DATABASE.url, autocommit=True) as superuser:
        superuser.execute("select pg_terminate_backend(%s, 5000)", backend)

    assert health.components(now=NOW) == [health.Component("Database", "error", "The database does not answer.")]
