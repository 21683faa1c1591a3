from datetime import timedelta

import pytest
from django.utils import timezone

from core import tasks, work
from core.models import WorkDue

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


def test_work_whose_message_was_lost_is_handed_out_again_after_its_lease(db, sent):
    work.make_due(TASK, organization_id=1, object_id=7)
    sent.clear()
    later = timezone.now() + work.LEASE

    assert work.dispatch(now=later) == 1
    assert work.dispatch(now=later) == 0
    assert work.dispatch(now=later + work.LEASE) == 1
    assert sent == [(TASK, {"organization_id": 1, "object_id": 7})] * 2


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
