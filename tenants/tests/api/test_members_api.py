"""``/api/v1/members``: a key sees and removes, people change roles."""

import pytest

from conftest import make_user
from core.scope import org_scope
from tenants import members, services
from tenants.audit import KeyActor
from tenants.models import AuditEntry, Membership, ProjectRole, User
from tenants.permissions import Role, Scope
from tenants.tests.keys import bearer, issue_key

URL = "/api/v1/members"
JSON = {"content_type": "application/json"}
OF_ACME = "?organization=acme"
PEOPLE_ONLY = "https://tokenops.dev/problems/people-only"


@pytest.fixture
def manager(acme):
    return bearer(issue_key(acme, scopes=[Scope.MANAGE]))


@pytest.fixture
def grace(acme, acme_project):
    """A viewer with another role in the project web."""
    user = make_user("grace@acme.test")
    Membership.objects.create(user=user, organization=acme, role=Role.VIEWER)
    with org_scope(acme.pk):
        ProjectRole.objects.create(organization=acme, project=acme_project, user=user, role=Role.MEMBER)
    return user


def role_of(user, organization):
    return Membership.objects.filter(user=user, organization=organization).values_list("role", flat=True).first()


def test_everybody_is_listed_with_their_roles(anonymous, manager, acme, globex, grace):
    answer = anonymous.get(URL, headers=manager)

    assert answer.status_code == 200
    first, second = answer.json()["results"]
    assert first.pop("since").endswith("Z")
    assert first == {
        "id": grace.pk,
        "email": "grace@acme.test",
        "name": "",
        "role": "viewer",
        "project_roles": [{"project": "web", "role": "member"}],
    }
    assert (second["email"], second["role"], second["project_roles"]) == ("owner@acme.test", "owner", [])
    assert answer.json()["next"] is None
    assert anonymous.get(f"{URL}/{grace.pk}", headers=manager).json()["email"] == "grace@acme.test"


def test_filters_and_pages(anonymous, manager, acme, grace):
    def found(query):
        return [one["email"] for one in anonymous.get(f"{URL}?{query}", headers=manager).json()["results"]]

    assert found("role=viewer") == ["grace@acme.test"]
    assert found("email=OWNER@acme.test") == ["owner@acme.test"]
    assert found("role=admin") == []
    following = anonymous.get(f"{URL}?limit=1", headers=manager).json()["next"]
    assert [one["email"] for one in anonymous.get(following, headers=manager).json()["results"]] == ["owner@acme.test"]
    assert anonymous.get(f"{URL}?role=king", headers=manager).status_code == 400


def test_who_sees_and_who_does_not(anonymous, viewer, nobody, outsider, acme, acme_project, globex, grace):
    bound = bearer(issue_key(acme, project=acme_project, scopes=[Scope.MANAGE]))
    reader = bearer(issue_key(acme, scopes=[Scope.READ, Scope.INGEST, Scope.GATEWAY]))
    theirs = bearer(issue_key(globex, scopes=[Scope.MANAGE]))
    stranger = User.objects.get(email="owner@globex.test")

    assert viewer.get(URL + OF_ACME).status_code == 200
    assert nobody.get(URL + OF_ACME).status_code == 403
    assert outsider.get(URL + OF_ACME).status_code == 404
    for headers in (bound, reader):
        assert anonymous.get(URL, headers=headers).status_code == 403
        assert anonymous.get(f"{URL}/{grace.pk}", headers=headers).status_code == 403
        assert anonymous.delete(f"{URL}/{grace.pk}", headers=headers).status_code == 403
    assert anonymous.get(f"{URL}/{grace.pk}", headers=theirs).status_code == 404
    assert anonymous.delete(f"{URL}/{grace.pk}", headers=theirs).status_code == 404
    assert viewer.get(f"{URL}/{stranger.pk}{OF_ACME}").status_code == 404
    assert role_of(grace, acme) == Role.VIEWER


def test_roles_in_projects_one_may_not_see_are_not_shown(viewer, acme, acme_project, grace):
    hidden = services.create_project(organization=acme, actor=None, name="Hidden")
    with org_scope(acme.pk):
        ProjectRole.objects.create(organization=acme, project=hidden, user=grace, role=Role.ADMIN)
        user = User.objects.get(email="viewer@acme.test")
        ProjectRole.objects.create(organization=acme, project=hidden, user=user, role=Role.NONE)

    shown = viewer.get(f"{URL}/{grace.pk}{OF_ACME}").json()

    assert shown["project_roles"] == [{"project": "web", "role": "member"}]


