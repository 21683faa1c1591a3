"""Channels and routes: made, changed, refused, deleted; and what becomes of what was under way."""

from datetime import datetime, time, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from core import crypto, vault
from rules.alerts import acknowledgement, channel_services, delivery_services, route_services, tasks
from rules.alerts.channel_terms import Given
from rules.alerts.models import Channel, Delivery, Route
from rules.alerts.route_services import Wanted
from rules.alerts.sealing import secrets_of
from rules.alerts.tests.factories import (
    KEY,
    NOON,
    deliver,
    make_email,
    make_event,
    make_pager,
    make_route,
    make_slack,
    make_webhook,
    minutes,
    route,
)
from tenants import services, teams
from tenants.models import AuditEntry
from tenants.tests.people import owner_of

HOOKS = "https://hooks.example.com"
PATH = "/services/T0/B0/token99"


@pytest.fixture
def inside(acme, scope, settings):
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    with scope(acme):
        yield


def create(acme, kind, **given):
    return channel_services.create_channel(
        organization=acme, actor=None, kind=kind, name="Channel", given=Given(**given)
    )


def refusal(acme, kind, **given):
    with pytest.raises(ValidationError) as refused:
        create(acme, kind, **given)
    assert not Channel.objects.exists()
    return refused.value.message_dict


def last_entry():
    return AuditEntry.objects.latest("pk")


# --- Channels ---


def test_a_slack_channel_shows_its_host_and_seals_its_address(acme, inside):
    channel = make_slack(acme, HOOKS)

    assert (channel.config, channel.is_enabled) == ({"host": "hooks.example.com"}, True)
    assert secrets_of(channel) == {"url": HOOKS + PATH}
    assert b"token99" not in bytes(Channel.objects.get().sealed)
    entry = last_entry()
    assert (entry.action, entry.facts["host"]) == ("channel.created", "hooks.example.com")
    assert "token99" not in str(entry.facts)


def test_secrets_are_bound_to_their_row(acme, inside):
    one, other = make_slack(acme, HOOKS, "one"), make_slack(acme, HOOKS, "other")
    other.sealed = one.sealed

    with pytest.raises(crypto.DecryptionError):
        vault.unseal(other.sealed, context=other.sealed_for)


def test_addresses_of_people_are_personal_facts(acme, inside):
    channel = make_email(acme, "a@acme.test", " b@acme.test ", "a@acme.test")

    assert channel.config == {"recipients": ["a@acme.test", "b@acme.test"]}
    entry = last_entry()
    assert entry.personal == {"recipients": ["a@acme.test", "b@acme.test"]}
    assert "a@acme.test" not in str(entry.facts)


@pytest.mark.parametrize(
    ("region", "host"),
    [("us", "events.pagerduty.com"), ("eu", "events.eu.pagerduty.com"), ("", "events.pagerduty.com")],
)
def test_a_pager_has_a_region(acme, inside, region, host):
    channel = create(acme, "pagerduty", routing_key=KEY, region=region)

    assert channel.config == {"region": region or "us", "host": host}
    assert secrets_of(channel) == {"routing_key": KEY}


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "https://127.0.0.1/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://user:hunter22@hooks.example.com/",
        "javascript:alert(1)",
        "hooks.example.com",
        " ",
        "",
    ],
)
@pytest.mark.parametrize("kind", ["slack", "webhook"])
def test_addresses_that_may_not_be_followed_are_refused_without_being_repeated(acme, inside, kind, url):
    errors = refusal(acme, kind, url=url)

    assert set(errors) == {"url"}
    assert "hunter22" not in str(errors)


@pytest.mark.parametrize("recipients", [[], [" "], ["nobody"], ["a@b"], ["a@acme.test\r\nBcc: x@evil.test"]])
def test_addresses_that_are_none_are_refused(acme, inside, recipients):
    assert set(refusal(acme, "email", recipients=recipients)) == {"recipients"}


