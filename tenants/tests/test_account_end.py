"""Deleting one's own account: who may, what goes, and what stays without a name."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import psycopg
import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.utils import DatabaseError
from django.test import Client

from conftest import make_user
from core.databases import APP, EDGE
from core.scope import org_scope
from tenants import accounts, audit_log, invitations, key_services, members, services
from tenants.audit_log import Verified
from tenants.models import ApiKey, AuditEntry, Invitation, Membership, Organization, OrganizationSettings, User
from tenants.permissions import Role, Scope
from tenants.tests.people import join, override, owner_of, role_of, signed_in

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
PASSWORD = "correct horse battery"


def end(user: User) -> None:
    accounts.delete_account(actor=user, confirmation=user.email, now=NOW)


def proved(email: str) -> Client:
    """A client that has just typed its password."""
    client = Client()
    client.post("/accounts/login/", {"login": email, "password": PASSWORD})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def test_nothing_of_the_person_stays_but_what_they_did(acme, acme_project, scope):
    ada = join(acme, "ada@example.test", Role.ADMIN)
    EmailAddress.objects.create(user=ada, email="second@example.test", verified=True)
    override(acme_project, ada, Role.MEMBER)
    issued = key_services.create_key(organization=acme, actor=ada, name="ci", scopes=[Scope.READ], project=acme_project)
    members.set_role(organization=acme, actor=owner_of(acme), user=ada, role=Role.MEMBER)
    signed_in(ada)
    sessions = Session.objects.count()

    end(ada)

    assert not User.objects.filter(email="ada@example.test").exists()
    assert not EmailAddress.objects.filter(email__endswith="@example.test").exists()
    assert not Membership.objects.filter(user_id=ada.pk).exists()
    assert Session.objects.count() == sessions - 1
    with scope(acme):
        key = ApiKey.objects.get(pk=issued.key.pk)
        assert (key.created_by, key.revoked_at) == (None, None)
        by_ada = AuditEntry.objects.filter(actor_user_id=ada.pk)
        assert list(by_ada.order_by("pk").values_list("action", "actor_name", "address", "user_agent")) == [
            ("key.created", "", "", ""),
            ("member.account_deleted", "", "", ""),
        ]
        about_ada = AuditEntry.objects.get(action="member.role_changed")
        assert (about_ada.personal, about_ada.actor_name) == ({}, "owner@acme.test")


@pytest.mark.parametrize("email", ["ada@example.test", "second@example.test"])
def test_invitations_to_the_person_go_and_their_names_in_the_log(acme, globex, scope, email):
    ada = join(acme, "ada@example.test", Role.VIEWER)
    EmailAddress.objects.create(user=ada, email="second@example.test", verified=True)
    issued = invitations.invite(organization=globex, actor=owner_of(globex), email=email, role=Role.VIEWER, now=NOW)
    invitations.accept(token=issued.token, actor=ada, now=NOW)
    invitations.invite(organization=globex, actor=owner_of(globex), email="bob@x.test", role=Role.VIEWER, now=NOW)

    end(ada)

    with scope(globex):
        assert list(Invitation.objects.values_list("email", flat=True)) == ["bob@x.test"]
        personal = AuditEntry.objects.filter(target_kind="invitation").order_by("pk").values_list("personal", flat=True)
        assert list(personal) == [{}, {}, {"email": "bob@x.test"}]


def test_the_chain_of_the_audit_log_holds_afterwards(committed_db):
    boss = make_user("boss@example.test")
    acme = services.create_organization(actor=boss, name="Acme")
    ada = join(acme, "ada@example.test", Role.ADMIN)
    services.create_project(organization=acme, actor=ada, name="Web")

    end(ada)

    with org_scope(acme.pk):
        assert audit_log.verify(organization=acme) == Verified(3)
        assert AuditEntry.objects.get(action="project.created").actor_name == ""


def test_other_people_keep_theirs(acme, globex, scope):
    ada, bob = join(acme, "ada@example.test", Role.ADMIN), join(acme, "bob@example.test", Role.ADMIN)
    services.create_project(organization=acme, actor=bob, name="Bobs")
    client = signed_in(bob)

    end(ada)

    assert client.get("/o/acme/projects/").status_code == HTTPStatus.OK
    assert role_of(acme, bob) == Role.ADMIN
    with scope(acme):
        assert AuditEntry.objects.get(facts__name="Bobs").actor_name == "bob@example.test"


def test_the_last_owner_of_others_must_hand_over_first(acme, globex):
    boss = owner_of(acme)
    join(acme, "ada@example.test", Role.ADMIN)

    with pytest.raises(ValidationError, match="Hand over Acme first"):
        end(boss)

    assert role_of(acme, boss) == Role.OWNER
    assert [held.slug for held in accounts.organizations_held_by(user=boss)] == ["acme"]


def test_after_handing_over_the_account_may_end(acme):
    boss, ada = owner_of(acme), join(acme, "ada@example.test", Role.ADMIN)
    members.transfer_ownership(organization=acme, actor=boss, user=ada)

    end(boss)

    assert list(Membership.objects.values_list("user_id", "role")) == [(ada.pk, Role.OWNER)]


def test_an_organization_nobody_else_is_in_is_deleted_with_its_days_of_grace(acme, scope):
    boss = owner_of(acme)
    issued = invitations.invite(organization=acme, actor=boss, email="new@example.test", role=Role.OWNER, now=NOW)

    assert accounts.organizations_held_by(user=boss) == []
    end(boss)

    with scope(acme):
        assert OrganizationSettings.objects.get().delete_at == NOW + timedelta(days=7)
    found = invitations.find(token=issued.token, now=NOW)
    assert found
    assert found.state == "revoked"


@pytest.mark.parametrize("confirmation", ["", "ada", "bob@example.test", "ada@example.test.evil"])
def test_another_word_deletes_nothing(acme, confirmation):
    ada = join(acme, "ada@example.test", Role.VIEWER)

    with pytest.raises(ValidationError, match="Type your address"):
        accounts.delete_account(actor=ada, confirmation=confirmation, now=NOW)

    assert role_of(acme, ada) == Role.VIEWER


# --- The database ---


def test_who_is_still_a_member_cannot_be_forgotten(acme):
    boss = owner_of(acme)

    with pytest.raises(DatabaseError, match="still a member"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select forget_person(%s)", [boss.pk])

    assert User.objects.filter(pk=boss.pk).exists()


def test_names_in_the_log_are_blanked_by_the_function_and_by_nothing_else(acme):
    with pytest.raises(DatabaseError, match="permission denied"), org_scope(acme.pk):
        AuditEntry.objects.update(actor_name="")
    edge = psycopg.connect(settings.DATABASE.conninfo(EDGE), autocommit=True)
    with edge, pytest.raises(psycopg.errors.InsufficientPrivilege):
        edge.execute("select forget_person(1)")
    assert connection.settings_dict["USER"] == APP


def test_every_reference_to_a_person_is_one_the_function_can_undo(db):
    """A table that refers to what a person has (two steps away) must go before (see delete_account), or by itself."""
    with connection.cursor() as cursor:
        cursor.execute("""
            select second.conrelid::regclass::text, second.confrelid::regclass::text from pg_constraint first
            join pg_constraint second on second.confrelid = first.conrelid and second.contype = 'f'
            where first.contype = 'f' and first.confrelid = 'users'::regclass
              and exists (select from pg_attribute a where a.attrelid = first.conrelid
                          and a.attnum = first.conkey[1] and a.attnotnull)
              and second.conrelid <> second.confrelid and second.confdeltype not in ('c', 'n')""")
        assert set(cursor.fetchall()) == {
            ("account_emailconfirmation", "account_emailaddress"),
            ("socialaccount_socialtoken", "socialaccount_socialaccount"),
        }


# --- The page ---


def test_who_did_not_just_sign_in_shows_first_that_it_is_them(acme):
    ada = join(acme, "ada@example.test", Role.VIEWER)
    client = signed_in(ada)

    for answer in (client.get("/account/delete/"), client.post("/account/delete/", {"confirmation": ada.email})):
        assert answer["Location"].startswith("/accounts/reauthenticate/?")

    assert role_of(acme, ada) == Role.VIEWER


def test_the_account_is_deleted_and_signed_out(acme):
    join(acme, "ada@example.test", Role.VIEWER)
    client = proved("ada@example.test")
    assert "ada@example.test" in client.get("/account/delete/").text

    wrong = client.post("/account/delete/", {"confirmation": "bob@example.test"})
    assert wrong.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Type your address to confirm." in wrong.text
    answer = client.post("/account/delete/", {"confirmation": "ADA@example.test"}, follow=True)

    assert answer.redirect_chain[-1][0] == "/accounts/login/"
    assert "Your account is deleted." in answer.text
    assert not User.objects.filter(email="ada@example.test").exists()
    assert client.get("/")["Location"] == "/accounts/login/"


def test_the_last_owner_reads_which_organizations_need_another(acme: Organization):
    join(acme, "ada@example.test", Role.VIEWER)
    client = proved("owner@acme.test")

    page = client.get("/account/delete/").text
    answer = client.post("/account/delete/", {"confirmation": "owner@acme.test"})

    assert 'href="/o/acme/members/"' in page
    assert 'name="confirmation"' not in page
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Hand over Acme first." in answer.text
