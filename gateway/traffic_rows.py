"""Traffic by interval and provider, one page of rows at a time: what ``GET /api/v1/gateway/traffic`` answers with."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from django.db import connection

from core.periods import Period
from core.places import Place
from gateway.models import GatewayTraffic
from gateway.traffic import COUNTS, Traffic
from tenants.models import Organization


class Interval(StrEnum):
    """How the period is cut, on the organization's clock."""

    NONE = "none"
    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: which traffic of which period, cut how; ``providers`` are slugs, None for all of them."""

    organization: Organization
    project_ids: Sequence[int]
    period: Period
    interval: Interval
    by_provider: bool
    providers: Sequence[str] | None


@dataclass(frozen=True, slots=True)
class Row:
    """Sums of a bucket and provider; '' is every one of them."""

    bucket: str
    provider: str
    traffic: Traffic


# Text that sorts as time does: an epoch of ten digits, a date.
_BUCKETS: Final = {
    Interval.HOUR: "extract(epoch from hour)::bigint::text",
    Interval.DAY: "(hour at time zone %(zone)s)::date::text",
    Interval.NONE: "''",
}
# ``having`` keeps the one group of no rows from being an answer where nothing is grouped.
_PAGE: Final = """
with grouped as (
    select {bucket} as bucket, {provider} as provider, {sums} from gateway_traffic_hourly
    where organization_id = %(organization)s and project_id = any(%(projects)s::bigint[])
      and hour >= %(since)s and hour < %(until)s and (%(providers)s::text[] is null or provider = any(%(providers)s))
    group by 1, 2 having count(*) > 0
)
select * from grouped where {place} order by {order} limit %(limit)s"""
_ORDER: Final = 'bucket collate "C", provider collate "C"'
_SUMS: Final = ", ".join(f"sum({name})::bigint as {name}" for name in COUNTS)


def page(question: Question, *, after: Place | None, limit: int) -> tuple[list[Row], Place | None]:
    """At most ``limit`` rows in the order of bucket and provider, and where the next page begins, if any.

    ``after`` is what an earlier page answered with.
    """
    with connection.cursor() as cursor:
        cursor.execute(_statement(question, after), _parameters(question, after, limit + 1))
        found = cursor.fetchall()
    last = _place(question, found[limit - 1]) if len(found) > limit else None
    return [_row(question, *row) for row in found[:limit]], last


def passed_once(*, organization: Organization, project_ids: Collection[int], slugs: Collection[str]) -> set[str]:
    """Those of ``slugs`` that anything ever went to in the projects, whether they can still be called or not."""
    found = GatewayTraffic.objects.filter(
        organization=organization, project_id__in=project_ids, provider__in=slugs
    ).values_list("provider", flat=True)
    return set(found.distinct())


def _statement(question: Question, after: Place | None) -> str:
    return _PAGE.format(
        bucket=_BUCKETS[question.interval],
        provider="provider" if question.by_provider else "''",
        sums=_SUMS,
        place=f"({_ORDER}) > (%(bucket)s, %(provider)s)" if after else "true",
        order=_ORDER,
    )


def _parameters(question: Question, after: Place | None, limit: int) -> dict[str, Any]:
    bucket, provider = (*after, "", "")[:2] if after else ("", "")
    return {
        "organization": question.organization.pk,
        "projects": list(question.project_ids),
        "since": question.period.start,
        "until": question.period.end,
        "zone": question.period.zone.key,
        "providers": None if question.providers is None else list(question.providers),
        "bucket": bucket,
        "provider": provider,
        "limit": limit,
    }


def _place(question: Question, row: Sequence[str]) -> Place:
    return tuple(row[: 2 if question.by_provider else 1])


def _row(question: Question, bucket: str, provider: str, *sums: int) -> Row:
    traffic = Traffic(**dict(zip(COUNTS, sums, strict=True)))
    return Row(_bucket_name(question, bucket), provider, traffic)


def _bucket_name(question: Question, bucket: str) -> str:
    if question.interval is not Interval.HOUR:
        return bucket
    return question.period.hour_name(datetime.fromtimestamp(int(bucket), UTC))
