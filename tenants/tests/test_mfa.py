"""Two-step sign-in with an authenticator app and with recovery codes."""

import base64
from http import HTTPStatus

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client
from django.urls import reverse

from conftest import make_user
from core import crypto
from tenants.mfa import MfaAdapter
from tenants.models import User
from tenants.tests.totp import code, offered_secret, set_up, sign_in

ADA = "ada@example.test"


@pytest.fixture
def ada(db: None) -> User:
    return make_user(ADA)


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def second_step(client: Client, entered: str):
    return client.post(reverse("mfa_authenticate"), {"code": entered})


def test_with_an_app_the_password_alone_opens_nothing(ada):
    secret, _codes = set_up(Client(), ADA)
    client = Client()

    first = sign_in(client, ADA)

    assert first["Location"] == reverse("mfa_authenticate")
    assert not is_signed_in(client)
    assert client.get("/")["Location"] == reverse("account_login")

    second = second_step(client, code(secret, steps_ahead=1))

    assert second["Location"] == reverse("home")
    assert is_signed_in(client)


def test_a_code_works_once(ada):
    secret, _codes = set_up(Client(), ADA)
    used = code(secret, steps_ahead=1)
    first, replay = Client(), Client()
    sign_in(first, ADA)
    sign_in(replay, ADA)

    assert second_step(first, used)["Location"] == reverse("home")

    assert "Incorrect code" in second_step(replay, used).text
    assert not is_signed_in(replay)


def test_a_wrong_code_sets_nothing_up_and_keeps_the_secret(ada):
    client = Client()
    secret = offered_secret(client, ADA)
    wrong = f"{(int(code(secret)) + 5) % 1_000_000:06}"

    page = client.post(reverse("mfa_activate_totp"), {"code": wrong})

    assert "Incorrect code" in page.text
    assert page.context["form"].secret == secret
    assert not Authenticator.objects.exists()


def test_guessing_codes_is_stopped_even_when_the_last_guess_is_right(ada):
    secret, _codes = set_up(Client(), ADA)
    client = Client()
    sign_in(client, ADA)
    for _ in range(5):
        second_step(client, "x")

    page = second_step(client, code(secret, steps_ahead=1))

    assert "Too many failed login attempts" in page.text
    assert not is_signed_in(client)


def test_a_recovery_code_opens_the_account_once(ada):
    _secret, codes = set_up(Client(), ADA)
    assert len(set(codes)) == 10
    first, replay = Client(), Client()
    sign_in(first, ADA)
    sign_in(replay, ADA)

    assert second_step(first, codes[3])["Location"] == reverse("home")

    assert "Incorrect code" in second_step(replay, codes[3]).text
    assert not is_signed_in(replay)
    assert "9 codes left" in first.get(reverse("mfa_index")).text


def test_recovery_codes_are_shown_once(ada):
    client = Client()
    _secret, codes = set_up(client, ADA)

    again = client.get(reverse("mfa_view_recovery_codes"))

    assert not any(shown in again.text for shown in codes)
    assert "10 of 10 codes are left" in again.text
    assert client.get(reverse("mfa_download_recovery_codes")).status_code == HTTPStatus.FORBIDDEN


def test_new_recovery_codes_replace_the_old_ones(ada):
    client = Client()
    _secret, old = set_up(client, ADA)
    client.post(reverse("mfa_generate_recovery_codes"))
    new = client.get(reverse("mfa_view_recovery_codes")).context["unused_codes"]
    other = Client()
    sign_in(other, ADA)

    assert not set(new) & set(old)
    assert "Incorrect code" in second_step(other, old[0]).text
    assert second_step(other, new[0])["Location"] == reverse("home")


def test_turning_the_app_off_takes_the_recovery_codes_with_it(ada):
    client = Client()
    set_up(client, ADA)

    client.post(reverse("mfa_deactivate_totp"))

    assert not Authenticator.objects.exists()
    assert sign_in(Client(), ADA)["Location"] == reverse("home")


@pytest.mark.parametrize("name", ["mfa_activate_totp", "mfa_generate_recovery_codes"])
def test_changing_factors_asks_for_the_password_again(ada, name):
    client = Client()
    client.force_login(ada)  # a session somebody found open

    asked = client.get(reverse(name))

    assert asked["Location"].startswith(reverse("account_reauthenticate"))
    assert client.post(reverse(name), {"code": "123456"})["Location"].startswith(reverse("account_reauthenticate"))
    assert not Authenticator.objects.exists()


def test_seeds_lie_encrypted_in_the_database(ada):
    secret, codes = set_up(Client(), ADA)

    stored = {row.type: row.data for row in Authenticator.objects.all()}

    assert set(stored) == {"totp", "recovery_codes"}
    text = str(stored)
    assert secret not in text
    assert base64.b32decode(secret).hex() not in text
    assert not any(shown in text for shown in codes)
    assert MfaAdapter().decrypt(stored["totp"]["secret"]) == secret


def test_a_stored_seed_opens_only_with_the_installations_key(ada, settings):
    sealed = MfaAdapter().encrypt("seed")
    assert MfaAdapter().encrypt("seed") != sealed

    settings.ENCRYPTION_KEY = "another key that is long enough for anybody"

    with pytest.raises(crypto.DecryptionError):
        MfaAdapter().decrypt(sealed)


def test_a_change_of_factors_is_mailed_in_our_words(committed_db):
    make_user(ADA)
    client = Client()
    secret = offered_secret(client, ADA)
    mail.outbox.clear()

    client.post(reverse("mfa_activate_totp"), {"code": code(secret)})

    (message,) = mail.outbox
    assert message.to == [ADA]
    assert message.subject == "Your TokenOps account has an authenticator app now"
    assert "Address: 127.0.0.1" in message.body
    assert secret not in message.body


def test_the_account_pages_have_one_first_heading(ada):
    client = Client()
    set_up(client, ADA)

    for name in ("mfa_index", "mfa_deactivate_totp", "mfa_generate_recovery_codes", "usersessions_list"):
        assert client.get(reverse(name)).text.count("<h1>") == 1, name
