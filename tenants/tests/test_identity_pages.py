"""The buttons, and the page of connected accounts."""

import pytest
from allauth.socialaccount.models import SocialAccount
from django.core import mail
from django.test import Client
from django.urls import reverse

from conftest import make_user
from tenants.models import User
from tenants.tests import totp
from tenants.tests.identity import come_back, configure, is_signed_in, leave, sign_in_there

ADA = "ada@example.test"
PAGE = "/accounts/connections/"


@pytest.fixture
def ada(db) -> Client:
    """With a password, which she has just typed."""
    make_user(ADA)
    client = Client()
    totp.sign_in(client, ADA)
    client.post(reverse("account_reauthenticate"), {"password": totp.PASSWORD})
    mail.outbox.clear()
    return client


def connect(client: Client, issuer, provider: str = "oidc"):
    return sign_in_there(client, issuer, provider, process="connect")


# --- Offered or not ---


def test_nobody_is_offered_where_nobody_is_configured(anonymous, ada):
    for path in ("/accounts/login/", "/accounts/signup/"):
        assert "Continue with" not in anonymous.get(path).text
    assert "Connections" not in ada.get("/accounts/email/").text


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("path", [PAGE, "/accounts/sign-in/address/"])
def test_there_are_no_pages_where_nobody_is_configured(ada, path, method):
    assert getattr(ada, method)(path).status_code == 404


@pytest.mark.parametrize("provider", ["oidc", "github", "google", "openid_connect", "x"])
def test_who_is_not_configured_is_not_there(ada, provider):
    assert ada.post(f"/accounts/sign-in/{provider}/").status_code == 404
    assert ada.get(f"/accounts/sign-in/{provider}/callback/").status_code == 404


def test_who_is_not_configured_is_not_there_beside_one_who_is(issuer, anonymous):
    assert anonymous.post("/accounts/sign-in/google/").status_code == 404
    assert anonymous.post("/accounts/sign-in/openid_connect/").status_code == 404


def test_there_is_no_way_in_with_a_token_or_under_old_addresses(issuer, anonymous):
    for path in (
        "/accounts/oidc/oidc/login/",
        "/accounts/github/login/",
        "/accounts/3rdparty/",
        "/accounts/social/signup/",
    ):
        assert anonymous.get(path).status_code == 404, path


@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/signup/"])
def test_everybody_configured_has_a_button_that_keeps_the_way_on(issuer, anonymous, path):
    page = anonymous.get(path + "?next=/account/organizations/").text

    assert "Continue with Acme ID" in page
    assert "Continue with GitHub" in page
    assert page.count('action="/accounts/sign-in/') == 2
    assert page.count('value="/account/organizations/"') >= 3


def test_a_link_begins_nothing(issuer, anonymous):
    assert anonymous.get("/accounts/sign-in/oidc/").status_code == 405

    assert issuer.asked == []


def test_another_site_begins_nothing(issuer, db):
    assert Client(enforce_csrf_checks=True).post("/accounts/sign-in/oidc/").status_code == 403

    assert issuer.asked == []


def test_strangers_are_sent_to_sign_in(issuer, anonymous):
    assert anonymous.get(PAGE)["Location"] == f"/accounts/login/?next={PAGE}"
    assert anonymous.post(PAGE, {"connection": "1"})["Location"] == f"/accounts/login/?next={PAGE}"


def test_the_page_for_an_address_needs_somebody_who_waits_for_it(issuer, anonymous):
    assert anonymous.get("/accounts/sign-in/address/")["Location"] == "/accounts/login/"


# --- Connecting ---


def test_an_empty_page_says_what_to_do(issuer, ada):
    page = ada.get(PAGE).text

    assert "Nothing is connected" in page
    assert "Connect Acme ID" in page
    assert "Connections" in ada.get("/accounts/email/").text


def test_a_connected_account_opens_this_one_and_the_person_is_told(issuer, ada):
    issuer.person["email"] = "other@example.test"

    assert connect(ada, issuer)["Location"] == PAGE

    page = ada.get(PAGE).text
    assert "Acme ID" in page
    assert "other@example.test" in page
    (message,) = mail.outbox
    assert (message.to, message.subject) == ([ADA], "An account at Acme ID opens your TokenOps account now")
    assert "Was it you?" in message.body
    elsewhere = Client()
    sign_in_there(elsewhere, issuer)
    assert is_signed_in(elsewhere)
    assert User.objects.get().email == ADA


