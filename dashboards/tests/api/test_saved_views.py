"""Saved views over HTTP: who sees and changes which, and what is refused."""

import pytest
from django.test import Client

from core.scope import org_scope
from dashboards.models import SavedView
from tenants import key_services, services
from tenants.models import AuditEntry, ProjectRole, User
from tenants.permissions import Role, Scope

URL = "/api/v1/saved-views"
OF_ACME = "?organization=acme"
BODY = {"name": "Red", "page": "overview", "query": "?range=30d&team=red&metric=cost"}


@pytest.fixture
def other(acme):
    return services.create_project(organization=acme, actor=None, name="Other")


def key(acme, project=None, scopes=(Scope.READ, Scope.MANAGE)):
    issued = key_services.create_key(organization=acme, actor=None, name="ci", scopes=list(scopes), project=project)
    return Client(headers={"host": "127.0.0.1", "x-api-key": issued.text})


def save(client, organization=OF_ACME, **body):
    return client.post(URL + organization, BODY | body, content_type="application/json")


def change(client, view, organization=OF_ACME, **body):
    return client.patch(f"{URL}/{view['id']}{organization}", body, content_type="application/json")


def listed(client, organization=OF_ACME):
    return [view["name"] for view in client.get(URL + organization).json()["results"]]


def user_of(client):
    return User.objects.get(pk=client.session["_auth_user_id"])


def test_a_view_is_saved_and_shown_as_the_address_of_its_page(member, acme):
    response = save(member)

    assert response.status_code == 201
    shown = response.json()
    assert {name: value for name, value in shown.items() if name not in {"id", "created_at", "changed_at"}} == {
        "name": "Red",
        "page": "overview",
        "project": None,
        "query": "range=30d&team=red&metric=cost",
        "shared": True,
    }
    assert member.get(f"{URL}/{shown['id']}{OF_ACME}").json() == shown
    assert member.get(f"/o/acme/?view={shown['id']}").context["chosen"].query() == "range=30d&team=red"


def test_what_is_not_shared_is_ones_own(member, admin, acme):
    view = save(member, shared=False).json()

    assert (listed(member), listed(admin), listed(key(acme), "")) == (["Red"], [], [])
    assert change(admin, view, name="Mine").status_code == 404
    assert change(member, view, name="Mine").json()["name"] == "Mine"


def test_a_key_shares_what_it_saves(acme, member):
    response = save(key(acme), "", shared=False)

    assert response.json()["shared"] is True
    assert listed(member) == ["Red"]
    assert change(key(acme), response.json(), "", shared=False).json()["errors"] == [
        {"field": "shared", "message": "A view that a key saved is shared."}
    ]


def test_projects_bound_what_is_seen(acme, acme_project, other, member, nobody):
    save(member, name="All")
    save(member, name="Web", project="web")
    save(member, name="Other", project=other.slug)
    with org_scope(acme.pk):
        ProjectRole.objects.create(organization=acme, project=acme_project, user=user_of(nobody), role=Role.VIEWER)
        ProjectRole.objects.create(organization=acme, project=other, user=user_of(member), role=Role.NONE)

    assert listed(member) == ["All", "Web"]
    assert listed(nobody) == ["Web"]
    assert listed(key(acme, acme_project), "") == ["Web"]
    assert listed(key(acme), "") == ["All", "Other", "Web"]


def test_a_key_of_a_project_saves_that_projects_views_only(acme, acme_project, other):
    of_web = key(acme, acme_project)

    assert save(of_web, "", project="web").status_code == 201
    assert save(of_web, "").status_code == 403
    assert save(of_web, "", project=other.slug).status_code == 400
    with org_scope(acme.pk):
        assert SavedView.objects.get().project == acme_project


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"page": "settings"}, "page"),
        ({"project": "nowhere"}, "project"),
        ({"query": "range=5y"}, "query"),
        ({"query": "status=maybe"}, "query"),
        ({"query": "from=2026-07-03&to=2026-07-02"}, "query"),
        ({"query": "&".join(f"option{n}=1" for n in range(21))}, "query"),
        ({"query": "x" * 8_001}, "query"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_view_that_cannot_be_is_refused_by_field(member, acme, body, field):
    response = save(member, **body)

    assert response.status_code == 400
    assert {error["field"] for error in response.json()["errors"]} == {field}
    with org_scope(acme.pk):
        assert not SavedView.objects.exists()


def test_a_taken_name_is_refused(member, acme):
    save(member)

    assert save(member).json()["errors"] == [{"field": "name", "message": "Another view of this page has this name."}]


def test_who_shared_it_and_admins_change_it(member, admin, viewer, acme):
    view = save(member).json()

    assert change(viewer, view, name="Mine").status_code == 403
    assert change(member, view, name="Ours", query="range=90d").json()["query"] == "range=90d"
    assert change(admin, view, shared=False).json()["shared"] is False
    assert listed(admin) == []
    with org_scope(acme.pk):
        actions = list(
            AuditEntry.objects.filter(action__startswith="saved").order_by("pk").values_list("action", flat=True)
        )
    assert actions == ["saved_view.created", "saved_view.changed", "saved_view.changed"]


def test_a_role_in_the_project_decides_there(member, acme, acme_project):
    view = save(member, project="web").json()
    with org_scope(acme.pk):
        ProjectRole.objects.create(organization=acme, project=acme_project, user=user_of(member), role=Role.VIEWER)

    assert change(member, view, name="Mine").status_code == 404
    assert member.get(f"{URL}/{view['id']}{OF_ACME}").status_code == 200


def test_deleting_twice_finds_it_gone(member, acme):
    view = save(member).json()

    answers = [member.delete(f"{URL}/{view['id']}{OF_ACME}").status_code for _ in range(2)]

    assert answers == [204, 404]
    assert listed(member) == []
