"""``/api/v1/invitations``."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from core.scope import org_scope
from tenants import invitations, services
from tenants.audit import KeyActor
from tenants.models import AuditEntry, Invitation, User
from tenants.permissions import Role, Scope
from tenants.tests.keys import bearer, issue_key

URL = "/api/v1/invitations"
JSON = {"content_type": "application/json"}
OF_ACME = "?organization=acme"
GRACE = {"email": "Grace@Example.test", "role": "viewer"}
NOT_GRANTABLE = "https://tokenops.dev/problems/role-not-grantable"


@pytest.fixture
def manager(acme):
    return bearer(issue_key(acme, scopes=[Scope.MANAGE]))


@pytest.fixture
def bound(acme, acme_project):
    return bearer(issue_key(acme, project=acme_project, scopes=[Scope.MANAGE]))


@pytest.fixture
def post(anonymous, manager, django_capture_on_commit_callbacks):
    """Posts with a key of acme; other ``headers`` replace it."""

    def send(body, *, url=URL, headers=None, client=anonymous):
        with django_capture_on_commit_callbacks(execute=True):
            return client.post(url, body, headers=manager if headers is None else headers, **JSON)

    return send


def invited(organization, email="grace@example.test", role=Role.VIEWER, now=None):
    owner = User.objects.get(email=f"owner@{organization.slug}.test")
    issued = invitations.invite(
        organization=organization, actor=owner, email=email, role=role, now=now or timezone.now()
    )
    return issued.invitation


def states(organization):
    now = timezone.now()
    with org_scope(organization.pk):
        return [one.state(now) for one in Invitation.objects.order_by("pk")]


def test_a_key_invites_and_only_the_mail_has_the_link(post, acme, acme_project):
    answer = post(GRACE | {"project": "web", "project_role": "member"})

    assert answer.status_code == 201
    shown = answer.json()
    assert {name: shown[name] for name in ("email", "role", "project", "project_role", "state", "invited_by")} == {
        "email": "grace@example.test",
        "role": "viewer",
        "project": "web",
        "project_role": "member",
        "state": "pending",
        "invited_by": None,
    }
    (sent,) = mail.outbox
    assert sent.to == ["grace@example.test"]
    assert "The API key “Test” invites you to Acme" in sent.body
    (token,) = re.findall(r"/invitations/([\w-]+)/", sent.body)
    assert token not in answer.content.decode()
    assert invitations.find(token=token, now=timezone.now()).state == "pending"
    with org_scope(acme.pk):
        entry = AuditEntry.objects.get(action="invitation.created")
        assert (entry.actor_kind, entry.actor_name, entry.personal) == ("key", "Test", {"email": "grace@example.test"})


def test_an_idempotent_invitation_is_mailed_once(post, manager, acme):
    for _ in range(2):
        answer = post(GRACE, headers=manager | {"Idempotency-Key": "grace"})
        assert answer.status_code == 201

    assert len(mail.outbox) == 1
    assert states(acme) == ["pending"]


@pytest.mark.parametrize(
    "body",
    [
        {"role": "owner"},
        {"role": "admin"},
        {"role": "none", "project": "web", "project_role": "admin"},
    ],
)
def test_a_key_makes_nobody_an_admin(post, acme, acme_project, body):
    answer = post(GRACE | body)

    assert (answer.status_code, answer.json()["type"]) == (403, NOT_GRANTABLE)
    assert "member, viewer and none" in answer.json()["detail"]
    assert (states(acme), mail.outbox) == ([], [])


def test_the_service_itself_lets_no_key_make_an_admin(acme):
    with pytest.raises(invitations.PermissionDenied):
        invitations.invite(
            organization=acme, actor=KeyActor(1, "CI"), email="x@y.test", role=Role.ADMIN, now=timezone.now()
        )

    assert states(acme) == []


def test_people_invite_up_to_their_own_role(post, owner, admin, member, viewer, outsider, acme):
    def status(client, email, role):
        return post({"email": email, "role": role}, url=URL + OF_ACME, client=client, headers={}).status_code

    assert status(admin, "a@x.test", "owner") == 403
    assert status(admin, "a@x.test", "admin") == 201
    assert status(owner, "b@x.test", "owner") == 201
    assert status(member, "c@x.test", "viewer") == 403
    assert status(viewer, "c@x.test", "viewer") == 403
    assert status(outsider, "c@x.test", "viewer") == 404
    assert states(acme) == ["pending", "pending"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": ""}, "email"),
        ({"email": "nobody"}, "email"),
        ({"email": "owner@acme.test"}, "email"),
        ({"role": "king"}, "role"),
        ({"role": None}, "role"),
        ({"project": "web"}, "project_role"),
        ({"project_role": "viewer"}, "project_role"),
        ({"project": "web", "project_role": "owner"}, "project_role"),
        ({"project": "theirs", "project_role": "viewer"}, "project"),
        ({"token": "mine"}, "token"),
        ({"invited_by": "owner@acme.test"}, "invited_by"),
    ],
)
def test_what_cannot_be_is_refused_by_the_member_that_is_wrong(post, acme, globex, body, field):
    services.create_project(organization=globex, actor=None, name="Theirs")

    answer = post(GRACE | body)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert (states(acme), mail.outbox) == ([], [])


def test_an_address_is_invited_once_at_a_time(post, acme):
    assert post(GRACE).status_code == 201

    again = post(GRACE)

    assert again.status_code == 400
    assert [error["field"] for error in again.json()["errors"]] == ["email"]
    assert states(acme) == ["pending"]


def test_too_many_open_invitations_are_a_conflict(post, acme, monkeypatch):
    monkeypatch.setattr(invitations, "MOST_PENDING", 1)
    invited(acme)

    answer = post(GRACE | {"email": "ada@example.test"})

    assert (answer.status_code, answer.json()["type"]) == (
        409,
        "https://tokenops.dev/problems/invitation-conflict",
    )
    assert states(acme) == ["pending"]


def test_a_project_s_key_and_other_scopes_are_out(post, anonymous, acme, globex, bound):
    found = invited(acme)
    reader = bearer(issue_key(acme, scopes=[Scope.READ, Scope.INGEST, Scope.GATEWAY]))
    theirs = bearer(issue_key(globex, scopes=[Scope.MANAGE]))
    for headers, expected in ((bound, 403), (reader, 403), (theirs, 404)):
        assert anonymous.get(f"{URL}/{found.pk}", headers=headers).status_code == expected
        assert anonymous.delete(f"{URL}/{found.pk}", headers=headers).status_code == expected
        assert post({}, url=f"{URL}/{found.pk}/resend", headers=headers).status_code == expected
    for headers in (bound, reader):
        assert anonymous.get(URL, headers=headers).status_code == 403
        assert post(GRACE | {"email": "x@y.test"}, headers=headers).status_code == 403
    assert anonymous.get(URL, headers=theirs).json()["results"] == []
    assert (states(acme), mail.outbox) == (["pending"], [])


def test_a_list_by_state_and_address(anonymous, manager, acme):
    now = timezone.now()
    invited(acme, "old@x.test", now=now - timedelta(days=8))
    gone = invited(acme, "gone@x.test")
    owner = User.objects.get(email="owner@acme.test")
    invitations.revoke(organization=acme, actor=owner, invitation=gone, now=now)
    joined = invited(acme, "joined@x.test")
    with org_scope(acme.pk):
        Invitation.objects.filter(pk=joined.pk).update(accepted_at=now)
    invited(acme, "new@x.test")

    def found(query=""):
        answer = anonymous.get(f"{URL}?{query}", headers=manager)
        assert answer.status_code == 200
        return [(one["email"], one["state"]) for one in answer.json()["results"]]

    assert found() == [
        ("new@x.test", "pending"),
        ("joined@x.test", "accepted"),
        ("gone@x.test", "revoked"),
        ("old@x.test", "expired"),
    ]
    for email, state in found():
        assert found(f"state={state}") == [(email, state)]
    assert found("email=NEW@x.test") == [("new@x.test", "pending")]
    first = anonymous.get(f"{URL}?limit=3", headers=manager).json()
    assert len(first["results"]) == 3
    assert [one["email"] for one in anonymous.get(first["next"], headers=manager).json()["results"]] == ["old@x.test"]
    assert anonymous.get(f"{URL}?state=lost", headers=manager).status_code == 400


def test_sending_again_gives_a_new_link_and_the_whole_time(post, acme):
    found = invited(acme, now=timezone.now() - timedelta(days=8))

    answer = post({}, url=f"{URL}/{found.pk}/resend")

    assert (answer.status_code, answer.json()["state"]) == (200, "pending")
    assert len(mail.outbox) == 1
    assert states(acme) == ["pending"]


def test_what_is_over_is_not_sent_again(post, acme):
    found = invited(acme)
    owner = User.objects.get(email="owner@acme.test")
    invitations.revoke(organization=acme, actor=owner, invitation=found, now=timezone.now())

    answer = post({}, url=f"{URL}/{found.pk}/resend")

    assert answer.status_code == 409
    assert answer.json()["detail"] == "This invitation is over. Invite the address anew."
    assert mail.outbox == []


def test_a_key_takes_an_admin_s_invitation_back_but_sends_none_and_touches_no_owner_s(post, anonymous, manager, acme):
    admins, owners = invited(acme, "a@x.test", Role.ADMIN), invited(acme, "o@x.test", Role.OWNER)

    for found in (admins, owners):
        answer = post({}, url=f"{URL}/{found.pk}/resend")
        assert (answer.status_code, answer.json()["type"]) == (403, NOT_GRANTABLE)
    assert anonymous.delete(f"{URL}/{owners.pk}", headers=manager).status_code == 403
    assert anonymous.delete(f"{URL}/{admins.pk}", headers=manager).status_code == 204
    assert states(acme) == ["revoked", "pending"]
    assert mail.outbox == []


def test_taking_back_twice_changes_nothing(anonymous, manager, acme):
    found = invited(acme)

    answers = [anonymous.delete(f"{URL}/{found.pk}", headers=manager) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [204, 204]
    assert anonymous.get(f"{URL}/{found.pk}", headers=manager).json()["state"] == "revoked"
    with org_scope(acme.pk):
        assert AuditEntry.objects.filter(action="invitation.revoked").count() == 1
