"""From files to stored calls and counts, each once, whatever dies in between."""

import asyncio
import os
import signal
import subprocess
import sys
from datetime import timedelta

import psycopg
import pytest
from django.utils import timezone

from core.scope import org_scope
from gateway.spool import Drainer, open_spool
from gateway.spool.files import FileSpool
from gateway.spool.journal import OwnJournal, adopt
from gateway.spool.segments import owners, segments_of
from gateway.spool.tests.conftest import conninfo, drained, running_engine, traffic
from gateway.spool.tests.records import end_of, new_start
from gateway.types import End, Outcome
from ingestion.tests.edge.client import issue_key, stored_calls
from ingestion.tests.edge.conftest import project_of
from tenants.models import ApiKey, Project

ROOM = 100 * 2**20


def prefix_of(key):
    return key.split("_")[1]


@pytest.fixture
def spool(tmp_path):
    spool = open_spool(tmp_path, most_bytes=ROOM)
    yield spool
    spool.close()


def call(spool, prefix, **options):
    start = new_start(key_prefix=prefix)
    spool.start(start)
    spool.end(end_of(start, **options))
    return start


def test_calls_are_stored_and_counted(spool, acme, key):
    web = project_of(acme)
    starts = [call(spool, prefix_of(key), added_us=added) for added in (900, 4_000, 200_000)]

    drainer = drained(spool)

    found = stored_calls(acme)
    assert {row["call_id"] for row in found} == {start.call_id for start in starts}
    assert {(row["project_id"], row["source"]) for row in found} == {(web.pk, "gateway")}
    assert traffic(acme) == [
        {
            "project_id": web.pk,
            "provider": "openai",
            "requests": 3,
            "calls": 3,
            "written": 3,
            "added_us": 204_900,
            "within_1_ms": 1,
            "within_5_ms": 2,
            "within_25_ms": 2,
            "within_100_ms": 2,
        }
    ]
    assert (drainer.totals.requests, drainer.totals.calls, drainer.totals.written) == (3, 3, 3)
    assert spool.pace().records_waiting == 0
    assert spool.pace().bytes_waiting == 0


def test_how_requests_ended_is_counted(spool, acme, key):
    for options in ({"http_status": 404}, {"http_status": 429}, {"http_status": 500}, {"http_status": 200}):
        call(spool, prefix_of(key), **options)
    for outcome in (Outcome.UNREACHABLE, Outcome.TIMEOUT, Outcome.BROKEN, Outcome.CLIENT_LEFT):
        call(spool, prefix_of(key), outcome=outcome, http_status=0)

    drained(spool)

    (row,) = traffic(acme)
    names = ("client_errors", "throttled", "server_errors", "unreachable", "timeouts", "broken", "client_left")
    assert [row[name] for name in names] == [1] * 7
    assert (row["requests"], row["written"]) == (8, 8)


def test_a_request_that_is_no_call_is_counted_and_not_stored(spool, acme, key):
    start = new_start(key_prefix=prefix_of(key), ask=None)
    spool.start(start)
    spool.end(End(call_id=start.call_id, outcome=Outcome.ANSWERED, http_status=200))

    drained(spool)

    assert stored_calls(acme) == []
    assert [(row["requests"], row.get("calls"), row.get("written")) for row in traffic(acme)] == [(1, None, None)]


def test_a_rejected_event_does_not_hold_up_the_others(spool, acme, key):
    call(spool, prefix_of(key), event=b'{"id": 7}')
    call(spool, prefix_of(key), event=b"{}")
    good = call(spool, prefix_of(key))

    drained(spool)

    assert [row["call_id"] for row in stored_calls(acme)] == [good.call_id]
    assert [(row["calls"], row["written"]) for row in traffic(acme)] == [(3, 1)]


def test_calls_of_a_revoked_key_are_stored(spool, acme, key):
    start = call(spool, prefix_of(key))
    with org_scope(acme.pk):
        ApiKey.objects.update(revoked_at=timezone.now())

    drained(spool)

    assert [row["call_id"] for row in stored_calls(acme)] == [start.call_id]