@pytest.mark.parametrize("body", [{"role": "member"}, {"role": "owner"}, {"project_roles": {"web": "admin"}}, {}])
def test_no_key_changes_a_role(anonymous, acme, grace, body):
    everything = bearer(issue_key(acme, scopes=list(Scope)))

    answer = anonymous.patch(f"{URL}/{grace.pk}", body, headers=everything, **JSON)

    assert (answer.status_code, answer.json()["type"]) == (403, PEOPLE_ONLY)
    assert role_of(grace, acme) == Role.VIEWER


def test_an_admin_changes_roles_in_the_organization_and_in_projects(admin, acme, grace):
    services.create_project(organization=acme, actor=None, name="Mobile")

    answer = admin.patch(
        f"{URL}/{grace.pk}{OF_ACME}",
        {"role": "member", "project_roles": {"web": None, "mobile": "admin"}},
        **JSON,
    )

    assert answer.status_code == 200
    assert answer.json()["role"] == "member"
    assert answer.json()["project_roles"] == [{"project": "mobile", "role": "admin"}]
    with org_scope(acme.pk):
        assert AuditEntry.objects.filter(action="member.role_changed", actor_name="admin@acme.test").count() == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"role": "owner"}, 403),
        ({"role": "king"}, 400),
        ({"project_roles": {"web": "owner"}}, 400),
        ({"project_roles": {"nothing": "viewer"}}, 400),
        ({"project_roles": ["web"]}, 400),
        ({"project_roles": {"\0": "viewer"}}, 400),
        ({"role": "member", "project_roles": {"nothing": "viewer"}}, 400),
        ({"is_staff": True}, 400),
    ],
)
def test_tampering_is_refused_whole(admin, acme, grace, body, status):
    answer = admin.patch(f"{URL}/{grace.pk}{OF_ACME}", body, **JSON)

    assert answer.status_code == status
    assert role_of(grace, acme) == Role.VIEWER


def test_nobody_raises_themselves_and_an_organization_keeps_its_owner(admin, owner, member, acme):
    ids = dict(User.objects.values_list("email", "pk"))

    def patch(client, who, role):
        return client.patch(f"{URL}/{ids[who]}{OF_ACME}", {"role": role}, **JSON)

    assert patch(admin, "admin@acme.test", "owner").status_code == 403
    assert patch(admin, "owner@acme.test", "viewer").status_code == 403
    assert patch(member, "member@acme.test", "admin").status_code == 403
    last = patch(owner, "owner@acme.test", "admin")
    assert (last.status_code, last.json()["detail"]) == (409, members.LAST_OWNER)
    own = admin.patch(f"{URL}/{ids['admin@acme.test']}{OF_ACME}", {"project_roles": {"web": "viewer"}}, **JSON)
    assert own.status_code == 409


def test_a_key_removes_a_member_in_its_own_name(anonymous, manager, acme, grace):
    answer = anonymous.delete(f"{URL}/{grace.pk}", headers=manager)

    assert answer.status_code == 204
    assert role_of(grace, acme) is None
    assert anonymous.get(f"{URL}/{grace.pk}", headers=manager).status_code == 404
    with org_scope(acme.pk):
        assert not ProjectRole.objects.filter(user=grace).exists()
        entry = AuditEntry.objects.get(action="member.removed")
        assert (entry.actor_kind, entry.personal) == ("key", {"email": "grace@acme.test"})


def test_a_key_removes_an_admin_and_no_owner(anonymous, admin, manager, acme):
    second = make_user("second@acme.test")
    Membership.objects.create(user=second, organization=acme, role=Role.OWNER)
    chief = User.objects.get(email="admin@acme.test")

    answer = anonymous.delete(f"{URL}/{second.pk}", headers=manager)

    assert answer.status_code == 403
    assert answer.json()["detail"] == "Only an owner takes an owner out of the organization."
    assert role_of(second, acme) == Role.OWNER
    assert anonymous.delete(f"{URL}/{chief.pk}", headers=manager).status_code == 204


def test_people_remove_what_their_role_allows(owner, admin, member, acme, grace):
    boss = User.objects.get(email="owner@acme.test")

    assert member.delete(f"{URL}/{grace.pk}{OF_ACME}").status_code == 403
    assert admin.delete(f"{URL}/{boss.pk}{OF_ACME}").status_code == 403
    assert owner.delete(f"{URL}/{boss.pk}{OF_ACME}").status_code == 409
    assert admin.delete(f"{URL}/{grace.pk}{OF_ACME}").status_code == 204


def test_the_service_takes_no_owner_for_a_key(acme, grace):
    owner = User.objects.get(email="owner@acme.test")
    actor = KeyActor(1, "CI")

    with pytest.raises(members.PermissionDenied):
        members.remove(organization=acme, actor=actor, user=owner)
    members.remove(organization=acme, actor=actor, user=grace)

    with pytest.raises(members.ValidationError):
        members.remove(organization=acme, actor=actor, user=grace)
    assert role_of(owner, acme) == Role.OWNER
