"""What the instance page says: each part at its limits, and what nobody can know."""

from collections import namedtuple
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from psycopg.conninfo import make_conninfo

from core import formats, queue, system
from core.health import Component
from core.models import Heartbeat, WorkDue

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
GIB = 2**30
Usage = namedtuple("Usage", "total used free")


def plain(text):
    return text.replace(formats.NBSP, " ")


def beat(name="edge", *, age=0.0, **facts):
    return {name: Heartbeat(name=name, seen_at=NOW - timedelta(seconds=age), facts=facts)}


# --- The gateway's spool ---------------------------------------------------------------------------------------------
MB = 2**20


def spool(*, age=0.0, used=0, oldest=0.0, limit=1024 * MB):
    row = beat("gateway", age=age, spool_bytes=used, spool_limit=limit, oldest_seconds=oldest)["gateway"]
    return system.spool(row, now=NOW)


def test_a_spool_is_told_with_its_size_and_its_oldest_call():
    assert plain(spool(used=12 * MB, oldest=31.4).detail) == "12 MB of 1 GB are used, the oldest call waits for 31 s."
    assert plain(spool().detail) == "0 MB of 1 GB are used, no call waits."


@pytest.mark.parametrize(
    ("used", "oldest", "state"),
    [
        (0, 0.0, "ok"),
        (511, 59.9, "ok"),
        (512, 0.0, "warning"),
        (0, 60.0, "warning"),
        (820, 0.0, "error"),
        (0, 600.0, "error"),
        (512, 600.0, "error"),
    ],
)
def test_a_spool_is_unwell_when_it_fills_or_is_late(used, oldest, state):
    found = spool(used=used * MB, oldest=oldest)

    assert found.state == state
    assert bool(found.advice) is (state != "ok")


def test_a_spool_that_says_nothing_of_its_size_is_no_division_by_zero():
    assert system.spool(Heartbeat(name="gateway", seen_at=NOW, facts={}), now=NOW).state == "ok"


def test_a_spool_that_never_reported_is_no_warning_and_one_that_stopped_is():
    assert system.spool(None, now=NOW).state == "ok"
    assert spool(age=120).state == "warning"


def test_the_gateway_is_a_group_of_the_report_where_there_is_one(db, settings):
    assert "Gateway" in [group.name for group in system.report(now=NOW).groups]

    settings.GATEWAY_ENABLED = False

    assert "Gateway" not in [group.name for group in system.report(now=NOW).groups]


# --- Processes --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "age", "state"),
    [
        ("edge", 0, "ok"),
        ("edge", 44, "ok"),
        ("edge", 45, "warning"),
        ("edge", 119, "warning"),
        ("edge", 120, "error"),
        ("beat", 59, "ok"),
        ("beat", 60, "warning"),
        ("worker", 74, "ok"),
        ("worker", 75, "warning"),
        ("worker", 120, "error"),
        ("worker", -5, "ok"),
    ],
)
def test_a_process_is_missed_and_then_gone(name, age, state):
    found = system.process(name, beat(name, age=age), now=NOW)

    assert found.state == state
    assert bool(found.advice) is (state != "ok")


def test_a_process_is_told_with_its_age():
    assert plain(system.process("worker", beat("worker", age=31), now=NOW).detail) == "Last seen 31 s ago."
    assert plain(system.process("worker", beat("worker", age=125), now=NOW).detail) == "Last seen 2 m 05 s ago."


def test_a_process_that_never_reported_is_a_warning():
    assert system.process("beat", {}, now=NOW) == Component(
        "Clock",
        "warning",
        "Has not reported yet.",
        "Start a worker, or the beat process: nothing that runs by the clock happens.",
    )


# --- Ingest lag -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("facts", "state", "detail"),
    [
        ({}, "ok", "No events in the last minute."),
        ({"lag_p50_ms": 7.1, "lag_p99_ms": 999.9}, "ok", "Stored 7.1 ms after arrival, 99 of 100 within 1.00 s."),
        ({"lag_p50_ms": 7.1, "lag_p99_ms": 1000}, "warning", "Stored 7.1 ms after arrival, 99 of 100 within 1.00 s."),
        ({"lag_p50_ms": 7, "lag_p99_ms": 5000}, "error", "Stored 7 ms after arrival, 99 of 100 within 5.00 s."),
        ({"rows_waiting": 10_000, "lag_p50_ms": 7, "lag_p99_ms": 9}, "warning", "10,000 events wait to be stored."),
        ({"rows_waiting": 30_000}, "error", "30,000 events wait to be stored."),
        ({"failures": 2, "flushes": 40, "lag_p99_ms": 9}, "error", "2 of the last minute's 40 writes failed."),
        ({"rows_waiting": "many", "lag_p99_ms": None}, "ok", "No events in the last minute."),
    ],
)
def test_the_edge_tells_how_long_events_wait(facts, state, detail):
    found = system.lag(beat("edge", **facts), now=NOW)

    assert (found.state, plain(found.detail).replace("7.0 ms", "7 ms")) == (state, detail)
    assert bool(found.advice) is (state != "ok")


