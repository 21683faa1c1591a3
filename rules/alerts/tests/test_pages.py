"""The pages of alerts: what they show, what they refuse, and that they never show a secret."""

from datetime import timedelta
from http import HTTPStatus

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.scope import org_scope
from rules.alerts import acknowledgement
from rules.alerts.models import Channel, Delivery, DeliveryAttempt, Route
from rules.alerts.sealing import secrets_of
from rules.alerts.tests.factories import (
    KEY,
    deliver,
    make_email,
    make_event,
    make_route,
    make_slack,
    make_webhook,
    route,
)
from tenants import services
from tenants.models import Event, Membership, ProjectRole
from tests.receivers import Answered

ALERTS = "/o/acme/alerts/"
SLACK_URL = "https://hooks.slack.com/services/T0/B0/token99"


@pytest.fixture
def inside(acme, scope):
    with scope(acme):
        yield


def text(response):
    return " ".join(response.content.decode().split())


# --- Channels ---


def test_the_first_page_says_what_to_do_next(admin):
    assert "Nobody is told yet" in text(admin.get(ALERTS))
    assert "No channels yet" in text(admin.get(f"{ALERTS}channels/"))
    assert "begin with one" in text(admin.get(f"{ALERTS}routes/"))


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("slack", {"url": SLACK_URL}),
        ("email", {"recipients": "a@acme.test\nb@acme.test"}),
        ("pagerduty", {"routing_key": KEY, "region": "eu"}),
    ],
)
def test_a_channel_is_created_and_its_page_shows_no_secret(admin, acme, kind, data):
    assert admin.get(f"{ALERTS}channels/new/{kind}/").status_code == HTTPStatus.OK

    created = admin.post(f"{ALERTS}channels/new/{kind}/", {"name": "On call"} | data, follow=True)

    page = text(created)
    assert "On call" in page
    assert "token99" not in page
    assert KEY not in page
    with org_scope(acme.pk):
        assert Channel.objects.get().kind == kind


def test_a_webhook_shows_its_secret_once(admin, acme):
    created = admin.post(f"{ALERTS}channels/new/webhook/", {"name": "Hook", "url": "https://hooks.example.com/x"})

    with org_scope(acme.pk):
        channel = Channel.objects.get()
        secret = secrets_of(channel)["secret"]
    assert secret in text(created)
    assert "no-store" in created["Cache-Control"]
    for page in ("", "edit/"):
        assert secret not in text(admin.get(f"{ALERTS}channels/{channel.pk}/{page}"))


def test_a_form_that_is_refused_keeps_what_was_typed_and_says_why(admin, acme):
    refused = admin.post(f"{ALERTS}channels/new/slack/", {"name": "On call", "url": "https://10.0.0.1/"})

    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "not public" in text(refused)
    assert 'value="On call"' in text(refused)
    with org_scope(acme.pk):
        assert not Channel.objects.exists()


def test_a_kind_that_is_none_is_not_found(admin):
    assert admin.get(f"{ALERTS}channels/new/pigeon/").status_code == HTTPStatus.NOT_FOUND


def test_a_channel_is_changed_without_giving_its_secret_again(admin, acme, inside):
    channel = make_slack(acme, "https://hooks.slack.com")
    page = f"{ALERTS}channels/{channel.pk}/edit/"
    assert "token99" not in text(admin.get(page))

    admin.post(page, {"name": "Renamed", "url": ""})

    channel.refresh_from_db()
    assert channel.name == "Renamed"
    assert secrets_of(channel)["url"] == SLACK_URL


def test_a_secret_is_replaced_after_a_question(admin, acme, inside):
    channel = make_webhook(acme, "https://hooks.example.com")
    page, before = f"{ALERTS}channels/{channel.pk}/secret/", secrets_of(channel)["secret"]

    asked = text(admin.get(page))
    assert "24 hours" in asked
    assert secrets_of(Channel.objects.get())["secret"] == before

    answer = text(admin.post(page))
    assert secrets_of(Channel.objects.get())["secret"] in answer
    assert before not in answer


