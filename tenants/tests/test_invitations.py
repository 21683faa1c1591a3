"""Inviting by e-mail, from the form to the membership; and every way in which a link is not good."""

import re
import threading
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings as django_settings
from django.core import mail
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connections
from django.test import Client
from django.utils import timezone

from conftest import make_organization, make_user
from core.scope import org_scope
from tenants import invitations
from tenants.invitations import MOST_PENDING, VALID_FOR, Issued, NotYoursError
from tenants.models import Invitation, InvitationLookup, Membership, Organization, ProjectRole, User
from tenants.permissions import Role
from tenants.tests.people import actions, join, overrides, owner_of, role_of, signed_in

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
PASSWORD = "correct horse battery"
LINK = re.compile(r"https?://\S+/invitations/\S+/")


@pytest.fixture
def boss(acme: Organization) -> User:
    return owner_of(acme)


def invite(acme: Organization, email: str = "ada@example.test", role: str = Role.MEMBER, **more: Any) -> Issued:
    facts = {"now": NOW} | more
    if "actor" not in facts:
        facts["actor"] = owner_of(acme)
    return invitations.invite(organization=acme, email=email, role=role, **facts)


def state(acme: Organization, issued: Issued, now: datetime = NOW) -> str:
    with org_scope(acme.pk):
        return Invitation.objects.get(pk=issued.invitation.pk).state(now)


# --- Services ---


def test_of_the_link_only_a_digest_is_stored(acme):
    issued = invite(acme, "  Ada@Example.TEST ")

    lookup = InvitationLookup.objects.get()
    assert bytes(lookup.digest) == invitations.digest(issued.token)
    assert (lookup.organization_id, lookup.expires_at) == (acme.pk, NOW + VALID_FOR)
    with org_scope(acme.pk):
        row = Invitation.objects.values().get()
    assert issued.token not in str(row) + repr(issued)
    assert (row["email"], row["role"]) == ("ada@example.test", "member")
    assert actions(acme) == ["invitation.created"]


def test_who_has_the_address_joins_once(acme):
    issued, ada = invite(acme), make_user("ada@example.test")

    assert invitations.accept(token=issued.token, actor=ada, now=NOW) == acme
    with pytest.raises(ValidationError, match="not valid any more"):
        invitations.accept(token=issued.token, actor=ada, now=NOW)

    assert role_of(acme, ada) == Role.MEMBER
    assert state(acme, issued) == "accepted"
    assert actions(acme) == ["invitation.created", "invitation.accepted"]


def test_a_used_link_lets_nobody_in_again(acme, boss):
    issued, ada = invite(acme), make_user("ada@example.test")
    invitations.accept(token=issued.token, actor=ada, now=NOW)
    Membership.objects.filter(user=ada).delete()

    with pytest.raises(ValidationError):
        invitations.accept(token=issued.token, actor=ada, now=NOW)

    assert role_of(acme, ada) is None


def test_the_role_in_a_project_comes_with_the_invitation(acme, acme_project):
    issued, ada = (
        invite(acme, role=Role.NONE, project=acme_project, project_role=Role.VIEWER),
        make_user("ada@example.test"),
    )

    invitations.accept(token=issued.token, actor=ada, now=NOW)

    assert (role_of(acme, ada), overrides(acme, ada)) == (Role.NONE, {"web": "viewer"})


def test_a_confirmed_second_address_counts_and_an_unconfirmed_one_does_not(acme):
    issued, ada = invite(acme, "second@example.test"), make_user("ada@example.test")
    address = EmailAddress.objects.create(user=ada, email="second@example.test", verified=False)

    with pytest.raises(NotYoursError):
        invitations.accept(token=issued.token, actor=ada, now=NOW)
    address.verified = True
    address.save()
    invitations.accept(token=issued.token, actor=ada, now=NOW)

    assert role_of(acme, ada) == Role.MEMBER


def test_another_persons_link_is_good_for_nothing(acme, globex):
    issued, stranger = invite(acme), owner_of(globex)

    with pytest.raises(NotYoursError):
        invitations.accept(token=issued.token, actor=stranger, now=NOW)

    assert role_of(acme, stranger) is None
    assert state(acme, issued) == "pending"


@pytest.mark.parametrize(("late", "joins"), [(timedelta(microseconds=-1), True), (timedelta(0), False)])
def test_a_link_ends_with_its_time(acme, late, joins):
    issued, ada = invite(acme), make_user("ada@example.test")
    then = NOW + VALID_FOR + late

    if joins:
        invitations.accept(token=issued.token, actor=ada, now=then)
    else:
        with pytest.raises(ValidationError):
            invitations.accept(token=issued.token, actor=ada, now=then)

    assert (role_of(acme, ada) == Role.MEMBER) is joins


