"""Scenes of the spool: committed tenants, an edge's engine, and what is stored in the end."""

import asyncio
from contextlib import asynccontextmanager

from django.conf import settings

from core.databases import EDGE
from core.keys import Peppers
from core.scope import org_scope
from gateway.models import GatewayTraffic
from gateway.spool import Drainer
from ingestion.edge import Edge, EdgeSettings
from ingestion.tests.edge.conftest import acme, committed_module, globex, key, somebody

__all__ = ["acme", "committed_module", "globex", "key", "somebody"]


def conninfo():
    return settings.DATABASE.conninfo(EDGE)


@asynccontextmanager
async def running_engine():
    edge = Edge(
        EdgeSettings(
            conninfo=conninfo(),
            peppers=Peppers(settings.KEY_PEPPER, settings.KEY_PEPPER_PREVIOUS),
            encryption_key=settings.ENCRYPTION_KEY,
            previous_encryption_key=settings.ENCRYPTION_KEY_PREVIOUS,
        )
    )
    async with edge.lifespan():
        yield edge._engine


def drained(spool):
    """Store what there is, in an edge of its own, and say what was counted."""

    async def scene():
        async with running_engine() as engine:
            drainer = Drainer(spool, engine, conninfo())
            await drainer.drain()
            await drainer.close()
            return drainer

    return asyncio.run(scene())


def traffic(organization):
    with org_scope(organization.pk):
        return [
            {name: value for name, value in row.items() if value and name not in ("organization_id", "hour")}
            for row in GatewayTraffic.objects.order_by("hour", "provider").values()
        ]
