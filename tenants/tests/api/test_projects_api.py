"""Making, listing and deleting projects over ``/api/v1/projects``."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from core.scope import org_scope
from tenants import archive, deletion, project_data, services, teams
from tenants.models import AuditEntry, Project
from tenants.permissions import Scope
from tenants.tests.keys import bearer, issue_key

URL = "/api/v1/projects"
JSON = {"content_type": "application/json"}
OF_ACME = "?organization=acme"


@pytest.fixture
def manager(acme):
    return bearer(issue_key(acme, scopes=[Scope.READ, Scope.MANAGE]))


@pytest.fixture
def post(anonymous, manager):
    def send(body, *, url=URL, headers=None):
        return anonymous.post(url, body, headers=headers or manager, **JSON)

    return send


def slugs(organization):
    with org_scope(organization.pk):
        return sorted(Project.objects.values_list("slug", flat=True))


def test_a_project_is_made_with_what_is_said_of_it(post, acme):
    teams.create_team(organization=acme, actor=None, name="Search")

    answer = post({"name": "Shop front", "team": "search", "retention_days": 30, "allow_personal_ids": True})

    assert answer.status_code == 201
    shown = answer.json()
    assert shown.pop("created_at").endswith("Z")
    assert shown == {
        "slug": "shop-front",
        "name": "Shop front",
        "team": "search",
        "is_default": False,
        "retention_days": 30,
        "allow_personal_ids": True,
        "default_environment": "default",
        "archived_at": None,
        "delete_at": None,
    }
    with org_scope(acme.pk):
        assert AuditEntry.objects.get(action="project.created", facts__name="Shop front").actor_kind == "key"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "!"}, "name"),
        ({"name": "Web"}, "name"),
        ({"name": "Shop", "team": "nothing"}, "team"),
        ({"name": "Shop", "retention_days": 6}, "retention_days"),
        ({"name": "Shop", "archived": True}, "archived"),
        ({"name": "Shop", "slug": "mine"}, "slug"),
    ],
)
def test_a_project_that_cannot_be_is_not_made_half(post, acme, body, field):
    answer = post(body)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert slugs(acme) == ["web"]


def test_who_makes_projects(post, anonymous, admin, member, outsider, acme, acme_project):
    body = {"name": "Shop"}
    bound = bearer(issue_key(acme, project=acme_project, scopes=[Scope.MANAGE]))

    assert post(body, headers=bound).status_code == 403
    assert post(body, headers=bearer(issue_key(acme, scopes=[Scope.READ]))).status_code == 403
    assert member.post(URL + OF_ACME, body, **JSON).status_code == 403
    assert outsider.post(URL + OF_ACME, body, **JSON).status_code == 404
    assert slugs(acme) == ["web"]
    assert admin.post(URL + OF_ACME, body, **JSON).status_code == 201


def test_the_list_by_team_and_state(anonymous, manager, acme, acme_project):
    search = teams.create_team(organization=acme, actor=None, name="Search")
    shop = services.create_project(organization=acme, actor=None, name="Shop")
    project_data.set_team(organization=acme, actor=None, project=shop, team=search)
    archive.archive_project(organization=acme, actor=None, project=shop, now=timezone.now())

    def found(query):
        return [one["slug"] for one in anonymous.get(f"{URL}?{query}", headers=manager).json()["results"]]

    assert found("") == ["shop", "web"]
    assert found("team=search") == ["shop"]
    assert found("archived=true") == ["shop"]
    assert found("archived=false") == ["web"]
    assert found("archived=false&team=search") == []
    assert anonymous.get(f"{URL}?archived=perhaps", headers=manager).status_code == 400


def test_a_deletion_is_announced_once_and_taken_back(post, anonymous, manager, acme, acme_project):
    own = bearer(issue_key(acme, project=acme_project, scopes=[Scope.MANAGE]))

    first = anonymous.delete(f"{URL}/web", headers=own)
    again = anonymous.delete(f"{URL}/web", headers=manager)

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    left = datetime.fromisoformat(first.json()["delete_at"]) - timezone.now()
    assert timedelta(days=6, hours=23) < left <= deletion.GRACE
    assert anonymous.get(f"{URL}/web", headers=own).status_code == 401
    kept = post({}, url=f"{URL}/web/keep")
    assert (kept.status_code, kept.json()["delete_at"]) == (200, None)
    with org_scope(acme.pk):
        recorded = AuditEntry.objects.filter(action__startswith="project.deletion").order_by("pk")
        assert [(entry.action, entry.actor_kind) for entry in recorded] == [
            ("project.deletion_scheduled", "key"),
            ("project.deletion_undone", "key"),
        ]


def test_a_deletion_that_has_begun_is_not_taken_back(post, acme, acme_project):
    now = timezone.now()
    with org_scope(acme.pk):
        Project.objects.update(delete_at=now - timedelta(seconds=1))

    answer = post({}, url=f"{URL}/web/keep")

    assert (answer.status_code, answer.json()["type"]) == (409, "https://tokenops.dev/problems/project-conflict")
    assert answer.json()["detail"] == "It is being deleted already and cannot be brought back."


def test_who_deletes_and_what_is_out_of_reach(anonymous, post, member, outsider, acme, acme_project, globex):
    services.create_project(organization=acme, actor=None, name="Shop")
    bound = bearer(issue_key(acme, project=acme_project, scopes=[Scope.MANAGE]))
    theirs = bearer(issue_key(globex, scopes=[Scope.MANAGE]))

    assert anonymous.delete(f"{URL}/shop", headers=bound).status_code == 404
    assert post({}, url=f"{URL}/shop/keep", headers=bound).status_code == 404
    assert anonymous.delete(f"{URL}/shop", headers=theirs).status_code == 404
    assert anonymous.delete(f"{URL}/shop", headers=bearer(issue_key(acme))).status_code == 403
    assert member.delete(f"{URL}/shop{OF_ACME}").status_code == 403
    assert outsider.delete(f"{URL}/shop{OF_ACME}").status_code == 404
    with org_scope(acme.pk):
        assert not Project.objects.exclude(delete_at=None).exists()
