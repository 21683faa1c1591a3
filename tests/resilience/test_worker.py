import os
import signal

import psycopg
import pytest
from django.conf import settings

from core import queue
from core.databases import QUEUE
from tests.resilience.processes import PATIENCE, wait_until
from tests.resilience.workers import running_worker

pytestmark = pytest.mark.resilience


def messages(task):
    """How often the messages of a task that are still in the queue were delivered."""
    with psycopg.connect(settings.DATABASE.conninfo(QUEUE)) as connection:
        rows = connection.execute("select read_ct from pgmq.q_tokenops where headers ->> 'task' = %s", [task])
        return [read_ct for (read_ct,) in rows]


@pytest.fixture
def worker(committed_db, tmp_path):
    queue.install_queue(settings.DATABASE)
    environ = os.environ | {"LOG_LEVEL": "INFO"}
    with running_worker(tmp_path / "log", environ, "-I", "tests.resilience.tasks") as process:
        yield process
    with psycopg.connect(settings.DATABASE.conninfo(QUEUE)) as connection:
        connection.execute("delete from pgmq.q_tokenops")


def test_a_worker_takes_what_is_enqueued_and_ends_in_order(worker):
    queue.enqueue("resilience.end")

    wait_until(lambda: messages("resilience.end") == [], "the task to be done")
    worker.send_signal(signal.SIGTERM)

    assert worker.wait(PATIENCE) == 0


def test_a_task_that_overstays_ends_its_worker_and_stays_in_the_queue(worker):
    queue.enqueue("resilience.stay")

    assert worker.wait(PATIENCE) == os.EX_TEMPFAIL
    assert messages("resilience.stay") == [1]
