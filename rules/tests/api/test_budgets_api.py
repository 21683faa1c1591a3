"""``/api/v1/budgets``."""

import pytest

from rules.api import budgets as views
from rules.models import Budget
from rules.tests.budgets import NOW, make_budget, spend
from tenants import services, teams
from tenants.models import AuditEntry
from tenants.permissions import Role, Scope
from tenants.tests.keys import bearer, issue_key
from tenants.tests.people import join, override, owner_of, signed_in

URL = "/api/v1/budgets"
JSON = {"content_type": "application/json"}
BODY = {"name": "All", "scope": "organization", "period": "month", "limit": "100"}


@pytest.fixture(autouse=True)
def on_a_day_in_july(monkeypatch):
    monkeypatch.setattr(views, "now", lambda: NOW)


@pytest.fixture
def manager(acme):
    """Headers of a key of the whole organization that may change it."""
    return bearer(issue_key(acme, scopes=[Scope.READ, Scope.MANAGE]))


@pytest.fixture
def of_project(acme, acme_project):
    """The same of one project."""
    return bearer(issue_key(acme, project=acme_project, scopes=[Scope.READ, Scope.MANAGE]))


@pytest.fixture
def secret(acme):
    return services.create_project(organization=acme, actor=owner_of(acme), name="Secret")


def names(organization, scope):
    with scope(organization):
        return list(Budget.objects.order_by("name").values_list("name", flat=True))


def listed(answer):
    assert answer.status_code == 200
    return [one["name"] for one in answer.json()["results"]]


def fields(answer):
    assert answer.status_code == 400
    return [error["field"] for error in answer.json()["errors"]]


def test_a_budget_is_shown_with_how_it_stands(anonymous, acme, acme_project, manager):
    spend(acme_project, usd="62.5", unpriced_calls=3)
    budget = make_budget(acme, scope="feature", project=acme_project, feature="default")

    answer = anonymous.get(f"{URL}/{budget.pk}", headers=manager)

    assert answer.json() == {
        "id": budget.pk,
        "name": "All",
        "scope": "feature",
        "project": "web",
        "team": None,
        "feature": "default",
        "user_id": None,
        "api_key": None,
        "metric": "cost_usd",
        "period": "month",
        "limit": "100",
        "thresholds": [50, 80, 100],
        "active": True,
        "created_at": "2026-07-14T10:20:00.000000Z",
        "current": {
            "since": "2026-07-01T00:00:00.000000Z",
            "until": "2026-08-01T00:00:00.000000Z",
            "spent": "62.5",
            "percent": "62.5",
            "standing": "warned",
            "thresholds_reached": [50],
            "unpriced_calls": 3,
            "estimated_calls": 0,
            "forecast": None,
            "computed_at": "2026-07-14T10:20:00.000000Z",
        },
    }
    assert anonymous.get(URL, headers=manager).json() == {"results": [answer.json()], "next": None}


def test_a_forecast_has_its_range(anonymous, acme, acme_project, manager):
    for hour in range(24):
        spend(acme_project, at=NOW.replace(day=13, hour=10 + hour if hour < 14 else 23), usd="1", api_key_id=hour)
    spend(acme_project, at=NOW.replace(day=10), usd="3", api_key_id=99)
    make_budget(acme, limit="1000")

    (shown,) = anonymous.get(URL, headers=manager).json()["results"]

    ahead = shown["current"]["forecast"]
    assert set(ahead) == {"expected", "low", "high"}
    assert float(ahead["low"]) < float(ahead["expected"]) < float(ahead["high"])


def test_a_key_creates_a_budget_in_its_own_name(anonymous, acme, manager, scope):
    answer = anonymous.post(URL, BODY | {"limit": 99.5, "thresholds": [90, 100]}, headers=manager, **JSON)

    assert answer.status_code == 201
    assert (answer.json()["limit"], answer.json()["thresholds"]) == ("99.5", [90, 100])
    with scope(acme):
        entry = AuditEntry.objects.get(action="budget.created")
        assert (entry.actor_kind, entry.actor_name) == ("key", "Test")
        assert Budget.objects.get().created_by is None


