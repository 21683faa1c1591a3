"""Identity providers that are down, confused or lying: a page that says so, a line in the log, and nobody signed in."""

import json
import logging
from urllib.parse import urlencode

import pytest
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from django.urls import reverse

from tenants.models import User
from tenants.tests.identity import come_back, configure, is_signed_in, leave, sign_in_there

DISCOVERY = "/.well-known/openid-configuration"
DOWN = 503
REFUSED = 401


def button(client: Client, provider: str = "oidc"):
    return client.post(reverse("tenants:identity-login", args=[provider]))


def is_nobody(client: Client) -> bool:
    return not is_signed_in(client) and not User.objects.exists() and not SocialAccount.objects.exists()


def test_who_says_no_over_there_is_where_they_were(issuer, anonymous):
    answer = come_back(anonymous, issuer.deny(leave(anonymous)))

    assert answer.status_code == 200
    assert "You stopped at Acme ID" in answer.text
    assert "/accounts/login/" in answer.text
    assert is_nobody(anonymous)


def test_another_error_of_the_provider_is_not_repeated(issuer, anonymous):
    url = issuer.deny(leave(anonymous)).replace("access_denied", "server_error&error_description=<b>call+0900</b>")

    answer = come_back(anonymous, url)

    assert answer.status_code == REFUSED
    assert "Acme ID did not confirm who you are" in answer.text
    assert "0900" not in answer.text
    assert is_nobody(anonymous)


def logged(caplog):
    (record,) = [one for one in caplog.records if one.name == "tenants.identity.adapter"]
    return record.provider, record.reason, record.error


# --- State ---


@pytest.mark.parametrize("query", [{}, {"code": "x"}, {"code": "x", "state": "invented"}, {"error": "access_denied"}])
def test_a_way_back_that_was_not_begun_here_asks_nobody(issuer, anonymous, query):
    answer = anonymous.get(reverse("tenants:identity-callback", args=["oidc"]) + "?" + urlencode(query))

    assert answer.status_code == 400
    assert "This sign-in was not started here" in answer.text
    assert issuer.asked == []
    assert is_nobody(anonymous)


def test_the_way_back_of_another_browser_signs_nobody_in(issuer, anonymous):
    url = issuer.approve(leave(anonymous))
    victim = Client()

    assert come_back(victim, url).status_code == 400

    assert is_nobody(victim)


def test_a_way_back_works_once(issuer, anonymous):
    url = issuer.approve(leave(anonymous))
    come_back(anonymous, url)
    anonymous.logout()

    assert come_back(anonymous, url).status_code == 400

    assert not is_signed_in(anonymous)


def test_the_state_of_one_provider_is_none_of_another(issuer, anonymous):
    url = issuer.approve(leave(anonymous, "github")).replace("/github/", "/oidc/")

    assert come_back(anonymous, url).status_code == 400

    assert is_nobody(anonymous)


def test_a_code_that_was_given_to_another_sign_in_opens_nothing(issuer, anonymous):
    """Its proof (PKCE) is in the browser that began."""
    stolen = issuer.approve(leave(Client())).partition("code=")[2].partition("&")[0]
    mine = issuer.approve(leave(anonymous))
    own = mine.partition("code=")[2].partition("&")[0]

    answer = come_back(anonymous, mine.replace(own, stolen))

    assert answer.status_code == REFUSED
    assert is_nobody(anonymous)


# --- Down ---


def test_a_provider_that_is_down_when_somebody_leaves(issuer, anonymous, settings, caplog):
    configure(settings, issuer, OIDC_ISSUER="http://127.0.0.1:1")
    caplog.set_level(logging.WARNING)

    answer = button(anonymous)

    assert answer.status_code == DOWN
    assert "Acme ID does not answer" in answer.text
    assert logged(caplog) == ("oidc", "unreachable", "ConnectionError")
    assert caplog.records[0].endpoint == f"http://127.0.0.1:1{DISCOVERY}"


@pytest.mark.parametrize("path", [DISCOVERY, "/jwks"])
@pytest.mark.parametrize("status", [404, 500, 503])
def test_a_provider_that_fails_when_somebody_comes_back(issuer, anonymous, path, status):
    url = issuer.approve(leave(anonymous))
    issuer.answers[path] = (status, b"<html>secret detail</html>")

    answer = come_back(anonymous, url)

    assert answer.status_code == DOWN
    assert "secret detail" not in answer.text
    assert is_nobody(anonymous)


# --- Confused ---


@pytest.mark.parametrize("said", [b"", b"not json", b"[]", b"7", b'"x"', b"null", b"{}", b'{"issuer": 7}'])
def test_a_description_that_makes_no_sense(issuer, anonymous, said):
    issuer.answers[DISCOVERY] = (200, said)

    assert button(anonymous).status_code in {REFUSED, DOWN}

    assert is_nobody(anonymous)