def test_a_revoked_link_ends_at_once_and_for_good(acme, boss):
    issued, ada = invite(acme), make_user("ada@example.test")

    for _ in range(2):
        invitations.revoke(organization=acme, actor=boss, invitation=issued.invitation, now=NOW)
    with pytest.raises(ValidationError):
        invitations.accept(token=issued.token, actor=ada, now=NOW)
    with pytest.raises(ValidationError, match="is over"):
        invitations.resend(organization=acme, actor=boss, invitation=issued.invitation, now=NOW)

    assert role_of(acme, ada) is None
    assert actions(acme) == ["invitation.created", "invitation.revoked"]


def test_sending_again_replaces_the_link_and_gives_the_full_time(acme, boss):
    issued, ada = invite(acme), make_user("ada@example.test")
    later = NOW + timedelta(days=30)

    again = invitations.resend(organization=acme, actor=boss, invitation=issued.invitation, now=later)

    assert invitations.find(token=issued.token, now=later) is None
    with pytest.raises(ValidationError, match="not known"):
        invitations.accept(token=issued.token, actor=ada, now=later)
    invitations.accept(token=again.token, actor=ada, now=later + VALID_FOR - timedelta(seconds=1))
    assert role_of(acme, ada) == Role.MEMBER


@pytest.mark.parametrize("token", ["", "x", "a" * 10_000, "ä\x00"])
def test_an_invented_link_finds_nothing(acme, token):
    invite(acme)

    assert invitations.find(token=token, now=NOW) is None


@pytest.mark.parametrize("email", ["", "not an address", "a" * 250 + "@example.test", "a@b\x00.test"])
def test_what_is_no_address_is_refused(acme, email):
    with pytest.raises(ValidationError) as refused:
        invite(acme, email)

    assert "email" in refused.value.message_dict
    assert not InvitationLookup.objects.exists()
    assert actions(acme) == []


def test_a_member_is_not_invited_by_any_of_their_addresses(acme):
    ada = join(acme, "ada@example.test", Role.VIEWER)
    EmailAddress.objects.create(user=ada, email="second@example.test", verified=True)

    for email in ("ADA@example.test", "second@example.test"):
        with pytest.raises(ValidationError, match="member already"):
            invite(acme, email)


def test_an_address_has_one_open_invitation_and_a_new_one_after_its_time(acme, globex):
    first = invite(acme)
    invite(globex)

    with pytest.raises(ValidationError, match="invited already"):
        invite(acme, "ADA@example.test")
    second = invite(acme, now=NOW + VALID_FOR)

    assert state(acme, first) == "revoked"
    assert state(acme, second) == "pending"


def test_an_organization_sends_so_many_mails_and_no_more(acme):
    with org_scope(acme.pk):
        Invitation.objects.bulk_create(
            Invitation(organization=acme, email=f"p{number}@example.test", role=Role.VIEWER, expires_at=NOW + VALID_FOR)
            for number in range(MOST_PENDING)
        )

    with pytest.raises(ValidationError, match="At most 100"):
        invite(acme)

    assert not InvitationLookup.objects.exists()


@pytest.mark.parametrize(
    ("role", "given", "allowed"),
    [
        (Role.OWNER, Role.OWNER, True),
        (Role.ADMIN, Role.ADMIN, True),
        (Role.ADMIN, Role.OWNER, False),
        (Role.MEMBER, Role.VIEWER, False),
        (Role.NONE, Role.NONE, False),
    ],
)
def test_nobody_invites_above_their_rights(acme, role, given, allowed):
    actor = join(acme, "actor@example.test", role)

    if allowed:
        invite(acme, role=given, actor=actor)
    else:
        with pytest.raises(PermissionDenied):
            invite(acme, role=given, actor=actor)

    assert InvitationLookup.objects.exists() is allowed


def test_an_admin_neither_sends_nor_revokes_an_owners_invitation(acme):
    issued, ada = invite(acme, role=Role.OWNER), join(acme, "admin@example.test", Role.ADMIN)

    for attempt in (invitations.resend, invitations.revoke):
        with pytest.raises(PermissionDenied):
            attempt(organization=acme, actor=ada, invitation=issued.invitation, now=NOW)

    assert state(acme, issued) == "pending"


def test_who_became_a_member_meanwhile_keeps_their_role(acme):
    issued = invite(acme, role=Role.ADMIN)
    ada = join(acme, "ada@example.test", Role.VIEWER)

    with pytest.raises(ValidationError, match="member already"):
        invitations.accept(token=issued.token, actor=ada, now=NOW)

    assert role_of(acme, ada) == Role.VIEWER


