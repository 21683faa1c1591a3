"""``/api/v1/channels``, ``/routes`` and ``/deliveries``: a secret goes in and never comes out."""

import pytest
from django.utils import timezone

from core.scope import org_scope
from rules.alerts import acknowledgement
from rules.alerts.models import Channel, Delivery, Route
from rules.alerts.sealing import secrets_of
from rules.alerts.tests.factories import (
    KEY,
    deliver,
    make_email,
    make_event,
    make_pager,
    make_route,
    make_slack,
    make_webhook,
    route,
)
from tenants.models import AuditEntry, Event, Membership, ProjectRole
from tenants.permissions import Scope
from tenants.tests.keys import bearer, issue_key
from tests.receivers import Answered

JSON = {"content_type": "application/json"}
CHANNELS, ROUTES, DELIVERIES = "/api/v1/channels", "/api/v1/routes", "/api/v1/deliveries"
SLACK_URL = "https://hooks.slack.com/services/T0/B0/token99"


@pytest.fixture
def reader(acme):
    return bearer(issue_key(acme))


@pytest.fixture
def manager(acme):
    return bearer(issue_key(acme, scopes=[Scope.READ, Scope.MANAGE]))


@pytest.fixture
def channel(acme):
    with org_scope(acme.pk):
        return make_slack(acme, "https://hooks.slack.com")


@pytest.fixture
def sent(acme, channel, acme_project):
    """A delivery about a project that was given up."""
    with org_scope(acme.pk):
        make_route(channel)
        route(make_event(acme, project=acme_project), timezone.now())
        Delivery.objects.update(state="failed", reason="no_service", finished_at=timezone.now())
        return Delivery.objects.get()


def errors(answer):
    assert answer["Content-Type"].startswith("application/problem+json")
    return {error["field"]: error["message"] for error in answer.json()["errors"]}


# --- Channels ---


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ({"kind": "slack", "url": SLACK_URL}, {"host": "hooks.slack.com", "recipients": [], "region": None}),
        (
            {"kind": "email", "recipients": ["a@acme.test"]},
            {"host": None, "recipients": ["a@acme.test"], "region": None},
        ),
        (
            {"kind": "pagerduty", "routing_key": KEY, "region": "eu"},
            {"host": "events.eu.pagerduty.com", "recipients": [], "region": "eu"},
        ),
    ],
)
def test_a_key_creates_a_channel_and_sees_no_secret(anonymous, acme, manager, reader, body, shown):
    answer = anonymous.post(CHANNELS, {"name": "On call"} | body, headers=manager, **JSON)

    assert answer.status_code == 201
    made = answer.json()
    assert made["signing_secret"] is None
    assert {name: made[name] for name in shown} == shown
    (listed,) = anonymous.get(CHANNELS, headers=reader).json()["results"]
    assert listed == {name: value for name, value in made.items() if name != "signing_secret"}
    assert anonymous.get(f"{CHANNELS}/{made['id']}", headers=reader).json() == listed
    assert "token99" not in answer.content.decode()
    assert KEY not in answer.content.decode()
    with org_scope(acme.pk):
        entry = AuditEntry.objects.get(action="channel.created")
        assert (entry.actor_kind, entry.actor_name) == ("key", "Test")


