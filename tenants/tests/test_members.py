"""Changing roles, and the rules about owners, asked of the services."""

import threading

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connections

from conftest import make_organization, make_user
from core.scope import org_scope
from tenants import members
from tenants.models import AuditEntry, Membership, Organization, Project, User
from tenants.permissions import Role
from tenants.tests.people import actions, join, override, overrides, owner_of, role_of


@pytest.fixture
def boss(acme: Organization) -> User:
    return owner_of(acme)


def change(acme: Organization, actor: User, user: User, role: str) -> None:
    members.set_role(organization=acme, actor=actor, user=user, role=role)


def test_a_role_is_changed_and_recorded_with_the_name_apart(acme, boss):
    ada = join(acme, "ada@example.test", Role.VIEWER)

    change(acme, boss, ada, Role.ADMIN)

    assert role_of(acme, ada) == Role.ADMIN
    with org_scope(acme.pk):
        entry = AuditEntry.objects.get(action="member.role_changed")
    assert (entry.target_kind, entry.target_id, entry.actor_user_id) == ("user", str(ada.pk), boss.pk)
    assert (entry.facts, entry.personal) == ({"before": "viewer", "after": "admin"}, {"email": "ada@example.test"})


def test_the_same_role_again_changes_and_records_nothing(acme, boss):
    ada = join(acme, "ada@example.test", Role.VIEWER)

    change(acme, boss, ada, Role.VIEWER)

    assert actions(acme) == []


@pytest.mark.parametrize(
    ("actor", "target", "after"),
    [
        (Role.ADMIN, Role.MEMBER, Role.OWNER),
        (Role.ADMIN, Role.OWNER, Role.ADMIN),
        (Role.MEMBER, Role.VIEWER, Role.MEMBER),
        (Role.MEMBER, Role.ADMIN, Role.NONE),
        (Role.VIEWER, Role.NONE, Role.VIEWER),
        (Role.NONE, Role.NONE, Role.VIEWER),
    ],
)
def test_what_a_role_may_not_give_or_take_is_refused(acme, actor, target, after):
    ada, bob = join(acme, "ada@example.test", actor), join(acme, "bob@example.test", target)

    with pytest.raises(PermissionDenied):
        change(acme, ada, bob, after)

    assert role_of(acme, bob) == target
    assert actions(acme) == []


def test_an_admin_makes_admins_and_unmakes_them(acme):
    ada, bob = join(acme, "ada@example.test", Role.ADMIN), join(acme, "bob@example.test", Role.VIEWER)

    change(acme, ada, bob, Role.ADMIN)
    change(acme, bob, ada, Role.VIEWER)

    assert (role_of(acme, ada), role_of(acme, bob)) == (Role.VIEWER, Role.ADMIN)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MEMBER, Role.VIEWER, Role.NONE])
def test_nobody_raises_themselves(acme, role):
    ada = join(acme, "ada@example.test", role)

    with pytest.raises((PermissionDenied, ValidationError)):
        change(acme, ada, ada, Role.OWNER)

    assert role_of(acme, ada) == role


def test_one_may_lower_oneself(acme):
    ada = join(acme, "ada@example.test", Role.ADMIN)

    change(acme, ada, ada, Role.VIEWER)

    assert role_of(acme, ada) == Role.VIEWER


def test_an_unknown_role_is_refused(acme, boss):
    ada = join(acme, "ada@example.test", Role.VIEWER)

    with pytest.raises((PermissionDenied, ValidationError)):
        change(acme, boss, ada, "emperor")

    assert role_of(acme, ada) == Role.VIEWER


def test_who_is_no_member_can_neither_change_nor_be_changed(acme, boss, globex):
    stranger = owner_of(globex)

    with pytest.raises(PermissionDenied):
        change(acme, stranger, boss, Role.ADMIN)
    with pytest.raises(ValidationError, match="not a member"):
        change(acme, boss, stranger, Role.VIEWER)

    assert (role_of(acme, boss), role_of(globex, stranger), role_of(acme, stranger)) == (Role.OWNER, Role.OWNER, None)


# --- The last owner ---


