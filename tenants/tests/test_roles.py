"""Which role counts where, from the pure decision to pages, navigation and API."""

from http import HTTPStatus

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tenants import roles, services
from tenants.models import Organization, Project
from tenants.permissions import GRANTS, Permission, Role, allows, role_table
from tenants.tests.people import join, override, owner_of, signed_in


@pytest.mark.parametrize(
    ("role", "override", "effective"),
    [
        (Role.VIEWER, None, Role.VIEWER),
        (Role.VIEWER, "", Role.VIEWER),
        (Role.VIEWER, Role.ADMIN, Role.ADMIN),
        (Role.ADMIN, Role.NONE, Role.NONE),
        (Role.NONE, Role.MEMBER, Role.MEMBER),
        (Role.OWNER, Role.NONE, Role.OWNER),
    ],
)
def test_a_projects_role_raises_or_lowers_and_an_owner_stays_owner(role, override, effective):
    assert roles.effective_role(role, override) == effective


@pytest.mark.parametrize(
    ("giver", "given"),
    [
        (Role.OWNER, set(Role)),
        (Role.ADMIN, set(Role) - {Role.OWNER}),
        (Role.MEMBER, set()),
        (Role.VIEWER, set()),
        (Role.NONE, set()),
        ("unknown", set()),
    ],
)
def test_admins_give_roles_up_to_admin_and_only_owners_make_owners(giver, given):
    assert {role for role in Role if roles.may_give(giver, role)} == given


def test_the_table_people_read_is_the_one_the_doors_ask():
    table = role_table()

    assert {permission for permission, _ in table} == set(Permission)
    for permission, marks in table:
        assert dict(zip(Role, marks, strict=True)) == {role: permission in GRANTS[role] for role in Role}
    assert [sum(marks) for _, marks in table] == sorted((sum(marks) for _, marks in table), reverse=True)


def test_every_permission_says_what_it_is_about_in_words():
    labels = [permission.label for permission in Permission]

    assert len(set(labels)) == len(labels)
    assert all(label[0].isupper() and "." not in label for label in labels)


def test_each_role_may_all_that_a_lower_one_may():
    for higher, lower in zip(list(Role), list(Role)[1:], strict=False):
        assert all(allows(higher, permission) for permission in GRANTS[lower]), (higher, lower)


# --- Doors ---


@pytest.fixture
def secret(acme: Organization) -> Project:
    """A second project."""
    return services.create_project(organization=acme, actor=owner_of(acme), name="Secret")


def statuses(client: Client, *paths: str) -> list[int]:
    return [client.get(path).status_code for path in paths]


def test_without_a_role_in_the_organization_only_projects_that_give_one_are_there(acme, acme_project, secret):
    ada = join(acme, "ada@example.test", Role.NONE)
    override(acme_project, ada, Role.VIEWER)
    client = signed_in(ada)

    assert statuses(client, "/o/acme/p/web/", "/o/acme/p/secret/", "/o/acme/members/", "/o/acme/projects/") == [
        HTTPStatus.OK,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.FORBIDDEN,
    ]
    page = client.get("/o/acme/p/web/").text
    assert "/o/acme/p/secret/" not in page
    assert "All projects" not in page


def test_who_may_see_one_project_lands_on_it(acme, acme_project, secret):
    ada = join(acme, "ada@example.test", Role.NONE)
    assert signed_in(ada).get("/")["Location"] == "/o/acme/"

    override(secret, ada, Role.VIEWER)

    assert signed_in(ada).get("/")["Location"] == "/o/acme/p/secret/"
    assert signed_in(ada).get("/?organization=acme")["Location"] == "/o/acme/p/secret/"


def test_a_project_can_be_hidden_from_a_member(acme, acme_project, secret):
    ada = join(acme, "ada@example.test", Role.MEMBER)
    override(secret, ada, Role.NONE)
    client = signed_in(ada)

    assert statuses(client, "/o/acme/p/web/", "/o/acme/p/secret/", "/o/acme/p/secret/keys/") == [200, 404, 404]
    listed = client.get("/o/acme/projects/").text
    assert "/o/acme/p/web/" in listed
    assert "Secret" not in listed


@pytest.mark.parametrize(("role", "status"), [(Role.ADMIN, 200), (Role.MEMBER, 403), (Role.NONE, 404)])
def test_a_role_in_the_project_opens_and_closes_its_settings(acme, acme_project, role, status):
    ada = join(acme, "ada@example.test", Role.VIEWER)
    override(acme_project, ada, role)

    assert signed_in(ada).get("/o/acme/p/web/settings/").status_code == status


def test_an_admin_of_a_project_is_none_of_the_organization(acme, acme_project):
    ada = join(acme, "ada@example.test", Role.VIEWER)
    override(acme_project, ada, Role.ADMIN)
    client = signed_in(ada)

    paths = ("/o/acme/settings/", "/o/acme/audit/", "/o/acme/members/invite/", "/o/acme/projects/new/")
    assert statuses(client, *paths) == [403] * 4
    page = client.get("/o/acme/p/web/settings/").text
    assert 'href="/o/acme/p/web/settings/"' in page
    assert 'href="/o/acme/settings/"' not in page
    assert 'href="/o/acme/audit/"' not in page


def test_roles_in_projects_cost_no_further_queries(acme, acme_project):
    ada = join(acme, "ada@example.test", Role.VIEWER)
    client = signed_in(ada)

    def queries() -> int:
        client.get("/o/acme/p/web/connect/")
        with CaptureQueriesContext(connection) as found:
            client.get("/o/acme/p/web/connect/")
        return len(found)

    before = queries()
    for number in range(3):
        override(services.create_project(organization=acme, actor=None, name=f"P {number}"), ada, Role.ADMIN)
    override(acme_project, ada, Role.MEMBER)

    assert queries() == before


# --- API ---


def slugs(client: Client, query: str = "") -> list[str] | int:
    answer = client.get(f"/api/v1/projects?organization=acme{query}")
    return (
        [row["slug"] for row in answer.json()["results"]] if answer.status_code == HTTPStatus.OK else answer.status_code
    )


@pytest.mark.parametrize(
    ("role", "on_web", "seen"),
    [
        (Role.NONE, None, HTTPStatus.FORBIDDEN),
        (Role.NONE, Role.VIEWER, ["web"]),
        (Role.NONE, Role.NONE, HTTPStatus.FORBIDDEN),
        (Role.VIEWER, Role.NONE, ["secret"]),
        (Role.VIEWER, None, ["secret", "web"]),
    ],
)
def test_the_api_lists_the_projects_one_may_see(acme, acme_project, secret, role, on_web, seen):
    ada = join(acme, "ada@example.test", role)
    if on_web:
        override(acme_project, ada, on_web)

    assert slugs(signed_in(ada)) == seen


def test_the_api_hides_other_projects_and_the_organization(acme, acme_project, secret):
    ada = join(acme, "ada@example.test", Role.NONE)
    override(acme_project, ada, Role.VIEWER)
    client = signed_in(ada)

    assert statuses(
        client,
        "/api/v1/projects/web?organization=acme",
        "/api/v1/projects/secret?organization=acme",
        "/api/v1/calls?organization=acme",
        "/api/v1/calls?organization=acme&project=secret",
        "/api/v1/organizations/acme",
        "/api/v1/rate-cards?organization=acme",
    ) == [200, 404, 200, 404, 403, 403]