def test_every_scope_can_be_made(anonymous, acme, acme_project, manager, scope):
    teams.create_team(organization=acme, actor=None, name="Search")
    key = issue_key(acme, project=acme_project).key
    more = {
        "team": {"team": "search"},
        "project": {"project": "web"},
        "feature": {"project": "web", "feature": "chat"},
        "user": {"user_id": "u-1"},
        "key": {"api_key": key.prefix},
    }

    for of, named in more.items():
        answer = anonymous.post(URL, BODY | {"name": of, "scope": of} | named, headers=manager, **JSON)
        assert answer.status_code == 201, answer.json()
        assert {name: answer.json()[name] for name in named} == named

    assert names(acme, scope) == sorted(more)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"scope": "planet"}, "scope"),
        ({"period": "year"}, "period"),
        ({"metric": "euros"}, "metric"),
        ({"limit": "0"}, "limit"),
        ({"limit": -1}, "limit"),
        ({"limit": True}, "limit"),
        ({"limit": None}, "limit"),
        ({"limit": "NaN"}, "limit"),
        ({"limit": {"usd": 3}}, "limit"),
        ({"thresholds": []}, "thresholds"),
        ({"thresholds": [0]}, "thresholds"),
        ({"thresholds": [50, 50]}, "thresholds"),
        ({"thresholds": [80, 50]}, "thresholds"),
        ({"thresholds": ["x"]}, "thresholds.0"),
        ({"thresholds": 50}, "thresholds"),
        ({"scope": "team"}, "team"),
        ({"scope": "team", "team": "nobody"}, "team"),
        ({"scope": "project", "project": "nothing"}, "project"),
        ({"scope": "project"}, "project"),
        ({"scope": "key", "api_key": "nothing"}, "api_key"),
        ({"team": "search"}, "team"),
        ({"spent": 3}, "spent"),
        ({"name": "Taken"}, "name"),
    ],
)
def test_what_cannot_be_is_refused_by_the_member_that_is_wrong(anonymous, acme, manager, scope, body, field):
    make_budget(acme, name="Taken")

    answer = anonymous.post(URL, BODY | body, headers=manager, **JSON)

    assert fields(answer) == [field]
    assert names(acme, scope) == ["Taken"]


def test_what_is_needed_is_named(anonymous, manager):
    assert fields(anonymous.post(URL, {}, headers=manager, **JSON)) == ["name", "scope", "period", "limit"]


def test_a_change_is_whole_or_not_at_all(anonymous, acme, manager, scope):
    budget = make_budget(acme)
    path = f"{URL}/{budget.pk}"

    changed = anonymous.patch(path, {"limit": "250", "active": False}, headers=manager, **JSON).json()
    assert (changed["limit"], changed["active"], changed["name"]) == ("250", False, "All")
    assert changed["current"]["standing"] == "paused"
    answer = anonymous.patch(path, {"name": "New", "limit": "0", "active": True}, headers=manager, **JSON)
    assert fields(answer) == ["limit"]
    assert fields(anonymous.patch(path, {"scope": "team"}, headers=manager, **JSON)) == ["scope"]

    kept = anonymous.get(path, headers=manager).json()
    assert (kept["name"], kept["limit"], kept["active"]) == ("All", "250", False)
    assert anonymous.patch(path, {"active": True}, headers=manager, **JSON).json()["active"] is True


def test_a_budget_is_deleted_once(anonymous, acme, manager, scope):
    budget = make_budget(acme)

    assert anonymous.delete(f"{URL}/{budget.pk}", headers=manager).status_code == 204
    assert anonymous.delete(f"{URL}/{budget.pk}", headers=manager).status_code == 404
    assert names(acme, scope) == []


# --- Reach ---


