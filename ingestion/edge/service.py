"""The edge of one process: its paths, and what runs beside the requests."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from psycopg.conninfo import make_conninfo

from core.addresses import networks
from core.keys import Peppers
from ingestion.edge.directory import OPTIONS, Directory, DirectoryUnavailableError
from ingestion.edge.endpoints import ENDPOINTS
from ingestion.edge.handler import Endpoint, Engine, Limits, serve
from ingestion.edge.http import ASGIApp, InFlight, Receive, Scope, Send
from ingestion.edge.limits import Brake, RateLimiter, Rates
from ingestion.edge.listener import Handler, listen
from ingestion.edge.metrics import PATH, Load, Metrics, serve_metrics
from ingestion.edge.pulse import Pulse
from ingestion.edge.reference import Reference
from ingestion.edge.turns import Turns
from ingestion.pricing.announcement import RATES_CHANNEL
from ingestion.writer import SampleWriter, Writer
from ingestion.writer.refusals import RefusalLog
from tenants.services import KEY_CHANNEL

_DIGEST_THREADS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeSettings:
    """``conninfo`` is for tokenops_edge and must not go through a transaction pooler: the edge listens."""

    conninfo: str = field(repr=False)
    peppers: Peppers
    encryption_key: str = field(repr=False)
    previous_encryption_key: str = field(default="", repr=False)
    trusted_proxies: tuple[str, ...] = ()
    metrics_token: str = field(default="", repr=False)
    limits: Limits = field(default_factory=Limits)
    rates: Rates = field(default_factory=Rates)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """What somebody beside us wants to hear on the edge's listening connection."""

    channel: str
    handler: Handler
    on_start: Callable[[], None]  # listening begins: what was read before may be old
    on_end: Callable[[], None]


class Edge:
    """Its routes may be mounted before ``lifespan`` is entered; they answer 503 until then."""

    def __init__(self, settings: EdgeSettings) -> None:
        self._settings = settings
        self._hearings: list[Hearing] = []
        self._engine: Engine | None = None
        self._metrics = Metrics(self._load)

    @property
    def settings(self) -> EdgeSettings:
        return self._settings

    @property
    def engine(self) -> Engine | None:
        """What requests work with; None while the process starts or stops."""
        return self._engine

    @property
    def metrics(self) -> Metrics:
        return self._metrics

    def hear(self, hearing: Hearing) -> None:
        """Listen to one more channel. To be said before ``lifespan`` is entered."""
        self._hearings.append(hearing)

    def routes(self) -> dict[str, ASGIApp]:
        """ASGI applications by exact path, or by method and path: ``POST /api/v1/cloud-metrics``."""
        telemetry = {path: self._route(path, endpoint) for path, endpoint in ENDPOINTS.items()}
        return telemetry | {PATH: self._serve_metrics}

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Write, listen and keep prices fresh; at the end store everything that was accepted.

        Starts without a database too: requests are answered 503 until it is there.
        """
        engine = self._new_engine()
        with contextlib.suppress(DirectoryUnavailableError):
            await engine.reference.refresh()
        engine.writer.start()
        engine.refusals.start()
        engine.sample_writer.start()
        pulse = Pulse(self._settings.conninfo, engine.writer, started_at=datetime.now(UTC))
        beside = (self._listen(engine), engine.reference.keep_fresh(), pulse.beat_for_ever())
        tasks = [asyncio.create_task(work) for work in beside]
        self._engine = engine
        try:
            yield
        finally:
            self._engine = None
            await _stop(engine, tasks)

    def _route(self, path: str, endpoint: Endpoint) -> ASGIApp:
        async def handle(scope: Scope, receive: Receive, send: Send) -> None:
            status = await serve(self._engine, endpoint, scope, receive, send)
            self._metrics.answered(path, status)

        return handle

    async def _serve_metrics(self, scope: Scope, _receive: Receive, send: Send) -> None:
        await serve_metrics(self._metrics, self._settings.metrics_token, scope, send)

    def _load(self) -> Load:
        engine = self._engine
        return Load(engine.writer.rows_waiting, engine.in_flight.used) if engine else Load(0, 0)

    def _new_engine(self) -> Engine:
        settings, limits = self._settings, self._settings.limits
        return Engine(
            directory=Directory(
                settings.conninfo,
                encryption_key=settings.encryption_key,
                previous_encryption_key=settings.previous_encryption_key,
            ),
            reference=Reference(settings.conninfo),
            writer=Writer(settings.conninfo, most_rows=limits.waiting_rows, on_flush=self._metrics.flushed),
            refusals=RefusalLog(settings.conninfo),
            sample_writer=SampleWriter(settings.conninfo, most_rows=limits.waiting_rows),
            pool=ThreadPoolExecutor(_DIGEST_THREADS, thread_name_prefix="digest"),
            turns=Turns(_DIGEST_THREADS),
            in_flight=InFlight(limits.in_flight),
            in_hand=InFlight(limits.rows_in_hand, "Too many events are waiting to be stored."),
            limiter=RateLimiter(settings.rates),
            brake=Brake(limits.refusal_pause),
            metrics=self._metrics,
            limits=limits,
            peppers=settings.peppers,
            trusted_proxies=networks(settings.trusted_proxies),
        )

    async def _listen(self, engine: Engine) -> None:
        directory, reference = engine.directory, engine.reference
        hearings = [
            Hearing(
                channel=KEY_CHANNEL,
                handler=directory.forget,
                on_start=directory.start_hearing,
                on_end=directory.stop_hearing,
            ),
            *self._hearings,
        ]
        await listen(
            make_conninfo(self._settings.conninfo, options=OPTIONS),
            {hearing.channel: hearing.handler for hearing in hearings}
            | {RATES_CHANNEL: lambda _: reference.prices_changed()},
            on_start=lambda: _each(hearing.on_start for hearing in hearings),
            on_end=lambda: _each(hearing.on_end for hearing in hearings),
        )


def _each(calls: Iterable[Callable[[], None]]) -> None:
    for call in calls:
        call()


async def _stop(engine: Engine, tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await engine.directory.close()
    await engine.reference.close()
    engine.pool.shutdown()
    await asyncio.gather(asyncio.to_thread(engine.writer.close), asyncio.to_thread(engine.sample_writer.close))
    await asyncio.to_thread(engine.refusals.close)
