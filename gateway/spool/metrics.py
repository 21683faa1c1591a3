"""What the spool of one process tells Prometheus, and the system page by a heartbeat. No tenant is named."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.spool.drain import Totals
from gateway.spool.files import Pace
from ingestion.edge.directory import DirectoryUnavailableError, Reader

logger = logging.getLogger(__name__)

NAME: Final = "gateway"
BEAT_SECONDS: Final = 15.0
_BEAT: Final = b"""
    insert into heartbeats (name, seen_at, facts) values (%s, %s, %s)
    on conflict (name) do update set seen_at = excluded.seen_at, facts = excluded.facts
    returning name"""


class GatewayMetrics(Collector):
    """Asked when somebody reads, so that nothing has to be kept up to date in between."""

    def __init__(self, pace: Callable[[], Pace], totals: Callable[[], Totals]) -> None:
        self._pace, self._totals = pace, totals

    def collect(self) -> Iterable[Metric]:
        pace, totals = self._pace(), self._totals()
        yield _counter("requests", "Proxied requests read back from the spool.", totals.requests)
        yield _counter("calls", "Those of them that are calls of a model.", totals.calls)
        yield _counter("calls_written", "Calls that are stored.", totals.written)
        yield _counter("unreadable_lines", "Lines of the spool that could not be read.", pace.damaged)
        yield _gauge("calls_not_written", "Calls read back and not stored.", totals.calls - totals.written)
        yield _gauge("spool_bytes", "Bytes of the spool that wait to be stored.", pace.bytes_waiting)
        yield _gauge("spool_limit_bytes", "Bytes the spool may hold.", pace.limit)
        yield _gauge("spool_oldest_seconds", "Age of the oldest record that waits.", pace.oldest_seconds)


def _counter(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(f"tokenops_gateway_{name}", text, value)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"tokenops_gateway_{name}", text, value)


class GatewayPulse:
    """Writes how full the spool is. Of several processes the last to write is seen."""

    def __init__(
        self, conninfo: str, pace: Callable[[], Pace], *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._reader = Reader(conninfo)
        self._pace = pace
        self._clock = clock

    async def beat(self) -> None:
        """:raises DirectoryUnavailableError: the database is away."""
        pace = self._pace()
        facts = {
            "spool_bytes": pace.bytes_waiting,
            "spool_limit": pace.limit,
            "oldest_seconds": round(pace.oldest_seconds, 1),
        }
        async with self._reader.lock:
            await self._reader.rows(_BEAT, [NAME, self._clock(), json.dumps(facts)])

    async def beat_for_ever(self) -> None:
        try:
            while True:
                await self._try()
                await asyncio.sleep(BEAT_SECONDS)
        finally:
            await self._reader.close()

    async def _try(self) -> None:
        try:
            await self.beat()
        except DirectoryUnavailableError:
            logger.debug("no heartbeat: the database is away")
        except Exception:
            logger.exception("the heartbeat failed")
