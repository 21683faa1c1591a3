from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from core import queue
from core.databases import OWNER
from tokenops import health

OK = {"database": "ok", "migrations": "ok", "partitions": "ok", "queue": "ok"}
NOW = datetime.now(UTC)


@pytest.fixture
def ready(db):
    queue.install_queue(settings.DATABASE)


def test_alive(anonymous):
    answer = anonymous.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})
    assert "no-store" in answer["Cache-Control"]


def test_ready(anonymous, ready):
    answer = anonymous.get("/readyz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "checks": OK})
    assert answer["Content-Type"] == "application/json"
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize(("days_later", "fine"), [(0, True), (11, True), (12, False), (15, False)])
def test_three_days_of_partitions_must_lie_ahead(ready, days_later, fine):
    # the test database has partitions until 14 days from now
    assert health.readiness(now=NOW + timedelta(days=days_later))["partitions"] is fine


def test_a_missing_migration_is_not_ready(anonymous, ready):
    with connection.cursor() as cursor:
        cursor.execute("select app, name from django_migrations order by id desc limit 1")
        app, name = cursor.fetchone()
    undo, redo = "delete from django_migrations where app = %s and name = %s", [app, name]
    with psycopg.connect(settings.DATABASE.conninfo(OWNER), autocommit=True) as owner:
        owner.execute(undo, redo)
        try:
            answer = anonymous.get("/readyz")
        finally:
            owner.execute("insert into django_migrations (app, name, applied) values (%s, %s, now())", redo)

    assert answer.status_code == 503
    assert answer.json() == {"status": "failed", "checks": OK | {"migrations": "failed"}}


def test_a_missing_queue_is_not_ready(anonymous, db, monkeypatch):
    monkeypatch.setattr(queue, "QUEUE_NAME", "no_such_queue")

    answer = anonymous.get("/readyz")

    assert answer.status_code == 503
    assert answer.json() == {"status": "failed", "checks": OK | {"queue": "failed"}}


def test_without_a_database_nothing_is_ready_and_nothing_is_told(anonymous, monkeypatch):
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
    monkeypatch.setitem(connection.settings_dict, "PASSWORD", "hunter2")

    answer = anonymous.get("/readyz")

    assert answer.status_code == 503
    assert answer.json() == {"status": "failed", "checks": dict.fromkeys(OK, "failed")}
    assert b"hunter2" not in answer.content


def test_another_broker_is_asked_instead_of_our_queue(settings):
    settings.CELERY_BROKER_URL = "memory://"
    assert health.broker_answers()

    settings.CELERY_BROKER_URL = "amqp://guest:hunter2@127.0.0.1:1//"
    assert not health.broker_answers()


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_only_reading(anonymous, path):
    assert anonymous.post(path).status_code == 405


@pytest.mark.parametrize(("path", "status"), [("/healthz", 200), ("/readyz", 503), ("/api/v1/me", 301)])
def test_probes_are_answered_without_tls(anonymous, settings, monkeypatch, path, status):
    monkeypatch.setattr(queue, "QUEUE_NAME", "no_such_queue")
    settings.SECURE_SSL_REDIRECT = True

    assert anonymous.get(path).status_code == status
