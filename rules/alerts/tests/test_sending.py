"""Deliveries against real receivers: what arrives, what is tried again, what is given up."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from core import outbound
from core.models import WorkDue
from rules.alerts import channel_health, outbox, sending, timing
from rules.alerts.channels import Outcome, Result
from rules.alerts.models import Channel, Delivery, DeliveryAttempt
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
from tenants.models import AuditEntry, Event
from tests.receivers import Answered, flood, hang, hang_up


@pytest.fixture
def inside(acme, scope):
    with scope(acme):
        yield


@pytest.fixture
def waiting(acme, inside, receiver):
    """A message for Slack that is due now."""
    make_route(make_slack(acme, receiver.url))
    route(make_event(acme), timezone.now())
    return Delivery.objects.get()


def due_again(delivery):
    """As if its time had come."""
    delivery.next_attempt_at = timezone.now()
    delivery.save(update_fields=["next_attempt_at"])
    return delivery


def attempt_of(delivery):
    return DeliveryAttempt.objects.filter(delivery=delivery).latest("pk")


# --- It arrives ---


def test_slack_is_told(waiting, receiver):
    delivered = deliver(waiting)

    assert (delivered.state, delivered.attempts, delivered.leased_until) == ("delivered", 1, None)
    (request,) = receiver.received
    assert (request.path, request.headers["content-type"]) == ("/services/T0/B0/token99", "application/json")
    assert request.json["text"] == "🔴 Traffic of Web is 12 × its usual"
    attempt = attempt_of(waiting)
    assert (attempt.number, attempt.outcome, attempt.status, attempt.answer) == (1, "delivered", 200, "ok")
    channel = Channel.objects.get()
    assert (channel.failures, channel.last_success_at is not None, channel.last_failure_at) == (0, True, None)
    assert not WorkDue.objects.filter(task=outbox.TASK).exists()


def test_a_second_run_sends_nothing(waiting, receiver):
    deliver(waiting)
    deliver(waiting)

    assert len(receiver.received) == 1
    assert DeliveryAttempt.objects.count() == 1


def test_pagerduty_hears_trigger_acknowledge_and_resolve_under_one_key(acme, inside, receiver):
    from rules.alerts import acknowledgement

    make_route(make_pager(acme, receiver.url))
    receiver.usually = Answered(202, b'{"status":"success"}')
    event = make_event(acme)
    route(event, timezone.now())
    deliver(Delivery.objects.get())
    acknowledgement.acknowledge(organization=acme, actor=None, event=event, now=timezone.now())
    deliver(Delivery.objects.get(purpose="acknowledgement"))
    route(make_event(acme, "insight.resolved"), timezone.now())
    deliver(Delivery.objects.get(purpose="recovery"))

    bodies = [request.json for request in receiver.received]
    assert [body["event_action"] for body in bodies] == ["trigger", "acknowledge", "resolve"]
    assert {body["dedup_key"] for body in bodies} == {f"tokenops:{acme.pk}:insight:spike-1"}
    assert {body["routing_key"] for body in bodies} == {KEY}
    assert {request.path for request in receiver.received} == {"/v2/enqueue"}


def test_a_webhook_gets_the_same_id_at_every_attempt(acme, inside, receiver):
    make_route(make_webhook(acme, receiver.url))
    route(make_event(acme), timezone.now())
    delivery = Delivery.objects.get()
    receiver.says(Answered(500, b"down"))

    deliver(delivery)
    deliver(due_again(delivery))

    ids = [request.headers["webhook-id"] for request in receiver.received]
    assert ids == [delivery.message_id] * 2
    assert delivery.message_id.startswith("msg_")


def test_a_mail_arrives_at_everybody_as_html_and_text(acme, inside, mails):
    make_route(make_email(acme, "a@acme.test", "b@acme.test"))
    route(make_event(acme), timezone.now())

    delivery = deliver(Delivery.objects.get())

    assert delivery.state == "delivered"
    (mail,) = mails.mails
    assert mails.recipients == [["a@acme.test", "b@acme.test"]]
    assert mail["Subject"] == "[High] Traffic of Web is 12 × its usual · Acme"
    assert mail["Message-ID"] == f"<{delivery.message_id}@127.0.0.1>"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


# --- It is tried again ---


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(waiting, receiver, status):
    receiver.says(Answered(status, b"not now"))

    failed = deliver(waiting)

    assert (failed.state, failed.attempts, failed.leased_until) == ("waiting", 1, None)
    wait = (failed.next_attempt_at - timezone.now()).total_seconds()
    assert 20 < wait <= 36
    assert WorkDue.objects.get(task=outbox.TASK).due_at == failed.next_attempt_at
    attempt = attempt_of(waiting)
    assert (attempt.outcome, attempt.status, attempt.answer) == ("retry", status, "not now")
    assert Channel.objects.get().last_failure == "not now"
    assert Channel.objects.get().failures == 0


def test_a_retry_that_succeeds_is_one_delivery_with_two_attempts(waiting, receiver):
    receiver.says(Answered(503))
    deliver(waiting)

    delivered = deliver(due_again(waiting))

    assert (delivered.state, delivered.attempts) == ("delivered", 2)
    assert list(DeliveryAttempt.objects.order_by("pk").values_list("number", "outcome")) == [
        (1, "retry"),
        (2, "delivered"),
    ]


def test_retry_after_is_honoured(waiting, receiver):
    receiver.says(Answered(429, b"slow down", {"Retry-After": "600"}))

    failed = deliver(waiting)

    assert 590 < (failed.next_attempt_at - timezone.now()).total_seconds() <= 600


def test_retry_after_has_a_limit(waiting, receiver):
    receiver.says(Answered(503, b"", {"Retry-After": "99999999999999999999"}))

    failed = deliver(waiting)

    assert failed.next_attempt_at <= timezone.now() + timing.LONGEST_RETRY_AFTER


def test_a_message_is_not_sent_before_its_time(waiting, receiver):
    receiver.says(Answered(503))
    failed = deliver(waiting)

    deliver(waiting)

    assert len(receiver.received) == 1
    assert WorkDue.objects.get(task=outbox.TASK).due_at == failed.next_attempt_at


@pytest.mark.parametrize("behaviour", [hang, hang_up])
def test_a_receiver_that_does_not_answer_is_tried_again(waiting, receiver, monkeypatch, behaviour):
    monkeypatch.setattr(outbound, "client", lambda: outbound.Client(allowed=_loopback(), seconds=0.3))
    receiver.says(behaviour)

    failed = deliver(waiting)

    assert (failed.state, attempt_of(waiting).outcome, attempt_of(waiting).status) == ("waiting", "retry", None)


def _loopback():
    from core import addresses

    return addresses.networks(["127.0.0.0/8"])


def test_a_mail_server_that_is_away_is_tried_again(acme, inside, settings):
    options = {"host": "127.0.0.1", "port": 1, "timeout": 1}
    backend = "django.core.mail.backends.smtp.EmailBackend"
    settings.MAILERS = {"default": {"BACKEND": backend, "OPTIONS": options}}
    make_route(make_email(acme))
    route(make_event(acme), timezone.now())

    failed = deliver(Delivery.objects.get())

    assert failed.state == "waiting"
    assert attempt_of(failed).answer == "The mail server of this installation could not be reached."


@pytest.mark.parametrize(
    ("said", "state", "status"),
    [("451 try later", "waiting", 451), ("554 no such person", "failed", 554)],
)
def test_what_a_mail_server_says_counts(acme, inside, mails, said, state, status):
    mails.refusal = said
    make_route(make_email(acme))
    route(make_event(acme), timezone.now())

    delivery = deliver(Delivery.objects.get())

    assert (delivery.state, attempt_of(delivery).status) == (state, status)
    assert attempt_of(delivery).answer == said[4:]


# --- It is given up ---


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413])
def test_a_refusal_is_final(waiting, receiver, status):
    receiver.says(Answered(status, b"no_service"))

    failed = deliver(waiting)

    assert (failed.state, failed.reason, failed.attempts) == ("failed", "no_service", 1)
    assert not WorkDue.objects.filter(task=outbox.TASK).exists()
    assert (Channel.objects.get().failures, Channel.objects.get().last_failure) == (1, "no_service")


def test_a_redirect_is_a_refusal_and_not_followed(waiting, receiver):
    receiver.says(Answered(302, b"", {"Location": "http://169.254.169.254/latest/meta-data/"}))

    failed = deliver(waiting)

    assert (failed.state, len(receiver.received)) == ("failed", 1)
    assert failed.reason == "It answered with a redirect, and redirects are not followed."


def test_an_address_that_is_not_public_is_refused_at_the_time_of_sending(waiting, receiver, settings):
    """A name that was public when the channel was made may lead inside by now."""
    settings.OUTBOUND_ALLOWED_NETWORKS = ["10.99.0.0/16"]

    failed = deliver(waiting)

    assert (failed.state, receiver.received) == ("failed", [])
    assert "not public" in failed.reason


def test_after_a_day_it_is_given_up(waiting, receiver):
    receiver.usually = Answered(503, b"down")
    deliver(waiting)
    Delivery.objects.update(expires_at=timezone.now() + timedelta(seconds=5))

    failed = deliver(due_again(waiting))

    assert (failed.state, failed.attempts) == ("failed", 2)
    assert failed.reason == f"{sending.TOO_LATE} down"


def test_what_was_not_looked_at_for_a_day_is_not_sent(waiting, receiver):
    Delivery.objects.update(expires_at=timezone.now())

    assert deliver(waiting).reason == sending.TOO_LATE
    assert receiver.received == []


def test_a_huge_answer_is_kept_in_part_and_without_secrets(waiting, receiver):
    secret = "token99 in /services/T0/B0/token99 "
    receiver.says(Answered(400, (secret + "x" * 100_000).encode()))

    deliver(waiting)

    answer = attempt_of(waiting).answer
    assert len(answer) <= 1_000
    assert "token99" not in answer
    assert answer.startswith("••• in /services/T0/B0/•••")


def test_an_answer_without_an_end_is_an_answer(waiting, receiver):
    receiver.says(flood)

    assert deliver(waiting).state == "delivered"


def test_a_channel_that_was_deleted_leaves_its_deliveries(acme, waiting, receiver):
    from rules.alerts import channel_services

    channel_services.delete_channel(organization=acme, actor=None, channel=Channel.objects.get(), now=timezone.now())

    cancelled = deliver(waiting)

    assert (cancelled.state, cancelled.reason) == ("cancelled", "The channel was deleted.")
    assert (cancelled.channel, cancelled.channel_name, receiver.received) == (None, "Slack", [])


def test_what_was_about_a_project_that_is_gone_is_not_sent(waiting, receiver):
    Event.objects.all().delete()

    assert deliver(waiting).reason == sending.NOTHING_LEFT
    assert receiver.received == []


# --- The channel is turned off ---


def fail(acme, receiver, number, status=404):
    receiver.says(Answered(status, b"no_service"))
    route(make_event(acme, dedup_key=f"m{number}"), timezone.now())
    return deliver(Delivery.objects.latest("pk"))


def test_a_channel_that_refuses_again_and_again_is_turned_off_and_its_owners_told(acme, inside, receiver):
    make_route(make_slack(acme, receiver.url))

    for number in range(channel_health.MOST_FAILURES):
        assert Channel.objects.get().is_enabled
        fail(acme, receiver, number)

    channel = Channel.objects.get()
    assert (channel.is_enabled, channel.disabled_reason) == (False, "no_service")
    event = Event.objects.get(kind="channel.disabled")
    assert (event.severity, event.facts["name"], event.facts["failures"]) == ("high", "Slack", 3)
    assert AuditEntry.objects.filter(action="channel.disabled", actor_kind="system").count() == 1
    assert WorkDue.objects.filter(task=channel_health.MAIL_TASK, object_id=event.pk).exists()


def test_a_success_forgives(acme, inside, receiver):
    make_route(make_slack(acme, receiver.url))
    fail(acme, receiver, 1)
    fail(acme, receiver, 2)
    route(make_event(acme, dedup_key="good"), timezone.now())
    deliver(Delivery.objects.latest("pk"))

    fail(acme, receiver, 3)

    assert (Channel.objects.get().is_enabled, Channel.objects.get().failures) == (True, 1)


def test_a_receiver_that_says_gone_is_believed_at_once(acme, inside, receiver):
    make_route(make_slack(acme, receiver.url))

    fail(acme, receiver, 1, status=410)

    channel = Channel.objects.get()
    assert (channel.is_enabled, "gone for good" in channel.disabled_reason) == (False, True)


def test_news_of_a_channel_that_was_turned_off_go_to_the_others(acme, inside, receiver, mails):
    make_route(make_slack(acme, receiver.url), "slack")
    make_route(make_email(acme), "mail", kinds=["channel.disabled"])
    fail(acme, receiver, 1, status=410)

    assert route(Event.objects.get(kind="channel.disabled"), timezone.now()) == 2
    told = Delivery.objects.filter(channel_kind="email").get()
    assert deliver(told).state == "delivered"
    assert mails.mails[0]["Subject"] == "[High] The channel “Slack” was turned off · Acme"


# --- Leases ---


def test_a_lease_keeps_others_away_and_ends(acme, waiting):
    now = timezone.now()
    claimed = sending.claim(organization_id=acme.pk, delivery_id=waiting.pk, now=now)

    assert claimed is not None
    assert claimed.leased_until == now + timedelta(seconds=60)
    assert sending.claim(organization_id=acme.pk, delivery_id=waiting.pk, now=now + timedelta(seconds=59)) is None
    assert WorkDue.objects.get(task=outbox.TASK).due_at == claimed.leased_until
    second = sending.claim(organization_id=acme.pk, delivery_id=waiting.pk, now=now + timedelta(seconds=60))
    assert second is not None
    assert (second.number, second.outgoing.message_id) == (2, claimed.outgoing.message_id)


def finish(claimed, result, now=None):
    moment = now or timezone.now()
    sending.finish(claimed=claimed, outcome=Outcome(result=result, answer="x"), started_at=moment, now=moment)


def test_a_worker_that_comes_back_too_late_with_a_failure_changes_nothing(acme, waiting):
    now = timezone.now()
    slow = sending.claim(organization_id=acme.pk, delivery_id=waiting.pk, now=now)
    sending.claim(organization_id=acme.pk, delivery_id=waiting.pk, now=now + timedelta(seconds=60))

    finish(slow, Result.FAILED)

    waiting.refresh_from_db()
    assert (waiting.state, waiting.leased_until) == ("waiting", now + timedelta(seconds=120))
    assert DeliveryAttempt.objects.count() == 1


def test_a_worker_that_comes_back_too_late_with_a_success_ends_it(acme, waiting, receiver):
    now = timezone.now()
    slow = sending.claim(organization_id=acme.pk, delivery_id=waiting.pk, now=now)
    sending.claim(organization_id=acme.pk, delivery_id=waiting.pk, now=now + timedelta(seconds=60))

    finish(slow, Result.DELIVERED)
    waiting.refresh_from_db()
    assert waiting.state == "delivered"

    deliver(waiting)
    assert receiver.received == []


def test_nothing_that_is_claimed_shows_a_secret(acme, waiting):
    claimed = sending.claim(organization_id=acme.pk, delivery_id=waiting.pk, now=timezone.now())

    assert "token99" not in repr(claimed)


def test_no_request_is_made_inside_a_transaction_of_the_scope(acme, receiver, monkeypatch, scope):
    """A scope is a transaction; whoever waits for a receiver in one holds locks and a connection."""
    from core.scope import ScopeError, current_organization_id
    from rules.alerts import channels, tasks

    asked = []

    def send(*args, **kwargs):
        try:
            asked.append(current_organization_id())
        except ScopeError:
            asked.append(None)
        return Outcome(result=Result.DELIVERED)

    with scope(acme):
        make_route(make_slack(acme, receiver.url))
        route(make_event(acme), datetime.now(UTC))
        delivery = Delivery.objects.get()
    monkeypatch.setattr(channels, "send", send)

    tasks.deliver(organization_id=acme.pk, object_id=delivery.pk)

    assert asked == [None]
