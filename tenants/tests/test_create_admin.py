import io

import pytest
from allauth.account.models import EmailAddress
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from conftest import make_user
from tenants import accounts
from tenants.models import User

PASSWORD = "correct horse battery"


def create_admin(monkeypatch, email: str, typed: str = PASSWORD + "\n") -> str:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    said = io.StringIO()
    call_command("create_admin", email=email, password_stdin=True, stdout=said)
    return said.getvalue()


def can_sign_in(email: str, password: str) -> bool:
    client = Client()
    client.post(reverse("account_login"), {"login": email, "password": password})
    return "_auth_user_id" in client.session


def test_a_new_administrator_can_sign_in_at_once(db, monkeypatch):
    said = create_admin(monkeypatch, "Root@Example.test")

    user = User.objects.get()
    assert (user.email, user.is_staff, user.is_active) == ("root@example.test", True, True)
    assert EmailAddress.objects.filter(user=user, email=user.email, verified=True, primary=True).exists()
    assert can_sign_in("root@example.test", PASSWORD)
    assert said == "Root@Example.test was created as an instance administrator.\n"


def test_running_it_again_changes_only_the_password_given(db, monkeypatch):
    create_admin(monkeypatch, "root@example.test")

    said = create_admin(monkeypatch, "ROOT@example.test", "another good phrase\n")

    assert User.objects.count() == EmailAddress.objects.count() == 1
    assert can_sign_in("root@example.test", "another good phrase")
    assert said == "ROOT@example.test is an instance administrator.\n"


def test_an_existing_account_becomes_an_administrator_and_keeps_its_password(db):
    make_user("ada@example.test")
    EmailAddress.objects.update(verified=False)

    call_command("create_admin", email="ada@example.test", stdout=io.StringIO())

    assert User.objects.get().is_staff
    assert EmailAddress.objects.get().verified
    assert can_sign_in("ada@example.test", PASSWORD)


def test_a_second_verified_address_does_not_take_over(db):
    user = make_user("ada@example.test")
    EmailAddress.objects.update(email="ada@other.test")

    accounts.make_instance_admin(email="ada@example.test", password=None)

    assert set(EmailAddress.objects.filter(user=user).values_list("email", "primary")) == {
        ("ada@other.test", True),
        ("ada@example.test", False),
    }


@pytest.mark.parametrize(
    ("email", "typed", "reason"),
    [
        ("root@example.test", "short\n", "too short"),
        ("root@example.test", "\n", "too short"),
        ("not an address", PASSWORD + "\n", "valid email address"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(db, monkeypatch, email, typed, reason):
    with pytest.raises(CommandError, match=reason):
        create_admin(monkeypatch, email, typed)

    assert not User.objects.exists()


def test_passwords_that_differ_are_refused(db, monkeypatch):
    answers = iter([PASSWORD, PASSWORD + "!"])
    monkeypatch.setattr("tenants.management.commands.create_admin.getpass", lambda _prompt: next(answers))

    with pytest.raises(CommandError, match="differ"):
        call_command("create_admin", email="root@example.test")

    assert not User.objects.exists()


def test_a_password_typed_twice_is_taken(db, monkeypatch):
    monkeypatch.setattr("tenants.management.commands.create_admin.getpass", lambda _prompt: PASSWORD)

    call_command("create_admin", email="root@example.test", stdout=io.StringIO())

    assert can_sign_in("root@example.test", PASSWORD)


def test_a_new_account_needs_a_password(db):
    with pytest.raises(ValueError, match="needs a password"):
        accounts.make_instance_admin(email="root@example.test", password=None)