def test_too_many_addresses_are_refused(acme, inside):
    many = [f"a{number}@acme.test" for number in range(21)]

    assert refusal(acme, "email", recipients=many) == {"recipients": ["There can be 20 addresses at most."]}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"routing_key": ""}, "routing_key"),
        ({"routing_key": "short"}, "routing_key"),
        ({"routing_key": KEY, "region": "moon"}, "region"),
        ({"routing_key": KEY, "region": "other"}, "url"),
        ({"routing_key": KEY, "region": "other", "url": "https://10.0.0.1/"}, "url"),
    ],
)
def test_settings_of_a_pager_that_cannot_be_used_are_refused(acme, inside, given, field):
    assert set(refusal(acme, "pagerduty", **given)) == {field}


def test_an_unknown_kind_is_refused(acme, inside):
    assert set(refusal(acme, "pigeon", url=HOOKS)) == {"kind"}


def test_names_are_unique_without_case(acme, inside):
    make_slack(acme, HOOKS, "On call")

    with pytest.raises(ValidationError, match="Another channel has this name"):
        make_email(acme, name=" on CALL ")


def test_there_can_be_so_many_channels(acme, inside, monkeypatch):
    monkeypatch.setattr(channel_services, "MOST_CHANNELS", 1)
    make_slack(acme, HOOKS)

    with pytest.raises(ValidationError, match="at most"):
        make_email(acme)


def test_secrets_that_are_not_given_stay(acme, inside):
    channel = make_webhook(acme, HOOKS)
    before = secrets_of(channel)

    changed = channel_services.update_channel(
        organization=acme, actor=None, channel=channel, name="New name", given=Given()
    )
    assert (changed.name, secrets_of(changed)) == ("New name", before)

    moved = channel_services.update_channel(
        organization=acme, actor=None, channel=channel, name="New name", given=Given(url="https://other.example/x")
    )
    assert moved.config == {"host": "other.example"}
    assert secrets_of(moved)["secret"] == before["secret"]


def test_a_change_that_is_refused_changes_nothing(acme, inside):
    channel = make_slack(acme, HOOKS)

    with pytest.raises(ValidationError):
        channel_services.update_channel(
            organization=acme, actor=None, channel=channel, name="x", given=Given(url="https://10.0.0.1/")
        )

    assert Channel.objects.get().name == "Slack"
    assert secrets_of(Channel.objects.get()) == {"url": HOOKS + PATH}


def test_a_secret_is_replaced_with_an_overlap(acme, inside):
    channel = make_webhook(acme, HOOKS)
    old = channel_services.signing_secret(channel)

    new = channel_services.rotate_secret(organization=acme, actor=None, channel=channel, now=NOON)

    secrets = secrets_of(Channel.objects.get())
    assert (secrets["secret"], secrets["previous"]) == (new, old)
    assert datetime.fromisoformat(secrets["previous_until"]) == NOON + timedelta(hours=24)
    assert new not in str(last_entry().facts)


def test_only_webhooks_have_a_secret_to_replace(acme, inside):
    with pytest.raises(ValidationError):
        channel_services.rotate_secret(organization=acme, actor=None, channel=make_slack(acme, HOOKS), now=NOON)


def test_turning_on_forgives(acme, inside):
    channel = make_slack(acme, HOOKS)
    Channel.objects.update(is_enabled=False, failures=3, disabled_reason="no_service")

    channel_services.turn_on(organization=acme, actor=None, channel=channel)
    channel_services.turn_on(organization=acme, actor=None, channel=channel)

    channel.refresh_from_db()
    assert (channel.is_enabled, channel.failures, channel.disabled_reason) == (True, 0, "")
    assert AuditEntry.objects.filter(action="channel.enabled").count() == 1


def test_turning_off_by_hand_is_said(acme, inside):
    channel = make_slack(acme, HOOKS)

    channel_services.turn_off(organization=acme, actor=owner_of(acme), channel=channel)
    channel_services.turn_off(organization=acme, actor=owner_of(acme), channel=channel)

    channel.refresh_from_db()
    assert (channel.is_enabled, channel.disabled_reason) == (False, "Turned off by hand.")
    assert AuditEntry.objects.filter(action="channel.disabled").count() == 1