def test_a_projects_key_sees_and_changes_its_projects_budgets_only(
    anonymous, acme, acme_project, secret, of_project, scope
):
    own = make_budget(acme, name="web", scope="project", project=acme_project)
    others = [
        make_budget(acme, name="all"),
        make_budget(acme, name="secret", scope="project", project=secret),
        make_budget(acme, name="user", scope="user", user_id="u-1"),
    ]

    assert listed(anonymous.get(URL, headers=of_project)) == ["web"]
    assert anonymous.patch(f"{URL}/{own.pk}", {"limit": 7}, headers=of_project, **JSON).json()["limit"] == "7"
    for other in others:
        for method in (anonymous.get, anonymous.delete):
            assert method(f"{URL}/{other.pk}", headers=of_project).status_code == 404
        assert anonymous.patch(f"{URL}/{other.pk}", {"limit": 7}, headers=of_project, **JSON).status_code == 404
    assert names(acme, scope) == ["all", "secret", "user", "web"]


def test_a_projects_key_makes_budgets_of_its_project_only(anonymous, acme, acme_project, secret, of_project, scope):
    foreign = issue_key(acme, project=secret).key
    own = issue_key(acme, project=acme_project).key

    def post(**body):
        return anonymous.post(URL, BODY | body, headers=of_project, **JSON)

    assert post().status_code == 403
    assert post(scope="user", user_id="u-1").status_code == 403
    assert fields(post(scope="project", project="secret")) == ["project"]
    assert fields(post(scope="key", api_key=foreign.prefix)) == ["api_key"]
    assert names(acme, scope) == []
    assert post(name="a", scope="project").json()["project"] == "web"
    assert post(name="b", scope="feature", feature="chat").json()["project"] == "web"
    assert post(name="c", scope="key", api_key=own.prefix).status_code == 201


def test_people_reach_what_their_roles_give_them(acme, acme_project, secret, scope):
    hidden = make_budget(acme, name="secret", scope="project", project=secret)
    seen = make_budget(acme, name="all")
    ada = join(acme, "ada@example.test", Role.VIEWER)
    override(secret, ada, Role.NONE)
    override(acme_project, ada, Role.ADMIN)
    client, asked = signed_in(ada), "?organization=acme"

    assert listed(client.get(URL + asked)) == ["all"]
    assert client.get(f"{URL}/{hidden.pk}{asked}").status_code == 404
    assert client.patch(f"{URL}/{seen.pk}{asked}", {"limit": 7}, **JSON).status_code == 403
    assert client.post(URL + asked, BODY | {"name": "b"}, **JSON).status_code == 403
    assert (
        client.post(URL + asked, BODY | {"name": "b", "scope": "project", "project": "web"}, **JSON).status_code == 201
    )
    assert names(acme, scope) == ["all", "b", "secret"]


def test_who_may_change_budgets(anonymous, admin, member, outsider, acme, globex, scope):
    budget = make_budget(acme)
    reader = bearer(issue_key(acme))
    theirs = bearer(issue_key(globex, scopes=[Scope.READ, Scope.MANAGE]))
    asked, body = f"{URL}?organization=acme", BODY | {"name": "Mine"}

    assert anonymous.post(URL, body, **JSON).status_code == 401
    assert anonymous.post(URL, body, headers=reader, **JSON).status_code == 403
    assert anonymous.delete(f"{URL}/{budget.pk}", headers=reader).status_code == 403
    assert member.post(asked, body, **JSON).status_code == 403
    assert outsider.post(asked, body, **JSON).status_code == 404
    assert anonymous.get(f"{URL}/{budget.pk}", headers=theirs).status_code == 404
    assert anonymous.delete(f"{URL}/{budget.pk}", headers=theirs).status_code == 404
    assert listed(anonymous.get(URL, headers=theirs)) == []
    assert names(acme, scope) == ["All"]
    assert admin.post(asked, body, **JSON).status_code == 201