def test_the_secret_of_a_webhook_is_in_the_answer_that_made_it(anonymous, acme, manager, reader):
    body = {"name": "Hook", "kind": "webhook", "url": "https://hooks.example.com/x"}

    answer = anonymous.post(CHANNELS, body, headers=manager, **JSON)

    secret = answer.json()["signing_secret"]
    assert secret.startswith("whsec_")
    assert answer["Cache-Control"] == "no-store"
    shown = anonymous.get(f"{CHANNELS}/{answer.json()['id']}", headers=reader)
    assert secret not in shown.content.decode()
    assert "signing_secret" not in shown.json()


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"name", "kind"}),
        ({"name": "x", "kind": "pigeon"}, {"kind"}),
        ({"name": "x", "kind": "slack"}, {"url"}),
        ({"name": "x", "kind": "slack", "url": "https://10.0.0.1/hunter22"}, {"url"}),
        ({"name": "x", "kind": "slack", "url": "http://hooks.example.com/"}, {"url"}),
        ({"name": "x", "kind": "email", "recipients": ["hunter22"]}, {"recipients"}),
        ({"name": "x", "kind": "pagerduty", "routing_key": "hunter22"}, {"routing_key"}),
        ({"name": "x", "kind": "slack", "url": SLACK_URL, "secret": "hunter22"}, {"secret"}),
        ({"name": " ", "kind": "slack", "url": SLACK_URL}, {"name"}),
    ],
)
def test_bodies_that_cannot_be_used_are_refused_without_being_repeated(anonymous, acme, manager, settings, body, wrong):
    settings.OUTBOUND_ALLOWED_NETWORKS = []

    answer = anonymous.post(CHANNELS, body, headers=manager, **JSON)

    assert answer.status_code == 400
    assert {field.partition("[")[0].partition(".")[0] for field in errors(answer)} == wrong
    assert "hunter22" not in answer.content.decode()
    with org_scope(acme.pk):
        assert not Channel.objects.exists()


def test_a_channel_is_changed_turned_off_and_on(anonymous, acme, manager, channel):
    url = f"{CHANNELS}/{channel.pk}"

    renamed = anonymous.patch(url, {"name": "Renamed", "enabled": False}, headers=manager, **JSON)
    assert (renamed.json()["name"], renamed.json()["enabled"]) == ("Renamed", False)
    with org_scope(acme.pk):
        assert secrets_of(Channel.objects.get())["url"] == SLACK_URL
    assert anonymous.patch(url, {"enabled": True}, headers=manager, **JSON).json()["enabled"] is True


def test_a_change_that_is_refused_in_part_changes_nothing(anonymous, acme, manager, channel):
    body = {"name": "Renamed", "enabled": False, "url": "https://10.0.0.1/"}

    answer = anonymous.patch(f"{CHANNELS}/{channel.pk}", body, headers=manager, **JSON)

    assert answer.status_code == 400
    with org_scope(acme.pk):
        channel.refresh_from_db()
    assert (channel.name, channel.is_enabled) == ("Slack", True)


def test_addresses_of_mail_stay_when_only_the_name_changes(anonymous, manager):
    body = {"name": "Mail", "kind": "email", "recipients": ["a@acme.test"]}
    made = anonymous.post(CHANNELS, body, headers=manager, **JSON).json()

    changed = anonymous.patch(f"{CHANNELS}/{made['id']}", {"name": "Post"}, headers=manager, **JSON)

    assert changed.json()["recipients"] == ["a@acme.test"]


def test_a_channel_is_deleted(anonymous, acme, manager, channel):
    assert anonymous.delete(f"{CHANNELS}/{channel.pk}", headers=manager).status_code == 204
    assert anonymous.get(f"{CHANNELS}/{channel.pk}", headers=manager).status_code == 404


def test_a_secret_is_replaced(anonymous, acme, manager, channel):
    with org_scope(acme.pk):
        hook = make_webhook(acme, "https://hooks.example.com")
        old = secrets_of(hook)["secret"]

    answer = anonymous.post(f"{CHANNELS}/{hook.pk}/rotate-secret", headers=manager)

    assert answer.json()["signing_secret"] != old
    refused = anonymous.post(f"{CHANNELS}/{channel.pk}/rotate-secret", headers=manager)
    assert refused.status_code == 400


def test_a_test_is_read_until_it_is_over(anonymous, acme, manager, reader, receiver):
    with org_scope(acme.pk):
        channel = make_slack(acme, receiver.url)
    receiver.says(Answered(403, b"invalid_token"))

    queued = anonymous.post(f"{CHANNELS}/{channel.pk}/test", headers=manager)
    assert (queued.status_code, queued.json()["state"], queued.json()["tries"]) == (202, "waiting", [])
    with org_scope(acme.pk):
        deliver(Delivery.objects.get())

    found = anonymous.get(f"{DELIVERIES}/{queued.json()['id']}", headers=reader).json()
    assert (found["state"], found["purpose"], found["next_attempt_at"]) == ("failed", "test", None)
    (attempt,) = found["tries"]
    assert (attempt["status"], attempt["answer"], attempt["outcome"]) == (403, "invalid_token", "failed")