def test_a_deleted_channel_takes_its_routes_and_leaves_its_deliveries(acme, inside):
    channel = make_slack(acme, HOOKS)
    make_route(channel)
    route(make_event(acme))

    channel_services.delete_channel(organization=acme, actor=None, channel=channel, now=NOON)

    assert not Channel.objects.exists()
    assert not Route.objects.exists()
    delivery = Delivery.objects.get()
    assert (delivery.channel_name, delivery.state, delivery.route) == ("Slack", "cancelled", None)
    assert last_entry().facts["routes"] == ["All"]


def test_a_route_forgets_a_channel_to_escalate_to_that_was_deleted(acme, inside):
    slack, pager = make_slack(acme, HOOKS), create(acme, "pagerduty", routing_key=KEY)
    made = make_route(slack, escalate_to=pager, escalate_after_minutes=5)

    channel_services.delete_channel(organization=acme, actor=None, channel=pager, now=NOON)

    made.refresh_from_db()
    assert made.escalate_to is None
    assert route(make_event(acme)) == 1


# --- Routes ---


@pytest.fixture
def slack(acme, inside):
    return make_slack(acme, HOOKS)


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"min_severity": "terrible"}, "min_severity"),
        ({"kinds": ["insight.opened", "insight.invented"]}, "kinds"),
        ({"rules": ["SPIKES"]}, "rules"),
        ({"teams": ["nobody"]}, "teams"),
        ({"project_ids": [10**9]}, "projects"),
        ({"pace": "yearly"}, "pace"),
        ({"quiet_from": time(22)}, "quiet_until"),
        ({"quiet_until": time(7)}, "quiet_until"),
        ({"quiet_from": time(7), "quiet_until": time(7)}, "quiet_until"),
        ({"renotify_hours": 0}, "renotify_hours"),
        ({"renotify_hours": 169}, "renotify_hours"),
        ({"renotify_hours": 4, "pace": "daily"}, "renotify_hours"),
        ({"escalate_after_minutes": 5}, "escalate_to"),
    ],
)
def test_terms_that_cannot_be_are_refused(acme, slack, terms, field):
    given = {"name": "Route"} | terms

    with pytest.raises(ValidationError) as refused:
        make_route(slack, **given)

    assert set(refused.value.message_dict) == {field}
    assert not Route.objects.exists()


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({}, "escalate_after_minutes"),
        ({"escalate_after_minutes": 0}, "escalate_after_minutes"),
        ({"escalate_after_minutes": 10_081}, "escalate_after_minutes"),
        ({"escalate_after_minutes": 5, "pace": "hourly"}, "escalate_to"),
    ],
)
def test_escalations_that_cannot_be_are_refused(acme, slack, terms, field):
    mail = make_email(acme)

    with pytest.raises(ValidationError) as refused:
        make_route(slack, escalate_to=mail, **terms)

    assert set(refused.value.message_dict) == {field}


def test_a_route_does_not_escalate_to_itself(slack):
    with pytest.raises(ValidationError, match="another channel"):
        make_route(slack, escalate_to=slack, escalate_after_minutes=5)


def test_a_pager_gets_no_digest(acme, inside):
    pager = create(acme, "pagerduty", routing_key=KEY)

    with pytest.raises(ValidationError, match="one by one"):
        make_route(pager, pace="hourly")


def test_names_of_routes_are_unique(slack):
    make_route(slack, "Urgent")

    with pytest.raises(ValidationError, match="Another route"):
        make_route(slack, "URGENT")


def test_a_route_takes_no_channel_of_another_tenant(acme, globex, scope, settings):
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    with scope(globex):
        theirs = make_slack(globex, HOOKS)

    with scope(acme), pytest.raises(ValidationError, match="Choose a channel"):
        route_services.create_route(organization=acme, actor=None, wanted=Wanted(name="x", channel=theirs))


