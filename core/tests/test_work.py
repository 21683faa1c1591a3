from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from core import tasks, work
from core.models import WorkDue
from tokenops.celery import app
from tokenops.schedule import SCHEDULE

TASK = "tests.do"
NOW = timezone.now()


@pytest.fixture
def sent(monkeypatch):
    """What is enqueued, in order."""
    messages = []
    monkeypatch.setattr(work, "enqueue", lambda task, **ids: messages.append((task, ids)))
    return messages


def due():
    return list(WorkDue.objects.order_by("object_id").values_list("task", "organization_id", "object_id"))


def test_work_without_a_time_is_enqueued_and_kept_until_it_is_finished(db, sent):
    work.make_due(TASK, organization_id=1, object_id=7)

    assert sent == [(TASK, {"organization_id": 1, "object_id": 7})]
    assert due() == [(TASK, 1, 7)]
    assert work.dispatch(now=timezone.now()) == 0  # handed out a moment ago: not lost yet

    work.finish(TASK, object_id=7)

    assert due() == []


def test_work_for_later_is_handed_out_when_its_time_has_come(db, sent):
    work.make_due(TASK, organization_id=1, object_id=7, due_at=NOW + timedelta(hours=1))

    assert (sent, work.dispatch(now=NOW + timedelta(minutes=59))) == ([], 0)
    assert work.dispatch(now=NOW + timedelta(hours=1)) == 1
    assert sent == [(TASK, {"organization_id": 1, "object_id": 7})]


def test_new_work_whose_message_was_lost_is_found_within_a_minute_and_later_work_after_its_lease(db, sent):
    work.make_due(TASK, organization_id=1, object_id=7)
    sent.clear()
    later = timezone.now() + timedelta(seconds=30)  # and the sweep's half minute

    assert work.dispatch(now=later - timedelta(seconds=10)) == 0
    assert work.dispatch(now=later) == 1
    assert work.dispatch(now=later + work.LEASE - timedelta(seconds=1)) == 0
    assert work.dispatch(now=later + work.LEASE) == 1
    assert sent == [(TASK, {"organization_id": 1, "object_id": 7})] * 2


def test_the_next_slice_has_the_longer_lease_so_that_it_is_not_handed_out_beside_itself(db, sent):
    work.make_due(TASK, organization_id=1, object_id=7)
    work.make_due(TASK, organization_id=1, object_id=7)  # what the task does at the end of its first slice
    sent.clear()
    now = timezone.now()

    assert work.dispatch(now=now + work.LEASE - timedelta(seconds=10)) == 0
    assert sent == []
    assert work.dispatch(now=now + work.LEASE) == 1


def test_the_two_leases_end_within_a_minute_and_after_the_longest_task():
    assert work.FIRST_LEASE + timedelta(seconds=SCHEDULE["work"]["schedule"]) <= timedelta(minutes=1)
    assert timedelta(seconds=app.conf.task_time_limit) < work.LEASE


def at_once(task):
    """What another worker gets when it wants to do the same, and how much a sweep hands out beside it."""

    def try_it():
        with work.held(task, object_id=7) as is_ours:
            pass
        handed_out = work.dispatch(now=timezone.now() + work.LEASE)
        connections.close_all()
        return is_ours, handed_out

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(try_it).result()


def test_work_that_is_held_is_nobody_elses_until_it_is_let_go(committed_db, sent):
    work.make_due(TASK, organization_id=1, object_id=7)

    with work.held(TASK, object_id=7) as is_ours:
        during = at_once(TASK)

    assert (is_ours, during) == (True, (False, 0))
    assert at_once(TASK) == (True, 1)


def test_work_that_ends_while_it_is_held_is_over(committed_db, sent):
    work.make_due(TASK, organization_id=1, object_id=7)

    with work.held(TASK, object_id=7) as is_ours:
        assert is_ours
        work.finish(TASK, object_id=7)

    assert at_once(TASK) == (False, 0)


def test_work_whose_worker_fails_while_it_holds_it_stays_due(committed_db, sent):
    work.make_due(TASK, organization_id=1, object_id=7)

    def fail():
        with work.held(TASK, object_id=7):
            work.finish(TASK, object_id=7)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert due() == [(TASK, 1, 7)]


def test_nothing_is_held_where_nothing_is_due(db):
    with work.held(TASK, object_id=7) as is_ours:
        assert is_ours is False


def test_the_same_work_twice_is_one_row_at_the_time_asked_for_last(db, sent):
    work.make_due(TASK, organization_id=1, object_id=7, due_at=NOW + timedelta(hours=1))
    work.make_due(TASK, organization_id=1, object_id=7, due_at=NOW + timedelta(hours=2))
    work.make_due(TASK, organization_id=1, object_id=8, due_at=NOW + timedelta(hours=1))

    assert due() == [(TASK, 1, 7), (TASK, 1, 8)]
    assert work.dispatch(now=NOW + timedelta(hours=1)) == 1
    assert [ids["object_id"] for _, ids in sent] == [8]


def test_the_sweep_is_a_task(db, sent):
    WorkDue.objects.create(task=TASK, organization_id=2, object_id=9, due_at=NOW)

    tasks.dispatch_work()

    assert sent == [(TASK, {"organization_id": 2, "object_id": 9})]


def test_work_for_a_person_belongs_to_no_organization(db, sent):
    work.make_due(TASK, organization_id=None, object_id=7)

    assert sent == [(TASK, {"organization_id": None, "object_id": 7})]
    assert due() == [(TASK, None, 7)]
