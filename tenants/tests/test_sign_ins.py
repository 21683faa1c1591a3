"""The mail about a sign-in from a device or address that was not seen before."""

import logging
import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.db import connections, transaction
from django.test import Client
from django.urls import reverse

from conftest import make_user
from core import tasks as core_tasks
from core import work
from core.models import WorkDue
from core.origin import Origin
from tenants import accounts, sign_in_mail, sign_ins, tasks
from tenants.models import KnownDevice, SignInNotice, User
from tenants.tests.totp import set_up, sign_in

ADA = "ada@example.test"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:{}.0) Gecko/20100101 Firefox/{}.0"
HOME, AWAY = "198.51.100.1", "203.0.113.9"
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def ada(db: None) -> User:
    return make_user(ADA)


def arrive(address: str = HOME, version: int = 150) -> Client:
    """Sign in with a browser that has no cookies."""
    client = Client(headers={"user-agent": FIREFOX.format(version, version)}, REMOTE_ADDR=address)
    sign_in(client, ADA)
    return client


def deliver() -> None:
    """What the worker does with everything that is due."""
    for due in WorkDue.objects.filter(task=sign_ins.MAIL_TASK):
        tasks.mail_sign_in(organization_id=due.organization_id, object_id=due.object_id)


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_the_first_sign_in_ever_is_no_news(ada):
    arrive()

    assert mail.outbox == []
    assert KnownDevice.objects.count() == 1


def test_a_sign_in_from_a_new_address_is_mailed_with_what_is_known_of_it(ada, settings):
    arrive()

    arrive(AWAY)
    deliver()

    (message,) = mail.outbox
    assert (message.to, message.subject) == ([ADA], "New sign-in to your TokenOps account")
    (html,) = (part.content for part in message.alternatives)
    for body in (message.body, html):
        assert AWAY in body
        assert "Firefox on Linux" in body
        assert " UTC" in body
        assert f"{settings.BASE_URL}{reverse('usersessions_list')}" in body


def test_a_new_browser_at_a_known_address_is_mailed(ada):
    arrive()

    sign_in(Client(headers={"user-agent": "curl/8"}, REMOTE_ADDR=HOME), ADA)
    deliver()

    assert len(mail.outbox) == 1


def test_a_known_device_is_no_news_even_after_an_update_and_signing_out(ada):
    first = arrive()
    first.post(reverse("account_logout"))

    arrive(version=151)
    deliver()

    assert mail.outbox == []
    assert KnownDevice.objects.count() == 1


def test_each_place_is_news_once(ada):
    for address in (HOME, AWAY, AWAY, HOME):
        arrive(address)
    deliver()

    assert len(mail.outbox) == 1


def test_a_sign_in_that_failed_or_waits_for_the_second_step_is_no_news(ada):
    set_up(Client(), ADA)
    mail.outbox.clear()

    client = arrive(AWAY)
    client.post(reverse("mfa_authenticate"), {"code": "000000x"})
    deliver()

    assert not is_signed_in(client)
    assert mail.outbox == []


def test_signing_in_sends_nothing_itself_and_leaves_the_mail_due(ada, django_capture_on_commit_callbacks):
    arrive()

    with django_capture_on_commit_callbacks() as after_commit:
        client = arrive(AWAY)

    assert is_signed_in(client)
    assert mail.outbox == []
    (notice,) = SignInNotice.objects.all()
    assert (notice.user, notice.email, notice.address) == (ada, ADA, AWAY)
    assert list(WorkDue.objects.values_list("task", "organization_id", "object_id")) == [
        ("tenants.mail_sign_in", None, notice.pk)
    ]
    assert len(after_commit) == 1  # the hint to the worker


def test_nothing_is_left_of_the_place_when_the_mail_is_sent_and_no_second_mail_follows(ada):
    arrive()
    arrive(AWAY)
    (notice,) = SignInNotice.objects.all()

    for _run in range(2):
        tasks.mail_sign_in(organization_id=None, object_id=notice.pk)

    assert len(mail.outbox) == 1
    assert not SignInNotice.objects.exists()
    assert not WorkDue.objects.exists()


def test_a_lost_message_is_found_by_the_sweep(ada, monkeypatch):
    arrive()
    arrive(AWAY)
    handed_out = []
    monkeypatch.setattr(work, "enqueue", lambda task, **ids: handed_out.append((task, ids)))
    WorkDue.objects.update(due_at=NOW - timedelta(minutes=1))

    core_tasks.dispatch_work()

    (notice,) = SignInNotice.objects.all()
    assert handed_out == [("tenants.mail_sign_in", {"organization_id": None, "object_id": notice.pk})]


