"""What tests of dashboards share: zones, and filters made as a browser makes them."""

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import pytest

from dashboards.filters import Filter

# A Tuesday in the middle of a month without clock changes.
NOW = datetime(2026, 7, 14, 10, 20, tzinfo=UTC)

type Chosen = Callable[..., Filter]


@pytest.fixture
def utc() -> ZoneInfo:
    return ZoneInfo("UTC")


@pytest.fixture
def berlin() -> ZoneInfo:
    return ZoneInfo("Europe/Berlin")


@pytest.fixture
def chosen(utc: ZoneInfo) -> Chosen:
    """``chosen("range=30d&team=red")``: the filter of a query string, by default on 14 July 2026 in UTC."""

    def parse(query: str = "", *, now: datetime = NOW, zone: ZoneInfo = utc) -> Filter:
        return Filter.parse(parse_qs(query), now=now, zone=zone)

    return parse
