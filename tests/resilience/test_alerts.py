"""Traffic spikes and people are told: once while every process lives, and with the same ids when workers are killed."""

import contextlib
from collections.abc import Iterator

import pytest

from tests.receivers import Answered, hang, http_receiver
from tests.resilience.alarms import (
    Alarms,
    Places,
    Receivers,
    lock_on,
    log_of,
    prepare,
    receivers,
    stuck,
    wait_until_gone,
)
from tests.resilience.installation import installed, server
from tests.resilience.processes import kill, wait_until
from tests.resilience.sizes import SIZE
from tests.resilience.workers import running_worker

pytestmark = pytest.mark.resilience

KINDS = {"slack", "pagerduty", "webhook", "email"}


@pytest.fixture(scope="module")
def places() -> Places:
    return Places.free()


@pytest.fixture(scope="module")
def prepared(places, tmp_path_factory) -> Iterator[Alarms]:
    directory = tmp_path_factory.mktemp("alarms")
    with installed(directory) as installation:
        environ = installation.environ | places.environ()
        prepare(environ)
        with server(installation, directory / "edge.log") as edge:
            yield Alarms(installation, edge, environ)


@pytest.fixture
def alarms(prepared: Alarms) -> Alarms:
    prepared.empty()
    return prepared


@pytest.fixture
def told(places) -> Iterator[Receivers]:
    with receivers(places) as running:
        yield running


@contextlib.contextmanager
def worker(alarms, tmp_path):
    with running_worker(log_of(tmp_path, "worker"), alarms.environ | {"LOG_LEVEL": "INFO"}) as process:
        yield process


def actions(told: Receivers) -> list[str]:
    return [request.json["event_action"] for request in told.pager.received]


def dedup_keys(told: Receivers) -> set[str]:
    return {request.json["dedup_key"] for request in told.pager.received}


def webhook_ids(told: Receivers) -> set[str]:
    return {request.headers["webhook-id"] for request in told.hook.received}


def message_ids(told: Receivers) -> set[str]:
    return {mail["Message-ID"] for mail in told.mails.mails}


def test_a_spike_is_told_once_and_its_end_once(alarms, told, tmp_path):
    alarms.spike(SIZE)
    with worker(alarms, tmp_path):
        alarms.look()
        told.wait_for(1)
        alarms.settle()

        assert told.counts() == [1, 1, 1, 1]
        assert alarms.told() == [("insight.opened", 1)]
        assert actions(told) == ["trigger"]
        (slack,) = told.slack.received
        assert slack.json["text"].startswith("🔴 Spike")

        alarms.usual(40 * SIZE)  # comes late, and 120 calls a day are not many any more
        alarms.a_minute_later()
        alarms.look()
        told.wait_for(2)
        alarms.settle()

    assert told.counts() == [2, 2, 2, 2]
    assert alarms.told() == [("insight.opened", 1), ("insight.resolved", 1)]
    assert actions(told) == ["trigger", "resolve"]
    assert len(dedup_keys(told)) == 1
    assert told.slack.received[1].json["text"].startswith("✅ Resolved: Spike")
    assert told.hook.received[1].json["data"]["is_over"] is True
    assert len(webhook_ids(told)) == len(message_ids(told)) == 2


def test_a_worker_that_is_killed_while_receivers_hang_leaves_messages_that_arrive_with_the_same_ids(
    alarms, told, tmp_path
):
    for receiver in (told.slack, told.pager, told.hook):
        receiver.says(*[hang] * SIZE)
    told.mails.hangs = SIZE
    alarms.spike()
    for killed in range(SIZE):
        with worker(alarms, tmp_path) as process:
            alarms.look()
            told.wait_for(killed + 1)
            kill(process.pid)
        alarms.leases_later()

    with worker(alarms, tmp_path):
        alarms.look()
        alarms.rest()
        alarms.settle()

    assert told.counts() == [SIZE + 1] * 4
    assert alarms.deliveries() == dict.fromkeys(KINDS, ("delivered", SIZE + 1, ["delivered"]))
    assert alarms.told() == [("insight.opened", 1)]
    assert actions(told) == ["trigger"] * (SIZE + 1)
    assert len(dedup_keys(told)) == len(webhook_ids(told)) == len(message_ids(told)) == 1


def test_receivers_that_were_away_are_told_afterwards_and_once(alarms, places, tmp_path):
    alarms.spike()
    with receivers(places, with_hook=False) as told, worker(alarms, tmp_path):
        told.slack.usually = Answered(503, b"maintenance")
        told.mails.refusal = "451 come back later"
        for attempt in range(1, SIZE + 2):
            alarms.look()
            wait_until(lambda n=attempt: failures(alarms) == 3 * n, f"attempt {attempt} to fail")
            alarms.a_minute_later()
        refused = len(told.slack.received)
        told.slack.usually, told.mails.refusal = Answered(), ""
        with http_receiver(port=places.hook) as told.hook:
            alarms.look()
            alarms.rest()
            alarms.settle()
            assert told.counts() == [refused + 1, 1, 1, 1]

    again = ("delivered", SIZE + 2, [*["retry"] * (SIZE + 1), "delivered"])
    assert alarms.deliveries() == dict.fromkeys(KINDS, again) | {"pagerduty": ("delivered", 1, ["delivered"])}
    assert alarms.rows("select count(*) from alert_channels where not is_enabled") == [(0,)]


def failures(alarms: Alarms) -> int:
    ((count,),) = alarms.rows("select count(*) from alert_delivery_attempts where outcome = 'retry'")
    return int(count)


@pytest.mark.parametrize("table", ["insights", "alert_routes"], ids=["evaluates", "routes"])
def test_a_worker_that_is_killed_while_it_decides_leaves_the_decision_to_another(alarms, told, tmp_path, table):
    alarms.spike()
    for _ in range(SIZE):
        with worker(alarms, tmp_path) as process:
            with lock_on(alarms, table):
                alarms.look()
                wait_until(lambda: stuck(alarms, table), "the worker to be in the middle of it")
                pids = stuck(alarms, table)
                kill(process.pid)
            wait_until_gone(alarms, pids)
        alarms.leases_later()
    assert told.counts() == [0, 0, 0, 0]

    with worker(alarms, tmp_path):
        alarms.look()
        told.wait_for(1)
        alarms.settle()

    assert told.counts() == [1, 1, 1, 1]
    assert alarms.told() == [("insight.opened", 1)]
    assert alarms.deliveries() == dict.fromkeys(KINDS, ("delivered", 1, ["delivered"]))


def test_a_worker_that_is_killed_after_the_answer_repeats_the_message_with_the_same_ids(alarms, told, tmp_path):
    """The one moment in which a message is sent twice: the receiver has it, and nobody wrote that down."""
    alarms.spike()
    with worker(alarms, tmp_path) as process:
        with lock_on(alarms, "alert_delivery_attempts"):
            alarms.look()
            told.wait_for(1)
            wait_until(lambda: len(stuck(alarms, "alert_delivery_attempts")) == len(KINDS), "all to be answered")
            pids = stuck(alarms, "alert_delivery_attempts")
            kill(process.pid)
        wait_until_gone(alarms, pids)
    alarms.leases_later()

    with worker(alarms, tmp_path):
        alarms.look()
        alarms.rest()
        alarms.settle()

    assert told.counts() == [2, 2, 2, 2]
    assert len(dedup_keys(told)) == len(webhook_ids(told)) == len(message_ids(told)) == 1
    assert alarms.deliveries() == dict.fromkeys(KINDS, ("delivered", 2, ["delivered"]))
