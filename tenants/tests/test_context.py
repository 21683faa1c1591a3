from http import HTTPStatus

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.http import HttpRequest
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from conftest import make_user
from tenants import services
from tenants.access import LAST_ORGANIZATION
from tenants.context import ProjectLink, navigation
from tenants.models import Membership, Organization, User
from tenants.permissions import Role

OWNERS = {"organization-delete", "member-transfer"}
ADMINS = {
    "project-create",
    "project-settings",
    "organization-settings",
    "audit",
    "end-users",
    "member-invite",
    "organization-keys",
    "gateway-providers",
}


def page_of(organization: Organization, role: str = Role.OWNER) -> HttpRequest:
    request = RequestFactory().get("/")
    request.user = User.objects.get(memberships__organization=organization, memberships__role=Role.OWNER)
    request.organization, request.project, request.role = organization, None, role  # type: ignore[attr-defined]
    return request


def test_outside_an_organization_there_is_nothing_to_navigate(db):
    request = RequestFactory().get("/")
    request.user = AnonymousUser()

    with CaptureQueriesContext(
        connection,
    ) as queries:
        context = navigation(request)

    assert context == {"dev_mail_url": "", "signup_policy": "open", "identity_providers": []}
    assert len(queries) == 0


def test_the_two_lists_cost_two_queries_and_only_when_they_are_shown(acme, scope):
    request = page_of(acme)

    with scope(acme), CaptureQueriesContext(connection) as queries:
        context = navigation(request)
        assert len(queries) == 0
        assert [item.slug for item in context["projects"]] == ["web"]
        assert [item.slug for item in context["organizations"]] == ["acme"]
        assert list(context["projects"])  # shown twice, read once
        assert list(context["project_links"]) == [ProjectLink("Web", "/o/acme/p/web/", is_current=False)]

    assert len(queries) == 2


def test_the_project_one_is_in_is_the_current_one(acme, acme_project, scope):
    request = page_of(acme)
    request.project = acme_project
    services.create_project(organization=acme, actor=request.user, name="Batch")

    with scope(acme):
        links = list(navigation(request)["project_links"])

    assert [(link.name, link.is_current) for link in links] == [("Batch", False), ("Web", True)]


def test_only_ones_own_organizations_are_listed(acme, globex, scope):
    ada = make_user("ada@example.test")
    Membership.objects.create(user=ada, organization=acme, role=Role.VIEWER)
    mine = services.create_organization(actor=ada, name="Mine")
    request = page_of(mine)

    assert [item.slug for item in navigation(request)["organizations"]] == ["acme", "mine"]


def test_an_error_page_outside_the_scope_lists_no_projects(acme):
    assert list(navigation(page_of(acme))["projects"]) == []


@pytest.mark.parametrize(
    ("role", "denied"),
    [
        (Role.OWNER, set()),
        (Role.ADMIN, OWNERS),
        (Role.MEMBER, OWNERS | ADMINS),
        (Role.VIEWER, OWNERS | ADMINS | {"keys", "alerts", "exports"}),
    ],
)
def test_entries_that_would_be_refused_are_left_out(acme, role, denied):
    assert navigation(page_of(acme, role))["nav_denied"] == denied


def test_a_refused_page_still_renders(viewer, nobody, acme):
    assert viewer.get("/o/acme/settings/").status_code == HTTPStatus.FORBIDDEN
    assert nobody.get("/o/acme/projects/").status_code == HTTPStatus.FORBIDDEN


def test_a_page_costs_few_queries(owner):
    owner.get("/o/acme/projects/")

    with CaptureQueriesContext(connection) as queries:
        owner.get("/o/acme/projects/")

    statements = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
    # session, user, membership; scope in and out; time zone; projects, archived ones, and the two lists of the
    # navigation
    assert len(statements) == 10


def test_the_last_organization_is_remembered_and_written_once(owner, acme):
    owner.get("/o/acme/projects/")
    assert owner.session[LAST_ORGANIZATION] == "acme"

    with CaptureQueriesContext(connection) as queries:
        owner.get("/o/acme/projects/")

    assert not [query for query in queries if 'UPDATE "django_session"' in query["sql"]]
