"""Fixtures every app's tests share: two organizations that must never see each other, and the people in them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cache

import pytest
from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher, make_password
from django.db import connections
from django.test import Client

from core.logs import request_id
from core.scope import org_scope
from tenants import audit, services
from tenants.models import Membership, Organization, OrganizationSettings, Project, User
from tenants.permissions import Role
from tests.emptying import empty_database
from tests.plugin import create_worker_database
from tokenops.celery import app


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: "pytest.FixtureRequest") -> Iterator[None]:
    """Replaces pytest-django's: the database is copied from a template, not migrated by the web role."""
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        create_worker_database()
    yield
    connections.close_all()


@pytest.fixture(scope="session", autouse=True)
def known_tasks() -> None:
    """Every task is registered before the first test: one that a test imports after another closed the application,
    as workers do when they end, would be nobody's."""
    app.autodiscover_tasks(force=True)
    app.finalize()


@pytest.fixture(autouse=True)
def outside_of_requests() -> Iterator[None]:
    """Code of the edge names the request it runs in and never takes the name back; its task ends with it."""
    yield
    request_id.set("")


@pytest.fixture
def committed_db(django_db_setup: None, django_db_blocker: "pytest.FixtureRequest") -> Iterator[None]:
    """A database without a surrounding transaction, for code that has its own connections; emptied afterwards."""
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield
        connections.close_all()
        empty_database()


# Argon2 takes 100 MB and a tenth of a second on purpose. Tests hash and verify with it as the product does, cheaply.
Argon2PasswordHasher.time_cost = 1
Argon2PasswordHasher.memory_cost = 8
Argon2PasswordHasher.parallelism = 1


@cache
def _hashed_password() -> str:
    return make_password("correct horse battery")


def make_user(email: str) -> User:
    user = User.objects.create(email=email, password=_hashed_password())
    user.emailaddress_set.create(email=email, verified=True, primary=True)  # type: ignore[attr-defined]
    return user


def make_organization(name: str) -> Organization:
    """An organization ``name`` owned by ``owner@<name>.test`` with one project ``web``."""
    owner = make_user(f"owner@{name.lower()}.test")
    organization = services.create_organization(actor=owner, name=name, time_zone="UTC")
    services.create_project(organization=organization, actor=owner, name="Web")
    return organization


def insert_organization(name: str) -> Organization:
    """The rows of ``make_organization`` without the checks that services make first, for a third of the time.

    Half of all tests begin with it; core/tests/test_scenes.py sees to it that the rows are the same.
    """
    owner = make_user(f"owner@{name.lower()}.test")
    organization = Organization.objects.create(name=name, slug=name.lower())
    Membership.objects.create(user=owner, organization=organization, role=Role.OWNER)
    with org_scope(organization.pk):
        OrganizationSettings.objects.create(
            organization=organization,
            time_zone="UTC",
            monthly_event_quota=settings.MONTHLY_EVENT_QUOTA,
            hash_key=services.new_hash_key(organization.pk),
        )
        audit.record("organization.created", actor=owner, target=organization, name=name)
        project = Project.objects.create(organization=organization, name="Web", slug="web", is_default=True)
        audit.record("project.created", actor=owner, target=project, name="Web")
    return organization


@pytest.fixture
def acme(db: None) -> Organization:
    return insert_organization("Acme")


@pytest.fixture
def globex(db: None) -> Organization:
    """The other tenant."""
    return insert_organization("Globex")


@pytest.fixture
def acme_project(acme: Organization, scope: "Scope") -> Project:
    with scope(acme):
        return Project.objects.get(slug="web")


Scope = Callable[[Organization], AbstractContextManager[None]]


@pytest.fixture
def scope() -> Scope:
    """``with scope(acme): …`` opens the organization's scope."""
    return lambda organization: org_scope(organization.pk)


def _client_with_role(organization: Organization, role: str) -> Client:
    user = make_user(f"{role}@{organization.slug}.test") if role != Role.OWNER else _owner(organization)
    if role != Role.OWNER:
        Membership.objects.create(user=user, organization=organization, role=role)
    client = Client()
    client.force_login(user)
    return client


def _owner(organization: Organization) -> User:
    return User.objects.get(memberships__organization=organization, memberships__role=Role.OWNER)


@pytest.fixture
def owner(acme: Organization) -> Client:
    return _client_with_role(acme, Role.OWNER)


@pytest.fixture
def admin(acme: Organization) -> Client:
    return _client_with_role(acme, Role.ADMIN)


@pytest.fixture
def member(acme: Organization) -> Client:
    return _client_with_role(acme, Role.MEMBER)


@pytest.fixture
def viewer(acme: Organization) -> Client:
    return _client_with_role(acme, Role.VIEWER)


@pytest.fixture
def nobody(acme: Organization) -> Client:
    """Belongs to the organization with role none."""
    return _client_with_role(acme, Role.NONE)


@pytest.fixture
def outsider(globex: Organization) -> Client:
    """Owns another organization; acme must look as if it did not exist."""
    return _client_with_role(globex, Role.OWNER)


@pytest.fixture
def anonymous(db: None) -> Client:
    return Client()
