"""The way in: sign up, confirm, sign in, forget the password, leave."""

import re
from http import HTTPStatus
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.urls import reverse

from conftest import make_user
from tenants.models import User

PASSWORD = "correct horse battery"
LINK = re.compile(r"http://\S+")
ANOTHER = "another good phrase"


@pytest.fixture
def ada(db: None) -> User:
    return make_user("ada@example.test")


def sign_up(client: Client, email: str, password: str = PASSWORD) -> Any:
    return client.post(reverse("account_signup"), {"email": email, "password1": password})


def mailed_path() -> str:
    """The path of the first link in the newest mail."""
    found = LINK.search(str(mail.outbox[-1].body))
    assert found
    return "/" + found[0].split("/", 3)[3]


def test_signing_up_sends_a_link_that_signs_in_and_leads_on(anonymous):
    answer = sign_up(anonymous, "Ada@Example.TEST")

    assert answer["Location"] == reverse("account_email_verification_sent")
    assert mail.outbox[0].to == ["ada@example.test"]
    assert User.objects.get().email == "ada@example.test"
    assert anonymous.get("/")["Location"] == reverse("account_login")

    confirmed = anonymous.get(mailed_path())

    assert confirmed["Location"] == reverse("home")
    assert EmailAddress.objects.get().verified
    assert anonymous.get("/")["Location"] == reverse("tenants:organization-create")


def test_the_mail_has_a_text_and_an_html_part_with_the_same_link(anonymous):
    sign_up(anonymous, "ada@example.test")

    message: Any = mail.outbox[0]
    (html,) = (part.content for part in message.alternatives)
    found = LINK.search(str(message.body))
    assert found
    assert message.subject == "Confirm your address for TokenOps"
    assert html.count(f'href="{found[0]}"') == 1


def test_the_link_in_another_browser_confirms_but_signs_nobody_in(anonymous):
    sign_up(anonymous, "ada@example.test")
    elsewhere = Client()

    answer = elsewhere.get(mailed_path())

    assert answer["Location"] == reverse("account_login")
    assert EmailAddress.objects.get().verified
    assert elsewhere.get("/")["Location"] == reverse("account_login")


def test_a_used_or_invented_link_explains_itself(anonymous):
    sign_up(anonymous, "ada@example.test")
    path = mailed_path()
    Client().get(path)

    for stale in (path, reverse("account_confirm_email", args=["invented"])):
        answer = Client().get(stale)

        assert answer.status_code == HTTPStatus.OK
        assert "This link no longer works" in answer.text


def test_without_a_confirmed_address_nobody_signs_in(anonymous):
    sign_up(anonymous, "ada@example.test")

    answer = Client().post(reverse("account_login"), {"login": "ada@example.test", "password": PASSWORD})

    assert answer["Location"] == reverse("account_email_verification_sent")


@pytest.mark.parametrize(("password", "reason"), [("short", "too short"), ("password1234", "too common")])
def test_a_weak_password_is_refused_beside_its_field(anonymous, password, reason):
    answer = sign_up(anonymous, "ada@example.test", password)

    assert reason in answer.text
    assert 'value="ada@example.test"' in answer.text
    assert not User.objects.exists()


@pytest.mark.parametrize("policy", ["invite", "closed"])
def test_sign_up_that_is_not_open_takes_nobody(anonymous, settings, policy):
    settings.SIGNUP = policy

    page, attempt = anonymous.get(reverse("account_signup")), sign_up(anonymous, "ada@example.test")

    assert "Sign-up is closed" in page.text
    assert "Sign-up is closed" in attempt.text
    assert not User.objects.exists()
    assert mail.outbox == []


@pytest.mark.parametrize(("policy", "is_offered"), [("open", True), ("invite", False), ("closed", False)])
def test_the_sign_in_page_offers_an_account_only_where_there_is_one_to_have(anonymous, settings, policy, is_offered):
    settings.SIGNUP = policy

    page = anonymous.get(reverse("account_login"))

    assert (reverse("account_signup") in page.text) is is_offered


