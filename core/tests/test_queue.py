import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from celery import Celery
from django.conf import settings
from django.db import transaction
from kombu import Connection, Consumer, Producer, Queue
from kombu.exceptions import OperationalError

from core import queue
from core.databases import APP, OWNER, QUEUE

PATIENCE = 30.0  # seconds; a bound for machines that are busy, not an expectation
NEVER = 3_600.0  # a polling interval that no test lives to see: whatever arrives was announced

broker = Queue(queue.QUEUE_NAME)


class BrokenApp:
    def send_task(self, name, kwargs):
        raise OperationalError("no broker")


broken_app = BrokenApp()


def sql(statement, *values):
    with psycopg.connect(settings.DATABASE.conninfo(QUEUE), autocommit=True) as connection:
        cursor = connection.execute(statement, values)
        return cursor.fetchall() if cursor.description else None


@pytest.fixture
def installed(committed_db) -> Iterator[None]:
    queue.install_queue(settings.DATABASE)
    sql("delete from pgmq.q_tokenops")
    yield
    sql("delete from pgmq.q_tokenops")


@pytest.fixture
def app(installed, monkeypatch) -> Iterator[Celery]:
    from tokenops.celery import app

    monkeypatch.setattr(settings, "CELERY_APP", "tokenops.celery.app", raising=False)
    yield app
    app.close()


@contextmanager
def connected(**options):
    defaults = queue.broker_options(settings.DATABASE.conninfo(QUEUE)) | {"polling_interval": NEVER}
    with Connection(queue.BROKER_URL, transport_options=defaults | options) as connection:
        yield connection


def publish(connection, *numbers):
    producer = Producer(connection, serializer="json", routing_key=queue.QUEUE_NAME)
    for number in numbers:
        producer.publish({"n": number}, declare=[broker])


@contextmanager
def consuming(connection, take, *, prefetch=4):
    consumer = Consumer(connection, [broker], callbacks=[take], accept=["json"])
    consumer.qos(prefetch_count=prefetch)
    with consumer:
        yield


def test_installing_twice_leaves_one_queue_that_announces_and_is_vacuumed_by_count(installed):
    queue.install_queue(settings.DATABASE)

    assert sql("select queue_name from pgmq.meta") == [("tokenops",)]
    assert sql("select throttle_interval_ms from pgmq.notify_insert_throttle") == [(0,)]
    assert sql("select reloptions from pg_class where oid = 'pgmq.q_tokenops'::regclass") == [
        (["autovacuum_vacuum_scale_factor=0", "autovacuum_vacuum_threshold=1000"],)
    ]
    assert queue.backlog(settings.DATABASE) == 0


@pytest.mark.parametrize("role", [APP, OWNER])
def test_other_roles_cannot_read_the_queue(installed, role):
    with (
        psycopg.connect(settings.DATABASE.conninfo(role)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("select * from pgmq.q_tokenops")


def test_a_message_is_taken_and_gone_once_acknowledged(installed):
    taken = []

    def take(body, message):
        taken.append(body)
        message.ack()

    with connected() as connection:
        publish(connection, 7)
        waiting = queue.backlog(settings.DATABASE)
        with consuming(connection, take):
            connection.drain_events(timeout=PATIENCE)

    assert (waiting, taken, queue.backlog(settings.DATABASE)) == (1, [{"n": 7}], 0)


def test_messages_in_quick_succession_all_wake_a_waiting_worker(installed):
    taken = []

    def take(body, message):
        message.ack()
        taken.append(body["n"])
        if body["n"] < 5:
            pool.submit(publish_alone, body["n"] + 1)

    def publish_alone(number):
        with connected() as other:
            publish(other, number)

    with ThreadPoolExecutor(1) as pool, connected() as connection, consuming(connection, take):
        pool.submit(publish_alone, 1)
        while len(taken) < 5:
            connection.drain_events(timeout=PATIENCE)

    assert taken == [1, 2, 3, 4, 5]


def test_a_worker_restores_the_announcements_a_crash_of_postgres_lost(installed):
    sql("truncate pgmq.notify_insert_throttle")

    with connected() as connection, consuming(connection, lambda body, message: message.ack()):
        assert sql("select queue_name, throttle_interval_ms from pgmq.notify_insert_throttle") == [("tokenops", 0)]


def test_a_backlog_drains_one_by_one_without_waiting_for_a_poll(installed):
    """The window is full while a thread works; the transport must notice when it no longer is."""
    taken = []

    def take(body, message):
        taken.append(body["n"])
        pool.submit(message.ack)

    with connected() as connection:
        publish(connection, *range(30))
        with consuming(connection, take, prefetch=1), ThreadPoolExecutor(1) as pool:
            while len(taken) < 30:
                connection.drain_events(timeout=PATIENCE)

    assert taken == list(range(30))
    assert queue.backlog(settings.DATABASE) == 0


def test_a_message_of_a_worker_that_died_is_delivered_again(installed):
    taken = []

    with connected() as dying, consuming(dying, lambda body, message: taken.append(("first", body["n"]))):
        publish(dying, 7)
        dying.drain_events(timeout=PATIENCE)
    in_flight = sql("select count(*) from pgmq.q_tokenops where vt > now() + interval '100 seconds'")
    sql("update pgmq.q_tokenops set vt = now()")  # its visibility timeout is over

    def take(body, message):
        message.ack()
        taken.append(("second", body["n"]))

    with connected() as connection, consuming(connection, take):
        connection.drain_events(timeout=PATIENCE)

    assert in_flight == [(1,)]
    assert taken == [("first", 7), ("second", 7)]


def test_draining_an_empty_queue_times_out_as_celery_expects(installed):
    with (
        connected() as connection,
        consuming(connection, lambda body, message: None),
        pytest.raises(socket.timeout),
    ):
        connection.drain_events(timeout=0.01)


def test_every_parameter_of_the_connection_string_reaches_the_server(installed):
    conninfo = settings.DATABASE.conninfo(QUEUE, application_name="a queue's own name")

    with connected(conninfo=conninfo) as connection, consuming(connection, lambda body, message: None):
        listens = "select query like 'LISTEN%%' from pg_stat_activity where application_name = %s"
        kinds = {kind for (kind,) in sql(listens, "a queue's own name")}

    assert kinds == {True, False}  # the one that listens, and those that read and write


def test_a_task_is_enqueued_when_its_transaction_commits(app):
    with transaction.atomic():
        queue.enqueue("rules.evaluate", organization_id=7)
        before = queue.backlog(settings.DATABASE)

    assert (before, queue.backlog(settings.DATABASE)) == (0, 1)
    assert sql("select headers ->> 'task', headers ->> 'kwargsrepr' from pgmq.q_tokenops") == [
        ("rules.evaluate", "{'organization_id': 7}")
    ]


def test_a_task_of_a_transaction_that_failed_is_not_enqueued(app):
    with transaction.atomic():
        queue.enqueue("rules.evaluate", organization_id=7)
        transaction.set_rollback(True)

    assert queue.backlog(settings.DATABASE) == 0


def test_a_broker_that_is_away_is_logged_and_not_the_caller_s_problem(committed_db, monkeypatch, caplog):
    monkeypatch.setattr(settings, "CELERY_APP", f"{__name__}.broken_app", raising=False)

    with caplog.at_level("WARNING", logger="core.queue"):
        queue.enqueue("rules.evaluate", organization_id=7)

    assert caplog.messages == ["could not enqueue rules.evaluate (OperationalError); a sweep will find the work"]
