"""A flush is all or nothing, whatever happens to the connection, and nobody pays for another's mistake."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.conf import settings

from core.databases import EDGE, OWNER
from core.recent import Recent
from core.scope import org_scope
from ingestion import store
from ingestion.models import DailyRollup
from ingestion.tests.edge.client import stored_calls
from ingestion.tests.edge.conftest import project_of
from ingestion.tests.edge.rows import make_row, new_flusher
from ingestion.writer.flush import Memory, Refused, Stored, Unavailable
from ingestion.writer.rollups import DistinctValues
from tests.resilience.processes import wait_until


@pytest.fixture
def project(acme):
    return project_of(acme)


def features(organization):
    """Calls by feature in the daily rollups."""
    with org_scope(organization.pk):
        rows = DailyRollup.objects.values_list("feature", "calls")
        return {feature: sum(calls for name, calls in rows if name == feature) for feature, _ in rows}


def test_only_the_guilty_request_is_refused(acme, project):
    flusher = new_flusher()
    guilty = make_row(project, "bad", session_id="a\0b")

    outcomes = flusher.flush(
        [[make_row(project, "one")], [make_row(project, "innocent"), guilty], [make_row(project, "two")]]
    )

    assert outcomes == [Stored(1, 0), Refused(), Stored(1, 0)]
    assert {call["call_id"] for call in stored_calls(acme)} == {"one", "two"}
    assert features(acme) == {"default": 2}


def test_only_the_request_of_a_day_without_partition_waits(acme, project):
    outside = make_row(project, "old", started_at=datetime(2019, 1, 1, tzinfo=UTC))

    outcomes = new_flusher().flush([[make_row(project, "one")], [outside]])

    assert outcomes == [Stored(1, 0), Unavailable()]
    assert [call["call_id"] for call in stored_calls(acme)] == ["one"]


def test_a_connection_that_died_between_flushes_is_replaced(acme, project):
    flusher = new_flusher()
    flusher.flush([[make_row(project, "one")]])
    _terminate(flusher._connection.info.backend_pid)

    assert flusher.flush([[make_row(project, "two")]]) == [Stored(1, 0)]
    assert len(stored_calls(acme)) == 2


def test_an_unreachable_database_is_unavailable_for_all(project):
    flusher = new_flusher()
    flusher._conninfo = psycopg.conninfo.make_conninfo(flusher._conninfo, host="/nowhere")

    assert flusher.flush([[make_row(project, "one")], [make_row(project, "two")]]) == [Unavailable()] * 2


def test_a_commit_without_an_answer_is_unavailable_and_may_be_repeated(acme, project):
    flusher = new_flusher()
    rows = [make_row(project, "one")]
    with _slow_commit(), ThreadPoolExecutor(1) as pool:
        flush = pool.submit(flusher.flush, [rows])
        wait_until(lambda: _waiting("PgSleep"), "the flush to commit")
        _terminate(_waiting("PgSleep")[0])
        assert flush.result() == [Unavailable()]

    (again,) = flusher.flush([rows])

    assert again.accepted + again.duplicates == 1
    assert len(stored_calls(acme)) == 1
    assert features(acme) == {"default": 1}


def test_a_deadlock_is_tried_again(acme, project):
    """Another session holds the rollup row and then wants the call's key, which the flush holds."""
    flusher = new_flusher()
    flusher._conninfo = psycopg.conninfo.make_conninfo(flusher._conninfo, options="-c timezone=UTC")  # all the time
    flusher.flush([[make_row(project, "first")]])
    wanted = make_row(project, "wanted")
    with psycopg.connect(settings.DATABASE.conninfo(EDGE)) as other, ThreadPoolExecutor(2) as pool:
        other.execute(f"update {store.DAILY} set calls = calls where project_id = %s", [project.pk])
        flush = pool.submit(flusher.flush, [[wanted]])
        wait_until(lambda: _waiting("transactionid"), "the flush to wait for the other session")
        crossing = pool.submit(other.execute, _same_key(wanted), [wanted.key[1]])
        with suppress(psycopg.errors.DeadlockDetected):  # the database chooses whom it ends
            crossing.result()
        other.rollback()

        assert flush.result() == [Stored(1, 0)]

    assert features(acme) == {"default": 2}