# --- Routes ---


def test_a_route_is_created_changed_and_deleted(anonymous, acme, acme_project, manager, reader, channel):
    body = {
        "name": "Urgent",
        "channel": channel.pk,
        "min_severity": "high",
        "kinds": ["insight.opened"],
        "projects": ["web"],
        "quiet_from": "22:00",
        "quiet_until": "07:00",
    }

    answer = anonymous.post(ROUTES, body, headers=manager, **JSON)

    assert answer.status_code == 201
    made = answer.json()
    assert {name: made[name] for name in body} == body
    assert (made["pace"], made["digest_at"], made["tells_recovery"]) == ("instant", "09:00", True)
    url = f"{ROUTES}/{made['id']}"
    changed = anonymous.patch(
        url, {"min_severity": "low", "quiet_from": None, "quiet_until": None}, headers=manager, **JSON
    )
    assert changed.json() == made | {"min_severity": "low", "quiet_from": None, "quiet_until": None}
    assert anonymous.get(ROUTES, headers=reader).json()["results"] == [changed.json()]
    assert anonymous.delete(url, headers=manager).status_code == 204
    assert anonymous.get(url, headers=reader).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"channel": 10**9}, "channel"),
        ({"channel": 10**30}, "channel"),
        ({"kinds": ["invented"]}, "kinds"),
        ({"rules": ["INVENTED"]}, "rules"),
        ({"teams": ["nobody"]}, "teams"),
        ({"projects": ["nothing"]}, "projects"),
        ({"pace": "yearly"}, "pace"),
        ({"quiet_from": "22:00"}, "quiet_until"),
        ({"quiet_from": "25:00", "quiet_until": "07:00"}, "quiet_from"),
        ({"renotify_hours": 0}, "renotify_hours"),
        ({"escalate_after_minutes": 5}, "escalate_to"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_routes_that_cannot_be_are_refused_by_field(anonymous, acme, manager, channel, body, field):
    answer = anonymous.post(ROUTES, {"name": "Route", "channel": channel.pk} | body, headers=manager, **JSON)

    assert answer.status_code == 400
    assert {name.partition("[")[0].partition(".")[0] for name in errors(answer)} == {field}
    with org_scope(acme.pk):
        assert not Route.objects.exists()


# --- Deliveries ---


def test_deliveries_are_listed_and_read(anonymous, reader, sent, channel):
    (listed,) = anonymous.get(DELIVERIES, headers=reader).json()["results"]

    assert (listed["id"], listed["channel"], listed["state"]) == (sent.pk, channel.pk, "failed")
    assert (listed["title"], listed["reason"]) == ("Traffic of Web is 12 × its usual", "no_service")
    assert anonymous.get(f"{DELIVERIES}/{sent.pk}", headers=reader).json() == listed | {
        "tries": [],
        "acknowledged_at": None,
    }


@pytest.mark.parametrize(
    ("query", "count"),
    [("state=failed", 1), ("state=delivered", 0), ("channel=999999", 0), ("event=999999", 0), ("before=1", 0)],
)
def test_deliveries_are_filtered(anonymous, reader, sent, query, count):
    assert len(anonymous.get(f"{DELIVERIES}?{query}", headers=reader).json()["results"]) == count


@pytest.mark.parametrize("query", ["state=odd", "channel=x", "event=0", "limit=0", "limit=1000", "colour=red"])
def test_parameters_that_mean_nothing_are_refused(anonymous, reader, sent, query):
    answer = anonymous.get(f"{DELIVERIES}?{query}", headers=reader)

    assert answer.status_code == 400
    assert set(errors(answer)) == {query.partition("=")[0]}


def test_the_list_is_read_page_by_page(anonymous, acme, reader, sent):
    with org_scope(acme.pk):
        for number in range(4):
            route(make_event(acme, dedup_key=str(number)), timezone.now())
    seen, url = [], f"{DELIVERIES}?limit=2"

    while url:
        page = anonymous.get(url, headers=reader).json()
        seen += [one["id"] for one in page["results"]]
        url = page["next"]

    assert len(seen) == len(set(seen)) == 5
    assert seen == sorted(seen, reverse=True)


def test_a_delivery_is_sent_again_once(anonymous, acme, manager, sent):
    url = f"{DELIVERIES}/{sent.pk}/redeliver"

    again = anonymous.post(url, headers=manager)
    assert (again.status_code, again.json()["state"], again.json()["message_id"]) == (202, "waiting", sent.message_id)

    refused = anonymous.post(url, headers=manager)
    assert refused.status_code == 409
    assert refused.json()["title"] == "It is still waiting to be sent."


def acknowledgements(organization):
    with org_scope(organization.pk):
        return [
            (entry.actor_kind, entry.facts["key"]) for entry in AuditEntry.objects.filter(action="event.acknowledged")
        ]


def test_what_a_delivery_tells_of_is_acknowledged_once(anonymous, acme, manager, sent):
    url = f"{DELIVERIES}/{sent.pk}/acknowledge"

    first, second = (anonymous.post(url, headers=manager) for _ in range(2))

    assert first.status_code == second.status_code == 200
    assert first.json()["acknowledged_at"] is not None
    assert second.json() == first.json() == anonymous.get(f"{DELIVERIES}/{sent.pk}", headers=manager).json()
    assert acknowledgements(acme) == [("key", "insight:spike-1")]


def test_acknowledging_ends_reminders_and_escalations_and_pagers_hear_of_it(anonymous, acme, manager, receiver):
    with org_scope(acme.pk):
        pager = make_pager(acme, receiver.url)
        slack = make_slack(acme, "https://hooks.slack.com")
        make_route(pager, "pager", escalate_to=slack, escalate_after_minutes=5)
        route(make_event(acme), timezone.now())
        page, escalation = Delivery.objects.order_by("pk")
        deliver(page)

    answer = anonymous.post(f"{DELIVERIES}/{page.pk}/acknowledge", headers=manager)

    assert answer.status_code == 200
    with org_scope(acme.pk):
        escalation.refresh_from_db()
        assert (escalation.state, escalation.reason) == ("cancelled", "Somebody has acknowledged it.")
        told = deliver(Delivery.objects.get(purpose="acknowledgement"))
    assert told.state == "delivered"
    assert [one.json["event_action"] for one in receiver.received] == ["trigger", "acknowledge"]
    assert len({one.json["dedup_key"] for one in receiver.received}) == 1


def test_everything_in_a_digest_is_acknowledged_but_what_says_that_it_is_over(anonymous, acme, manager):
    with org_scope(acme.pk):
        make_route(make_email(acme), pace="hourly")
        now = timezone.now().replace(minute=10)
        for kind, matter in (("opened", "a"), ("opened", "b"), ("resolved", "a")):
            route(make_event(acme, f"insight.{kind}", dedup_key=matter), now)
        digest = Delivery.objects.get()
        assert len(digest.event_ids) == 3

    answer = anonymous.post(f"{DELIVERIES}/{digest.pk}/acknowledge", headers=manager)

    assert answer.json()["acknowledged_at"] is not None
    assert sorted(acknowledgements(acme)) == [("key", "a"), ("key", "b")]
    with org_scope(acme.pk):
        assert Event.objects.get(kind="insight.resolved").acknowledged_at is None


def test_a_digest_is_not_acknowledged_while_one_of_its_matters_is_not(anonymous, acme, manager):
    with org_scope(acme.pk):
        make_route(make_email(acme), pace="daily")
        now = timezone.now()
        for matter in "ab":
            route(make_event(acme, dedup_key=matter), now)
        digest = Delivery.objects.get()
        event = Event.objects.get(dedup_key="a")
        acknowledgement.acknowledge(organization=acme, actor=None, event=event, now=now)

    assert anonymous.get(f"{DELIVERIES}/{digest.pk}", headers=manager).json()["acknowledged_at"] is None


def test_a_test_and_a_recovery_tell_of_nothing_that_can_be_acknowledged(anonymous, acme, manager, channel):
    with org_scope(acme.pk):
        event = make_event(acme, "insight.resolved")
        make_route(channel, kinds=["insight.resolved"])
        route(event, timezone.now())
        recovery = Delivery.objects.get()
    test = anonymous.post(f"{CHANNELS}/{channel.pk}/test", headers=manager).json()

    for pk in (recovery.pk, test["id"]):
        answer = anonymous.post(f"{DELIVERIES}/{pk}/acknowledge", headers=manager)
        assert (answer.status_code, answer.json()["title"]) == (409, "It tells of nothing that can be acknowledged.")
    assert acknowledgements(acme) == []


def test_members_acknowledge_and_viewers_do_not(member, viewer, acme, sent):
    url = f"{DELIVERIES}/{sent.pk}/acknowledge?organization=acme"

    assert viewer.post(url).status_code == 403
    assert acknowledgements(acme) == []
    assert member.post(url).status_code == 200
    assert acknowledgements(acme) == [("user", "insight:spike-1")]


# --- Who ---


@pytest.mark.parametrize("url", [CHANNELS, ROUTES, DELIVERIES])
def test_a_key_of_one_project_reads_none_of_it(anonymous, acme, acme_project, sent, url):
    key = bearer(issue_key(acme, project=acme_project, scopes=[Scope.READ]))

    assert anonymous.get(url, headers=key).status_code == 403


def test_a_key_that_reads_changes_nothing(anonymous, acme, reader, channel, sent):
    attempts = [
        anonymous.post(CHANNELS, {}, headers=reader, **JSON),
        anonymous.patch(f"{CHANNELS}/{channel.pk}", {}, headers=reader, **JSON),
        anonymous.delete(f"{CHANNELS}/{channel.pk}", headers=reader),
        anonymous.post(f"{CHANNELS}/{channel.pk}/test", headers=reader),
        anonymous.post(f"{CHANNELS}/{channel.pk}/rotate-secret", headers=reader),
        anonymous.post(ROUTES, {}, headers=reader, **JSON),
        anonymous.post(f"{DELIVERIES}/{sent.pk}/redeliver", headers=reader),
        anonymous.post(f"{DELIVERIES}/{sent.pk}/acknowledge", headers=reader),
    ]

    assert [answer.status_code for answer in attempts] == [403] * len(attempts)
    with org_scope(acme.pk):
        assert Delivery.objects.count() == Channel.objects.count() == 1


def test_a_key_of_another_tenant_finds_nothing(anonymous, globex, channel, sent):
    key = bearer(issue_key(globex, scopes=[Scope.READ, Scope.MANAGE]))

    for url in (CHANNELS, ROUTES, DELIVERIES):
        assert anonymous.get(url, headers=key).json()["results"] == []
    assert anonymous.get(f"{CHANNELS}/{channel.pk}", headers=key).status_code == 404
    assert anonymous.delete(f"{CHANNELS}/{channel.pk}", headers=key).status_code == 404
    assert anonymous.get(f"{DELIVERIES}/{sent.pk}", headers=key).status_code == 404
    assert anonymous.post(f"{DELIVERIES}/{sent.pk}/acknowledge", headers=key).status_code == 404
    body = {"name": "x", "channel": channel.pk}
    assert anonymous.post(ROUTES, body, headers=key, **JSON).status_code == 400


def test_a_member_does_not_see_deliveries_about_a_hidden_project(member, acme, acme_project, sent):
    user = Membership.objects.get(organization=acme, user__email="member@acme.test").user
    with org_scope(acme.pk):
        ProjectRole.objects.create(organization=acme, user=user, project=acme_project, role="none")

    assert member.get(f"{DELIVERIES}?organization=acme").json()["results"] == []
    assert member.get(f"{DELIVERIES}/{sent.pk}?organization=acme").status_code == 404