def test_a_link_that_is_clicked_twice_at_once_joins_once(committed_db):
    acme = make_organization("Acme")
    issued, ada = invite(acme), make_user("ada@example.test")
    start, refused = threading.Barrier(2), []

    def click():
        try:
            start.wait(timeout=20)
            invitations.accept(token=issued.token, actor=ada, now=NOW)
        except ValidationError as error:
            refused.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=click) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert len(refused) == 1
    assert Membership.objects.filter(organization=acme, user=ada).count() == 1


# --- Pages ---


def invite_by_page(client: Client, callbacks: Any, **data: str) -> Any:
    with callbacks(execute=True):
        return client.post("/o/acme/members/invite/", {"email": "ada@example.test", "role": "member"} | data)


def mailed_path() -> str:
    found = LINK.search(str(mail.outbox[-1].body))
    assert found
    return "/" + found[0].split("/", 3)[3]


def test_the_mail_has_the_link_in_text_and_html_and_the_page_has_not(owner, django_capture_on_commit_callbacks):
    answer = invite_by_page(owner, django_capture_on_commit_callbacks)

    assert answer["Location"] == "/o/acme/members/"
    message: Any = mail.outbox[0]
    (html,) = (part.content for part in message.alternatives)
    assert (message.to, message.subject) == (["ada@example.test"], "Join Acme on TokenOps")
    assert "owner@acme.test invites you to Acme" in message.body
    assert html.count(f'{mailed_path()}"') == 1
    page = owner.get("/o/acme/members/").text
    assert "ada@example.test" in page
    assert "/invitations/" + mailed_path().split("/")[2] not in page


def test_a_new_person_comes_in_by_the_link_alone(owner, settings, django_capture_on_commit_callbacks):
    settings.SIGNUP = "invite"
    invite_by_page(owner, django_capture_on_commit_callbacks)
    path, ada = mailed_path(), Client()

    landing = ada.get(path).text
    assert "a…@…" in landing
    assert "ada@example.test" not in landing
    data = {"email": "ada@example.test", "password1": PASSWORD, "next": path}
    answer = ada.post("/accounts/signup/", data)

    assert answer["Location"] == path
    assert len(mail.outbox) == 1  # nothing to confirm: the link was in a mail to this address
    assert EmailAddress.objects.get(email="ada@example.test").verified
    assert ada.post(path)["Location"] == "/?organization=acme"
    assert ada.get("/o/acme/projects/").status_code == HTTPStatus.OK


def test_only_the_invited_address_signs_up_by_it(owner, settings, django_capture_on_commit_callbacks):
    settings.SIGNUP = "invite"
    invite_by_page(owner, django_capture_on_commit_callbacks)
    client = Client()
    client.get(mailed_path())

    answer = client.post("/accounts/signup/", {"email": "eve@example.test", "password1": PASSWORD})

    assert "Use the address the invitation was sent to." in answer.text
    assert not User.objects.filter(email="eve@example.test").exists()


@pytest.mark.parametrize("policy", ["invite", "closed"])
def test_without_a_pending_invitation_sign_up_stays_closed(acme, settings, policy, boss):
    settings.SIGNUP = policy
    issued = invite(acme, now=timezone.now())
    client = Client()
    client.get(f"/invitations/{issued.token}/")
    if policy == "invite":
        assert "Sign-up is closed" not in client.get("/accounts/signup/").text
        invitations.revoke(organization=acme, actor=boss, invitation=issued.invitation, now=timezone.now())

    answer = client.post("/accounts/signup/", {"email": "ada@example.test", "password1": PASSWORD})

    assert "Sign-up is closed" in answer.text
    assert not User.objects.filter(email="ada@example.test").exists()


def test_on_an_open_instance_another_address_still_has_to_be_confirmed(acme, settings):
    settings.SIGNUP = "open"
    client = Client()
    client.get(f"/invitations/{invite(acme, now=timezone.now()).token}/")

    client.post("/accounts/signup/", {"email": "eve@example.test", "password1": PASSWORD})

    assert not EmailAddress.objects.get(email="eve@example.test").verified
    assert [message.to for message in mail.outbox] == [["eve@example.test"]]


def test_somebody_with_an_account_signs_in_and_joins(acme):
    issued, ada = invite(acme, now=timezone.now()), make_user("ada@example.test")
    path, client = f"/invitations/{issued.token}/", Client()

    assert client.post(path)["Location"] == f"/accounts/login/?next={path}"
    answer = client.post("/accounts/login/", {"login": "ada@example.test", "password": PASSWORD, "next": path})

    assert answer["Location"] == path
    assert "Join Acme" in client.get(path).text
    assert role_of(acme, ada) is None
    client.post(path)
    assert role_of(acme, ada) == Role.MEMBER


def test_another_persons_link_says_so_without_the_address(acme, outsider):
    path = f"/invitations/{invite(acme, now=timezone.now()).token}/"

    for answer in (outsider.get(path), outsider.post(path)):
        assert answer.status_code == HTTPStatus.FORBIDDEN
        assert "This invitation is for a…@…" in answer.text
        assert "ada@example.test" not in answer.text

    assert Membership.objects.filter(organization=acme).count() == 1