def test_signing_up_with_a_known_address_answers_as_for_a_new_one(anonymous, ada):
    known = sign_up(anonymous, "ADA@example.test")
    unknown = sign_up(Client(), "grace@example.test")

    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert [message.subject for message in mail.outbox] == [
        "You have a TokenOps account already",
        "Confirm your address for TokenOps",
    ]
    assert User.objects.filter(email__iexact="ada@example.test").count() == 1


def test_signing_in_takes_any_spelling_of_the_address(anonymous, ada):
    answer = anonymous.post(reverse("account_login"), {"login": "ADA@example.test", "password": PASSWORD})

    assert answer["Location"] == reverse("home")
    assert anonymous.get("/")["Location"] == reverse("tenants:organization-create")


def test_an_unknown_user_and_a_wrong_password_get_the_same_answer(anonymous, ada):
    wrong = anonymous.post(reverse("account_login"), {"login": "ada@example.test", "password": "not it at all"})
    unknown = anonymous.post(reverse("account_login"), {"login": "eve@example.test", "password": "not it at all"})

    assert wrong.status_code == unknown.status_code == HTTPStatus.OK
    assert wrong.context["form"].errors == unknown.context["form"].errors
    assert "_auth_user_id" not in anonymous.session


def test_guessing_passwords_is_stopped_even_when_the_last_guess_is_right(anonymous, ada):
    for _ in range(5):
        anonymous.post(reverse("account_login"), {"login": "ada@example.test", "password": "a guess"})

    answer = anonymous.post(reverse("account_login"), {"login": "ada@example.test", "password": PASSWORD})

    assert "Too many failed login attempts" in answer.text
    assert "_auth_user_id" not in anonymous.session


def test_too_many_requests_from_one_address_are_answered_429(anonymous, ada):
    answers = [sign_up(Client(), f"user{number}@example.test", "short").status_code for number in range(21)]

    assert set(answers[:20]) == {HTTPStatus.OK}
    assert answers[20] == HTTPStatus.TOO_MANY_REQUESTS


def test_a_forgotten_password_is_replaced_once_by_a_mailed_link(anonymous, ada):
    asked = anonymous.post(reverse("account_reset_password"), {"email": "ada@example.test"})
    assert asked["Location"] == reverse("account_reset_password_done")
    link = mailed_path()
    form = anonymous.get(link, follow=True)

    done = anonymous.post(form.request["PATH_INFO"], {"password1": ANOTHER, "password2": ANOTHER})

    assert done["Location"] == reverse("account_reset_password_from_key_done")
    login = {"login": "ada@example.test"}
    assert Client().post(reverse("account_login"), login | {"password": PASSWORD}).status_code == HTTPStatus.OK
    assert Client().post(reverse("account_login"), login | {"password": ANOTHER})["Location"] == reverse("home")
    assert "This link no longer works" in Client().get(link, follow=True).text


def test_resetting_the_password_of_an_unknown_address_answers_the_same(anonymous, ada):
    known = anonymous.post(reverse("account_reset_password"), {"email": "ada@example.test"})
    unknown = anonymous.post(reverse("account_reset_password"), {"email": "eve@example.test"})

    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert mail.outbox[-1].subject == "No TokenOps account has this address"
    assert "http" not in str(mail.outbox[-1].body)


def test_leaving_takes_a_post(owner):
    asked = owner.get(reverse("account_logout"))
    assert asked.status_code == HTTPStatus.OK
    assert "_auth_user_id" in owner.session

    left = owner.post(reverse("account_logout"))

    assert left["Location"] == "/"
    assert "_auth_user_id" not in owner.session
    assert owner.get("/")["Location"] == reverse("account_login")


@pytest.mark.parametrize(
    ("name", "heading"),
    [("account_email", "E-mail addresses"), ("account_change_password", "Change your password")],
)
def test_account_pages_have_one_first_heading(ada, name, heading):
    client = Client()
    client.force_login(ada)

    page = client.get(reverse(name)).text

    assert re.findall(r"<h1>(.*?)</h1>", page) == [heading]