def test_calls_of_a_project_about_to_be_deleted_are_refused_and_counted(spool, acme, globex, key):
    call(spool, prefix_of(key))
    other = call(spool, prefix_of(issue_key(globex)))
    with org_scope(acme.pk):
        Project.objects.filter(slug="web").update(delete_at=timezone.now() + timedelta(days=1))

    drained(spool)

    assert stored_calls(acme) == []
    assert [row["call_id"] for row in stored_calls(globex)] == [other.call_id]
    assert [(row.get("project_id", 0), row["calls"], row.get("written")) for row in traffic(acme)] == [(0, 1, None)]


def test_requests_of_an_unknown_key_are_counted_as_not_written_and_block_nothing(spool, acme, key):
    call(spool, "nobody")
    good = call(spool, prefix_of(key))

    drainer = drained(spool)

    assert [row["call_id"] for row in stored_calls(acme)] == [good.call_id]
    assert (drainer.totals.requests, drainer.totals.written, drainer.totals.unknown) == (2, 1, 1)


def test_a_call_that_runs_stays_open(spool, acme, key):
    start = new_start(key_prefix=prefix_of(key))
    spool.start(start)

    drainer = drained(spool)

    assert stored_calls(acme) == []
    assert traffic(acme) == []
    assert not drainer.is_empty


def test_segments_that_are_stored_are_removed_and_long_calls_carried_on(tmp_path, acme, key):
    spool = FileSpool(tmp_path, most_bytes=ROOM, segment_bytes=1)
    running = new_start(key_prefix=prefix_of(key))
    spool.start(running)
    for _ in range(5):
        call(spool, prefix_of(key))

    async def scene():
        async with running_engine() as engine:
            drainer = Drainer(spool, engine, conninfo())
            await drainer.drain()
            left = len(segments_of(tmp_path, spool.owner))
            spool.end(end_of(running))
            await drainer.drain()
            await drainer.close()
            return left

    assert asyncio.run(scene()) <= 2
    assert len(stored_calls(acme)) == 6
    assert [row["requests"] for row in traffic(acme)] == [6]
    spool.close()


def test_what_a_process_left_is_stored_once_and_its_open_calls_as_interrupted(tmp_path, spool, acme, key):
    gone = open_spool(tmp_path, most_bytes=ROOM)
    over = call(gone, prefix_of(key))
    cut = new_start(key_prefix=prefix_of(key))
    gone.start(cut)
    gone.close()

    drained(spool)

    found = {row["call_id"]: row["usage_estimated"] for row in stored_calls(acme)}
    assert found == {over.call_id: False, cut.call_id: True}
    assert [(row["requests"], row["written"], row["interrupted"]) for row in traffic(acme)] == [(2, 2, 1)]
    assert owners(tmp_path) == {spool.owner}


def test_what_was_drained_by_a_process_that_died_is_counted_once(tmp_path, acme, key):
    dead = open_spool(tmp_path, most_bytes=ROOM)
    call(dead, prefix_of(key))
    running = new_start(key_prefix=prefix_of(key))
    dead.start(running)
    drained(dead)
    call(dead, prefix_of(key))
    dead.close()
    spool = open_spool(tmp_path, most_bytes=ROOM)

    drained(spool)

    assert len(stored_calls(acme)) == 3
    assert [(row["requests"], row["interrupted"]) for row in traffic(acme)] == [(3, 1)]
    spool.close()


def test_a_drain_that_died_before_its_counts_stores_the_calls_once(tmp_path, acme, key, monkeypatch):
    dead = open_spool(tmp_path, most_bytes=ROOM)
    call(dead, prefix_of(key))

    async def die(*_):
        raise KeyError

    with monkeypatch.context() as patched:
        patched.setattr("gateway.spool.traffic.Ledger.move", die)
        with pytest.raises(KeyError):
            drained(dead)
    assert len(stored_calls(acme)) == 1
    dead.close()
    spool = open_spool(tmp_path, most_bytes=ROOM)

    drained(spool)

    assert len(stored_calls(acme)) == 1
    assert [(row["requests"], row["written"]) for row in traffic(acme)] == [(1, 1)]
    spool.close()