def test_two_workers_at_once_send_one_mail(committed_db, monkeypatch):
    monkeypatch.setattr(work, "enqueue", lambda task, **ids: None)
    ada = make_user(ADA)
    for address in (HOME, AWAY):
        sign_ins.record_sign_in(user=ada, origin=Origin(address, "curl/8"), now=NOW)
    (notice,) = SignInNotice.objects.all()
    together = threading.Barrier(2)

    def run() -> None:
        try:
            together.wait()
            sign_in_mail.send(notice_id=notice.pk, now=NOW)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=run) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert len(mail.outbox) == 1
    assert not SignInNotice.objects.exists()


def test_the_mail_of_a_worker_that_died_is_sent_by_the_next_with_the_same_id(ada):
    arrive()
    arrive(AWAY)
    (notice,) = SignInNotice.objects.all()
    now = notice.created_at
    SignInNotice.objects.update(claimed_at=now)

    sign_in_mail.send(notice_id=notice.pk, now=now + timedelta(minutes=2))
    assert mail.outbox == []  # the other one may be at it still
    sign_in_mail.send(notice_id=notice.pk, now=now + timedelta(minutes=4))

    (message,) = mail.outbox
    assert message.extra_headers["Message-ID"] == f"<sign-in-{notice.pk}@127.0.0.1>"


def test_a_mail_server_that_is_down_keeps_nobody_out_and_is_tried_again_for_a_day(ada, settings, caplog):
    arrive()
    mailers = settings.MAILERS
    options = {"host": "127.0.0.1", "port": 1, "timeout": 1}
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}}
    caplog.set_level(logging.ERROR)

    assert is_signed_in(arrive(AWAY))
    deliver()

    assert "a mail about a sign-in could not be sent" in caplog.text
    assert ADA not in caplog.text
    settings.MAILERS = mailers
    deliver()
    assert len(mail.outbox) == 1


def test_news_that_nobody_could_send_for_a_day_is_dropped(ada):
    arrive()
    arrive(AWAY)
    (notice,) = SignInNotice.objects.all()

    sign_in_mail.send(notice_id=notice.pk, now=notice.created_at + timedelta(days=1, seconds=1))

    assert mail.outbox == []
    assert not SignInNotice.objects.exists()
    assert not WorkDue.objects.exists()


def test_the_mail_goes_where_the_person_could_be_reached_at_that_moment(ada):
    arrive()
    arrive(AWAY)
    ada.emailaddress_set.update(email="eve@example.test")

    deliver()

    assert [message.to for message in mail.outbox] == [[ADA]]


def test_a_deleted_account_gets_no_mail(ada):
    arrive()
    arrive(AWAY)
    accounts.delete_account(actor=ada, confirmation=ADA, now=NOW)

    deliver()

    assert mail.outbox == []
    assert not WorkDue.objects.exists()


def test_a_sign_in_that_is_rolled_back_leaves_no_news(ada):
    arrive()

    with transaction.atomic():
        assert sign_ins.record_sign_in(user=ada, origin=Origin(AWAY, "curl/8"), now=NOW)
        transaction.set_rollback(True)

    assert not SignInNotice.objects.exists()
    assert not WorkDue.objects.exists()


def test_places_are_forgotten_after_half_a_year(ada):
    away = Origin(AWAY, "curl/8")
    sign_ins.record_sign_in(user=ada, origin=Origin(HOME, "curl/8"), now=NOW)
    assert sign_ins.record_sign_in(user=ada, origin=away, now=NOW + timedelta(days=1))

    later = NOW + timedelta(days=180, hours=1)

    assert not sign_ins.record_sign_in(user=ada, origin=away, now=later)
    assert KnownDevice.objects.count() == 1


def test_no_address_is_stored_and_people_do_not_share_places(ada):
    eve, origin = make_user("eve@example.test"), Origin(HOME, "curl/8")
    for user in (ada, eve):
        sign_ins.record_sign_in(user=user, origin=origin, now=NOW)

    digests = {bytes(digest) for digest in KnownDevice.objects.values_list("digest", flat=True)}

    assert len(digests) == 2
    assert not any(HOME.encode() in digest for digest in digests)
