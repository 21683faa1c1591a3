"""What is believed of an ID token: everything of an honest one, nothing of any other."""

import base64
import json
import time

import jwt
import pytest

from tenants.identity import claims
from tenants.identity.claims import InvalidTokenError
from tests.issuer import private_key

ISSUER, AUDIENCE = "https://id.acme.test", "tokenops"


def told(**changes):
    now = int(time.time())
    honest = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "iat": now, "exp": now + 300}
    return {name: value for name, value in (honest | changes).items() if value is not None}


def public(name="right", **changes):
    found = jwt.algorithms.RSAAlgorithm.to_jwk(private_key(name).public_key(), as_dict=True)
    return found | {"kid": "1", "use": "sig", "alg": "RS256"} | changes


def token(payload, *, key="right", algorithm="RS256", **header):
    return jwt.encode(payload, private_key(key), algorithm=algorithm, headers={"kid": "1"} | header)


def verified(id_token, *keys):
    return claims.verified(id_token, keys={"keys": list(keys) or [public()]}, issuer=ISSUER, audience=AUDIENCE)


def test_an_honest_token_is_believed():
    payload = told(email="ada@example.test")

    assert verified(token(payload)) == payload


def test_clocks_may_differ_by_a_minute():
    now = int(time.time())

    assert verified(token(told(iat=now + 50, exp=now - 10)))["sub"] == "ada"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.test"},
        {"iss": ISSUER + "/"},
        {"iss": None},
        {"aud": "another-client"},
        {"aud": None},
        {"aud": [AUDIENCE, "another-client"]},
        {"aud": [AUDIENCE, "another-client"], "azp": "another-client"},
        {"exp": 1},
        {"exp": None},
        {"iat": None},
        {"iat": 4_102_444_800},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
    ],
    ids=str,
)
def test_a_token_that_is_not_from_there_for_us_now_about_somebody_is_refused(changes):
    with pytest.raises(InvalidTokenError):
        verified(token(told(**changes)))


def test_one_made_for_several_and_given_to_us_is_ours():
    assert verified(token(told(aud=[AUDIENCE, "api"], azp=AUDIENCE)))["aud"] == [AUDIENCE, "api"]


def test_another_key_is_refused_under_the_same_name():
    with pytest.raises(InvalidTokenError):
        verified(token(told(), key="wrong"))


def test_no_signature_is_refused():
    head, body, _signature = token(told()).split(".")
    none = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": "1"}).encode()).rstrip(b"=").decode()

    for unsigned in (f"{none}.{body}.", f"{head}.{body}."):
        with pytest.raises(InvalidTokenError):
            verified(unsigned)


def test_a_token_signed_with_the_public_key_as_a_shared_secret_is_refused():
    shared = jwt.encode(told(), "known to everybody, and long enough for it", "HS256", headers={"kid": "1"})

    for keys in ([public()], [{"kty": "oct", "kid": "1", "alg": "HS256", "k": "a25vd24"}]):
        with pytest.raises(InvalidTokenError):
            verified(shared, *keys)


@pytest.mark.parametrize(
    "keys",
    [
        [public(kid="2")],
        [public(use="enc")],
        [public(), public("wrong")],
        [{"kty": "unheard of", "kid": "1"}],
    ],
    ids=["another name", "not for signing", "two of one name", "unknown kind"],
)
def test_without_exactly_one_fitting_key_nothing_is_believed(keys):
    with pytest.raises(InvalidTokenError):
        verified(token(told()), *keys)


def test_a_token_without_a_name_of_its_key_takes_the_only_one():
    unnamed = jwt.encode(told(), private_key("right"), "RS256")

    assert verified(unnamed)["sub"] == "ada"
    with pytest.raises(InvalidTokenError):
        verified(unnamed, public(), public("wrong", kid="2"))


@pytest.mark.parametrize("rubbish", ["", "x", "a.b.c", "e30.e30.e30"])
def test_rubbish_is_refused(rubbish):
    with pytest.raises(InvalidTokenError):
        verified(rubbish)


# --- The person ---


def test_address_and_name_are_kept_and_the_rest_is_not():
    found = claims.person(
        told(email="a@b.test", email_verified=True, name="Ada", picture="https://x", groups=["x"]), {}
    )

    assert found == {
        "identity": claims.identity(ISSUER, "ada"),
        "email": "a@b.test",
        "email_verified": True,
        "name": "Ada",
    }


@pytest.mark.parametrize("value", [None, False, "true", 1, "yes"])
def test_only_true_is_verified(value):
    assert claims.person(told(email="a@b.test", email_verified=value), {})["email_verified"] is False


def test_userinfo_fills_in_what_the_token_does_not_say():
    found = claims.person(
        told(name="Ada"), {"sub": "ada", "name": "other", "email": "a@b.test", "email_verified": True}
    )

    assert (found["name"], found["email"], found["email_verified"]) == ("Ada", "a@b.test", True)


def test_the_two_words_about_an_address_are_not_mixed():
    told_both = told(email="a@b.test"), {"sub": "ada", "email": "c@d.test", "email_verified": True}

    assert claims.person(*told_both)["email_verified"] is False


@pytest.mark.parametrize("userinfo", [{"sub": "eve", "email": "ada@example.test"}, {"email": "ada@example.test"}])
def test_userinfo_about_somebody_else_is_refused(userinfo):
    with pytest.raises(InvalidTokenError):
        claims.person(told(), userinfo)


def test_another_issuers_people_are_other_people():
    assert claims.identity(ISSUER, "1") != claims.identity("https://other.test", "1")
    assert claims.identity(ISSUER, "1") == claims.identity(ISSUER, "1")