def test_only_webhooks_have_a_page_for_secrets(admin, acme, inside):
    channel = make_slack(acme, "https://hooks.slack.com")

    assert admin.post(f"{ALERTS}channels/{channel.pk}/secret/").status_code == HTTPStatus.NOT_FOUND


def test_a_test_shows_the_real_answer(admin, acme, receiver):
    with org_scope(acme.pk):
        channel = make_slack(acme, receiver.url)
    receiver.says(Answered(404, b"no_service"))

    waiting = admin.post(f"{ALERTS}channels/{channel.pk}/test/", follow=True)
    assert "Being sent" in text(waiting)
    assert 'hx-trigger="every 2s"' in text(waiting)
    with org_scope(acme.pk):
        delivery = deliver(Delivery.objects.get())

    page = text(admin.get(f"{ALERTS}deliveries/{delivery.pk}/", headers={"HX-Request": "true"}))
    assert "404" in page
    assert "no_service" in page
    assert "every 2s" not in page
    assert "<html" not in page
    with org_scope(acme.pk):
        assert Channel.objects.get().failures == 0  # a test turns nothing off


def test_a_channel_that_was_turned_off_says_why_and_is_turned_on(admin, acme, inside):
    channel = make_slack(acme, "https://hooks.slack.com")
    Channel.objects.update(is_enabled=False, disabled_reason="no_service <b>", failures=3)
    page = f"{ALERTS}channels/{channel.pk}/"

    shown = text(admin.get(page))
    assert "This channel is off" in shown
    assert "no_service &lt;b&gt;" in shown
    admin.post(f"{page}on/")
    channel.refresh_from_db()
    assert channel.is_enabled
    admin.post(f"{page}off/")
    channel.refresh_from_db()
    assert not channel.is_enabled


def test_a_channel_is_deleted_after_a_question_that_names_its_routes(admin, acme, inside):
    channel = make_slack(acme, "https://hooks.slack.com")
    make_route(channel, "Urgent")
    page = f"{ALERTS}channels/{channel.pk}/delete/"

    assert "Urgent" in text(admin.get(page))
    admin.post(page)

    assert not Channel.objects.exists()
    assert admin.get(f"{ALERTS}channels/{channel.pk}/").status_code == HTTPStatus.NOT_FOUND


# --- Routes ---


ROUTE = {
    "name": "Urgent",
    "is_enabled": "on",
    "min_severity": "high",
    "kinds": ["insight.opened"],
    "pace": "instant",
    "digest_at": "09:00",
    "tells_recovery": "on",
}


def test_a_route_is_created_changed_and_deleted(admin, acme, acme_project, inside):
    channel = make_slack(acme, "https://hooks.slack.com")
    data = ROUTE | {"channel": channel.pk, "projects": [acme_project.pk], "quiet_from": "22:00", "quiet_until": "07:00"}

    assert admin.post(f"{ALERTS}routes/new/", data).status_code == HTTPStatus.FOUND

    made = Route.objects.get()
    assert (made.name, made.kinds, made.project_ids) == ("Urgent", ["insight.opened"], [acme_project.pk])
    listed = text(admin.get(f"{ALERTS}routes/"))
    assert "An insight opened · Web" in listed
    assert "quiet 22:00 to 07:00" in listed
    page = f"{ALERTS}routes/{made.pk}/edit/"
    assert 'value="22:00"' in text(admin.get(page))
    admin.post(page, data | {"name": "Less urgent", "is_enabled": ""})
    made.refresh_from_db()
    assert (made.name, made.is_enabled) == ("Less urgent", False)
    assert "Less urgent" in text(admin.get(f"{ALERTS}routes/{made.pk}/delete/"))
    admin.post(f"{ALERTS}routes/{made.pk}/delete/")
    assert not Route.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"quiet_from": "22:00"}, "Give both ends"),
        ({"renotify_hours": "500"}, "1 to 168"),
        ({"renotify_hours": "soon"}, "whole number"),
        ({"kinds": ["invented"]}, "not one of the available choices"),
        ({"channel": "999999"}, "not one of the available choices"),
        ({"escalate_after_minutes": "5"}, "Say to which channel"),
        ({"digest_at": "25:00"}, "valid time"),
    ],
)
def test_a_route_that_is_refused_says_why_beside_the_field(admin, acme, inside, wrong, words):
    channel = make_slack(acme, "https://hooks.slack.com")

    refused = admin.post(f"{ALERTS}routes/new/", ROUTE | {"channel": channel.pk} | wrong)

    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in text(refused)
    assert 'value="Urgent"' in text(refused)
    assert not Route.objects.exists()


