"""From an event to deliveries: whom, when, and once."""

from datetime import UTC, datetime, time, timedelta

import pytest

from core.models import WorkDue
from rules.alerts import outbox, route_services
from rules.alerts.models import Channel, Delivery, Route
from rules.alerts.tests.factories import (
    NOON,
    make_email,
    make_event,
    make_pager,
    make_route,
    make_slack,
    minutes,
    route,
)
from tenants import events, project_data, services, teams
from tenants.models import Event, OrganizationSettings

HOOKS = "https://hooks.example.com"
NIGHT = datetime(2026, 7, 15, 23, 30, tzinfo=UTC)


@pytest.fixture
def inside(acme, scope):
    with scope(acme):
        yield


def decided():
    return [(one.purpose, one.channel.name, one.next_attempt_at) for one in Delivery.objects.order_by("pk")]


# --- Once ---


def test_an_event_becomes_a_delivery_for_every_route_it_fits(acme, inside):
    slack, mail = make_slack(acme, HOOKS), make_email(acme)
    make_route(slack, "one")
    make_route(mail, "two", min_severity="high")
    make_route(mail, "three", kinds=["key.created"])
    event = make_event(acme)

    assert route(event) == 2

    assert decided() == [("news", "Slack", NOON), ("news", "Mail", NOON)]
    event.refresh_from_db()
    assert event.routed_at == NOON
    first = Delivery.objects.earliest("pk")
    assert (first.state, first.event_ids, first.attempts) == ("waiting", [event.pk], 0)
    assert first.expires_at == NOON + timedelta(hours=24)


def test_a_second_run_decides_nothing_again(acme, inside):
    make_route(make_slack(acme, HOOKS))
    event = make_event(acme)
    route(event)

    assert route(event, NOON + minutes(1)) == 0

    assert Delivery.objects.count() == 1


def test_an_event_is_due_to_be_routed_from_its_own_transaction_on(acme, inside):
    event = make_event(acme)
    due = WorkDue.objects.filter(task=events.ROUTE_TASK)
    assert list(due.values_list("organization_id", "object_id")) == [(acme.pk, event.pk)]

    route(event)

    assert not due.exists()


def test_an_event_that_is_gone_is_not_waited_for(acme, inside):
    event = make_event(acme)
    Event.objects.filter(pk=event.pk).delete()

    assert route(event) == 0

    assert not WorkDue.objects.filter(task=events.ROUTE_TASK).exists()


def test_a_delivery_is_due_from_its_decision_on(acme, inside):
    make_route(make_slack(acme, HOOKS))
    route(make_event(acme))

    delivery = Delivery.objects.get()

    due = WorkDue.objects.get(task=outbox.TASK)
    assert (due.organization_id, due.object_id, due.due_at) == (acme.pk, delivery.pk, NOON)


def test_a_route_that_is_off_tells_nobody(acme, inside):
    make_route(make_slack(acme, HOOKS), is_enabled=False)

    assert route(make_event(acme)) == 0


def test_a_channel_that_is_off_is_not_told_and_the_list_says_so(acme, inside):
    channel = make_slack(acme, HOOKS)
    make_route(channel)
    Channel.objects.update(is_enabled=False)

    route(make_event(acme))

    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.reason) == ("cancelled", outbox.CHANNEL_OFF)
    assert not WorkDue.objects.filter(task=outbox.TASK).exists()


def test_another_tenants_routes_are_not_asked(acme, globex, scope):
    with scope(globex):
        make_route(make_slack(globex, HOOKS))
    with scope(acme):
        assert route(make_event(acme)) == 0
    with scope(globex):
        assert not Delivery.objects.exists()


# --- Whom ---


def test_the_team_of_an_event_without_one_is_its_projects(acme, acme_project, inside):
    team = teams.create_team(organization=acme, actor=None, name="Search")
    project_data.set_team(organization=acme, actor=None, project=acme_project, team=team)
    make_route(make_slack(acme, HOOKS), teams=["search"])

    assert route(make_event(acme, project=acme_project)) == 1
    assert route(make_event(acme, project=acme_project, team="chat", dedup_key="b")) == 0
    assert route(make_event(acme, dedup_key="c")) == 0