def test_the_last_owner_is_neither_demoted_nor_removed_and_does_not_leave(acme, boss):
    join(acme, "ada@example.test", Role.ADMIN)

    for attempt in (
        lambda: change(acme, boss, boss, Role.ADMIN),
        lambda: members.remove(organization=acme, actor=boss, user=boss),
        lambda: members.leave(organization=acme, actor=boss),
    ):
        with pytest.raises(ValidationError, match="needs an owner"):
            attempt()

    assert role_of(acme, boss) == Role.OWNER
    assert actions(acme) == []


def test_with_a_second_owner_the_first_may_go(acme, boss):
    ada = join(acme, "ada@example.test", Role.OWNER)

    members.leave(organization=acme, actor=boss)

    assert (role_of(acme, boss), role_of(acme, ada)) == (None, Role.OWNER)
    assert actions(acme) == ["member.left"]


def test_ownership_is_handed_over_in_one_step(acme, boss):
    ada = join(acme, "ada@example.test", Role.VIEWER)

    members.transfer_ownership(organization=acme, actor=boss, user=ada)

    assert (role_of(acme, boss), role_of(acme, ada)) == (Role.ADMIN, Role.OWNER)
    assert actions(acme) == ["organization.transferred"]


def test_only_an_owner_hands_over_and_not_to_themselves(acme, boss):
    ada = join(acme, "ada@example.test", Role.ADMIN)

    with pytest.raises(PermissionDenied):
        members.transfer_ownership(organization=acme, actor=ada, user=ada)
    with pytest.raises(ValidationError, match="owner already"):
        members.transfer_ownership(organization=acme, actor=boss, user=boss)

    assert (role_of(acme, boss), role_of(acme, ada)) == (Role.OWNER, Role.ADMIN)


