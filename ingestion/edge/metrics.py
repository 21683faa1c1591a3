"""What one edge process did, in Prometheus's text format at ``/metrics``. Its labels name no tenant."""

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

from django.conf import settings
from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from core.addresses import FORWARDING_HEADERS, is_direct_from_this_machine
from ingestion.edge.http import Problem, Reply, Scope, Send, headers_of, name_request, send_reply, text_header
from ingestion.wire.batch import Batch
from ingestion.writer import Stored

PATH: Final = "/metrics"
_CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_BEARER: Final = "bearer "
_FLUSH_ROWS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)


@dataclass(frozen=True, slots=True)
class Load:
    """What a process holds in memory at this moment."""

    waiting_rows: int
    in_flight_bytes: int


class _Gauges(Collector):
    """Asked when somebody reads, so that nothing has to be kept up to date in between."""

    def __init__(self, load: Callable[[], Load]) -> None:
        self._load = load

    def collect(self) -> Iterable[GaugeMetricFamily]:
        load = self._load()
        yield GaugeMetricFamily(
            "tokenops_writer_waiting_rows", "Calls accepted and not yet taken by a flush.", load.waiting_rows
        )
        yield GaugeMetricFamily(
            "tokenops_edge_in_flight_bytes", "Bytes of bodies being received or decoded.", load.in_flight_bytes
        )


# When each series began doubles the text, and process_start_time_seconds says it once.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """Counters of one edge; ``load`` is asked at every reading. Counting is safe between threads."""

    def __init__(self, load: Callable[[], Load]) -> None:
        self._registry = CollectorRegistry()
        registry = self._registry
        self._requests = Counter(
            "tokenops_edge_requests", "Telemetry requests answered.", ["endpoint", "status"], registry=registry
        )
        self._events = Counter(
            "tokenops_ingest_events",
            "Events answered for: accepted, duplicate or rejected.",
            ["outcome"],
            registry=registry,
        )
        self._refused = Counter(
            "tokenops_ingest_events_refused",
            "Events of requests that were decoded and then refused as a whole, by status.",
            ["status"],
            registry=registry,
        )
        self._lag = Histogram(
            "tokenops_ingest_lag_seconds",
            "From the arrival of a request to the commit of its events.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._flush_rows = Histogram(
            "tokenops_flush_rows", "Calls of one flush.", buckets=_FLUSH_ROWS, registry=registry
        )
        self._flush_seconds = Histogram(
            "tokenops_flush_seconds", "Time of one flush.", buckets=_SECONDS, registry=registry
        )
        Info("tokenops_build", "The version that runs.", registry=registry).info({"version": settings.VERSION})
        self._registry.register(_Gauges(load))
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)
        # Finding a child by its labels costs more than counting, and there are few.
        self._request = cache(self._requests.labels)
        self._event = cache(self._events.labels)
        for outcome in ("accepted", "duplicate", "rejected"):
            self._event(outcome)

    def answered(self, endpoint: str, status: int) -> None:
        self._request(endpoint, str(status)).inc()

    def stored(self, batch: Batch, stored: Stored, seconds: float) -> None:
        """A request's events are durable, ``seconds`` after it arrived."""
        self._event("accepted").inc(stored.accepted)
        if stored.duplicates:
            self._event("duplicate").inc(stored.duplicates)
        if batch.rejected:
            self._event("rejected").inc(len(batch.rejected))
        self._lag.observe(seconds)

    def refused(self, events: int, status: int) -> None:
        """A request was decoded, and nothing of it is known to be stored."""
        self._refused.labels(str(status)).inc(events)

    def flushed(self, rows: int, seconds: float) -> None:
        self._flush_rows.observe(rows)
        self._flush_seconds.observe(seconds)

    def add(self, collector: Collector) -> None:
        """Show these too: of what runs in the same process and is not telemetry."""
        self._registry.register(collector)

    def text(self) -> bytes:
        return generate_latest(self._registry)


async def serve_metrics(metrics: Metrics, token: str, scope: Scope, send: Send) -> None:
    """Answer whoever may read: a process on this machine, or who has the token. Without a token it is not there."""
    headers = headers_of(scope)
    identifier = name_request(headers)
    try:
        _admit(scope, headers, token)
        reply = Reply(200, metrics.text(), _CONTENT_TYPE, (("cache-control", "no-store"),))
    except Problem as error:
        reply = error.reply()
    await send_reply(send, reply, identifier=identifier)


def _admit(scope: Scope, headers: dict[bytes, list[bytes]], token: str) -> None:
    """:raises Problem: 404 or 401 who may not read; 405 not a reading."""
    if not is_direct_from_this_machine(
        remote=(scope.get("client") or ("",))[0],
        host=text_header(headers, b"host"),
        is_forwarded=any(name.encode() in headers for name in FORWARDING_HEADERS),
    ):
        _check_token(text_header(headers, b"authorization"), token)
    if scope["method"] not in {"GET", "HEAD"}:
        raise Problem(405, "method-not-allowed", "This method is not allowed here.", headers=(("allow", "GET, HEAD"),))


def _check_token(authorization: str, token: str) -> None:
    if not token:
        raise Problem(404, "not-found", "There is nothing here.")
    presented = authorization[len(_BEARER) :].strip() if authorization[: len(_BEARER)].lower() == _BEARER else ""
    if not hmac.compare_digest(presented.encode(), token.encode()):
        challenge = (("www-authenticate", 'Bearer realm="TokenOps metrics"'),)
        raise Problem(401, "unauthenticated", "These credentials are not valid.", headers=challenge)