def test_a_route_of_a_project_hears_of_no_other(acme, acme_project, inside):
    other = services.create_project(organization=acme, actor=None, name="Other")
    make_route(make_slack(acme, HOOKS), project_ids=[acme_project.pk])

    assert route(make_event(acme, project=acme_project)) == 1
    assert route(make_event(acme, project=other, dedup_key="b")) == 0
    assert Delivery.objects.get().project_ids == [acme_project.pk]


# --- Quiet hours and digests ---


def test_what_happens_in_quiet_hours_waits_for_their_end_on_the_local_clock(acme, inside):
    OrganizationSettings.objects.update(time_zone="Europe/Berlin")
    make_route(make_slack(acme, HOOKS), quiet_from=time(22), quiet_until=time(7))

    route(make_event(acme), NIGHT)  # 01:30 in Berlin

    assert decided() == [("news", "Slack", datetime(2026, 7, 16, 5, 0, tzinfo=UTC))]


def test_a_digest_collects_until_its_time(acme, acme_project, inside):
    make_route(make_email(acme), pace=Route.Pace.HOURLY)
    first, second = make_event(acme, project=acme_project), make_event(acme, "key.created", dedup_key="b")

    assert (route(first), route(second, NOON + minutes(30))) == (1, 0)

    digest = Delivery.objects.get()
    assert (digest.purpose, digest.event_ids) == ("digest", [first.pk, second.pk])
    assert (digest.next_attempt_at, digest.project_ids) == (NOON + timedelta(hours=1), [acme_project.pk])


def test_the_next_hour_has_its_own_digest(acme, inside):
    make_route(make_email(acme), pace=Route.Pace.HOURLY)
    route(make_event(acme))

    assert route(make_event(acme, dedup_key="b"), NOON + minutes(61)) == 1

    assert Delivery.objects.count() == 2


def test_a_digest_that_is_being_sent_takes_nothing_more(acme, inside):
    make_route(make_email(acme), pace=Route.Pace.HOURLY)
    route(make_event(acme))
    Delivery.objects.update(attempts=1)

    late = make_event(acme, dedup_key="b")
    assert route(late) == 1

    first, second = Delivery.objects.order_by("pk")
    assert late.pk not in first.event_ids
    assert (second.event_ids, second.next_attempt_at) == ([late.pk], NOON + timedelta(hours=2))


def test_a_daily_digest_is_at_its_local_time(acme, inside):
    OrganizationSettings.objects.update(time_zone="Europe/Berlin")
    make_route(make_email(acme), pace=Route.Pace.DAILY, digest_at=time(8, 30))

    route(make_event(acme))

    assert decided() == [("digest", "Mail", datetime(2026, 7, 16, 6, 30, tzinfo=UTC))]


def test_a_full_digest_counts_the_rest(acme, inside, monkeypatch):
    monkeypatch.setattr("rules.alerts.routing.MOST_IN_DIGEST", 2)
    make_route(make_email(acme), pace=Route.Pace.HOURLY)

    for number in range(5):
        route(make_event(acme, dedup_key=str(number)))

    digest = Delivery.objects.get()
    assert (len(digest.event_ids), digest.events_left_out) == (2, 3)


# --- Escalation ---


def test_an_escalation_is_decided_with_the_news_and_does_not_wait_for_morning(acme, inside):
    slack, pager = make_slack(acme, HOOKS), make_pager(acme, HOOKS)
    make_route(slack, escalate_to=pager, escalate_after_minutes=15, quiet_from=time(22), quiet_until=time(7))

    assert route(make_event(acme), NIGHT) == 2

    assert decided() == [
        ("news", "Slack", datetime(2026, 7, 16, 7, 0, tzinfo=UTC)),
        ("escalation", "Pager", NIGHT + minutes(15)),
    ]


# --- Recovery ---


@pytest.fixture
def opened(acme, inside):
    """An insight that opened, and whose news is still to be sent."""
    make_route(make_slack(acme, HOOKS), min_severity="high")
    event = make_event(acme)
    route(event)
    return event


def resolve(acme, **values):
    event = make_event(acme, "insight.resolved", **({"severity": Event.Severity.LOW} | values))
    route(event, NOON + minutes(10))
    return event


