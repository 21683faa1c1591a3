"""The pages about members: what they show to whom, and what a forged form gets."""

from http import HTTPStatus

import pytest
from django.utils import timezone

from conftest import make_user
from core.scope import org_scope
from tenants import invitations
from tenants.models import Membership, Project
from tenants.permissions import Permission, Role
from tenants.tests.people import actions, join, override, overrides, owner_of, role_of, signed_in


@pytest.fixture
def ada(acme):
    return join(acme, "ada@example.test", Role.VIEWER)


def test_everybody_sees_who_is_a_member_and_what_roles_may_do(viewer, acme, ada):
    page = viewer.get("/o/acme/members/").text

    assert "owner@acme.test" in page
    assert "ada@example.test" in page
    for permission in Permission:
        assert permission.label in page.replace("&#x27;", "'")
    assert "/members/invite/" not in page
    assert "Invitations" not in page


def test_open_invitations_are_for_those_who_may_invite(owner, admin, viewer, acme):
    invitations.invite(
        organization=acme, actor=owner_of(acme), email="new@example.test", role=Role.OWNER, now=timezone.now()
    )

    assert "new@example.test" in owner.get("/o/acme/members/").text
    assert "/resend/" in owner.get("/o/acme/members/").text
    assert "new@example.test" in admin.get("/o/acme/members/").text
    assert "/resend/" not in admin.get("/o/acme/members/").text
    assert "new@example.test" not in viewer.get("/o/acme/members/").text


def test_a_viewer_may_look_at_a_member_and_change_nothing(viewer, acme, ada):
    page = viewer.get(f"/o/acme/members/{ada.pk}/").text

    assert "ada@example.test" in page
    assert "Save role" not in page
    assert "Remove" not in page


def test_a_role_is_changed_on_the_members_page(admin, acme, ada):
    answer = admin.post(f"/o/acme/members/{ada.pk}/role/", {"role": "admin"})

    assert answer["Location"] == f"/o/acme/members/{ada.pk}/"
    assert role_of(acme, ada) == Role.ADMIN


@pytest.mark.parametrize("role", ["owner", "emperor", ""])
def test_an_admin_who_forges_the_form_changes_nothing(admin, acme, ada, role):
    answer = admin.post(f"/o/acme/members/{ada.pk}/role/", {"role": role})

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert role_of(acme, ada) == Role.VIEWER
    assert actions(acme) == []


def test_an_admin_who_posts_at_an_owner_is_refused(admin, acme):
    boss = owner_of(acme)

    assert admin.post(f"/o/acme/members/{boss.pk}/role/", {"role": "viewer"}).status_code == HTTPStatus.FORBIDDEN
    assert admin.post(f"/o/acme/members/{boss.pk}/remove/").status_code == HTTPStatus.FORBIDDEN
    assert admin.post(f"/o/acme/members/{boss.pk}/transfer/").status_code == HTTPStatus.FORBIDDEN

    assert role_of(acme, boss) == Role.OWNER


def test_the_last_owner_reads_why_nothing_changes(owner, acme):
    boss = owner_of(acme)

    demoted = owner.post(f"/o/acme/members/{boss.pk}/role/", {"role": "admin"})
    removed = owner.post(f"/o/acme/members/{boss.pk}/remove/")

    for answer in (demoted, removed):
        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "An organization needs an owner." in answer.text
    assert role_of(acme, boss) == Role.OWNER


def test_roles_in_projects_are_set_on_the_members_page(owner, acme, acme_project, ada):
    path = f"/o/acme/members/{ada.pk}/projects/"

    owner.post(path, {f"project_{acme_project.pk}": "admin"})
    assert overrides(acme, ada) == {"web": "admin"}
    assert "Admin" in owner.get(f"/o/acme/members/{ada.pk}/").text
    owner.post(path, {})
    assert overrides(acme, ada) == {"web": "admin"}  # a form without the field says nothing about it
    owner.post(path, {f"project_{acme_project.pk}": ""})
    assert overrides(acme, ada) == {}


def test_a_forged_role_in_a_project_is_refused(admin, acme, acme_project, globex, ada):
    with org_scope(globex.pk):
        foreign = Project.objects.get()

    answer = admin.post(f"/o/acme/members/{ada.pk}/projects/", {f"project_{acme_project.pk}": "owner"})
    admin.post(f"/o/acme/members/{ada.pk}/projects/", {f"project_{foreign.pk}": "admin"})

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert (overrides(acme, ada), overrides(globex, ada)) == ({}, {})


def test_an_admin_does_not_raise_themselves_through_a_project(acme, acme_project):
    ada = join(acme, "ada@example.test", Role.ADMIN)

    answer = signed_in(ada).post(f"/o/acme/members/{ada.pk}/projects/", {f"project_{acme_project.pk}": "member"})

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert overrides(acme, ada) == {}


def test_removing_asks_first(owner, acme, ada):
    path = f"/o/acme/members/{ada.pk}/remove/"

    assert "Remove ada@example.test?" in owner.get(path).text
    assert role_of(acme, ada) == Role.VIEWER
    assert owner.post(path)["Location"] == "/o/acme/members/"
    assert role_of(acme, ada) is None


def test_who_was_removed_finds_nothing_at_the_next_click(owner, acme, ada):
    client = signed_in(ada)
    assert client.get("/o/acme/projects/").status_code == HTTPStatus.OK

    owner.post(f"/o/acme/members/{ada.pk}/remove/")

    assert client.get("/o/acme/projects/").status_code == HTTPStatus.NOT_FOUND


def test_handing_over_asks_first(owner, acme, ada):
    path = f"/o/acme/members/{ada.pk}/transfer/"

    assert "Hand Acme over to ada@example.test?" in owner.get(path).text
    assert owner.post(path).status_code == HTTPStatus.FOUND
    assert (role_of(acme, ada), role_of(acme, owner_of(acme))) == (Role.OWNER, Role.OWNER)
    assert owner.post(path).status_code == HTTPStatus.FORBIDDEN  # an admin now


def test_a_member_of_another_organization_is_not_found(owner, acme, globex):
    stranger = owner_of(globex)

    for path in ("", "role/", "projects/", "remove/", "transfer/"):
        method = owner.get if path == "" else owner.post
        assert method(f"/o/acme/members/{stranger.pk}/{path}", {"role": "viewer"}).status_code == 404
    assert owner.get(f"/o/acme/members/{10**30}/").status_code == HTTPStatus.NOT_FOUND

    assert role_of(globex, stranger) == Role.OWNER


# --- Leaving ---


def test_leaving_asks_first_and_leads_to_ones_organizations(acme, acme_project, ada):
    override(acme_project, ada, Role.ADMIN)
    client, path = signed_in(ada), "/account/organizations/acme/leave/"

    assert "Leave Acme?" in client.get(path).text
    assert client.post(path)["Location"] == "/account/organizations/"

    assert (role_of(acme, ada), overrides(acme, ada)) == (None, {})
    assert "You are in no organization" in client.get("/account/organizations/").text


def test_the_last_owner_is_offered_to_hand_over_or_delete(owner, acme):
    answer = owner.post("/account/organizations/acme/leave/")

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert 'href="/o/acme/members/"' in answer.text
    assert 'href="/o/acme/settings/delete/"' in answer.text


def test_ones_organizations_are_listed_with_the_role_in_each(acme, globex, ada):
    Membership.objects.create(user=ada, organization=globex, role=Role.NONE)
    make_user("other@example.test")

    page = signed_in(ada).get("/account/organizations/").text

    assert "Acme" in page
    assert "Viewer" in page
    assert "Globex" in page
    assert "Some projects" in page
