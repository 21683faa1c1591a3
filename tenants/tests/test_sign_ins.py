"""The mail about a sign-in from a device or address that was not seen before."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from conftest import make_user
from core.origin import Origin
from tenants import sign_ins
from tenants.models import KnownDevice, User
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


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_the_first_sign_in_ever_is_no_news(ada):
    arrive()

    assert mail.outbox == []
    assert KnownDevice.objects.count() == 1


def test_a_sign_in_from_a_new_address_is_mailed_with_what_is_known_of_it(ada):
    arrive()

    arrive(AWAY)

    (message,) = mail.outbox
    assert (message.to, message.subject) == ([ADA], "New sign-in to your TokenOps account")
    (html,) = (part.content for part in message.alternatives)
    for body in (message.body, html):
        assert AWAY in body
        assert "Firefox on Linux" in body
        assert " UTC" in body
        assert "http://testserver" not in body
        assert reverse("usersessions_list") in body


def test_a_new_browser_at_a_known_address_is_mailed(ada):
    arrive()

    sign_in(Client(headers={"user-agent": "curl/8"}, REMOTE_ADDR=HOME), ADA)

    assert len(mail.outbox) == 1


def test_a_known_device_is_no_news_even_after_an_update_and_signing_out(ada):
    first = arrive()
    first.post(reverse("account_logout"))

    arrive(version=151)

    assert mail.outbox == []
    assert KnownDevice.objects.count() == 1


def test_each_place_is_news_once(ada):
    for address in (HOME, AWAY, AWAY, HOME):
        arrive(address)

    assert len(mail.outbox) == 1


def test_a_sign_in_that_failed_or_waits_for_the_second_step_is_no_news(ada):
    set_up(Client(), ADA)
    mail.outbox.clear()

    client = arrive(AWAY)
    client.post(reverse("mfa_authenticate"), {"code": "000000x"})

    assert not is_signed_in(client)
    assert mail.outbox == []


def test_a_mail_server_that_is_down_keeps_nobody_out(ada, settings, caplog):
    arrive()
    options = {"host": "127.0.0.1", "port": 1, "timeout": 1}
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}}
    caplog.set_level(logging.ERROR)

    client = arrive(AWAY)

    assert is_signed_in(client)
    assert "a mail could not be sent" in caplog.text
    assert ADA not in caplog.text
    assert "could not be sent" not in client.get("/", follow=True).text


def test_places_are_forgotten_after_half_a_year(ada):
    away = Origin(AWAY, "curl/8")
    sign_ins.remember_device(user=ada, origin=Origin(HOME, "curl/8"), now=NOW)
    assert sign_ins.remember_device(user=ada, origin=away, now=NOW + timedelta(days=1))

    later = NOW + timedelta(days=180, hours=1)

    assert not sign_ins.remember_device(user=ada, origin=away, now=later)
    assert KnownDevice.objects.count() == 1


def test_no_address_is_stored_and_people_do_not_share_places(ada):
    eve, origin = make_user("eve@example.test"), Origin(HOME, "curl/8")
    for user in (ada, eve):
        sign_ins.remember_device(user=user, origin=origin, now=NOW)

    digests = {bytes(digest) for digest in KnownDevice.objects.values_list("digest", flat=True)}

    assert len(digests) == 2
    assert not any(HOME.encode() in digest for digest in digests)