@pytest.mark.parametrize("path", ["/token", "/jwks"])
@pytest.mark.parametrize(
    "said",
    [b"", b"not json", b"[]", b"null", b"{}", b'{"access_token": 7}', b'{"access_token": "x", "expires_in": "soon"}',
     b'{"access_token": "x"}', b'{"access_token": "x", "id_token": 7}', b'{"keys": 7}', b'{"keys": [7]}'],
)  # fmt: skip
def test_tokens_and_keys_that_make_no_sense(issuer, anonymous, path, said):
    url = issuer.approve(leave(anonymous))
    issuer.answers[path] = (200, said)

    answer = come_back(anonymous, url)

    assert answer.status_code in {REFUSED, DOWN}
    assert is_nobody(anonymous)


@pytest.mark.parametrize("path", ["/user", "/user/emails", "/login/oauth/access_token"])
@pytest.mark.parametrize("said", [b"", b"not json", b"[7]", b"7", b'{"message": "no"}', b'{"id": ""}'])
def test_a_github_that_makes_no_sense(issuer, anonymous, path, said):
    issuer.person, issuer.emails = {"id": 5}, [{"email": "a@b.test", "primary": True, "verified": True}]
    url = issuer.approve(leave(anonymous, "github"))
    issuer.answers[path] = (200, said)

    answer = come_back(anonymous, url)

    assert answer.status_code in {REFUSED, DOWN}
    assert is_nobody(anonymous)


def test_a_github_that_is_down(issuer, anonymous):
    url = issuer.approve(leave(anonymous, "github"))
    issuer.answers["/user"] = (502, b"")

    answer = come_back(anonymous, url)

    assert answer.status_code == DOWN
    assert "GitHub does not answer" in answer.text


# --- Lying ---


@pytest.mark.parametrize(
    "discovery",
    [
        {"issuer": "https://evil.test"},
        {"authorization_endpoint": None},
        {"token_endpoint": 7},
        {"jwks_uri": None},
    ],
    ids=str,
)
def test_a_description_of_another_issuer_or_half_of_one_leads_nowhere(issuer, anonymous, discovery, caplog):
    issuer.discovery |= discovery
    caplog.set_level(logging.WARNING)

    answer = button(anonymous)

    assert answer.status_code == REFUSED
    assert "issuer" in logged(caplog)[2]
    assert "evil.test" not in answer.text


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.test"},
        {"aud": "another-client"},
        {"exp": 1},
        {"sub": None},
        {"iat": None},
    ],
    ids=str,
)
def test_a_token_of_another_issuer_for_another_client_or_over(issuer, anonymous, claims):
    issuer.claims |= claims

    answer = sign_in_there(anonymous, issuer)

    assert answer.status_code == REFUSED
    assert "Acme ID did not confirm who you are" in answer.text
    assert is_nobody(anonymous)


def test_a_token_that_somebody_else_signed(issuer, anonymous, caplog):
    issuer.signed_with = "wrong"
    caplog.set_level(logging.WARNING)

    assert sign_in_there(anonymous, issuer).status_code == REFUSED

    assert is_nobody(anonymous)
    assert logged(caplog) == ("oidc", "refused", "InvalidSignatureError")
    assert "ada@example.test" not in caplog.text
    assert "an access token" not in caplog.text


def test_userinfo_about_somebody_else(issuer, anonymous):
    del issuer.person["email"]
    issuer.userinfo = {"sub": "eve", "email": "eve@example.test", "email_verified": True}

    assert sign_in_there(anonymous, issuer).status_code == REFUSED

    assert is_nobody(anonymous)


def test_endpoints_without_tls_of_an_issuer_with_it_are_refused(issuer, anonymous, settings, monkeypatch):
    described = {
        "issuer": "https://id.acme.test",
        "authorization_endpoint": "https://id.acme.test/authorize",
        "token_endpoint": "http://id.acme.test/token",
        "jwks_uri": "https://id.acme.test/jwks",
    }
    configure(settings, issuer, OIDC_ISSUER="https://id.acme.test")
    monkeypatch.setattr("tenants.identity.exchange._get", lambda url: dict(described))

    assert button(anonymous).status_code == REFUSED
    described["token_endpoint"] = "https://id.acme.test/token"
    assert button(anonymous).status_code == 200


def test_what_a_provider_says_is_not_logged(issuer, anonymous, caplog):
    url = issuer.approve(leave(anonymous))
    issuer.answers["/token"] = (400, json.dumps({"error": "a secret of the token endpoint"}).encode())
    caplog.set_level(logging.INFO)

    assert come_back(anonymous, url).status_code == REFUSED

    assert logged(caplog) == ("oidc", "refused", "OAuth2Error")
    assert "a secret of the token endpoint" not in caplog.text + str([vars(record) for record in caplog.records])
