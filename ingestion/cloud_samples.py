"""Reads samples of cloud functions and workers: one by one for the API, and per resource for pages and rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db import connection
from django.db.models import Q

from ingestion.call_log import Position
from ingestion.models import CloudSample
from tenants.models import Organization, Project

type Filters = Mapping[str, Sequence[str]]

FILTERS: Final = frozenset({"resource", "kind", "team", "environment"})
MOST_RESOURCES: Final = 1_000

_BY_RESOURCE: Final = """
    with wanted as (
        select * from cloud_samples
        where organization_id = %(organization)s and project_id = any(%(projects)s::bigint[])
          and sampled_at >= %(since)s and sampled_at < %(until)s {conditions}),
    latest as (
        select distinct on (project_id, resource) project_id, resource, kind, team, allocated_mb
        from wanted order by project_id, resource, sampled_at desc, sample_id desc)
    select l.project_id, l.resource, l.kind, l.team, count(*), max(w.sampled_at), l.allocated_mb, max(w.allocated_mb),
           max(w.used_mb), avg(w.used_mb), max(w.used_mb / w.allocated_mb),
           count(*) filter (where w.used_mb > w.allocated_mb),
           sum(w.invocations)::bigint, sum(w.duration_ms), sum(w.cost_usd), count(*) filter (where w.cost_usd is null)
    from latest l join wanted w using (project_id, resource)
    group by l.project_id, l.resource, l.kind, l.team, l.allocated_mb
    order by sum(w.cost_usd) desc nulls last, l.resource, l.project_id
    limit %(most)s"""
_BY_TIME: Final = """
    select {bucket}, count(*), max(allocated_mb), max(used_mb), avg(used_mb)
    from cloud_samples
    where organization_id = %(organization)s and project_id = %(project)s and resource = %(resource)s
      and sampled_at >= %(since)s and sampled_at < %(until)s
    group by 1 order by 1"""
_BUCKETS: Final = {
    "hour": "extract(epoch from date_trunc('hour', sampled_at, %(zone)s))::bigint",
    "day": "(sampled_at at time zone %(zone)s)::date",
}


@dataclass(frozen=True, slots=True)
class ResourceUsage:
    """The samples of one resource of a project over a period. Kind, team and ``allocated_mb`` are the latest sample's.

    ``peak_share`` is the highest used ÷ allocated of any one sample, exactly what the rule RAM_OVER_PROVISION asks.
    ``invocations``, ``duration_ms`` and ``cost_usd`` sum up the samples that gave one; None when none did.
    """

    project_id: int
    resource: str
    kind: str
    team: str
    samples: int
    last_sampled_at: datetime
    allocated_mb: Decimal
    max_allocated_mb: Decimal
    peak_used_mb: Decimal
    mean_used_mb: Decimal
    peak_share: Decimal
    samples_over_allocated: int
    invocations: int | None
    duration_ms: float | None
    cost_usd: Decimal | None
    samples_without_cost: int


@dataclass(frozen=True, slots=True)
class Moment:
    """The samples of one resource in one bucket: the start of an hour as epoch seconds, or a local date."""

    bucket: object
    samples: int
    allocated_mb: Decimal
    peak_used_mb: Decimal
    mean_used_mb: Decimal


def has_samples(*, organization: Organization, project: Project | None, resource: str = "") -> bool:
    """Whether a sample of the project, or of any, is kept; of one ``resource`` where one is named."""
    found = CloudSample.objects.filter(organization=organization)
    if project:
        found = found.filter(project=project)
    return (found.filter(resource=resource) if resource else found).exists()


def samples(
    *,
    organization: Organization,
    project_ids: Sequence[int],
    since: datetime,
    until: datetime,
    filters: Filters,
    before: Position | None,
    limit: int,
) -> list[CloudSample]:
    """At most ``limit`` samples of ``project_ids`` in [since, until), newest first, after ``before``.

    :raises ValueError: an unknown filter.
    """
    _check(filters)
    found = CloudSample.objects.filter(
        organization=organization, project_id__in=project_ids, sampled_at__gte=since, sampled_at__lt=until
    ).filter(**{f"{name}__in": values for name, values in filters.items()})
    if before is not None:
        found = found.filter(_older(before), sampled_at__lte=before.started_at)
    return list(found.order_by("-sampled_at", "-sample_id", "-project_id")[:limit])


def position(sample: CloudSample) -> Position:
    """Where ``sample`` stands."""
    return Position(started_at=sample.sampled_at, call_id=sample.sample_id, project_id=sample.project_id)


def usage_by_resource(
    *,
    organization: Organization,
    project_ids: Sequence[int],
    since: datetime,
    until: datetime,
    filters: Filters | None = None,
) -> list[ResourceUsage]:
    """Every resource with samples in [since, until), the most expensive first, at most ``MOST_RESOURCES``.

    :raises ValueError: an unknown filter.
    """
    filters = filters or {}
    _check(filters)
    conditions = "".join(f" and {name} = any(%({name})s)" for name in filters)
    parameters = {name: list(values) for name, values in filters.items()}
    rows = _rows(
        _BY_RESOURCE.format(conditions=conditions),
        parameters
        | {
            "organization": organization.pk,
            "projects": list(project_ids),
            "since": since,
            "until": until,
            "most": MOST_RESOURCES,
        },
    )
    return [ResourceUsage(*row) for row in rows]


def usage_over_time(
    *, project: Project, resource: str, since: datetime, until: datetime, bucket: str, zone: str
) -> list[Moment]:
    """The samples of a resource in [since, until) by ``hour`` or ``day`` of a time zone, oldest first."""
    parameters = {
        "organization": project.organization_id,
        "project": project.pk,
        "resource": resource,
        "since": since,
        "until": until,
        "zone": zone,
    }
    return [Moment(*row) for row in _rows(_BY_TIME.format(bucket=_BUCKETS[bucket]), parameters)]


def _older(before: Position) -> Q:
    same_time = Q(sampled_at=before.started_at)
    same_id = same_time & Q(sample_id=before.call_id)
    return (
        Q(sampled_at__lt=before.started_at)
        | (same_time & Q(sample_id__lt=before.call_id))
        | (same_id & Q(project_id__lt=before.project_id))
    )


def _check(filters: Filters) -> None:
    unknown = filters.keys() - FILTERS
    if unknown:
        raise ValueError(f"Samples cannot be filtered by {', '.join(sorted(unknown))}.")


def _rows(statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