@pytest.mark.parametrize(
    ("end", "status", "words"),
    [
        ("expire", 410, "has expired"),
        ("revoke", 410, "was taken back"),
        ("accept", 410, "was used already"),
        ("replace", 404, "link is not valid"),
    ],
)
def test_a_link_that_is_over_says_why(acme, boss, end, status, words):
    now = timezone.now()
    issued = invite(acme, now=now - VALID_FOR if end == "expire" else now)
    facts = {"organization": acme, "actor": boss, "invitation": issued.invitation, "now": now}
    match end:
        case "revoke":
            invitations.revoke(**facts)
        case "replace":
            invitations.resend(**facts)
        case "accept":
            invitations.accept(token=issued.token, actor=make_user("ada@example.test"), now=now)

    for client in (Client(), signed_in(boss)):
        for answer in (client.get(f"/invitations/{issued.token}/"), client.post(f"/invitations/{issued.token}/")):
            assert answer.status_code == status
            assert words in answer.text


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"email": "nonsense"}, "Enter a valid email address."),
        ({"role": "emperor"}, "not one of the available choices"),
        ({"project_role": "viewer"}, "Choose both a project and a role"),
        ({"project": "999999", "project_role": "viewer"}, "not one of the available choices"),
    ],
)
def test_a_wrong_form_comes_back_with_what_was_typed(owner, django_capture_on_commit_callbacks, data, message):
    answer = invite_by_page(owner, django_capture_on_commit_callbacks, **data)

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert message in answer.text
    assert data.get("email", "ada@example.test") in answer.text
    assert mail.outbox == []


def test_an_admin_cannot_smuggle_an_owner_into_the_form(admin, acme, django_capture_on_commit_callbacks):
    answer = invite_by_page(admin, django_capture_on_commit_callbacks, role="owner")

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert not InvitationLookup.objects.exists()
    assert mail.outbox == []


def test_a_foreign_project_cannot_be_named(owner, globex, django_capture_on_commit_callbacks):
    with org_scope(globex.pk):
        foreign = ProjectRole._meta.get_field("project").related_model.objects.get()

    answer = invite_by_page(owner, django_capture_on_commit_callbacks, project=str(foreign.pk), project_role="viewer")

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY


def test_sending_again_sends_a_mail_with_another_link(owner, acme, django_capture_on_commit_callbacks):
    invite_by_page(owner, django_capture_on_commit_callbacks)
    first = mailed_path()
    with org_scope(acme.pk):
        (pk,) = Invitation.objects.values_list("pk", flat=True)

    with django_capture_on_commit_callbacks(execute=True):
        owner.post(f"/o/acme/invitations/{pk}/resend/")

    assert len(mail.outbox) == 2
    assert mailed_path() != first
    assert Client().get(first).status_code == HTTPStatus.NOT_FOUND
    assert Client().get(mailed_path()).status_code == HTTPStatus.OK


def test_a_foreign_invitation_is_not_found(outsider, owner, acme, globex):
    issued = invite(acme)

    for name in ("resend", "revoke"):
        assert outsider.post(f"/o/acme/invitations/{issued.invitation.pk}/{name}/").status_code == 404
        assert outsider.post(f"/o/globex/invitations/{issued.invitation.pk}/{name}/").status_code == 404

    assert state(acme, issued) == "pending"
    assert mail.outbox == []


def test_a_mail_server_that_is_down_loses_no_invitation(committed_db, settings):
    options = {"host": "127.0.0.1", "port": 1, "timeout": 1}
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}}
    owner = signed_in(owner_of(make_organization("Acme")))

    answer = owner.post("/o/acme/members/invite/", {"email": "ada@example.test", "role": "member"}, follow=True)

    assert "The mail could not be sent." in answer.text
    assert "Send again" in answer.text


def test_links_lead_to_the_base_url_whatever_host_was_asked(owner, settings, django_capture_on_commit_callbacks):
    settings.ALLOWED_HOSTS, settings.BASE_URL = ["*"], "https://tokenops.example.com"

    with django_capture_on_commit_callbacks(execute=True):
        owner.post(
            "/o/acme/members/invite/",
            {"email": "ada@example.test", "role": "member"},
            headers={"host": "evil.example.net"},
        )

    assert "https://tokenops.example.com/invitations/" in str(mail.outbox[0].body)
    assert "evil.example.net" not in str(mail.outbox[0].body)


def test_a_digest_needs_the_pepper(settings):
    before = invitations.digest("x")

    settings.KEY_PEPPER = django_settings.KEY_PEPPER + "!"

    assert invitations.digest("x") != before
