"""Rows of telemetry for tests that read it; tests of the write path send events instead."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import psycopg
from django.conf import settings
from psycopg import sql
from psycopg.types.json import Jsonb

from core.databases import EDGE
from ingestion.wire.refused import SEPARATOR
from ingestion.writer.refusals import Key, Tally, add
from tenants.models import Organization, Project

_DEFAULTS: Mapping[str, Any] = {
    "api_key_id": 1,
    "provider": "openai",
    "model": "gpt-4o",
    "model_key": "gpt-4o",
    "input_tokens": 1000,
    "output_tokens": 500,
    "latency_ms": 250.0,
    "cost_usd": Decimal("0.0075"),
    "cost_input_usd": Decimal("0.0025"),
    "cost_output_usd": Decimal("0.005"),
    "cost_source": "rate_card",
    "price_match": "model",
}


def make_call(project: Project, **overrides: Any) -> dict[str, Any]:
    """Insert one call of ``project`` and return the columns that were written; ``overrides`` are columns of calls.

    The call started just now unless said otherwise.
    """
    return make_calls(project, [overrides])[0]


def make_calls(project: Project, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """``make_call`` for each of ``rows``.

    The edge's role inserts, as in life, so the rows are committed and outlive the test's own transaction. Nobody
    meets them again: ids of organizations and projects are never reused.
    """
    written = [{**_identity(project), **_DEFAULTS, **row} for row in rows]
    with psycopg.connect(settings.DATABASE.conninfo(EDGE)) as connection, connection.pipeline():
        for row in written:
            connection.execute(_insert(row), [_adapted(value) for value in row.values()])
    return written


def make_counter(organization: Organization, *, month: date, events: int, project_id: int = 1) -> None:
    """Count events of a month, as the edge would; committed like calls."""
    with psycopg.connect(settings.DATABASE.conninfo(EDGE)) as connection:
        connection.execute(
            "insert into ingest_counters (organization_id, month, project_id, events) values (%s, %s, %s, %s)",
            [organization.pk, month, project_id, events],
        )


def refuse(project: Project, *, hour: datetime, **columns: Any) -> None:
    """Count a refusal in the hour that begins at ``hour``, as the edge would; ``columns`` are of rejected_events."""
    given: dict[str, Any] = {"project_id": project.pk, "endpoint": "/api/v1/ingest", "kind": "event"}
    given |= {"field": "model", "reason": "is required", "count": 1, "first_at": hour, "last_at": hour} | columns
    given.setdefault("events", given["count"] if given["kind"] == "event" else 0)
    key = Key(project.organization_id, hour, *(given[name] for name in Key._fields[2:]))
    samples = {SEPARATOR.join(names) for names in given.get("samples", ())}
    tally = Tally(given["first_at"], given["last_at"], given["count"], given["events"], samples)
    with psycopg.connect(settings.DATABASE.conninfo(EDGE)) as connection:
        add(connection, {key: tally})


_SAMPLE: Mapping[str, Any] = {
    "api_key_id": 1,
    "resource": "thumbnailer",
    "kind": "function",
    "team": "media",
    "allocated_mb": Decimal(1024),
    "used_mb": Decimal(256),
    "invocations": 10,
    "duration_ms": 1500.0,
    "cost_usd": Decimal("0.01"),
}


def make_sample(project: Project, **overrides: Any) -> dict[str, Any]:
    """Insert one sample of ``project``; ``overrides`` are columns of cloud_samples. Committed, as ``make_call``."""
    return make_samples(project, [overrides])[0]


def make_samples(project: Project, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """``make_sample`` for each of ``rows``."""
    own = {"organization_id": project.organization_id, "project_id": project.pk}
    written = [
        {**own, "sampled_at": datetime.now(UTC), "sample_id": str(uuid.uuid4()), **_SAMPLE, **row} for row in rows
    ]
    with psycopg.connect(settings.DATABASE.conninfo(EDGE)) as connection, connection.pipeline():
        for row in written:
            connection.execute(_insert(row, "cloud_samples"), list(row.values()))
    return written


def _identity(project: Project) -> dict[str, Any]:
    return {
        "organization_id": project.organization_id,
        "project_id": project.pk,
        "started_at": datetime.now(UTC),
        "call_id": str(uuid.uuid4()),
    }


def _insert(row: Mapping[str, Any], table: str = "calls") -> sql.Composed:
    columns = sql.SQL(", ").join(map(sql.Identifier, row))
    values = sql.SQL(", ").join([sql.Placeholder()] * len(row))
    return sql.SQL("insert into {} ({}) values ({})").format(sql.Identifier(table), columns, values)


def _adapted(value: object) -> object:
    return Jsonb(value) if isinstance(value, dict) else value
