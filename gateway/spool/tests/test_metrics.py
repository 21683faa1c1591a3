"""What is told of the spool."""

import asyncio
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from core.models import Heartbeat
from gateway.spool import GatewayMetrics, GatewayPulse, Pace, Totals
from gateway.spool.tests.conftest import conninfo
from ingestion.edge.directory import DirectoryUnavailableError

PACE = Pace(bytes_waiting=800, records_waiting=4, limit=1_000, oldest_seconds=2.04, damaged=1)
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


async def beat_and_close(pulse):
    try:
        await pulse.beat()
    finally:
        await pulse._reader.close()


def test_metrics_say_what_was_seen_and_what_is_stored():
    registry = CollectorRegistry()
    registry.register(GatewayMetrics(lambda: PACE, lambda: Totals(requests=10, calls=8, written=7)))

    names = (
        "requests_total",
        "calls_total",
        "calls_written_total",
        "calls_not_written",
        "spool_bytes",
        "spool_limit_bytes",
        "unreadable_lines_total",
    )
    found = [registry.get_sample_value(f"tokenops_gateway_{name}") for name in names]
    assert found == [10, 8, 7, 1, 800, 1_000, 1]


def test_a_beat_says_how_full_the_spool_is(committed_module):
    asyncio.run(beat_and_close(GatewayPulse(conninfo(), lambda: PACE, clock=lambda: NOW)))

    found = Heartbeat.objects.get(name="gateway")
    assert (found.seen_at, found.facts) == (NOW, {"spool_bytes": 800, "spool_limit": 1_000, "oldest_seconds": 2.0})


def test_without_the_database_a_beat_is_missed():
    with pytest.raises(DirectoryUnavailableError):
        asyncio.run(beat_and_close(GatewayPulse("host=127.0.0.1 port=1 dbname=none", lambda: PACE)))
