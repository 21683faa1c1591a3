"""Traffic as the drained spool leaves it."""

from datetime import datetime

import psycopg
from django.conf import settings
from psycopg import sql

from core.databases import EDGE
from gateway.traffic import COUNTS
from tenants.models import Project


def make_traffic(project: Project, *, hour: datetime, provider: str = "openai", **counts: int) -> None:
    """What passed in the hour that begins at ``hour``; by default ten calls that went well and were stored at once.

    The edge's role inserts, as in life, so the row is committed and outlives the test's own transaction.
    """
    given = {"project_id": project.pk, "requests": 10} | counts
    for name in ("calls", "within_100_ms"):
        given.setdefault(name, given["requests"])
    given.setdefault("written", given["calls"])
    for name, larger in (("within_25_ms", "within_100_ms"), ("within_5_ms", "within_25_ms")):
        given.setdefault(name, given[larger])
    given.setdefault("within_1_ms", given["within_5_ms"])
    given.setdefault("added_us", 800 * given["requests"])
    given = dict.fromkeys(COUNTS, 0) | given
    row = {"organization_id": project.organization_id, "hour": hour, "provider": provider, **given}
    statement = sql.SQL("insert into gateway_traffic_hourly ({}) values ({})").format(
        sql.SQL(", ").join(map(sql.Identifier, row)), sql.SQL(", ").join([sql.Placeholder()] * len(row))
    )
    with psycopg.connect(settings.DATABASE.conninfo(EDGE)) as connection:
        connection.execute(statement, list(row.values()))