def test_a_project_that_sent_duplicates_takes_the_slow_path_for_a_while(acme, globex, project):
    memory = Memory()
    flusher = new_flusher(memory)
    foreign = project_of(globex)

    flusher.flush([[make_row(project, "same")]])
    flusher.flush([[make_row(project, "same"), make_row(project, "new")], [make_row(foreign, "same")]])

    assert project.pk in memory.suspects
    assert foreign.pk not in memory.suspects
    mixed = flusher.flush([[make_row(project, "same"), make_row(project, "newer")], [make_row(foreign, "other")]])
    assert mixed == [Stored(1, 1), Stored(1, 0)]
    assert len(stored_calls(acme)) == 3
    assert len(stored_calls(globex)) == 2


def test_what_happened_long_enough_ago_is_forgotten():
    recent = Recent(seconds=0)
    recent.add(1)

    assert 1 not in recent


def test_two_writers_with_the_same_rows_in_opposite_order_agree(acme, project):
    days = [datetime.now(UTC) - timedelta(days=day, hours=1) for day in range(5)]
    rows = [
        make_row(project, f"call-{n}", started_at=days[n % 5], feature=f"f-{n % 7}", input_tokens=1) for n in range(300)
    ]
    start = threading.Barrier(2)

    def write(batch):
        flusher = new_flusher()
        start.wait()
        return [flusher.flush([batch])[0] for _ in range(3)]

    with ThreadPoolExecutor(2) as pool:
        outcomes = [one for many in pool.map(write, (rows, rows[::-1])) for one in many]

    assert sum(outcome.accepted for outcome in outcomes) == 300
    assert len(stored_calls(acme)) == 300
    assert sum(features(acme).values()) == 300


def test_values_beyond_the_limit_are_other_in_rollups_and_themselves_in_calls(acme, project):
    rows = [make_row(project, f"{n}", feature=f"f-{n}") for n in range(5)]
    memory = Memory(values=DistinctValues(limit=3))

    new_flusher(memory).flush([rows])

    assert features(acme) == {"f-0": 1, "f-1": 1, "f-2": 1, "(other)": 2}
    assert {call["feature"] for call in stored_calls(acme)} == {f"f-{n}" for n in range(5)}


def test_a_process_that_starts_anew_learns_the_values_from_the_rollups(acme, project):
    new_flusher(Memory(values=DistinctValues(limit=2))).flush(
        [[make_row(project, "1", feature="a"), make_row(project, "2", feature="b")]]
    )

    new_flusher(Memory(values=DistinctValues(limit=2))).flush(
        [[make_row(project, "3", feature="c"), make_row(project, "4", feature="a")]]
    )

    assert features(acme) == {"a": 2, "b": 1, "(other)": 1}


def test_control_characters_survive_both_ways_of_writing(acme, project):
    """The wire replaces them, but what is written must not depend on that."""
    odd = 'tab\there \\ \x01\x1f "new\nline" \r\\n \\\\n'
    flusher = new_flusher()
    flusher.flush([[make_row(project, "direct", feature=odd, session_id=odd)]])
    flusher.flush(
        [[make_row(project, "direct", feature=odd), make_row(project, "staged", feature=odd, session_id=odd)]]
    )

    assert [call["session_id"] for call in stored_calls(acme)] == [odd, odd]
    assert features(acme) == {odd: 2}


def _terminate(pid: int) -> None:
    with psycopg.connect(settings.DATABASE.url, autocommit=True) as admin:
        admin.execute("select pg_terminate_backend(%s, 5000)", [pid])


def _waiting(event: str) -> list[int]:
    """Backends of the edge in this database that wait for ``event``."""
    with psycopg.connect(settings.DATABASE.url) as admin:
        rows = admin.execute(
            "select pid from pg_stat_activity where wait_event = %s and usename = %s and datname = current_database()",
            [event, EDGE],
        )
        return [pid for (pid,) in rows]


@contextmanager
def _slow_commit() -> Iterator[None]:
    """While this holds, a commit that touches project_activity takes its time."""
    with psycopg.connect(settings.DATABASE.conninfo(OWNER), autocommit=True) as owner:
        owner.execute("create function wait() returns trigger language plpgsql as 'begin perform pg_sleep(30); end'")
        owner.execute(
            "create constraint trigger slow after insert or update on project_activity"
            " deferrable initially deferred for each row execute function wait()"
        )
        try:
            yield
        finally:
            owner.execute("drop trigger slow on project_activity")
            owner.execute("drop function wait()")


def _same_key(row) -> str:
    """An insert of the same identity; the other columns do not matter."""
    project, _, call_id = row.key
    return (
        "insert into calls (organization_id, project_id, started_at, call_id, api_key_id, provider, model, model_key,"
        f" cost_source) values ({row.dimensions.organization_id}, {project}, %s, '{call_id}', 1, 'p', 'm', 'm', 'none')"
    )
