from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from core import keys
from tenants import key_services
from tenants.models import ApiKeyLookup, User
from tenants.tests.keys import issue_key

ME = "/api/v1/me"
UNAUTHENTICATED = "https://tokenops.dev/problems/unauthenticated"


@pytest.fixture
def issue(acme):
    return partial(issue_key, acme)


def refused(answer, detail):
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="TokenOps"'
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": UNAUTHENTICATED,
        "title": "These credentials are not valid.",
        "status": 401,
        "detail": detail,
    }
    return True


@pytest.mark.parametrize(
    "headers",
    [
        {"TS-API-Key": "{}"},
        {"X-TokenOps-Key": "{}"},
        {"X-API-Key": "{}"},
        {"Authorization": "Bearer {}"},
        {"Authorization": "bearer   {} "},
        {"TS-API-Key": " {} ", "X-API-Key": "{}", "Authorization": "Bearer {}"},
        {"X-API-Key": "{}", "Authorization": "Basic dTpw"},
        {"X-API-Key": "{}", "TS-API-Key": ""},
    ],
)
def test_a_key_in_any_of_the_headers_is_read(anonymous, issue, headers):
    text = issue().text

    answer = anonymous.get(ME, headers={name: value.format(text) for name, value in headers.items()})

    assert answer.status_code == 200
    assert answer.json()["key"]["prefix"] == keys.prefix_of(text)


@pytest.mark.parametrize("other", ["TS-API-Key", "X-TokenOps-Key", "Authorization"])
def test_two_different_keys_are_refused_even_when_both_are_valid(anonymous, issue, other):
    scheme = "Bearer " if other == "Authorization" else ""

    answer = anonymous.get(ME, headers={"X-API-Key": issue().text, other: scheme + issue().text})

    assert refused(answer, "The request carries two different API keys.")


def test_without_credentials(anonymous):
    answer = anonymous.get(ME)

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="TokenOps"'
    assert answer.json() == {"type": UNAUTHENTICATED, "title": "No credentials were given.", "status": 401}


@pytest.mark.parametrize(
    "text", ["x", "tko_", "tko_12345678_" + "a" * 40, "sk-proj-1234", "tko_\x00", "ключ", "Bearer x"]
)
def test_what_is_not_a_key_is_refused_and_not_repeated(anonymous, db, text):
    assert refused(anonymous.get(ME, headers={"X-API-Key": text}), "This is not a TokenOps API key.")


def test_an_unknown_key_is_refused(anonymous, db):
    assert refused(anonymous.get(ME, headers={"X-API-Key": keys.generate().text}), "This API key is not known.")


def test_a_known_prefix_with_another_secret_is_refused(anonymous, issue):
    stranger = keys.generate()
    ApiKeyLookup.objects.filter(key_id=issue().key.pk).update(prefix=stranger.prefix)

    assert refused(anonymous.get(ME, headers={"X-API-Key": stranger.text}), "This API key is not known.")


def test_a_revoked_key_is_refused(anonymous, acme, issue):
    issued = issue()
    key_services.revoke_key(organization=acme, actor=None, key=issued.key, now=datetime.now(UTC))

    assert refused(anonymous.get(ME, headers={"X-API-Key": issued.text}), "This API key has been revoked.")


def test_a_key_works_until_it_expires(anonymous, issue):
    now = datetime.now(UTC)
    valid, expired = issue(expires_at=now + timedelta(hours=1)), issue(expires_at=now)

    assert anonymous.get(ME, headers={"X-API-Key": valid.text}).status_code == 200
    assert refused(anonymous.get(ME, headers={"X-API-Key": expired.text}), "This API key has expired.")


def test_a_key_beside_a_session_is_what_counts(owner, issue):
    assert owner.get(ME, headers={"X-API-Key": issue().text}).json()["kind"] == "key"
    assert owner.get(ME).json()["kind"] == "user"


def test_a_bad_key_beside_a_session_is_refused(owner):
    assert refused(owner.get(ME, headers={"X-API-Key": "nonsense"}), "This is not a TokenOps API key.")


def test_a_person_who_was_deactivated_is_a_stranger(owner):
    User.objects.update(is_active=False)

    assert owner.get(ME).status_code == 401
