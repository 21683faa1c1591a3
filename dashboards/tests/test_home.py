"""``/`` sends everybody to where they go next."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conftest import make_user
from ingestion.models import ProjectActivity
from tenants import services
from tenants.models import Membership, Organization, Project, User
from tenants.permissions import Role


@pytest.fixture
def ada(db: None) -> User:
    return make_user("ada@example.test")


@pytest.fixture
def client_of_ada(ada: User) -> Client:
    client = Client()
    client.force_login(ada)
    return client


def organization(founder: User, name: str, *, projects: int = 1, has_calls: bool = False, scope) -> Organization:
    made = services.create_organization(actor=founder, name=name)
    for number in range(projects):
        services.create_project(organization=made, actor=founder, name=f"P{number}")
    if has_calls:
        with scope(made):
            project = Project.objects.get(is_default=True)
        now = timezone.now()
        ids = {"project_id": project.pk, "organization_id": made.pk}
        ProjectActivity.objects.create(first_received_at=now, last_received_at=now, **ids)
    return made


def overview(slug: str) -> str:
    return reverse("dashboards:organization-overview", args=[slug])


def test_a_stranger_signs_in(anonymous):
    assert anonymous.get("/").url == reverse("account_login")


def test_a_newcomer_creates_an_organization(client_of_ada):
    assert client_of_ada.get("/").url == "/o/new/"


def test_an_administrator_without_an_organization_looks_after_the_instance(client_of_ada, ada):
    User.objects.filter(pk=ada.pk).update(is_staff=True)

    response = client_of_ada.get("/", follow=True)

    assert response.redirect_chain == [(reverse("instance:overview"), 302)]
    assert response.status_code == 200


def test_an_administrator_with_an_organization_goes_there(client_of_ada, ada, scope):
    User.objects.filter(pk=ada.pk).update(is_staff=True)
    organization(ada, "Acme", has_calls=True, scope=scope)

    assert client_of_ada.get("/").url == overview("acme")


def test_an_organization_without_a_project_leads_to_creating_one(client_of_ada, ada, scope):
    organization(ada, "Acme", projects=0, scope=scope)

    assert client_of_ada.get("/").url == "/o/acme/projects/new/"


def test_who_may_not_create_projects_is_not_sent_to_do_so(client_of_ada, ada, scope):
    made = organization(ada, "Acme", projects=0, scope=scope)
    Membership.objects.filter(organization=made).update(role=Role.VIEWER)

    assert client_of_ada.get("/").url == overview("acme")


def test_before_the_first_call_the_default_projects_connect_page_comes_first(client_of_ada, ada, scope):
    organization(ada, "Acme", projects=2, scope=scope)

    assert client_of_ada.get("/").url == "/o/acme/p/p0/connect/"


def test_after_the_first_call_it_is_the_overview(client_of_ada, ada, scope):
    organization(ada, "Acme", has_calls=True, scope=scope)

    assert client_of_ada.get("/").url == overview("acme")


def test_the_organization_last_looked_at_is_where_one_comes_back_to(client_of_ada, ada, scope):
    for name in ("One", "Two", "Three"):
        organization(ada, name, has_calls=True, scope=scope)
    assert client_of_ada.get("/").url == overview("one")

    client_of_ada.get("/o/two/projects/")

    assert client_of_ada.get("/").url == overview("two")


def test_an_organization_one_was_removed_from_is_forgotten(client_of_ada, ada, scope):
    for name in ("One", "Two"):
        organization(ada, name, has_calls=True, scope=scope)
    client_of_ada.get("/o/two/projects/")
    Membership.objects.filter(organization__slug="two").delete()

    assert client_of_ada.get("/").url == overview("one")


def test_role_none_is_sent_where_it_is_told_so(client_of_ada, ada, scope):
    made = organization(ada, "Acme", scope=scope)
    Membership.objects.filter(organization=made).update(role=Role.NONE)

    assert client_of_ada.get("/").url == overview("acme")


def test_another_tenants_calls_do_not_count(client_of_ada, ada, scope):
    organization(make_user("eve@example.test"), "Globex", has_calls=True, scope=scope)
    organization(ada, "Acme", scope=scope)

    assert client_of_ada.get("/").url == "/o/acme/p/p0/connect/"
