"""What is over ends after thirteen months; what is open, waiting or somebody else's stays."""

from datetime import UTC, datetime, timedelta

import pytest

from core.scope import org_scope
from rules.alerts import retention, tasks
from rules.alerts.models import Delivery, DeliveryAttempt
from rules.alerts.tests.factories import deliver, make_email, make_event, make_route, make_slack, minutes, route
from tenants.models import Event

NOW = datetime.now(UTC)
OLD, FRESH = NOW - timedelta(days=397), NOW - timedelta(days=395)


@pytest.fixture(autouse=True)
def route_for_all(acme, scope):
    with scope(acme):
        make_route(make_email(acme))


def happened(organization, matter, kind="insight.opened", *, at=OLD, routed=True):
    event = make_event(organization, kind, dedup_key=matter)
    Event.objects.filter(pk=event.pk).update(created_at=at, routed_at=at if routed else None)
    return event


def left(organization):
    with org_scope(organization.pk):
        return list(Event.objects.order_by("pk").values_list("dedup_key", "kind"))


def test_old_deliveries_are_forgotten_with_their_attempts(acme, scope):
    with scope(acme):
        for number in range(3):
            route(make_event(acme, dedup_key=str(number)))
        old, fresh, waiting = Delivery.objects.order_by("pk")
        for delivery in (old, fresh):
            DeliveryAttempt.objects.create(
                organization=acme, delivery=delivery, number=1, started_at=OLD, duration_ms=1, outcome="failed"
            )
        Delivery.objects.filter(pk=old.pk).update(finished_at=OLD)
        Delivery.objects.filter(pk=fresh.pk).update(finished_at=FRESH)

    tasks.forget_old()

    with scope(acme):
        assert set(Delivery.objects.values_list("pk", flat=True)) == {fresh.pk, waiting.pk}
        assert list(DeliveryAttempt.objects.values_list("delivery_id", flat=True)) == [fresh.pk]


def test_old_events_are_forgotten_when_their_matter_is_over(acme, scope):
    with scope(acme):
        happened(acme, "over")
        happened(acme, "over", "insight.resolved")
        happened(acme, "a key", "key.created")
        happened(acme, "fresh", "key.created", at=FRESH)

    assert retention.forget_old(organization_id=acme.pk, now=NOW) == 3
    assert left(acme) == [("fresh", "key.created")]


def test_the_beginning_of_what_is_still_open_stays_and_its_end_is_told(acme, scope, receiver):
    with scope(acme):
        slack = make_slack(acme, receiver.url)
        make_route(slack, "slack")
        opened = happened(acme, "open", routed=False)
        route(opened, OLD)
        told = Delivery.objects.get(channel=slack)
        Delivery.objects.filter(pk=told.pk).update(expires_at=datetime.now(UTC) + minutes(5))
        assert deliver(told).state == "delivered"

    retention.forget_old(organization_id=acme.pk, now=NOW)

    assert left(acme) == [("open", "insight.opened")]
    with scope(acme):
        route(make_event(acme, "insight.resolved", dedup_key="open"), NOW)
        recovery = Delivery.objects.get(channel=slack, purpose="recovery")
        assert deliver(recovery).state == "delivered"
    assert len(receiver.received) == 2


def test_what_was_reopened_is_open_although_it_was_over_before(acme, scope):
    with scope(acme):
        for kind in ("opened", "resolved", "reopened"):
            happened(acme, "again", f"insight.{kind}")

    retention.forget_old(organization_id=acme.pk, now=NOW)

    assert left(acme) == [("again", "insight.reopened")]


def test_what_nobody_has_routed_or_a_message_waits_for_stays(acme, scope):
    with scope(acme):
        happened(acme, "not routed", "key.created", routed=False)
        waits = make_event(acme, "key.created", dedup_key="waits")
        route(waits)
        Event.objects.filter(pk=waits.pk).update(created_at=OLD)

    assert retention.forget_old(organization_id=acme.pk, now=NOW) == 0
    assert [matter for matter, _ in left(acme)] == ["not routed", "waits"]


def test_another_tenants_history_is_not_touched(acme, globex, scope):
    with scope(globex):
        happened(globex, "theirs", "key.created")
    with scope(acme):
        happened(acme, "ours", "key.created")

    assert retention.forget_old(organization_id=acme.pk, now=NOW) == 1

    assert [matter for matter, _ in left(globex)] == ["theirs"]
    tasks.forget_old()
    assert left(globex) == []


def test_more_than_a_batch_goes_in_one_run_and_more_than_a_run_in_the_next(acme, scope, monkeypatch):
    monkeypatch.setattr(retention, "_AT_ONCE", 2)
    monkeypatch.setattr(retention, "_MOST_BATCHES", 2)
    with scope(acme):
        for number in range(7):
            happened(acme, str(number), "key.created")

    assert [retention.forget_old(organization_id=acme.pk, now=NOW) for _ in range(3)] == [4, 3, 0]
    assert left(acme) == []