@pytest.mark.parametrize("beats", [{}, beat("edge", age=120, lag_p99_ms=3.0)])
def test_the_lag_of_a_silent_edge_is_not_known(beats):
    assert system.lag(beats, now=NOW).detail == "Not known while the edge is silent."


def test_silence_of_the_senders_is_no_fault(db):
    assert system.last_call(now=NOW) == Component("Last event", "ok", "None yet.")


def test_the_last_event_is_told_without_whose_it_was(db, acme, acme_project):
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into project_activity values (%s, %s, %s, %s)",
            [acme_project.pk, acme.pk, NOW - timedelta(days=3), NOW - timedelta(minutes=3)],
        )

    assert plain(system.last_call(now=NOW).detail) == "Received 3 min ago."


# --- Background work --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("age", "state"), [(89, "ok"), (90, "warning"), (599, "warning"), (600, "error")])
def test_work_that_nobody_hands_out_is_told_by_the_age_of_the_oldest(db, age, state):
    for number, seconds in enumerate((age, 1)):
        due_at = NOW - timedelta(seconds=seconds)
        WorkDue.objects.create(task="t", organization_id=1, object_id=number, due_at=due_at)

    found = system.work(now=NOW)

    assert found.state == state
    assert found.detail.startswith("2 overdue, the oldest for ")


def test_work_that_is_due_later_is_not_overdue(db):
    WorkDue.objects.create(task="t", organization_id=1, object_id=1, due_at=NOW + timedelta(seconds=1))

    assert system.work(now=NOW) == Component("Work due", "ok", "Nothing is overdue.")


@pytest.fixture
def emptied_queue(committed_db):
    queue.install_queue(settings.DATABASE)
    with psycopg.connect(settings.DATABASE.url, autocommit=True) as admin:
        admin.execute("delete from pgmq.q_tokenops")
        yield admin
        admin.execute("delete from pgmq.q_tokenops")


@pytest.mark.parametrize(("age", "state"), [(10, "ok"), (119, "ok"), (120, "warning"), (600, "error")])
def test_the_queue_is_told_by_its_length_and_its_oldest_message(emptied_queue, age, state):
    for seconds in (age, 0):
        emptied_queue.execute(
            "insert into pgmq.q_tokenops (vt, message, enqueued_at) values (now(), '{}', %s)",
            [NOW - timedelta(seconds=seconds)],
        )

    found = system.messages(now=NOW)

    assert found.state == state
    assert found.detail.startswith("2 tasks wait or run, the oldest for ")


def test_an_empty_queue_is_well(emptied_queue):
    assert system.messages(now=NOW) == Component("Queue", "ok", "Nothing waits.")


def test_a_thousand_messages_are_a_warning_however_young(emptied_queue):
    emptied_queue.execute(
        "insert into pgmq.q_tokenops (vt, message, enqueued_at) select now(), '{}', %s from generate_series(1, 1000)",
        [NOW],
    )

    assert system.messages(now=NOW).state == "warning"


def test_a_database_without_our_queue_is_an_error(db, settings):
    elsewhere = make_conninfo(settings.DATABASE.url, dbname="postgres")
    settings.DATABASE = replace(settings.DATABASE, url=elsewhere)

    assert system.messages(now=NOW).state == "error"


def test_another_broker_is_not_asked(settings):
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1"

    assert system.messages(now=NOW).state == "ok"


# --- Database and disk ------------------------------------------------------------------------------------------------
def test_connections_and_size_are_told(db):
    used, most = system._row(system._CONNECTIONS)

    found = system.connections()

    assert most >= used >= 1
    assert found.detail.endswith(f" of {most} are in use.")
    assert system.size().detail.startswith("The database takes ")


