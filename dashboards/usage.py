"""Sums of rollups by whatever is asked for, one page of rows at a time: what ``GET /api/v1/usage`` answers with."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from django.db import connection

from core.fields import decimal_text
from core.periods import Period, Sources
from core.places import Place
from dashboards.rollups import Statement, union
from ingestion import condensed
from ingestion.store import COSTS, TOKENS

type Row = dict[str, str | int | None]

METRICS: Final = ("calls", "errors", "unpriced_calls", *TOKENS, *COSTS)
DEFAULT_METRICS: Final = ("calls", "errors", "input_tokens", "output_tokens", "cost_usd")
# Every dimension as text, '' for none; ids stay inside.
_DIMENSIONS: Final = {
    "provider": "stored.provider",
    "model": "stored.model_key",
    "feature": "stored.feature",
    "team": "stored.team",
    "environment": "stored.environment",
    "project": "coalesce(projects.slug, '')",
    "api_key": "coalesce(api_keys.prefix, '')",
}
_JOINS: Final = {
    "project": "left join projects on projects.id = stored.project_id",
    "api_key": "left join api_keys on api_keys.id = stored.api_key_id",
}
DIMENSIONS: Final = tuple(_DIMENSIONS)
_STORED: Final = {"model": "model_key", "project": "project_id", "api_key": "api_key_id"}  # others as they are called
# A filter compares what is stored, so that row-level security and the planner see plain columns.
_FILTERS: Final = {
    "provider": "provider = any(%(provider)s)",
    "model": "model_key = any(%(model)s)",
    "feature": "feature = any(%(feature)s)",
    "team": "team = any(%(team)s)",
    "environment": "environment = any(%(environment)s)",
    "api_key": "api_key_id in (select id from api_keys where prefix = any(%(api_key)s))",
}
FILTERS: Final = tuple(_FILTERS)


class Interval(StrEnum):
    """How the period is cut, on the organization's clock."""

    NONE = "none"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


# Text that sorts as time does: an epoch of ten digits, a date, a month.
_BUCKETS: Final = {
    Interval.HOUR: ("", "extract(epoch from bucket_start)::bigint::text"),
    Interval.DAY: ("bucket_date::text", "(bucket_start at time zone {zone})::date::text"),
    Interval.MONTH: ("to_char(bucket_date, 'YYYY-MM')", "to_char(bucket_start at time zone {zone}, 'YYYY-MM')"),
    Interval.NONE: ("''", "''"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: which rollups of which period, cut and grouped how; ``filters`` map ``FILTERS`` to values."""

    organization_id: int
    project_ids: Sequence[int]
    period: Period
    interval: Interval
    group_by: Sequence[str]
    metrics: Sequence[str]
    filters: Mapping[str, Sequence[str]]

    @property
    def shown(self) -> tuple[str, ...]:
        """The metrics of a row: a cost never comes without the number of calls that are missing from it."""
        has_cost = any(name in COSTS for name in self.metrics)
        wanted = {*self.metrics, "unpriced_calls"} if has_cost else set(self.metrics)
        return tuple(name for name in METRICS if name in wanted)


def page(question: Question, *, after: Place | None, limit: int) -> tuple[list[Row], Place | None]:
    """At most ``limit`` rows in the order of their bucket and dimensions, and where the next page begins, if any.

    ``after`` is what an earlier page answered with.
    """
    made = _statement(question, after=after, limit=limit + 1)
    with connection.cursor() as cursor:
        cursor.execute(made.sql, made.parameters)
        found = cursor.fetchall()
    width = 1 + len(question.group_by)
    last = tuple(found[limit - 1][:width]) if len(found) > limit else None
    return [_row(question, row[:width], row[width:]) for row in found[:limit]], last


def _statement(question: Question, *, after: Place | None, limit: int) -> Statement:
    made = Statement()
    columns = ["bucket", *(f"{_DIMENSIONS[name]} as by_{name}" for name in question.group_by)]
    order = ", ".join(f'{key} collate "C"' for key in ("bucket", *(f"by_{name}" for name in question.group_by)))
    made.sql = _PAGE.format(
        rows=_rows(made, question),
        columns=", ".join([*columns, *(f"sum(stored.{name}) as {name}" for name in METRICS)]),
        joins=" ".join(_JOINS[name] for name in question.group_by if name in _JOINS),
        groups=", ".join(str(number) for number in range(1, len(columns) + 1)),
        place=f"({order}) > ({', '.join(_placeholders(made, after))})" if after else "true",
        order=order,
        limit=made.bind("limit", limit),
    )
    return made


# ``having`` keeps the one group of no rows from being an answer where nothing is grouped.
_PAGE: Final = """
with stored as (
    {rows}
), grouped as (
    select {columns} from stored {joins} group by {groups} having count(*) > 0
)
select * from grouped where {place} order by {order} limit {limit}"""


def _placeholders(made: Statement, after: Place) -> Iterable[str]:
    return [made.bind(f"after{number}", value) for number, value in enumerate(after)]


def _rows(made: Statement, question: Question) -> str:
    where = _conditions(made, question)
    zone = made.bind("zone", question.period.zone.key)
    of_days, of_hours = (bucket.format(zone=zone) for bucket in _BUCKETS[question.interval])
    dimensions = {_STORED.get(name, name) for name in (*question.group_by, *question.filters)}
    stored = ", ".join((*sorted(dimensions), *METRICS))
    return union(
        made,
        sources=_sources(question),
        buckets=(of_days, of_hours),
        columns=stored,
        where=where,
        prefix="now",
        facet=condensed.facet_of({*dimensions, "project_id"}),
    )


def _sources(question: Question) -> Sources:
    if question.interval is Interval.HOUR:
        return Sources(None, ((question.period.start, question.period.end),))
    return question.period.sources()


def _conditions(made: Statement, question: Question) -> str:
    owner = made.bind("organization_id", question.organization_id)
    projects = made.bind("project_ids", list(question.project_ids))
    parts = [f"organization_id = {owner}", f"project_id = any({projects}::bigint[])"]
    for name, values in question.filters.items():
        made.bind(name, list(values))
        parts.append(_FILTERS[name])
    return " and ".join(parts)


def _row(question: Question, place: Sequence[str], sums: Sequence[Decimal]) -> Row:
    """One row of the answer. Text that is '' is null, and so is a cost when no call of the row has one."""
    bucket, *dimensions = place
    made: Row = {}
    if question.interval is not Interval.NONE:
        made["bucket"] = _bucket_name(question, bucket)
    made |= {name: value or None for name, value in zip(question.group_by, dimensions, strict=True)}
    counted = dict(zip(METRICS, sums, strict=True))
    is_priced = counted["unpriced_calls"] < counted["calls"]
    return made | {name: _shown(name, counted[name], is_priced=is_priced) for name in question.shown}


def _bucket_name(question: Question, bucket: str) -> str:
    if question.interval is not Interval.HOUR:
        return bucket
    return question.period.hour_name(datetime.fromtimestamp(int(bucket), UTC))


def _shown(name: str, value: Any, *, is_priced: bool) -> str | int | None:
    if name not in COSTS:
        return int(value)
    return decimal_text(value) if is_priced else None
