"""``PATCH /api/v1/projects/{slug}``."""

import pytest

from core.scope import org_scope
from tenants import services, teams
from tenants.models import AuditEntry, Project
from tenants.permissions import Scope
from tenants.tests.keys import bearer, issue_key
from tenants.tests.people import join, override, signed_in

URL = "/api/v1/projects/web"
JSON = {"content_type": "application/json"}


@pytest.fixture
def manager(acme):
    return bearer(issue_key(acme, scopes=[Scope.READ, Scope.MANAGE]))


@pytest.fixture
def patch(anonymous, manager):
    """Changes with a key of acme; other ``headers`` replace it."""

    def change(body, *, url=URL, headers=None):
        return anonymous.patch(url, body, headers=headers or manager, **JSON)

    return change


def test_everything_that_can_be_changed_is_and_a_key_is_named_for_it(patch, acme, acme_project, scope):
    teams.create_team(organization=acme, actor=None, name="Search")

    answer = patch(
        {"name": "Shop", "team": "search", "retention_days": 30, "allow_personal_ids": True, "archived": True}
    )

    assert answer.status_code == 200
    shown = answer.json()
    assert shown.pop("archived_at").endswith("Z")
    assert shown.pop("created_at").endswith("Z")
    assert shown == {
        "slug": "web",
        "name": "Shop",
        "team": "search",
        "is_default": False,
        "default_environment": "default",
        "retention_days": 30,
        "allow_personal_ids": True,
        "delete_at": None,
    }
    with scope(acme):
        entry = AuditEntry.objects.latest("pk")
        assert (entry.action, entry.actor_kind, entry.actor_name) == ("project.archived", "key", "Test")


def test_what_is_left_out_stays(patch, acme, acme_project):
    before = patch({}).json()
    patch({"archived": True, "name": "Shop"})

    assert patch({"archived": False, "name": "Web", "team": None}).json() == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"team": "nothing"}, "team"),
        ({"team": "theirs"}, "team"),
        ({"retention_days": 6}, "retention_days"),
        ({"retention_days": 731}, "retention_days"),
        ({"retention_days": "long"}, "retention_days"),
        ({"archived": "perhaps"}, "archived"),
        ({"slug": "shop"}, "slug"),
        ({"name": "Shop", "team": "nothing"}, "team"),
    ],
)
def test_bad_members_are_named_and_nothing_changes(patch, acme, acme_project, globex, scope, body, field):
    teams.create_team(organization=globex, actor=None, name="Theirs")

    answer = patch(body)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    with scope(acme):
        project = Project.objects.get()
        assert (project.name, project.team_id, project.retention_days) == ("Web", None, 180)


def test_reach_and_rights(patch, anonymous, admin, member, outsider, acme, acme_project, globex, scope):
    mobile = services.create_project(organization=acme, actor=None, name="Mobile")
    bound = bearer(issue_key(acme, project=mobile, scopes=[Scope.MANAGE]))
    theirs = bearer(issue_key(globex, scopes=[Scope.MANAGE]))
    body, asked = {"archived": True}, f"{URL}?organization=acme"

    assert patch(body, headers=bound).status_code == 404
    assert patch(body, url="/api/v1/projects/mobile", headers=theirs).status_code == 404
    assert patch(body, headers=bearer(issue_key(acme))).status_code == 403
    assert anonymous.patch(asked, body, **JSON).status_code == 401
    assert member.patch(asked, body, **JSON).status_code == 403
    assert outsider.patch(asked, body, **JSON).status_code == 404
    with scope(acme):
        assert Project.objects.exclude(archived_at=None).count() == 0
    assert patch(body, url="/api/v1/projects/mobile", headers=bound).status_code == 200
    assert admin.patch(asked, body, **JSON).status_code == 200


@pytest.mark.parametrize(
    ("in_organization", "in_project", "status"),
    [("none", "admin", 200), ("admin", "viewer", 403), ("admin", "none", 404)],
)
def test_the_role_in_the_project_is_what_counts(acme, acme_project, in_organization, in_project, status):
    person = join(acme, "one@acme.test", in_organization)
    override(acme_project, person, in_project)

    answer = signed_in(person).patch(f"{URL}?organization=acme", {"name": "Shop"}, **JSON)

    assert answer.status_code == status
    assert project_name(acme) == ("Shop" if status == 200 else "Web")


def project_name(organization):
    with org_scope(organization.pk):
        return Project.objects.get(slug="web").name