def test_a_route_is_changed_and_deleted_with_its_history(acme, acme_project, slack):
    team = teams.create_team(organization=acme, actor=None, name="Search")
    made = make_route(slack, "Urgent")
    wanted = Wanted(
        name=" Very urgent ",
        channel=slack,
        min_severity="high",
        rules=["SPIKE"],
        teams=[team.slug],
        project_ids=[acme_project.pk],
        is_enabled=False,
    )

    changed = route_services.update_route(organization=acme, actor=None, route=made, wanted=wanted)

    assert (changed.name, changed.teams, changed.is_enabled) == ("Very urgent", ["search"], False)
    assert last_entry().action == "route.changed"
    route_services.delete_route(organization=acme, actor=None, route=changed)
    assert (last_entry().action, last_entry().facts["rules"]) == ("route.deleted", ["SPIKE"])


# --- Acknowledging ---


def test_an_acknowledged_matter_is_not_escalated_and_not_repeated(acme, slack):
    make_route(slack, escalate_to=make_email(acme), escalate_after_minutes=5)
    event = make_event(acme)
    route(event)

    acknowledgement.acknowledge(organization=acme, actor=owner_of(acme), event=event, now=NOON + minutes(1))
    acknowledgement.acknowledge(organization=acme, actor=None, event=event, now=NOON + minutes(2))

    event.refresh_from_db()
    assert (event.acknowledged_at, event.acknowledged_by) == (NOON + minutes(1), owner_of(acme))
    states = dict(Delivery.objects.values_list("purpose", "state"))
    assert states == {"news": "waiting", "escalation": "cancelled"}
    assert AuditEntry.objects.filter(action="event.acknowledged").count() == 1


def test_a_matter_is_acknowledged_by_its_key(acme, inside):
    make_event(acme, dedup_key="m")
    last = make_event(acme, "insight.reopened", dedup_key="m")

    acknowledgement.acknowledge_matter(organization=acme, actor=None, dedup_key="m", now=NOON)
    acknowledgement.acknowledge_matter(organization=acme, actor=None, dedup_key="unknown", now=NOON)

    last.refresh_from_db()
    assert last.acknowledged_at == NOON


# --- Reminders and escalations, with a receiver ---


def test_a_reminder_follows_every_message_until_somebody_acknowledges(acme, scope, receiver):
    with scope(acme):
        make_route(make_slack(acme, receiver.url), renotify_hours=4)
        event = make_event(acme)
        route(event, timezone.now())
        news = deliver(Delivery.objects.get())

        reminder = Delivery.objects.get(purpose="reminder")
        assert reminder.next_attempt_at - news.finished_at == timedelta(hours=4)
        Delivery.objects.filter(pk=reminder.pk).update(next_attempt_at=timezone.now())
        deliver(reminder)
        assert "Reminder: it is still open" in str(receiver.received[-1].json)

        second = Delivery.objects.filter(purpose="reminder").latest("pk")
        assert second.pk != reminder.pk
        acknowledgement.acknowledge(organization=acme, actor=None, event=event, now=timezone.now())
        second.refresh_from_db()
        assert second.state == "cancelled"
        assert len(receiver.received) == 2


def test_what_opens_nothing_is_not_repeated(acme, scope, receiver):
    with scope(acme):
        make_route(make_slack(acme, receiver.url), renotify_hours=4)
        route(make_event(acme, "key.created"), timezone.now())
        deliver(Delivery.objects.get())

        assert Delivery.objects.count() == 1


def test_an_escalation_reaches_the_pager_when_nobody_acknowledged(acme, scope, receiver):
    with scope(acme):
        slack, pager = make_slack(acme, receiver.url), make_pager(acme, receiver.url)
        make_route(slack, escalate_to=pager, escalate_after_minutes=5)
        event = make_event(acme)
        route(event, timezone.now() - minutes(6))

        escalated = deliver(Delivery.objects.get(purpose="escalation"))

        assert escalated.state == "delivered"
        details = receiver.received[0].json["payload"]["custom_details"]
        assert details["Why now"] == "Escalation: nobody has acknowledged it"