def test_connecting_takes_the_password_first_and_then_goes_on(issuer, db):
    make_user(ADA)
    client = Client()
    totp.sign_in(client, ADA)

    answer = client.post("/accounts/sign-in/oidc/", {"process": "connect"})
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert issuer.asked == []
    leaving = client.post(answer["Location"], {"password": totp.PASSWORD})

    assert "On to Acme ID" in leaving.text


def test_a_stranger_who_says_connect_only_signs_in(issuer, anonymous):
    connect(anonymous, issuer)

    assert is_signed_in(anonymous)
    assert SocialAccount.objects.get().user.email == ADA


def test_an_account_elsewhere_opens_one_account_here(issuer, ada):
    issuer.person["email"] = "eve@example.test"
    sign_in_there(Client(), issuer)

    connect(ada, issuer)

    page = ada.get(PAGE).text
    assert "That account opens another account here already." in page
    assert SocialAccount.objects.get().user.email == "eve@example.test"
    assert "_auth_user_id" in ada.session


def test_the_address_of_somebody_else_connects_nothing_even_from_a_trusted_provider(issuer, ada, settings):
    configure(settings, issuer, TRUSTED_IDENTITY_PROVIDERS="oidc")
    make_user("eve@example.test")
    issuer.person["email"] = "eve@example.test"

    connect(ada, issuer)

    assert not SocialAccount.objects.exists()
    assert User.objects.get(pk=ada.session["_auth_user_id"]).email == ADA


def test_connecting_twice_changes_nothing(issuer, ada):
    for _time in range(2):
        connect(ada, issuer)

    assert SocialAccount.objects.count() == 1
    assert "It was connected already." in ada.get(PAGE).text


def test_who_signs_out_before_coming_back_connects_nothing(issuer, ada):
    url = issuer.approve(leave(ada, process="connect"))
    ada.post(reverse("account_logout"))

    come_back(ada, url)

    assert not SocialAccount.objects.exists()


# --- Disconnecting ---


def disconnect(client: Client, **changes: str):
    account = SocialAccount.objects.first()
    return client.post(PAGE, {"connection": str(account.pk) if account else "1"} | changes)


def test_a_disconnected_account_opens_nothing_any_more(issuer, ada):
    connect(ada, issuer)
    mail.outbox.clear()

    assert disconnect(ada)["Location"] == PAGE

    assert not SocialAccount.objects.exists()
    assert [message.subject for message in mail.outbox] == [
        "An account at Acme ID no longer opens your TokenOps account"
    ]
    assert sign_in_there(Client(), issuer).status_code == 409


def test_disconnecting_takes_the_password(issuer, ada):
    connect(ada, issuer)
    later = Client()
    totp.sign_in(later, ADA)

    assert disconnect(later)["Location"].startswith("/accounts/reauthenticate/")

    assert SocialAccount.objects.count() == 1


def test_the_last_way_in_stays(issuer, anonymous):
    sign_in_there(anonymous, issuer)

    answer = disconnect(anonymous)

    assert answer.status_code == 422
    assert "Set a password first: this is the only way into your account." in answer.text
    assert 'href="/accounts/password/set/"' in answer.text
    assert SocialAccount.objects.count() == 1


def test_a_way_that_is_not_offered_any_more_is_no_way_in(issuer, anonymous, settings):
    sign_in_there(anonymous, issuer)
    issuer.person = {"id": 5, "login": "ada"}
    connect(anonymous, issuer, "github")
    assert SocialAccount.objects.count() == 2
    settings.SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]
    }  # GitHub is gone

    page = anonymous.get(PAGE).text
    assert "not offered here any more" in page
    assert disconnect(anonymous).status_code == 422
    of_github = SocialAccount.objects.get(provider="github")
    assert disconnect(anonymous, connection=str(of_github.pk)).status_code == 302

    assert list(SocialAccount.objects.values_list("provider", flat=True)) == ["oidc"]


def test_of_two_ways_one_may_go(issuer, anonymous):
    sign_in_there(anonymous, issuer)
    issuer.person = {"id": 5, "login": "ada"}
    connect(anonymous, issuer, "github")

    disconnect(anonymous)

    assert SocialAccount.objects.count() == 1


def test_nobody_disconnects_what_is_somebody_elses(issuer, ada):
    issuer.person["email"] = "eve@example.test"
    sign_in_there(Client(), issuer)

    assert disconnect(ada).status_code == 302

    assert SocialAccount.objects.count() == 1


@pytest.mark.parametrize("chosen", ["", "x", "-1", "٣", "9" * 30])
def test_rubbish_disconnects_nothing(issuer, ada, chosen):
    connect(ada, issuer)

    assert disconnect(ada, connection=chosen).status_code in {302, 422}

    assert SocialAccount.objects.count() == 1
