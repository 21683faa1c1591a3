"""Calls with their rollups for tests that read dashboards; tests of the write path send events instead."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from django.conf import settings
from psycopg import sql

from core.databases import EDGE
from core.periods import hour_start
from core.scope import org_scope
from ingestion.models import DailyRollup, HourlyRollup, ProjectActivity, Rollup
from ingestion.rebuild import rebuild_rollups
from ingestion.tests.factories import make_calls
from tenants import selectors
from tenants.models import Project


def record_calls(project: Project, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Insert calls of ``project`` (columns of calls), rebuild the rollups of their days and note the activity.

    Answers the columns that were written.
    """
    written = make_calls(project, rows)
    with org_scope(project.organization_id):
        zone = selectors.time_zone(organization=project.organization)
        for day in sorted({row["started_at"].astimezone(zone).date() for row in written}):
            rebuild_rollups(organization=project.organization, first_date=day, end_date=day + timedelta(days=1))
    _note_activity(project, written)
    return written


def _note_activity(project: Project, written: list[dict[str, Any]]) -> None:
    times = [row.get("received_at", row["started_at"]) for row in written]
    ProjectActivity.objects.update_or_create(
        project_id=project.pk,
        defaults={
            "organization_id": project.organization_id,
            "first_received_at": min(times),
            "last_received_at": max(times),
        },
    )


def make_many_calls(project: Project, number: int, *, since: datetime, apart: timedelta, **columns: Any) -> None:
    """``number`` calls in one statement, ``apart`` from each other; of $0.001 each. No rollups, no activity."""
    named = {"api_key_id": 1, "provider": "openai", "model": "gpt-4o", "model_key": "gpt-4o"}
    named |= {"cost_source": "rate_card", "cost_usd": Decimal("0.001"), "latency_ms": 100.0, "input_tokens": 10}
    named |= columns
    with psycopg.connect(settings.DATABASE.conninfo(EDGE)) as connection:
        connection.execute(
            sql.SQL(
                "insert into calls (organization_id, project_id, started_at, call_id, {})"
                " select %s, %s, %s + n * %s, 'call-' || lpad(n::text, 6, '0'), {} from generate_series(0, %s - 1) n"
            ).format(
                sql.SQL(", ").join(map(sql.Identifier, named)), sql.SQL(", ").join([sql.Placeholder()] * len(named))
            ),
            [project.organization_id, project.pk, since, apart, *named.values(), number],
        )


def make_rollup(project: Project, bucket: date | datetime, **overrides: Any) -> None:
    """Insert one rollup row of ``project`` as the edge would have written it: daily for a date, hourly for a moment."""
    if isinstance(bucket, datetime):
        HourlyRollup.objects.create(**_rollup(project) | {"bucket_start": bucket} | overrides)
    else:
        DailyRollup.objects.create(**_rollup(project) | {"bucket_date": bucket} | overrides)


def _rollup(project: Project) -> dict[str, Any]:
    names = [field.name for field in Rollup._meta.fields]
    sums = {name: 0 for name in names if name.endswith(("calls", "errors", "tokens", "usd", "_ms", "histogram"))}
    named = {"provider": "openai", "model_key": "gpt-4o", "feature": "default", "team": "", "environment": "default"}
    owner = {"organization_id": project.organization_id, "project_id": project.pk, "api_key_id": 1}
    return sums | named | owner | {"calls": 1}


def count_calls(project: Project, rows: Iterable[Mapping[str, Any]], *, zone: str = "UTC") -> None:
    """Both rollups of calls that are in no table: for days that have no partition, today and in ten years.

    A row has ``started_at`` and columns of rollups, each standing for one call.
    """
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        columns = {name: value for name, value in row.items() if name != "started_at"}
        for bucket in (
            hour_start(row["started_at"], ZoneInfo(zone)),
            row["started_at"].astimezone(ZoneInfo(zone)).date(),
        ):
            which = {name: value for name, value in columns.items() if isinstance(value, str) or name == "api_key_id"}
            sums = {name: value for name, value in columns.items() if name not in which} | {"calls": 1}
            known = found.setdefault((bucket, *sorted(which.items())), which | {"bucket": bucket})
            for name, value in sums.items():
                known[name] = known.get(name, 0) + value
    with org_scope(project.organization_id):
        for made in found.values():
            make_rollup(project, made.pop("bucket"), **made)