def purposes():
    return [(one.purpose, one.state) for one in Delivery.objects.order_by("pk")]


def test_whoever_heard_that_it_began_hears_that_it_is_over(acme, opened):
    Delivery.objects.update(state="delivered", attempts=1)

    over = resolve(acme)

    recovery = Delivery.objects.get(purpose="recovery")
    assert (recovery.event_ids, recovery.channel.name) == ([over.pk], "Slack")
    assert recovery.next_attempt_at == NOON + minutes(10)


def test_what_is_over_before_it_was_sent_is_not_sent(acme, opened):
    resolve(acme)

    assert purposes() == [("news", "cancelled")]
    assert not WorkDue.objects.filter(task=outbox.TASK).exists()


def test_what_may_have_arrived_is_taken_back(acme, opened):
    Delivery.objects.update(attempts=2)

    resolve(acme)

    assert purposes() == [("news", "cancelled"), ("recovery", "waiting")]


def test_the_end_does_not_overtake_a_beginning_that_is_being_sent(acme, opened):
    until = NOON + minutes(10.5)
    Delivery.objects.update(attempts=1, leased_until=until)

    resolve(acme)

    assert purposes() == [("news", "waiting"), ("recovery", "waiting")]
    assert Delivery.objects.get(purpose="recovery").next_attempt_at == until


def test_reminders_and_escalations_end_with_the_matter(acme, inside):
    slack, pager = make_slack(acme, HOOKS), make_pager(acme, HOOKS)
    make_route(slack, escalate_to=pager, escalate_after_minutes=15)
    route(make_event(acme))
    Delivery.objects.filter(purpose="news").update(state="delivered", attempts=1)

    resolve(acme)

    assert purposes() == [("news", "delivered"), ("escalation", "cancelled"), ("recovery", "waiting")]


def test_a_pager_that_was_escalated_to_is_resolved_too(acme, inside):
    slack, pager = make_slack(acme, HOOKS), make_pager(acme, HOOKS)
    make_route(slack, escalate_to=pager, escalate_after_minutes=15)
    route(make_event(acme))
    Delivery.objects.update(state="delivered", attempts=1)

    resolve(acme)

    told = [one.channel.name for one in Delivery.objects.filter(purpose="recovery").order_by("pk")]
    assert told == ["Slack", "Pager"]


def test_a_route_may_want_no_recovery(acme, inside):
    made = make_route(make_slack(acme, HOOKS), tells_recovery=False)
    route(make_event(acme))
    Delivery.objects.update(state="delivered", attempts=1)

    resolve(acme)

    assert purposes() == [("news", "delivered")]
    assert not made.tells_recovery


def test_nobody_hears_the_end_of_what_nobody_heard_of(acme, inside):
    make_route(make_slack(acme, HOOKS))

    resolve(acme)

    assert purposes() == []


def test_a_route_that_names_the_kind_hears_it_once(acme, inside):
    make_route(make_slack(acme, HOOKS), kinds=["insight.opened", "insight.resolved"])
    route(make_event(acme))
    Delivery.objects.update(state="delivered", attempts=1)

    resolve(acme)

    assert purposes() == [("news", "delivered"), ("news", "waiting")]


def test_a_digest_tells_beginning_and_end(acme, inside):
    make_route(make_email(acme), pace=Route.Pace.HOURLY)
    began = make_event(acme)
    route(began)

    over = resolve(acme)

    assert Delivery.objects.get().event_ids == [began.pk, over.pk]


def test_a_matter_that_opens_again_is_told_again(acme, opened):
    Delivery.objects.update(state="delivered", attempts=1)
    resolve(acme)
    again = make_event(acme, "insight.reopened")

    assert route(again, NOON + minutes(20)) == 1

    assert Delivery.objects.latest("pk").event_ids == [again.pk]


def test_a_route_that_was_deleted_tells_no_recovery(acme, opened):
    Delivery.objects.update(state="delivered", attempts=1)
    route_services.delete_route(organization=acme, actor=None, route=Route.objects.get())

    resolve(acme)

    assert purposes() == [("news", "delivered")]
