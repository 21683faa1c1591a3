"""The list of one's own sessions, and the end of one from another device."""

from http import HTTPStatus

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client
from django.urls import reverse

from conftest import make_user
from tenants.models import User
from tenants.tests.totp import sign_in

ADA = "ada@example.test"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"


@pytest.fixture
def ada(db: None) -> User:
    return make_user(ADA)


def browser(agent: str = "", address: str = "127.0.0.1") -> Client:
    return Client(headers={"user-agent": agent}, REMOTE_ADDR=address)


def is_signed_in(client: Client) -> bool:
    return client.get("/")["Location"] != reverse("account_login")


def session_of(client: Client) -> UserSession:
    return UserSession.objects.get(session_key=client.session.session_key)


def test_the_list_shows_where_one_is_signed_in(ada):
    here, there = browser(FIREFOX), browser("curl/8", "198.51.100.7")
    sign_in(here, ADA)
    sign_in(there, ADA)

    page = here.get(reverse("usersessions_list")).text

    assert "Firefox on Linux" in page
    assert "198.51.100.7" in page
    assert page.count("This device") == 1
    assert page.count(">Sign out</button>") == 1


def test_a_session_ends_from_another_device(ada):
    here, there = browser(), browser()
    sign_in(here, ADA)
    sign_in(there, ADA)

    answer = here.post(reverse("tenants:session-end", args=[session_of(there).pk]), follow=True)

    assert "That device is signed out." in answer.text
    assert not is_signed_in(there)
    assert is_signed_in(here)
    assert UserSession.objects.count() == 1


def test_everything_else_ends_at_once(ada):
    here, there, elsewhere = browser(), browser(), browser()
    for client in (here, there, elsewhere):
        sign_in(client, ADA)

    here.post(reverse("usersessions_list"))

    assert [is_signed_in(client) for client in (here, there, elsewhere)] == [True, False, False]


def test_a_session_of_somebody_else_does_not_exist(ada):
    make_user("eve@example.test")
    here, eve = browser(), browser()
    sign_in(here, ADA)
    sign_in(eve, "eve@example.test")

    answer = eve.post(reverse("tenants:session-end", args=[session_of(here).pk]))

    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert "This device" in eve.get(reverse("usersessions_list")).text
    assert is_signed_in(here)


def test_the_own_session_is_not_ended_here(ada):
    here = browser()
    sign_in(here, ADA)

    answer = here.post(reverse("tenants:session-end", args=[session_of(here).pk]))

    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert is_signed_in(here)


def test_a_new_password_signs_every_other_device_out(ada):
    here, there = browser(), browser()
    sign_in(here, ADA)
    sign_in(there, ADA)
    changed = {"oldpassword": "correct horse battery", "password1": "another good phrase"}

    here.post(reverse("account_change_password"), changed | {"password2": changed["password1"]})

    assert is_signed_in(here)
    assert not is_signed_in(there)
