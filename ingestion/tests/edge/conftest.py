"""Scenes of ingestion: committed tenants, and an edge that serves them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connections

from core.scope import org_scope
from ingestion.pricing import services as pricing
from ingestion.pricing.cards import RateCard, UnitPrice
from ingestion.tests.edge.client import EdgeClient, issue_key, running_edge
from tenants import services
from tenants.models import Organization, Project, User
from tests.emptying import empty_database

# Two models are enough here: prices of the whole catalogue are the pricing tests' business.
CARDS = [
    RateCard(
        provider="openai",
        catalogue_id=model,
        match={"equals": model},
        position=position,
        prices={"input_tokens": UnitPrice(Decimal(into)), "output_tokens": UnitPrice(Decimal(out))},
        source="genai-prices",
    )
    for position, (model, into, out) in enumerate([("gpt-4o", "2.5", "10"), ("gpt-4o-mini", "0.15", "0.6")])
]


@pytest.fixture(scope="module")
def committed_module(django_db_setup: None, django_db_blocker: "pytest.FixtureRequest") -> Iterator[None]:
    """A database without surrounding transactions for a whole module: emptying it takes longer than most tests.

    Every test has organizations of its own, so they do not meet.
    """
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        pricing.import_catalogue(now=datetime.now(UTC), cards=CARDS)
        yield
        connections.close_all()
        empty_database()


@pytest.fixture(scope="module")
def edge(committed_module: None) -> Iterator[EdgeClient]:
    with running_edge() as client:
        yield client


@pytest.fixture(scope="module")
def somebody(committed_module: None) -> User:
    return User.objects.create_user(email="somebody@ingestion.test")


@pytest.fixture
def acme(somebody: User) -> Organization:
    """A committed organization with the projects web (its default) and app; not the one of the tests with ``db``."""
    return new_organization(somebody, "Acme")


@pytest.fixture
def globex(somebody: User) -> Organization:
    """The other tenant."""
    return new_organization(somebody, "Globex")


@pytest.fixture
def key(acme: Organization) -> str:
    """A key of acme's project web with the scope ingest."""
    return issue_key(acme)


def new_organization(actor: User, name: str, time_zone: str = "UTC") -> Organization:
    organization = services.create_organization(actor=actor, name=name, time_zone=time_zone)
    services.create_project(organization=organization, actor=actor, name="Web")
    services.create_project(organization=organization, actor=actor, name="App")
    return organization


def project_of(organization: Organization, slug: str = "web") -> Project:
    with org_scope(organization.pk):
        return Project.objects.get(slug=slug)