# --- Deliveries ---


@pytest.fixture
def sent(acme, acme_project, inside):
    """A delivery about a project, with an attempt that failed."""
    make_route(make_slack(acme, "https://hooks.slack.com"))
    event = make_event(acme, project=acme_project, title="<script>alert(1)</script> & “Ünï”")
    route(event, timezone.now())
    delivery = Delivery.objects.get()
    DeliveryAttempt.objects.create(
        organization=acme,
        delivery=delivery,
        number=1,
        started_at=timezone.now(),
        duration_ms=120,
        outcome="failed",
        status=404,
        answer="<i>no_service</i>",
    )
    Delivery.objects.update(state="failed", reason="no_service", attempts=1, finished_at=timezone.now())
    return delivery


def test_the_list_shows_what_was_sent_where_and_how_it_ended(member, sent):
    page = text(member.get(ALERTS))

    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; “Ünï”" in page
    assert "<script>alert" not in page
    assert "Given up" in page


@pytest.mark.parametrize(
    ("query", "is_there"),
    [("", True), ("?state=failed", True), ("?state=delivered", False), ("?before=1", False), ("?before=x", True)],
)
def test_the_list_is_filtered(member, sent, query, is_there):
    page = member.get(f"{ALERTS}{query}")

    assert page.status_code == HTTPStatus.OK
    assert (f"{ALERTS}deliveries/{sent.pk}/" in text(page)) is is_there


def test_the_list_is_filtered_by_channel_and_event(member, acme, sent):
    other = make_email(acme)
    mine = sent.channel_id
    event = sent.event_ids[0]

    assert f"deliveries/{sent.pk}/" in text(member.get(f"{ALERTS}?channel={mine}&event={event}"))
    assert "No delivery matches" in text(member.get(f"{ALERTS}?channel={other.pk}"))
    assert "No delivery matches" in text(member.get(f"{ALERTS}?event={event + 1}"))


@pytest.mark.parametrize("query", ["?state=odd", "?channel=9999999", "?event=-1", f"?event={10**30}"])
def test_a_filter_that_means_nothing_is_said(member, sent, query):
    assert member.get(f"{ALERTS}{query}").status_code == HTTPStatus.UNPROCESSABLE_ENTITY


def test_the_list_has_pages(member, acme, sent, monkeypatch):
    monkeypatch.setattr("rules.alerts.views.deliveries.PAGE_SIZE", 1)
    route(make_event(acme, dedup_key="b", title="A second one"), timezone.now())

    first = text(member.get(ALERTS))
    assert "A second one" in first
    assert "“Ünï”" not in first
    older = f"{ALERTS}?before={Delivery.objects.latest('pk').pk}"
    assert older in first
    assert "“Ünï”" in text(member.get(older))


def test_a_page_of_deliveries_costs_the_same_for_many_as_for_one(member, acme, sent):
    def queries():
        member.get(ALERTS)
        with CaptureQueriesContext(connection) as found:
            member.get(ALERTS)
        return len(found)

    one = queries()
    for number in range(5):
        route(make_event(acme, dedup_key=str(number)), timezone.now())

    assert queries() == one


def test_a_delivery_shows_its_attempts_and_what_it_says(member, sent):
    page = text(member.get(f"{ALERTS}deliveries/{sent.pk}/"))

    assert "404" in page
    assert "&lt;i&gt;no_service&lt;/i&gt;" in page
    assert "usually 1,000 a day" in page
    assert sent.message_id in page
    assert "Send again" not in page  # a member reads