@pytest.mark.parametrize("how", ["acknowledged", "over"])
def test_an_escalation_that_is_not_needed_any_more_is_not_sent(acme, scope, receiver, how):
    with scope(acme):
        make_route(make_slack(acme, receiver.url), escalate_to=make_email(acme), escalate_after_minutes=5)
        event = make_event(acme)
        route(event, timezone.now() - minutes(6))
        if how == "over":
            make_event(acme, "insight.resolved")
        else:
            type(event).objects.filter(pk=event.pk).update(acknowledged_at=timezone.now())

        escalation = deliver(Delivery.objects.get(purpose="escalation"))

        assert (escalation.state, escalation.attempts) == ("cancelled", 0)


def test_a_digest_is_one_mail(acme, scope, mails):
    with scope(acme):
        make_route(make_email(acme), pace="hourly")
        route(make_event(acme))
        route(make_event(acme, "key.created", dedup_key="k", name="ci", prefix="Ab12Cd34", scopes=["ingest"]))
        Delivery.objects.update(next_attempt_at=timezone.now(), expires_at=timezone.now() + minutes(5))

        deliver(Delivery.objects.get())

    (mail,) = mails.mails
    assert mail["Subject"] == "2 alerts in Acme"
    text = mail.get_body(("plain",)).get_content()
    assert "Traffic of Web is 12 × its usual" in text
    assert "API key “ci” was created" in text


# --- Deliveries ---


def test_a_delivery_is_sent_again_with_the_same_ids(acme, scope, receiver):
    with scope(acme):
        make_route(make_webhook(acme, receiver.url))
        route(make_event(acme), timezone.now())
        delivery = deliver(Delivery.objects.get())

        delivery_services.redeliver(organization=acme, actor=owner_of(acme), delivery=delivery, now=timezone.now())
        again = deliver(delivery)

        assert (again.state, again.attempts) == ("delivered", 2)
        assert len({request.headers["webhook-id"] for request in receiver.received}) == 1
        assert last_entry().action == "delivery.redelivered"


def test_what_waits_or_has_no_channel_is_not_sent_again(acme, slack):
    make_route(slack)
    route(make_event(acme))
    delivery = Delivery.objects.get()
    who = {"organization": acme, "actor": None, "delivery": delivery, "now": NOON}

    with pytest.raises(ValidationError, match="still waiting"):
        delivery_services.redeliver(**who)
    channel_services.turn_off(organization=acme, actor=None, channel=slack)
    Delivery.objects.update(state="failed")
    with pytest.raises(ValidationError, match="is off"):
        delivery_services.redeliver(**who)
    channel_services.delete_channel(organization=acme, actor=None, channel=slack, now=NOON)
    with pytest.raises(ValidationError, match="was deleted"):
        delivery_services.redeliver(**who)


def test_owners_and_admins_get_a_mail_about_a_channel_that_was_turned_off(acme, scope, receiver, mailoutbox):
    from rules.alerts import disabled_mail
    from tenants.models import Event
    from tests.receivers import Answered

    with scope(acme):
        make_route(make_slack(acme, receiver.url, name="On <call>\r\nBcc: x@evil.test".replace("\r\n", " ")))
        receiver.says(Answered(410, b"<b>gone</b>"))
        route(make_event(acme), timezone.now())
        deliver(Delivery.objects.get())
        event = Event.objects.get(kind="channel.disabled")

    tasks.mail_channel_disabled(organization_id=acme.pk, object_id=event.pk)
    tasks.mail_channel_disabled(organization_id=acme.pk, object_id=event.pk)

    (mail,) = mailoutbox
    assert mail.to == ["owner@acme.test"]
    assert mail.subject == "The channel “On <call> Bcc: x@evil.test” of Acme was turned off"
    assert "On &lt;call&gt;" in str(mail.alternatives[0].content)
    assert f"/o/acme/alerts/channels/{event.subject_id}/" in mail.body
    assert disabled_mail.MAIL_TASK == "alerts.mail_channel_disabled"


def test_another_project_of_the_organization_changes_nothing_for_routes_without_one(acme, slack):
    services.create_project(organization=acme, actor=None, name="Other")
    make_route(slack)

    assert route(make_event(acme)) == 1
