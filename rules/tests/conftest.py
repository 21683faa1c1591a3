"""What tests of rules share."""

from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from ingestion.pricing import services as pricing


@pytest.fixture
def catalogue(db: None) -> None:
    """The installed catalogue's prices, as a started product has them."""
    pricing.import_catalogue(now=timezone.now())


@pytest.fixture
def utc() -> ZoneInfo:
    return ZoneInfo("UTC")


@pytest.fixture
def berlin() -> ZoneInfo:
    return ZoneInfo("Europe/Berlin")