def test_a_delivery_is_sent_again(admin, sent):
    admin.post(f"{ALERTS}deliveries/{sent.pk}/again/")

    sent.refresh_from_db()
    assert sent.state == "waiting"
    again = admin.post(f"{ALERTS}deliveries/{sent.pk}/again/")
    assert again.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "still waiting" in text(again)


def test_a_member_acknowledges(member, acme, sent):
    event = Event.objects.get(pk=sent.event_ids[0])
    assert "Acknowledge" in text(member.get(f"{ALERTS}deliveries/{sent.pk}/"))

    answer = member.post(f"{ALERTS}events/{event.pk}/acknowledge/")

    assert answer["Location"] == f"{ALERTS}?event={event.pk}"
    event.refresh_from_db()
    assert event.acknowledged_by.email == "member@acme.test"
    assert "Acknowledged" in text(member.get(f"{ALERTS}deliveries/{sent.pk}/"))


def test_what_is_about_a_hidden_project_is_not_there(member, acme, acme_project, sent):
    user = Membership.objects.get(organization=acme, user__email="member@acme.test").user
    ProjectRole.objects.create(organization=acme, user=user, project=acme_project, role="none")
    event = Event.objects.get(pk=sent.event_ids[0])

    assert f"deliveries/{sent.pk}/" not in text(member.get(ALERTS))
    assert f"deliveries/{sent.pk}/" not in text(member.get(f"{ALERTS}channels/{sent.channel_id}/"))
    assert member.get(f"{ALERTS}deliveries/{sent.pk}/").status_code == HTTPStatus.NOT_FOUND
    assert member.post(f"{ALERTS}events/{event.pk}/acknowledge/").status_code == HTTPStatus.NOT_FOUND
    event.refresh_from_db()
    assert event.acknowledged_at is None


def test_a_route_counts_projects_that_the_reader_may_not_see(member, acme, acme_project, inside):
    user = Membership.objects.get(organization=acme, user__email="member@acme.test").user
    ProjectRole.objects.create(organization=acme, user=user, project=acme_project, role="none")
    other = services.create_project(organization=acme, actor=None, name="Open")
    make_route(make_slack(acme, "https://hooks.slack.com"), project_ids=[acme_project.pk, other.pk])

    page = text(member.get(f"{ALERTS}routes/"))

    assert "Open · 1 more project" in page


def test_a_delivery_that_waits_for_later_says_when_and_does_not_poll(member, acme, inside):
    make_route(make_slack(acme, "https://hooks.slack.com"))
    route(make_event(acme), timezone.now() + timedelta(hours=3))

    page = text(member.get(f"{ALERTS}deliveries/{Delivery.objects.get().pk}/"))

    assert "Next attempt" in page
    assert "every 2s" not in page


def test_another_tenants_rows_are_not_found(outsider, acme, scope):
    with scope(acme):
        channel_id = make_slack(acme, "https://hooks.slack.com").pk
        route_id = make_route(Channel.objects.get()).pk
        event = make_event(acme)
        route(event, timezone.now())
        delivery_id = Delivery.objects.get().pk
    for page in (
        f"deliveries/{delivery_id}/",
        f"channels/{channel_id}/",
        f"channels/{channel_id}/edit/",
        f"routes/{route_id}/edit/",
    ):
        assert outsider.get(f"/o/globex/alerts/{page}").status_code == HTTPStatus.NOT_FOUND
    for page in (f"events/{event.pk}/acknowledge/", f"deliveries/{delivery_id}/again/", f"channels/{channel_id}/test/"):
        assert outsider.post(f"/o/globex/alerts/{page}").status_code == HTTPStatus.NOT_FOUND


def test_acknowledging_is_the_same_from_a_page_as_from_elsewhere(acme, inside):
    event = make_event(acme)

    acknowledgement.acknowledge(organization=acme, actor=None, event=event, now=timezone.now())

    event.refresh_from_db()
    assert event.acknowledged_by is None
