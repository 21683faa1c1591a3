"""``/api/v1/teams/{slug}/members``."""

import pytest

from conftest import make_user
from core.scope import org_scope
from tenants import teams
from tenants.models import AuditEntry, Membership, TeamMember, User
from tenants.permissions import Role, Scope
from tenants.tests.keys import bearer, issue_key

URL = "/api/v1/teams/search/members"
OF_ACME = "?organization=acme"


@pytest.fixture
def search(acme):
    return teams.create_team(organization=acme, actor=None, name="Search")


@pytest.fixture
def manager(acme):
    return bearer(issue_key(acme, scopes=[Scope.MANAGE]))


@pytest.fixture
def grace(acme):
    user = make_user("grace@acme.test")
    Membership.objects.create(user=user, organization=acme, role=Role.VIEWER)
    return user


def count(organization):
    with org_scope(organization.pk):
        return TeamMember.objects.count()


def test_people_are_put_in_shown_and_taken_out(anonymous, manager, acme, search, grace):
    address = f"{URL}/{grace.pk}"

    assert [anonymous.put(address, headers=manager).status_code for _ in range(2)] == [204, 204]
    assert anonymous.get(URL, headers=manager).json() == {
        "results": [{"id": grace.pk, "email": "grace@acme.test", "name": ""}],
        "next": None,
    }
    assert [anonymous.delete(address, headers=manager).status_code for _ in range(2)] == [204, 204]
    assert anonymous.get(URL, headers=manager).json()["results"] == []
    with org_scope(acme.pk):
        recorded = AuditEntry.objects.filter(action__startswith="team.member").order_by("pk")
        assert [(entry.action, entry.actor_kind) for entry in recorded] == [
            ("team.member_added", "key"),
            ("team.member_removed", "key"),
        ]


def test_who_is_no_member_is_in_no_team(anonymous, manager, acme, globex, search):
    stranger = User.objects.get(email="owner@globex.test")

    assert anonymous.put(f"{URL}/{stranger.pk}", headers=manager).status_code == 404
    assert anonymous.put(f"/api/v1/teams/nothing/members/{stranger.pk}", headers=manager).status_code == 404
    assert count(acme) == 0


def test_reach_and_rights(anonymous, viewer, member, nobody, outsider, acme, acme_project, globex, search, grace):
    address = f"{URL}/{grace.pk}"
    for keyed, status in (
        (issue_key(acme, project=acme_project, scopes=[Scope.MANAGE]), 403),
        (issue_key(acme, scopes=[Scope.READ]), 403),
        (issue_key(globex, scopes=[Scope.MANAGE]), 404),
    ):
        headers = bearer(keyed)
        answers = [anonymous.get(URL, headers=headers), anonymous.put(address, headers=headers)]
        assert {answer.status_code for answer in answers} == {status}
    assert viewer.get(URL + OF_ACME).status_code == 200
    assert nobody.get(URL + OF_ACME).status_code == 403
    assert member.put(address + OF_ACME).status_code == 403
    assert outsider.put(address + OF_ACME).status_code == 404
    assert count(acme) == 0
