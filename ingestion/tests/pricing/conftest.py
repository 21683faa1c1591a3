"""One catalogue and one book for all pricing tests: both are read-only."""

import pytest

from ingestion.pricing.book import PriceBook
from ingestion.pricing.cards import RateCard
from ingestion.pricing.catalogue import catalogue_cards


@pytest.fixture(scope="session")
def catalogue() -> list[RateCard]:
    return catalogue_cards()


@pytest.fixture(scope="session")
def book(catalogue: list[RateCard]) -> PriceBook:
    return PriceBook(catalogue)