def at_once(*attempts) -> list[BaseException | None]:
    """Run each in a thread with its own connection; what each raised."""
    start = threading.Barrier(len(attempts))
    failures: list[BaseException | None] = [None] * len(attempts)

    def run(number, attempt):
        try:
            start.wait(timeout=20)
            attempt()
        except Exception as error:
            failures[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(attempts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return failures


def test_two_owners_who_unmake_each_other_at_once_leave_one(committed_db):
    acme = make_organization("Acme")
    boss, ada = owner_of(acme), join(acme, "ada@example.test", Role.OWNER)

    failures = at_once(
        lambda: change(acme, boss, ada, Role.VIEWER),
        lambda: change(acme, ada, boss, Role.VIEWER),
    )

    assert Membership.objects.filter(organization=acme, role=Role.OWNER).count() == 1
    assert sorted(type(failure).__name__ for failure in failures) == ["NoneType", "PermissionDenied"]
    assert actions(acme) == ["member.role_changed"]


def test_two_owners_who_leave_at_once_leave_one(committed_db):
    acme = make_organization("Acme")
    boss, ada = owner_of(acme), join(acme, "ada@example.test", Role.OWNER)

    failures = at_once(
        lambda: members.leave(organization=acme, actor=boss),
        lambda: members.leave(organization=acme, actor=ada),
    )

    assert Membership.objects.filter(organization=acme, role=Role.OWNER).count() == 1
    assert sorted(type(failure).__name__ for failure in failures) == ["NoneType", "ValidationError"]


# --- Removing ---


def test_who_is_removed_loses_their_roles_in_projects_and_nothing_elsewhere(acme, globex, acme_project, boss):
    ada = join(acme, "ada@example.test", Role.MEMBER)
    Membership.objects.create(user=ada, organization=globex, role=Role.ADMIN)
    with org_scope(globex.pk):
        theirs = Project.objects.get()
    override(acme_project, ada, Role.ADMIN)
    override(theirs, ada, Role.VIEWER)

    members.remove(organization=acme, actor=boss, user=ada)

    assert (role_of(acme, ada), overrides(acme, ada)) == (None, {})
    assert (role_of(globex, ada), overrides(globex, ada)) == (Role.ADMIN, {"web": "viewer"})
    assert User.objects.filter(pk=ada.pk).exists()
    assert actions(acme) == ["member.removed"]


@pytest.mark.parametrize(("actor", "target"), [(Role.MEMBER, Role.VIEWER), (Role.ADMIN, Role.OWNER)])
def test_nobody_removes_above_their_rights(acme, actor, target):
    ada, bob = join(acme, "ada@example.test", actor), join(acme, "bob@example.test", target)

    with pytest.raises(PermissionDenied):
        members.remove(organization=acme, actor=ada, user=bob)

    assert role_of(acme, bob) == target


# --- Roles in projects ---


def test_roles_in_projects_are_given_changed_and_taken_back(acme, acme_project, boss):
    ada = join(acme, "ada@example.test", Role.VIEWER)

    for role, now in ((Role.ADMIN, {"web": "admin"}), (Role.NONE, {"web": "none"}), ("", {})):
        members.set_project_roles(organization=acme, actor=boss, user=ada, chosen={acme_project.pk: role})
        assert overrides(acme, ada) == now

    with org_scope(acme.pk):
        told = AuditEntry.objects.filter(action="member.project_role_changed").order_by("pk")
        assert [(entry.facts["before"], entry.facts["after"]) for entry in told] == [
            (None, "admin"),
            ("admin", "none"),
            ("none", None),
        ]


def test_what_is_as_it_was_is_not_recorded(acme, acme_project, boss):
    ada = join(acme, "ada@example.test", Role.VIEWER)

    members.set_project_roles(organization=acme, actor=boss, user=ada, chosen={acme_project.pk: ""})

    assert actions(acme) == []


def test_an_owner_has_no_other_role_in_any_project(acme, acme_project, boss):
    ada = join(acme, "ada@example.test", Role.MEMBER)
    override(acme_project, ada, Role.NONE)

    change(acme, boss, ada, Role.OWNER)

    assert overrides(acme, ada) == {}
    with pytest.raises(ValidationError, match="owner of every project"):
        members.set_project_roles(organization=acme, actor=boss, user=ada, chosen={acme_project.pk: Role.NONE})


@pytest.mark.parametrize("role", ["owner", "emperor"])
def test_a_project_gives_no_role_that_is_not_listed(acme, acme_project, boss, role):
    ada = join(acme, "ada@example.test", Role.VIEWER)

    with pytest.raises(ValidationError, match="listed"):
        members.set_project_roles(organization=acme, actor=boss, user=ada, chosen={acme_project.pk: role})

    assert overrides(acme, ada) == {}


def test_a_foreign_project_is_not_there(acme, globex, boss):
    ada = join(acme, "ada@example.test", Role.VIEWER)
    with org_scope(globex.pk):
        foreign = Project.objects.get()

    with pytest.raises(ValidationError, match="not there"):
        members.set_project_roles(organization=acme, actor=boss, user=ada, chosen={foreign.pk: Role.ADMIN})

    assert overrides(globex, ada) == {}


def test_nobody_changes_their_own_roles_in_projects(acme, acme_project):
    ada = join(acme, "ada@example.test", Role.ADMIN)

    with pytest.raises(ValidationError, match="their own role"):
        members.set_project_roles(organization=acme, actor=ada, user=ada, chosen={acme_project.pk: Role.MEMBER})

    assert overrides(acme, ada) == {}


def test_members_change_no_roles_in_projects(acme, acme_project):
    ada, bob = join(acme, "ada@example.test", Role.MEMBER), join(acme, "bob@example.test", Role.VIEWER)

    with pytest.raises(PermissionDenied):
        members.set_project_roles(organization=acme, actor=ada, user=bob, chosen={acme_project.pk: Role.MEMBER})

    assert overrides(acme, bob) == {}


def test_the_list_is_by_role_and_address_and_shows_no_other_organizations_people(acme, globex, acme_project, scope):
    join(acme, "zoe@example.test", Role.ADMIN)
    bob = join(acme, "bob@example.test", Role.VIEWER)
    join(acme, "ada@example.test", Role.VIEWER)
    make_user("nobody@example.test")
    override(acme_project, bob, Role.ADMIN)

    with scope(acme):
        rows = members.members(organization=acme)

    assert [(row.user.email, row.role, row.overrides) for row in rows] == [
        ("owner@acme.test", "owner", 0),
        ("zoe@example.test", "admin", 0),
        ("ada@example.test", "viewer", 0),
        ("bob@example.test", "viewer", 1),
    ]
