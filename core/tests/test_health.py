from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from core import health
from core.databases import OWNER

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def last_partition() -> datetime:
    """Noon of the last day that has a partition."""
    with connection.cursor() as cursor:
        cursor.execute("select last_date from call_partitions()")
        (day,) = cursor.fetchone()
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


@pytest.mark.parametrize(("days", "state"), [(3, "ok"), (2, "error"), (0, "error"), (-1, "error")])
def test_partitions_must_reach_three_days_ahead(db, days, state):
    assert health.partitions(now=last_partition() - timedelta(days=days)).state == state


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

    assert health.database() == health.Component("Database", "error", "The database does not answer.")
