"""``/api/v1/teams``."""

import pytest

from core.scope import org_scope
from tenants import team_selectors, teams
from tenants.models import AuditEntry, Team
from tenants.permissions import Scope
from tenants.tests.keys import bearer, issue_key

URL = "/api/v1/teams"
JSON = {"content_type": "application/json"}


@pytest.fixture
def search(acme):
    return teams.create_team(organization=acme, actor=None, name="Search", aliases=["find"])


@pytest.fixture
def manager(acme):
    """Headers of a key of the whole organization that may change it."""
    return bearer(issue_key(acme, scopes=[Scope.READ, Scope.MANAGE]))


def names(organization):
    with org_scope(organization.pk):
        return team_selectors.slugs_by_name(organization=organization)


def test_teams_are_listed(anonymous, acme, globex, search):
    teams.create_team(organization=globex, actor=None, name="Theirs")

    answer = anonymous.get(URL, headers=bearer(issue_key(acme)))

    (team,) = answer.json()["results"]
    assert team.pop("created_at").endswith("Z")
    assert team == {"slug": "search", "name": "Search", "aliases": ["find"], "members": 0}


def test_a_key_creates_a_team_in_its_own_name(anonymous, acme, manager, scope):
    answer = anonymous.post(URL, {"name": "Search", "aliases": ["Find It", "SEARCH"]}, headers=manager, **JSON)

    assert answer.status_code == 201
    assert (answer.json()["slug"], answer.json()["aliases"]) == ("search", ["Find It"])
    assert names(acme) == {"search": "search", "find it": "search"}
    with scope(acme):
        entry = AuditEntry.objects.get(action="team.created")
        assert (entry.actor_kind, entry.actor_name) == ("key", "Test")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "Other", "slug": "search"}, "slug"),
        ({"name": "Other", "slug": "FIND"}, "slug"),
        ({"name": "Other", "aliases": ["Find"]}, "aliases"),
        ({"name": "Other", "aliases": [""]}, "aliases.0"),
        ({"name": "Other", "aliases": ["a"] * 51}, "aliases"),
        ({"name": "Other", "aliases": "a"}, "aliases"),
        ({"name": "日本"}, "slug"),
        ({"name": "Other", "members": 3}, "members"),
    ],
)
def test_a_team_that_cannot_be_is_refused_by_the_member_that_is_wrong(anonymous, acme, search, manager, body, field):
    answer = anonymous.post(URL, body, headers=manager, **JSON)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert names(acme) == {"search": "search", "find": "search"}


def test_a_change_replaces_aliases_and_leaves_the_rest(anonymous, acme, search, manager):
    answer = anonymous.patch(f"{URL}/search", {"aliases": ["FIND", "lookup"]}, headers=manager, **JSON)

    assert answer.status_code == 200
    assert (answer.json()["name"], answer.json()["aliases"]) == ("Search", ["find", "lookup"])


def test_a_change_is_whole_or_not_at_all(anonymous, acme, search, manager):
    teams.create_team(organization=acme, actor=None, name="Ads")

    answer = anonymous.patch(f"{URL}/search", {"name": "New", "aliases": ["x", "ADS"]}, headers=manager, **JSON)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["aliases"]
    assert anonymous.get(f"{URL}/search", headers=manager).json()["name"] == "Search"
    assert names(acme) == {"search": "search", "find": "search", "ads": "ads"}


def test_a_team_is_deleted_once(anonymous, acme, search, manager, scope):
    assert anonymous.delete(f"{URL}/search", headers=manager).status_code == 204
    assert anonymous.delete(f"{URL}/search", headers=manager).status_code == 404

    assert names(acme) == {}
    with scope(acme):
        assert AuditEntry.objects.filter(action="team.deleted").count() == 1


def test_who_may_change_teams(anonymous, admin, member, outsider, acme, acme_project, globex, search, scope):
    body = {"name": "Ads"}
    reader = bearer(issue_key(acme))
    of_project = bearer(issue_key(acme, project=acme_project, scopes=[Scope.READ, Scope.MANAGE]))
    theirs = bearer(issue_key(globex, scopes=[Scope.READ, Scope.MANAGE]))
    asked = f"{URL}?organization=acme"

    assert anonymous.post(URL, body, **JSON).status_code == 401
    assert anonymous.post(URL, body, headers=reader, **JSON).status_code == 403
    assert anonymous.post(URL, body, headers=of_project, **JSON).status_code == 403
    assert member.post(asked, body, **JSON).status_code == 403
    assert outsider.post(asked, body, **JSON).status_code == 404
    for method in (anonymous.get, anonymous.delete):
        assert method(f"{URL}/search", headers=theirs).status_code == 404
    assert anonymous.patch(f"{URL}/search", body, headers=theirs, **JSON).status_code == 404
    with scope(acme):
        assert list(Team.objects.values_list("name", flat=True)) == ["Search"]
    assert admin.post(asked, body, **JSON).status_code == 201