def test_damaged_and_torn_lines_of_a_process_that_died_are_counted_and_the_others_stored(tmp_path, spool, acme, key):
    gone = open_spool(tmp_path, most_bytes=ROOM)
    good = call(gone, prefix_of(key))
    call(gone, prefix_of(key))
    (path,) = segments_of(tmp_path, gone.owner)
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:2], lines[2].replace(b"openai", b"openia"), lines[3], b"0000 torn"]))
    gone.close()

    drainer = drained(spool)

    assert [row["call_id"] for row in stored_calls(acme)] == [good.call_id]
    assert (spool.pace().damaged, drainer.totals.lost) == (2, 1)


_WRITER = """
import sys
from pathlib import Path
import django
django.setup()
from gateway.spool.files import open_spool
from gateway.spool.tests.records import end_of, new_start
spool = open_spool(Path(sys.argv[1]), most_bytes=2**26)
while True:
    start = new_start(key_prefix=sys.argv[2])
    spool.start(start)
    spool.end(end_of(start))
    print(start.call_id, flush=True)
"""


def test_what_a_killed_process_said_it_had_is_stored_once(tmp_path, spool, acme, key):
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(tmp_path), prefix_of(key)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "tokenops.settings"},
    )
    said = [writer.stdout.readline().strip() for _ in range(300)]
    assert all(said)
    assert len(adopt(tmp_path, known={spool.owner}.__contains__)) == 0  # it lives
    os.kill(writer.pid, signal.SIGKILL)
    said += writer.stdout.read().split()
    writer.wait()

    drained(spool)

    stored = [row["call_id"] for row in stored_calls(acme)]
    assert set(said) <= set(stored)
    assert len(stored) == len(set(stored))
    (row,) = traffic(acme)
    assert row["requests"] == row["written"] == len(stored)


def test_of_two_that_adopt_one_gets_the_files(tmp_path):
    open_spool(tmp_path, most_bytes=ROOM).close()

    first = adopt(tmp_path, known=set().__contains__)
    second = adopt(tmp_path, known=set().__contains__)

    assert (len(first), len(second)) == (1, 0)
    first[0].release()
    (again,) = adopt(tmp_path, known=set().__contains__)
    again.release()


def test_while_the_database_is_away_everything_waits(spool, acme, key):
    start = call(spool, prefix_of(key))

    async def scene():
        async with running_engine() as engine:
            drainer = Drainer(spool, engine, "host=127.0.0.1 port=1 dbname=none")
            working = drainer._ledger
            task = asyncio.create_task(drainer.drain())
            with pytest.raises(psycopg.OperationalError):
                await working._connect()
            assert not task.done()
            assert spool.pace().records_waiting == 2
            working._conninfo = conninfo()
            await task
            await drainer.close()

    asyncio.run(scene())

    assert [row["call_id"] for row in stored_calls(acme)] == [start.call_id]
    assert [row["requests"] for row in traffic(acme)] == [1]
    assert spool.pace().records_waiting == 0


def test_a_new_record_wakes_the_drainer(spool, acme, key):
    async def scene():
        async with running_engine() as engine:
            drainer = Drainer(spool, engine, conninfo())
            running = asyncio.create_task(drainer.run())
            start = call(spool, prefix_of(key))
            async with asyncio.timeout(60):
                while drainer.totals.written < 1 or not drainer.is_empty:
                    await asyncio.sleep(0.01)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            return start

    start = asyncio.run(scene())

    assert [row["call_id"] for row in stored_calls(acme)] == [start.call_id]


def test_an_end_finds_its_start_again_after_a_failure(spool):
    start = new_start()
    spool.start(start)
    spool.end(end_of(start))
    journal = OwnJournal(spool)
    piece = journal.next()

    assert journal.open.ended(piece) == journal.open.ended(piece)
    journal.done(piece)

    assert (journal.next(), journal.open.starts) == (None, {})
