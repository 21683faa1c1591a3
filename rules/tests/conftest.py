"""What tests of rules share."""

import pytest

from ingestion.pricing import services as pricing


@pytest.fixture
def catalogue(db):
    """The installed catalogue's prices, as a started product has them."""
    from django.utils import timezone

    pricing.import_catalogue(now=timezone.now())
