"""Scenes of ingestion: two committed tenants, and an edge that serves them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from conftest import make_organization
from ingestion.pricing import services as pricing
from ingestion.pricing.cards import RateCard, UnitPrice
from ingestion.tests.edge_client import EdgeClient, issue_key, running_edge
from tenants.models import Organization

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


@pytest.fixture
def committed_acme(committed_db: None) -> Organization:
    return make_organization("Acme")


@pytest.fixture
def committed_globex(committed_db: None) -> Organization:
    return make_organization("Globex")


@pytest.fixture
def prices(committed_db: None) -> None:
    pricing.import_catalogue(now=datetime.now(UTC), cards=CARDS)


@pytest.fixture
def edge(prices: None) -> Iterator[EdgeClient]:
    with running_edge() as client:
        yield client


@pytest.fixture
def key(committed_acme: Organization) -> str:
    """A key of acme's project web with the scope ingest."""
    return issue_key(committed_acme)
