"""Several workers at once, on connections of their own: an event is routed once, a message is sent once."""

from collections.abc import Callable
from threading import Barrier, Thread

import pytest
from django.db import connections
from django.utils import timezone
from kombu.exceptions import OperationalError

from conftest import make_organization
from core.models import WorkDue
from core.scope import org_scope
from rules.alerts import channel_health, outbox, routing, sending, tasks
from rules.alerts.models import Delivery, DeliveryAttempt
from rules.alerts.tests.factories import make_email, make_event, make_route, make_slack, make_webhook, route
from tenants import events
from tests.receivers import Answered

WORKERS = 4


class NoBroker:
    """Every hint is lost here, as it may be anywhere."""

    def send_task(self, name: str, **_: object) -> None:
        raise OperationalError("no broker")


no_broker = NoBroker()


@pytest.fixture
def acme(committed_db, settings):
    settings.CELERY_APP = f"{__name__}.no_broker"
    return make_organization("Acme")


def at_once(work: Callable[[], object]) -> list[object]:
    """What ``work`` gives in several threads that begin together; an exception is a result too."""
    results: list[object] = []
    ready = Barrier(WORKERS)

    def run() -> None:
        ready.wait(30)
        try:
            results.append(work())
        except Exception as error:
            results.append(error)
        finally:
            connections.close_all()

    threads = [Thread(target=run) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def test_an_event_is_routed_once(acme):
    with org_scope(acme.pk):
        make_route(make_slack(acme, "https://hooks.slack.com"), "one")
        make_route(make_email(acme), "two", pace="hourly")
        event = make_event(acme)
    now = timezone.now()

    made = at_once(lambda: routing.route_event(organization_id=acme.pk, event_id=event.pk, now=now))

    assert sorted(made, key=str) == [0, 0, 0, 2]
    with org_scope(acme.pk):
        assert Delivery.objects.count() == 2
    assert not WorkDue.objects.filter(task=events.ROUTE_TASK).exists()


def test_a_message_is_sent_once(acme, receiver):
    with org_scope(acme.pk):
        make_route(make_webhook(acme, receiver.url))
        route(make_event(acme), timezone.now())
        delivery = Delivery.objects.get()

    at_once(lambda: tasks.deliver(organization_id=acme.pk, object_id=delivery.pk))

    assert len(receiver.received) == 1
    with org_scope(acme.pk):
        delivery.refresh_from_db()
        assert (delivery.state, delivery.attempts) == ("delivered", 1)
        assert DeliveryAttempt.objects.count() == 1
    assert not WorkDue.objects.filter(task=outbox.TASK).exists()


def test_digests_of_two_events_at_once_are_one(acme):
    with org_scope(acme.pk):
        make_route(make_email(acme), pace="hourly")
        ids = [make_event(acme, dedup_key=str(number)).pk for number in range(WORKERS)]
    now, left = timezone.now(), list(ids)

    at_once(lambda: routing.route_event(organization_id=acme.pk, event_id=left.pop(), now=now))

    with org_scope(acme.pk):
        assert sorted(Delivery.objects.get().event_ids) == sorted(ids)


def test_a_worker_that_dies_while_sending_leaves_the_message_to_another_with_the_same_ids(acme, receiver):
    with org_scope(acme.pk):
        make_route(make_webhook(acme, receiver.url))
        route(make_event(acme), timezone.now())
        delivery = Delivery.objects.get()
    lost = sending.claim(organization_id=acme.pk, delivery_id=delivery.pk, now=timezone.now())

    tasks.deliver(organization_id=acme.pk, object_id=delivery.pk)
    assert receiver.received == []
    assert WorkDue.objects.get(task=outbox.TASK).due_at == lost.leased_until

    with org_scope(acme.pk):
        Delivery.objects.update(leased_until=timezone.now())
    tasks.deliver(organization_id=acme.pk, object_id=delivery.pk)

    (request,) = receiver.received
    assert request.headers["webhook-id"] == lost.outgoing.message_id
    assert request.json["data"]["dedup_key"] == lost.outgoing.dedup_key


def test_the_mail_about_a_channel_that_was_turned_off_is_sent_once(acme, receiver, mails):
    with org_scope(acme.pk):
        make_route(make_webhook(acme, receiver.url))
        route(make_event(acme), timezone.now())
        delivery = Delivery.objects.get()
    receiver.says(Answered(410))
    tasks.deliver(organization_id=acme.pk, object_id=delivery.pk)
    (work,) = WorkDue.objects.filter(task=channel_health.MAIL_TASK)

    at_once(lambda: tasks.mail_channel_disabled(organization_id=acme.pk, object_id=work.object_id))

    (mail,) = mails.mails
    assert "was turned off" in mail["Subject"]
    assert not WorkDue.objects.filter(task=channel_health.MAIL_TASK).exists()


def test_the_mail_about_a_channel_stays_due_while_the_mail_server_does_not_take_it(acme, receiver, mails):
    with org_scope(acme.pk):
        make_route(make_webhook(acme, receiver.url))
        route(make_event(acme), timezone.now())
        delivery = Delivery.objects.get()
    receiver.says(Answered(410))
    tasks.deliver(organization_id=acme.pk, object_id=delivery.pk)
    (work,) = WorkDue.objects.filter(task=channel_health.MAIL_TASK)
    mails.refusal = "451 come back later"

    tasks.mail_channel_disabled(organization_id=acme.pk, object_id=work.object_id)
    assert (mails.mails, WorkDue.objects.filter(task=channel_health.MAIL_TASK).count()) == ([], 1)

    mails.refusal = ""
    tasks.mail_channel_disabled(organization_id=acme.pk, object_id=work.object_id)
    assert len(mails.mails) == 1


def test_a_receiver_that_was_away_gets_everything_afterwards_and_once(acme, receiver):
    with org_scope(acme.pk):
        make_route(make_webhook(acme, receiver.url))
        for number in range(3):
            route(make_event(acme, dedup_key=str(number)), timezone.now())
        ids = list(Delivery.objects.order_by("pk").values_list("pk", flat=True))
    receiver.usually = Answered(503, b"maintenance")
    for pk in ids:
        tasks.deliver(organization_id=acme.pk, object_id=pk)
    receiver.received.clear()
    receiver.usually = Answered()
    with org_scope(acme.pk):
        assert set(Delivery.objects.values_list("state", "attempts")) == {("waiting", 1)}
        Delivery.objects.update(next_attempt_at=timezone.now())

    for pk in ids * 2:
        tasks.deliver(organization_id=acme.pk, object_id=pk)

    assert len({request.headers["webhook-id"] for request in receiver.received}) == len(receiver.received) == 3
    with org_scope(acme.pk):
        assert set(Delivery.objects.values_list("state", "attempts")) == {("delivered", 2)}
        assert DeliveryAttempt.objects.filter(outcome="retry").count() == 3
