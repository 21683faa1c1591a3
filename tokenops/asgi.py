"""What Granian serves: the edge and Django on one port, or the one that ``TOKENOPS_PROCESS`` names."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import django
from django.conf import settings
from django.utils.module_loading import import_string

from tokenops import collector
from tokenops.bridge import Bridge
from tokenops.env import ConfigurationError
from tokenops.mux import Lifespan, Mux, die_with_parent

_MAX_BODY_BYTES = 10 * 2**20  # forms and the JSON API; telemetry has its own bounds on the edge


def build(process: str) -> Mux:
    """Put together what ``process`` (all, edge or web) serves.

    :raises ConfigurationError: the process serves nothing.
    """
    if process not in {"all", "edge", "web"}:
        raise ConfigurationError(f"TOKENOPS_PROCESS={process} has no web server; start it with Celery.")
    lifespans: list[Lifespan] = []
    bridge: Bridge | None = None
    routes = {}
    # Imported here because a process must not load the half it does not serve, and only after django.setup().
    if process != "web":
        edges = ["ingestion.edge", *(["gateway.edge"] if settings.GATEWAY_ENABLED else [])]
        lifespans = [import_string(f"{edge}.lifespan") for edge in edges]
        routes = {path: app for edge in edges for path, app in import_string(f"{edge}.routes")().items()}
    if process != "edge":
        web = import_string("tokenops.wsgi.application")
        bridge = Bridge(web, threads=settings.WEB_THREADS, max_body_bytes=_MAX_BODY_BYTES)
    return Mux(routes=routes, fallback=bridge, lifespan=lambda: _live(lifespans, bridge))


@asynccontextmanager
async def _live(lifespans: Sequence[Lifespan], bridge: Bridge | None) -> AsyncIterator[None]:
    """Start the edges; stop the web threads before them, so that the last flush is the last thing that happens."""
    die_with_parent()
    async with AsyncExitStack() as stack:
        for lifespan in lifespans:
            await stack.enter_async_context(lifespan())
        if bridge:
            stack.callback(bridge.close)
        collector.settle()
        yield


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tokenops.settings")
django.setup()
application = build(settings.PROCESS)