@pytest.mark.parametrize(("used", "state"), [(69, "ok"), (70, "warning"), (89, "warning"), (90, "error")])
def test_connections_are_judged_by_their_share(db, monkeypatch, used, state):
    monkeypatch.setattr(system, "_CONNECTIONS", f"select {used}, 100")

    assert system.connections().state == state


def test_a_question_the_database_refuses_is_a_warning_and_the_page_goes_on(db, monkeypatch):
    monkeypatch.setattr(system, "_CONNECTIONS", "select nonsense")
    monkeypatch.setattr(system, "_MONTHS", "select nonsense, %s")

    assert system.connections() == Component("Connections", "warning", "The database could not say.")
    assert system.months() == []
    assert system.size().state == "ok"


@pytest.mark.parametrize(
    ("total", "free", "state"),
    [
        (100 * GIB, 50 * GIB, "ok"),
        (100 * GIB, 5 * GIB, "warning"),
        (100 * GIB, 2 * GIB, "warning"),
        (100 * GIB, GIB, "error"),
        (10_000 * GIB, 100 * GIB, "ok"),
        (10 * GIB, 6 * GIB, "ok"),
        (4 * GIB, 3 * GIB, "ok"),
        (4 * GIB, GIB // 2, "error"),
    ],
)
def test_a_disk_is_judged_by_share_and_by_what_is_left(monkeypatch, total, free, state):
    monkeypatch.setattr(system.shutil, "disk_usage", lambda path: Usage(total, total - free, free))

    found = system.disk("State directory", Path("/"))

    assert found.state == state
    assert bool(found.advice) is (state != "ok")


def test_a_directory_that_is_not_there_is_a_warning(tmp_path):
    assert system.disk("State directory", tmp_path / "gone").state == "warning"


def test_of_a_server_elsewhere_the_disk_is_not_known(settings, tmp_path):
    settings.STATE_DIR = tmp_path
    settings.EMBEDDED_POSTGRES = False

    assert system.disks()[1] == Component(
        "Database server", "ok", "Its disk is not known here; watch it where it runs."
    )


def test_an_embedded_server_on_the_same_disk_is_one_disk(settings, tmp_path):
    settings.STATE_DIR = tmp_path
    settings.EMBEDDED_POSTGRES = True
    (tmp_path / "pg").mkdir()

    assert [one.name for one in system.disks()] == ["State directory"]


# --- The whole --------------------------------------------------------------------------------------------------------
def test_the_report_asks_every_part_and_holds_no_secret(db, settings):
    settings.CELERY_BROKER_URL = "redis://user:hunter2@127.0.0.1:1"
    started = NOW - timedelta(days=2)
    Heartbeat.objects.create(name="edge", seen_at=NOW, facts={"started_at": started.isoformat()})
    Heartbeat.objects.create(name="beat", seen_at=NOW, facts={"started_at": "long ago"})

    report = system.report(now=NOW)

    assert [(group.name, [one.name for one in group.components]) for group in report.groups[:4]] == [
        ("Telemetry", ["Edge", "Ingest lag", "Last event", "Partitions"]),
        ("Gateway", ["Spool"]),
        ("Background work", ["Worker", "Clock", "Queue", "Work due"]),
        ("Database", ["Database", "Migrations", "Connections", "Size"]),
    ]
    assert report.uptimes == {"Web": system.STARTED_AT, "Edge": started}
    assert {"TokenOps", "Python", "Django", "PGMQ", "Prices (genai-prices)"} <= set(report.versions)
    text = repr(report)
    assert not [secret for secret in ("hunter2", settings.SECRET_KEY, settings.DATABASE.url) if secret in text]


def test_the_worst_part_decides():
    assert system.worst_of([]) == "ok"
    assert system.worst_of(["ok", "warning", "ok"]) == "warning"
    assert system.worst_of(["error", "warning"]) == "error"


def test_without_a_database_the_disk_is_still_told(committed_db):
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        backend = cursor.fetchone()
    with psycopg.connect(settings.DATABASE.url, autocommit=True) as superuser:
        superuser.execute("select pg_terminate_backend(%s, 5000)", backend)

    report = system.report(now=NOW)

    assert [group.name for group in report.groups] == ["Database", "Disk"]
    assert (report.worst, report.months) == ("error", [])


def test_an_unknown_package_has_no_version():
    assert system._installed("no-such-package-of-ours") == formats.UNKNOWN
