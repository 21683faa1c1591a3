"""The edge's heartbeat, and the figures in it."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings

from core.databases import EDGE
from core.models import Heartbeat
from ingestion.edge.directory import DirectoryUnavailableError
from ingestion.edge.pulse import Pulse
from ingestion.tests.edge.client import running_edge
from ingestion.tests.edge.conftest import project_of
from ingestion.tests.edge.rows import make_row
from ingestion.writer import Writer
from ingestion.writer.lags import Lags, Pace
from tests.resilience.processes import wait_until

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def new_pulse(conninfo=""):
    conninfo = conninfo or settings.DATABASE.conninfo(EDGE)
    return Pulse(conninfo, Writer(conninfo), started_at=NOW - timedelta(hours=1), clock=lambda: NOW)


async def beat_and_close(pulse):
    try:
        await pulse.beat()
    finally:
        await pulse._reader.close()


def test_a_beat_is_one_row_that_moves(committed_module):
    Heartbeat.objects.update_or_create(name="edge", defaults={"seen_at": NOW - timedelta(days=1), "facts": {"old": 1}})

    asyncio.run(beat_and_close(new_pulse()))

    found = Heartbeat.objects.get(name="edge")
    assert found.seen_at == NOW
    assert found.facts == {
        "flushes": 0,
        "failures": 0,
        "requests": 0,
        "lag_p50_ms": None,
        "lag_p99_ms": None,
        "rows_waiting": 0,
        "started_at": "2026-07-01T11:00:00+00:00",
    }


def test_an_edge_beats_as_soon_as_it_runs(committed_module):
    Heartbeat.objects.filter(name="edge").delete()

    with running_edge():
        wait_until(lambda: Heartbeat.objects.filter(name="edge").exists(), "the first beat")


def test_without_the_database_a_beat_is_missed_and_no_more():
    pulse = new_pulse("host=127.0.0.1 port=1 dbname=none")

    with pytest.raises(DirectoryUnavailableError):
        asyncio.run(beat_and_close(pulse))
    asyncio.run(pulse._try())


def test_what_cannot_be_foreseen_is_logged_and_no_more(caplog):
    pulse = new_pulse()
    pulse._clock = lambda: 1 / 0

    asyncio.run(pulse._try())

    assert "the heartbeat failed" in caplog.text


def test_a_writer_notes_how_long_requests_waited_and_whether_they_were_stored(committed_module, acme):
    rows = [make_row(project_of(acme), "a")]
    outside = [make_row(project_of(acme), "b", started_at=datetime(2019, 1, 1, tzinfo=UTC))]
    writer = Writer(settings.DATABASE.conninfo(EDGE))

    async def write_both():
        await writer.write(rows, [])
        await writer.write(outside, [])

    writer.start()
    try:
        asyncio.run(write_both())
    finally:
        writer.close()

    pace = writer.lags.pace()
    assert (pace.flushes, pace.failures, pace.requests) == (2, 1, 1)
    assert 0 < pace.lag_p50_ms == pace.lag_p99_ms


def test_the_pace_is_that_of_the_last_minute():
    lags = Lags()
    lags.note([0.0] * 5, is_stored=True, now=10.0)  # more than a minute ago
    lags.note([100.0 - n / 1000 for n in range(1, 100)], is_stored=True, now=100.0)  # 1 to 99 ms
    lags.note([99.0], is_stored=True, now=100.0)  # one of a second
    lags.note([50.0, 60.0], is_stored=False, now=101.0)

    assert lags.pace(now=120.0) == Pace(flushes=3, failures=1, requests=100, lag_p50_ms=50.0, lag_p99_ms=99.0)


def test_the_slowest_of_a_few_is_their_last_percentile():
    lags = Lags()
    lags.note([9.0, 9.5, 9.9], is_stored=True, now=10.0)

    pace = lags.pace(now=10.0)

    assert (pace.lag_p50_ms, pace.lag_p99_ms) == (500.0, 1000.0)


def test_without_requests_there_is_no_lag():
    assert Lags().pace(now=0.0) == Pace(flushes=0, failures=0, requests=0, lag_p50_ms=None, lag_p99_ms=None)
