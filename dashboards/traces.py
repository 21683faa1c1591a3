"""The traces and sessions of a filter, latest first: found among the newest calls, summed by the index of their ids."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from django.db import connection

from ingestion import call_log
from ingestion.call_log import Filters, Position

PAGE_SIZE: Final = 50
_FIRST_READ: Final = 200
MOST_READ: Final = 20_000  # calls looked at for one page of ids; what is not found then is found by the next page


class Kind(StrEnum):
    """What groups calls: the id of one request's work, or of one visit."""

    TRACE = "trace"
    SESSION = "session"

    @property
    def column(self) -> str:
        return f"{self.value}_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Whose calls are read, that started in [since, until)."""

    organization_id: int
    project_ids: Sequence[int]
    since: datetime
    until: datetime

    @property
    def parameters(self) -> dict[str, Any]:
        return {
            "organization": self.organization_id,
            "projects": list(self.project_ids),
            "since": self.since,
            "until": self.until,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What the calls of one trace or session add up to.

    ``calls`` and every sum leave out ``duplicates``: second records of a provider call. ``cost_usd`` is of the priced
    calls, None where not one of them has a price.
    """

    id: str
    started_at: datetime
    ended_at: datetime
    calls: int
    duplicates: int
    errors: int
    unpriced_calls: int
    estimated_calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    models: list[str]
    features: list[str]
    users: list[str]
    sessions: list[str]
    project_ids: list[int]
    traces: int

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    @property
    def duration_ms(self) -> float:
        return (self.ended_at - self.started_at).total_seconds() * 1000


@dataclass(frozen=True, slots=True)
class Page:
    """Ids by their newest call, and where the next page begins; None on the last one."""

    ids: list[str]
    older: Position | None


def page(kind: Kind, reach: Reach, filters: Filters, *, before: Position | None = None) -> Page:
    """The ids of the newest calls that pass ``filters``, each once, at its newest such call.

    Walks the calls back in time instead of grouping the whole period: a page costs what it shows.
    """
    found: dict[str, None] = {}
    place = before
    for rows, is_last in _walk(kind, reach, filters, before):
        earlier = _seen_before(kind, reach, filters, {row.id for row in rows} - found.keys(), before)
        for row in rows:
            if row.id not in found and row.id not in earlier:
                if len(found) == PAGE_SIZE:
                    return Page(list(found), place)
                found[row.id] = None
            place = row.position
        if is_last:
            return Page(list(found), None)
    return Page(list(found), place)


@dataclass(frozen=True, slots=True)
class _Row:
    id: str
    position: Position


def _walk(kind: Kind, reach: Reach, filters: Filters, before: Position | None) -> Iterator[tuple[list[_Row], bool]]:
    """Stretches of calls with an id, newest first, each twice as long as the one before, and whether it is the last."""
    limit, read = _FIRST_READ, 0
    while read < MOST_READ:
        rows = _newest(kind, reach, filters, before=before, limit=limit)
        is_last = len(rows) < limit
        yield rows, is_last
        if is_last:
            return
        before, read, limit = rows[-1].position, read + limit, min(2 * limit, MOST_READ)


_NEWEST: Final = """
    select page.* from unnest(%(projects)s::bigint[]) as p (id)
    cross join lateral (
        select c.{column}, c.started_at, c.call_id, c.project_id from calls c
        where c.organization_id = %(organization)s and c.project_id = p.id
          and c.started_at >= %(since)s and c.started_at < %(until)s and c.{column} <> '' and {conditions}
        order by c.started_at desc, c.call_id desc
        limit %(limit)s
    ) page
    order by page.started_at desc, page.call_id desc, page.project_id desc
    limit %(limit)s"""


def _newest(kind: Kind, reach: Reach, filters: Filters, *, before: Position | None, limit: int) -> list[_Row]:
    wanted = [*call_log.conditions_of(filters), *([call_log.BEFORE] if before else [])]
    parameters = reach.parameters | _values(filters) | {"limit": limit}
    if before:
        parameters |= call_log.before_parameters(before)
    rows = fetched(_NEWEST.format(column=kind.column, conditions=" and ".join(wanted) or "true"), parameters)
    return [_Row(row[0], Position(*row[1:])) for row in rows]


_SEEN: Final = """
    select distinct c.{column} from calls c
    where c.organization_id = %(organization)s and c.project_id = any(%(projects)s::bigint[])
      and c.started_at >= %(before_at)s and c.started_at < %(until)s
      and (c.started_at, c.call_id, c.project_id) >= (%(before_at)s, %(before_call)s, %(before_project)s)
      and c.{column} = any(%(ids)s) and c.{column} <> '' and {conditions}"""


def _seen_before(
    kind: Kind, reach: Reach, filters: Filters, ids: Iterable[str], before: Position | None
) -> frozenset[str]:
    """Those of ``ids`` that an earlier page has shown, because they have a newer call as well."""
    asked = list(ids)
    if before is None or not asked:
        return frozenset()
    wanted = " and ".join(call_log.conditions_of(filters)) or "true"
    parameters = reach.parameters | _values(filters) | call_log.before_parameters(before) | {"ids": asked}
    return frozenset(row[0] for row in fetched(_SEEN.format(column=kind.column, conditions=wanted), parameters))


_COUNTS: Final = "c.duplicate_of = ''"
_SUMS: Final = f"""
    select c.{{column}}, min(c.started_at),
           max(c.started_at + coalesce(c.latency_ms, 0) * interval '1 millisecond'),
           count(*) filter (where {_COUNTS}),
           count(*) filter (where not ({_COUNTS})),
           count(*) filter (where {_COUNTS} and c.status = 'error'),
           count(*) filter (where {_COUNTS} and c.cost_usd is null),
           count(*) filter (where {_COUNTS} and c.usage_estimated),
           coalesce(sum(c.input_tokens) filter (where {_COUNTS}), 0)::bigint,
           coalesce(sum(c.output_tokens) filter (where {_COUNTS}), 0)::bigint,
           sum(c.cost_usd) filter (where {_COUNTS}),
           array_agg(distinct c.model_key), array_agg(distinct c.feature),
           coalesce(array_agg(distinct c.user_id) filter (where c.user_id <> ''), '{{{{}}}}'),
           coalesce(array_agg(distinct c.session_id) filter (where c.session_id <> ''), '{{{{}}}}'),
           array_agg(distinct c.project_id), count(distinct nullif(c.trace_id, ''))
    from calls c
    where c.organization_id = %(organization)s and c.project_id = any(%(projects)s::bigint[])
      and c.started_at >= %(since)s and c.started_at < %(until)s
      and c.{{column}} = any(%(ids)s) and c.{{column}} <> ''
    group by 1"""
_NAMES: Final = tuple(Summary.__annotations__)


def summaries(kind: Kind, reach: Reach, ids: Sequence[str]) -> dict[str, Summary]:
    """What all calls of each of ``ids`` add up to, whatever else a page is narrowed to; an id without calls is absent.

    A look-up of the partial index of these ids in the partitions of the days asked for, and of no others.
    """
    if not ids:
        return {}
    rows = fetched(sums_sql(kind), reach.parameters | {"ids": list(ids)})
    return {row[0]: Summary(**dict(zip(_NAMES, row, strict=True))) for row in rows}


def sums_sql(kind: Kind) -> str:
    """The statement of ``summaries``."""
    return _SUMS.format(column=kind.column)


def has_any(kind: Kind, reach: Reach) -> bool:
    """Whether any call of the period names one; asked of the index, which holds nothing else."""
    return bool(fetched(_ANY.format(column=kind.column), reach.parameters)[0][0])


_ANY: Final = """
    select exists (select from calls c
                   where c.organization_id = %(organization)s and c.project_id = any(%(projects)s::bigint[])
                     and c.started_at >= %(since)s and c.started_at < %(until)s and c.{column} <> '')"""


def _values(filters: Filters) -> dict[str, Any]:
    return {name: list(values) for name, values in filters.items()}


def fetched(sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """All rows of a statement."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
