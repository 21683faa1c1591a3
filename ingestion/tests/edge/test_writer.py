"""The queue before the writer threads: who is flushed with whom, and what happens when it is full or ends."""

import asyncio
import threading
from contextlib import contextmanager

import psycopg
import pytest
from django.conf import settings

from core.databases import EDGE, OWNER
from ingestion.tests.edge.client import stored_calls
from ingestion.tests.edge.conftest import project_of
from ingestion.tests.edge.rows import make_row, new_flusher, target_of
from ingestion.writer import QueueFullError, Stored, Unavailable, Writer
from ingestion.writer.group import FLUSH_ROWS, LONG_FLUSH_ROWS


def new_writer(**options):
    return Writer(settings.DATABASE.conninfo(EDGE), **options)


def rows_of(project, count, *, prefix="row"):
    return [make_row(project, f"{prefix}-{n}") for n in range(count)]


async def wait_for_rows(writer, count):
    while writer.rows_waiting != count:
        await asyncio.sleep(0)


def test_requests_that_wait_together_are_stored_together_and_counted_apart(acme, globex):
    of_acme, of_globex = rows_of(project_of(acme), 3), rows_of(project_of(globex), 2)

    async def scene():
        writer = new_writer()
        first = asyncio.create_task(writer.write(of_acme, []))
        second = asyncio.create_task(writer.write(of_globex, []))
        await wait_for_rows(writer, 5)
        writer.start()
        outcomes = await asyncio.gather(first, second)
        await asyncio.to_thread(writer.close)
        return outcomes

    assert asyncio.run(scene()) == [Stored(3, 0), Stored(2, 0)]
    assert (len(stored_calls(acme)), len(stored_calls(globex))) == (3, 2)


def test_a_flush_takes_requests_until_the_next_would_be_too_much(acme):
    project = project_of(acme)
    sizes = [FLUSH_ROWS - 500, 400, 200, FLUSH_ROWS + 1, 1]

    async def scene():
        writer = new_writer()
        waiting = [
            asyncio.create_task(writer.write([row] * size, []))
            for size, row in zip(sizes, rows_of(project, len(sizes)), strict=True)
        ]
        await wait_for_rows(writer, sum(sizes))
        flushes = []
        while writer.rows_waiting:
            flushes.append([len(request.rows) for request in writer._take()])
        for task in waiting:
            task.cancel()
        return flushes

    assert asyncio.run(scene()) == [[1500, 400], [200], [2001], [1]]


def test_what_does_not_fit_is_refused_and_what_fits_is_taken(acme):
    rows = rows_of(project_of(acme), 10)

    async def scene():
        writer = new_writer(most_rows=10)
        first = asyncio.create_task(writer.write(rows[:8], []))
        await wait_for_rows(writer, 8)
        with pytest.raises(QueueFullError):
            await writer.write(rows[:3], [])
        second = asyncio.create_task(writer.write(rows[8:], []))
        await wait_for_rows(writer, 10)
        writer.start()
        outcomes = await asyncio.gather(first, second)
        await asyncio.to_thread(writer.close)
        return outcomes

    assert asyncio.run(scene()) == [Stored(8, 0), Stored(2, 0)]


def test_closing_stores_what_was_accepted_and_takes_nothing_more(acme):
    rows = rows_of(project_of(acme), 5)

    async def scene():
        writer = new_writer()
        accepted = asyncio.create_task(writer.write(rows, []))
        await wait_for_rows(writer, 5)
        writer.start()
        await asyncio.to_thread(writer.close)
        with pytest.raises(QueueFullError):
            await writer.write(rows, [])
        return await accepted

    assert asyncio.run(scene()) == Stored(5, 0)
    assert len(stored_calls(acme)) == 5


def test_a_sender_that_stopped_waiting_does_not_disturb_the_others(acme):
    rows = rows_of(project_of(acme), 2)

    async def scene():
        writer = new_writer()
        impatient = asyncio.create_task(writer.write(rows[:1], []))
        patient = asyncio.create_task(writer.write(rows[1:], []))
        await wait_for_rows(writer, 2)
        impatient.cancel()
        writer.start()
        outcome = await patient
        await asyncio.to_thread(writer.close)
        return outcome

    assert asyncio.run(scene()) == Stored(1, 0)


def test_little_is_stored_while_all_threads_are_busy_with_much_of_somebody_elses(acme, globex):
    """Both threads wait for a lock on a row of acme's; globex's one call does not wait behind them."""
    noisy, quiet = project_of(acme), project_of(globex)
    much = [[make_row(noisy, f"{batch}-{n}") for n in range(LONG_FLUSH_ROWS + 1)] for batch in range(2)]
    use(noisy)

    async def scene():
        writer = new_writer()
        writer.start()
        with held_up(noisy):
            waiting = []
            for number, batch in enumerate(much, 1):
                waiting.append(asyncio.create_task(writer.write(batch, [target_of(noisy)])))
                while writer._long_flushes != number:
                    await asyncio.sleep(0.001)
            outcome = await writer.write(rows_of(quiet, 1), [target_of(quiet)])
            unanswered = [not task.done() for task in waiting]
        others = await asyncio.gather(*waiting)
        await asyncio.to_thread(writer.close)
        return outcome, unanswered, others

    outcome, unanswered, others = asyncio.run(scene())

    assert (outcome, unanswered) == (Stored(1, 0), [True, True])
    assert len(stored_calls(globex)) == 1
    assert len(stored_calls(acme)) == 1 + sum(other.accepted for other in others if isinstance(other, Stored))


def use(project):
    """Let the project have a row that flushes lock."""
    flusher = new_flusher()
    flusher.flush([rows_of(project, 1, prefix="first")])
    flusher.close()


@contextmanager
def held_up(project):
    with psycopg.connect(settings.DATABASE.conninfo(OWNER)) as other:
        other.execute("select from project_activity where project_id = %s for update", [project.pk])
        yield


def test_the_thread_for_little_takes_nothing_while_others_have_time(acme):
    rows = rows_of(project_of(acme), 3)

    async def scene():
        writer = new_writer()
        waiting = asyncio.create_task(writer.write(rows, []))
        await wait_for_rows(writer, 3)
        light = threading.Thread(target=writer._take_light)
        light.start()
        untouched = writer.rows_waiting
        writer.start()
        outcome = await waiting
        await asyncio.to_thread(writer.close)
        light.join()
        return untouched, outcome

    assert asyncio.run(scene()) == (3, Stored(3, 0))


def test_without_a_database_every_request_is_told_so(acme):
    rows = rows_of(project_of(acme), 2)

    async def scene():
        writer = Writer("host=/nowhere")
        writer.start()
        outcomes = await asyncio.gather(writer.write(rows[:1], []), writer.write(rows[1:], []))
        await asyncio.to_thread(writer.close)
        return outcomes

    assert asyncio.run(scene()) == [Unavailable(), Unavailable()]
