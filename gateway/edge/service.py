"""The gateway of one process: its path, and what runs beside the requests."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.addresses import Network
from gateway.announcement import GATEWAY_CHANNEL
from gateway.edge.directory import Gateways
from gateway.edge.door import Door
from gateway.edge.handler import PREFIX, GatewayEngine, serve
from gateway.edge.upstream import Upstream
from gateway.spool import Drainer, GatewayMetrics, GatewayPulse, open_spool
from ingestion.edge import Edge, Hearing
from ingestion.edge.http import ASGIApp, InFlight, Receive, Scope, Send

_BODY_BYTES: Final = 256 * 2**20  # of all bodies that are held at once
_FULL: Final = "The gateway cannot take another call right now."
_LOOK_AGAIN_SECONDS: Final = 1.0
_LAST_DRAIN_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """``allowed`` are networks beside the public ones to which organizations' own providers may lead."""

    spool_dir: Path
    spool_bytes: int
    in_flight: int
    allowed: tuple[Network, ...] = ()


class Gateway:
    """Works with the telemetry edge of the same process, which must run while ``lifespan`` is entered."""

    def __init__(self, edge: Edge, settings: GatewaySettings) -> None:
        self._edge, self._settings = edge, settings
        self._engine: GatewayEngine | None = None
        self._gateways = Gateways(
            edge.settings.conninfo,
            encryption_key=edge.settings.encryption_key,
            previous_encryption_key=edge.settings.previous_encryption_key,
        )
        edge.hear(
            Hearing(
                channel=GATEWAY_CHANNEL,
                handler=self._gateways.forget,
                on_start=self._gateways.start_hearing,
                on_end=self._gateways.stop_hearing,
            )
        )

    def routes(self) -> dict[str, ASGIApp]:
        """One prefix."""
        return {PREFIX: self._serve}

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Carry requests and store what they were; at the end as much of it as a few seconds allow."""
        telemetry = self._edge.engine
        if telemetry is None:
            raise RuntimeError("The gateway needs the telemetry edge.")
        settings = self._settings
        spool = open_spool(settings.spool_dir, most_bytes=settings.spool_bytes)
        drainer = Drainer(spool, telemetry, self._edge.settings.conninfo)
        upstream = Upstream(allowed=settings.allowed)
        self._edge.metrics.add(GatewayMetrics(spool.pace, lambda: drainer.totals))
        pulse = GatewayPulse(self._edge.settings.conninfo, spool.pace)
        self._engine = GatewayEngine(
            door=Door(
                directory=telemetry.directory,
                gateways=self._gateways,
                peppers=telemetry.peppers,
                trusted_proxies=telemetry.trusted_proxies,
            ),
            upstream=upstream,
            spool=spool,
            requests=InFlight(settings.in_flight, "Too many calls are on their way at once.", _FULL),
            bytes=InFlight(_BODY_BYTES, "Too much is being sent at once.", _FULL),
        )
        tasks = [asyncio.create_task(work) for work in (drainer.run(), pulse.beat_for_ever(), self._look_again())]
        try:
            yield
        finally:
            self._engine = None
            await _stop(tasks)
            await upstream.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_DRAIN_SECONDS):
                    await drainer.drain()
            await drainer.close()
            spool.close(is_empty=drainer.is_empty)
            await self._gateways.close()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        await serve(self._engine, scope, receive, send)

    async def _look_again(self) -> None:
        """While the database is away, find out when it is back, so that nobody's request has to wait for that."""
        while True:
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            engine = self._engine
            if engine and engine.door.directory.is_away:
                await engine.door.directory.look_again()
            if self._gateways.is_away:
                await self._gateways.look_again()


async def _stop(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
