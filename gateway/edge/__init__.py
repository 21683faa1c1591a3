"""The proxy's way in: raw ASGI beside Django, because every call of a customer waits for it."""

from contextlib import AbstractAsyncContextManager
from functools import cache
from pathlib import Path

from django.conf import settings

from core.addresses import networks
from gateway.edge.service import Gateway, GatewaySettings
from ingestion.edge import this_edge
from ingestion.edge.http import ASGIApp

__all__ = ["Gateway", "GatewaySettings", "lifespan", "routes"]


@cache
def _gateway() -> Gateway:
    return Gateway(
        this_edge(),
        GatewaySettings(
            spool_dir=Path(settings.TOKENOPS_SPOOL_DIR),
            spool_bytes=settings.GATEWAY_SPOOL_MAX_MB * 2**20,
            in_flight=settings.GATEWAY_MAX_IN_FLIGHT,
            allowed=networks(settings.OUTBOUND_ALLOWED_NETWORKS),
        ),
    )


def routes() -> dict[str, ASGIApp]:
    """The proxy as an ASGI application by its prefix."""
    return _gateway().routes()


def lifespan() -> AbstractAsyncContextManager[None]:
    """What must run while the route is served, inside of the telemetry edge's lifespan."""
    return _gateway().lifespan()
