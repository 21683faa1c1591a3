import logging
from http import HTTPStatus
from typing import Any

import pytest
from django.core import mail
from django.test import RequestFactory
from django.urls import reverse

from conftest import make_user
from tenants.adapter import AccountAdapter, public_url


@pytest.fixture
def public(settings) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.BASE_URL = "https://tokenops.example.com"


def test_links_in_mails_lead_to_the_base_url_whatever_host_was_asked(anonymous, public):
    make_user("ada@example.test")

    anonymous.post(
        reverse("account_reset_password"), {"email": "ada@example.test"}, headers={"host": "evil.example.net"}
    )

    message: Any = mail.outbox[0]
    body = str(message.body)
    assert "https://tokenops.example.com/accounts/password/reset/key/" in body
    assert "evil.example.net" not in body + str(message.alternatives)


def test_on_this_machine_links_stay_on_the_host_that_holds_the_session(public):
    request = RequestFactory(headers={"host": "localhost:8000"}, REMOTE_ADDR="127.0.0.1").get("/")

    assert public_url(request, "http://localhost:8000/accounts/x/?a=b") == "http://localhost:8000/accounts/x/?a=b"


def test_a_public_url_keeps_path_and_query(public):
    request = RequestFactory(headers={"host": "10.0.0.1"}).get("/")

    assert public_url(request, "http://10.0.0.1/accounts/x/?a=b") == "https://tokenops.example.com/accounts/x/?a=b"


def test_rate_limits_count_the_client_behind_a_trusted_proxy(settings):
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    request = RequestFactory(headers={"x-forwarded-for": "198.51.100.1"}, REMOTE_ADDR="10.0.0.5").get("/")

    assert AccountAdapter(request).get_client_ip(request) == "198.51.100.1"


def test_addresses_are_lower_case():
    assert AccountAdapter().clean_email("Ada@Example.TEST") == "ada@example.test"


def test_a_mail_server_that_is_down_is_said_and_logged_without_the_address(anonymous, settings, caplog):
    closed_port = 1
    options = {"host": "127.0.0.1", "port": closed_port, "timeout": 1}
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}}
    caplog.set_level(logging.ERROR)

    page = anonymous.post(
        reverse("account_signup"), {"email": "ada@example.test", "password1": "correct horse battery"}, follow=True
    )

    assert page.status_code == HTTPStatus.OK
    assert "The mail could not be sent." in page.text
    assert "a mail could not be sent" in caplog.text
    assert "ada@example.test" not in caplog.text
