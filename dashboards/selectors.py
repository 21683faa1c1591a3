"""Reads for the pages: the numbers of a filter, what can be filtered by, and how fresh it all is."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Max, Min

from core.periods import Granularity
from dashboards import overviews, rollups
from dashboards.comparison import has_buckets
from dashboards.filters import DIMENSIONS, NONE, Filter, Option
from dashboards.numbers import ModelName, Overview, Sums, merged
from ingestion.models import ProjectActivity
from tenants.models import ApiKey, Organization, Project


class _Row(NamedTuple):
    """One row of ``overviews.statement``: what it is about, then what was counted."""

    kind: str
    bucket: str  # of the kind ``before``: the oldest day of all
    provider: str
    model_key: str
    feature: str
    project_id: int
    calls: Decimal
    errors: Decimal
    unpriced_calls: Decimal
    estimated_calls: Decimal
    input_tokens: Decimal
    cached_input_tokens: Decimal
    output_tokens: Decimal
    reasoning_tokens: Decimal
    cost_usd: Decimal
    latency: Decimal | None
    latencies: list[Decimal] | None
    groups: int
    place: int


@dataclass(frozen=True, slots=True)
class Freshness:
    """When calls were first and last received; None before the first."""

    first_received_at: datetime | None
    last_received_at: datetime | None


def overview(*, organization: Organization, project: Project | None, chosen: Filter) -> Overview:
    """The numbers of an overview page, of one project or of all, in one query: over rollups where they know them.

    Their period is that of ``overviews.reading``, which is shorter where calls have to be read.
    """
    read = overviews.reading(chosen)
    statement = overviews.statement(organization=organization, project=project, read=read)
    return _assembled([_Row(*row) for row in _rows(statement)], read.chosen)


def options(*, organization: Organization, project: Project | None, chosen: Filter) -> dict[str, list[Option]]:
    """What each dimension can be narrowed to: the values of the period, most calls first, and the chosen ones."""
    statement = rollups.options(
        organization_id=organization.pk, project_id=project.pk if project else None, chosen=chosen
    )
    found: dict[str, list[tuple[str, int]]] = {name: [] for name in DIMENSIONS}
    for name, value, calls in _rows(statement):
        found[name].append((value, int(calls)))
    names = {"project": _projects(organization, found["project"]), "key": _keys(organization, found["key"])}
    return {name: _options(pairs, names.get(name)) for name, pairs in found.items()}


def freshness(*, organization: Organization, project: Project | None) -> Freshness:
    """When calls arrived, read without touching a call."""
    activity = ProjectActivity.objects.filter(organization_id=organization.pk)
    if project:
        activity = activity.filter(project_id=project.pk)
    times = activity.aggregate(first=Min("first_received_at"), last=Max("last_received_at"))
    return Freshness(times["first"], times["last"])


def projects_by_id(*, organization: Organization, ids: Iterable[int]) -> dict[int, Project]:
    """The projects with these ids, by id; a deleted one is absent."""
    return Project.objects.filter(organization=organization).in_bulk(list(ids))


def _projects(organization: Organization, pairs: list[tuple[str, int]]) -> dict[str, tuple[str, str]]:
    """URL value and label by id, as text."""
    found = projects_by_id(organization=organization, ids=[int(value) for value, _ in pairs])
    return {str(pk): (project.slug, project.name) for pk, project in found.items()}


def _keys(organization: Organization, pairs: list[tuple[str, int]]) -> dict[str, tuple[str, str]]:
    keys = ApiKey.objects.filter(organization=organization, pk__in=[int(value) for value, _ in pairs])
    return {str(key.pk): (key.prefix, f"{key.name} ({key.prefix})") for key in keys}


def _options(pairs: list[tuple[str, int]], names: dict[str, tuple[str, str]] | None) -> list[Option]:
    """Values with URL value and label; where ``names`` tell them, a deleted one cannot be chosen."""
    if names is None:
        return [Option(stored or NONE, stored or "None", calls) for stored, calls in pairs]
    return [Option(*names[stored], calls) for stored, calls in pairs if stored in names]


def _rows(statement: rollups.Statement) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement.sql, statement.parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _assembled(rows: Iterable[_Row], chosen: Filter) -> Overview:
    by_kind: dict[str, list[_Row]] = {}
    for row in rows:
        by_kind.setdefault(row.kind, []).append(row)
    total, before = by_kind["total"][0], by_kind["before"][0]
    series: dict[ModelName, dict[str, Sums]] = {}
    for row in by_kind.get("series", ()):
        series.setdefault(_model(row), {})[_bucket(row, chosen)] = _sums(row)
    return Overview(
        total=_sums(total),
        before=_sums(before),
        first_day=date.fromisoformat(before.bucket) if before.bucket else None,
        buckets=_groups(by_kind, "bucket", lambda row: _bucket(row, chosen)),
        earlier=_groups(by_kind, "earlier", lambda row: _bucket(row, chosen)) if has_buckets(chosen) else {},
        models=_groups(by_kind, "model", _model),
        series=series,
        features=_groups(by_kind, "feature", lambda row: row.feature),
        projects=_groups(by_kind, "project", lambda row: row.project_id),
        group_counts={kind: rows[0].groups for kind, rows in by_kind.items()},
        unpriced_models=total.groups,
    )


def _groups[K: Hashable](by_kind: dict[str, list[_Row]], kind: str, key: Callable[[_Row], K]) -> dict[K, Sums]:
    return {key(row): _sums(row) for row in by_kind.get(kind, ())}


def _model(row: _Row) -> ModelName:
    return ModelName(row.provider, row.model_key)


def _bucket(row: _Row, chosen: Filter) -> str:
    if chosen.granularity is Granularity.DAY:
        return row.bucket
    return chosen.period.hour_name(datetime.fromtimestamp(int(row.bucket), UTC))


def _sums(row: _Row) -> Sums:
    """An aggregate over no rows is null, which counts as nothing."""
    return Sums(
        calls=int(row.calls or 0),
        errors=int(row.errors or 0),
        unpriced_calls=int(row.unpriced_calls or 0),
        estimated_calls=int(row.estimated_calls or 0),
        input_tokens=int(row.input_tokens or 0),
        cached_input_tokens=int(row.cached_input_tokens or 0),
        output_tokens=int(row.output_tokens or 0),
        reasoning_tokens=int(row.reasoning_tokens or 0),
        cost_usd=row.cost_usd or Decimal(0),
        latency=merged(row.latencies) if row.latencies else row.latency or 0,
    )
