"""Telemetry's way in: raw ASGI beside Django, because a call must be taken in microseconds, not milliseconds."""

from contextlib import AbstractAsyncContextManager
from functools import cache

from django.conf import settings

from core.databases import EDGE
from core.keys import Peppers
from ingestion.edge.handler import Limits
from ingestion.edge.http import ASGIApp
from ingestion.edge.limits import Rates
from ingestion.edge.service import Edge, EdgeSettings, Hearing

__all__ = ["Edge", "EdgeSettings", "Hearing", "Limits", "Rates", "lifespan", "routes", "this_edge"]


@cache
def this_edge() -> Edge:
    """The one edge of this process."""
    conninfo = settings.DATABASE.conninfo(EDGE)
    return Edge(
        EdgeSettings(
            conninfo=conninfo,
            peppers=Peppers(settings.KEY_PEPPER, settings.KEY_PEPPER_PREVIOUS),
            encryption_key=settings.ENCRYPTION_KEY,
            previous_encryption_key=settings.ENCRYPTION_KEY_PREVIOUS,
            trusted_proxies=tuple(settings.TRUSTED_PROXIES),
            metrics_token=settings.METRICS_TOKEN,
            rates=Rates(
                requests=settings.INGEST_REQUESTS_PER_SECOND / settings.EDGE_PROCESSES,
                events=settings.INGEST_EVENTS_PER_SECOND / settings.EDGE_PROCESSES,
            ),
        )
    )


def routes() -> dict[str, ASGIApp]:
    """The telemetry endpoints of this process as ASGI applications by exact path, or by method and path."""
    return this_edge().routes()


def lifespan() -> AbstractAsyncContextManager[None]:
    """What must run while the routes are served; leaving it stores everything that was accepted."""
    return this_edge().lifespan()
