"""One trace or session: its calls in order, one page at a time, and what the page shows of each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from dashboards import waterfall
from dashboards.traces import Kind, Reach, fetched
from dashboards.waterfall import Span, Step
from ingestion.models import Call

PAGE_SIZE: Final = 200
MOST_STEPS: Final = 20_000  # more of one id is a mistake of the sender: the sums are of all, the steps of the first

_SPANS: Final = """
    select c.project_id, c.started_at, c.call_id, c.span_id, c.parent_span_id, c.latency_ms,
           case when c.duplicate_of = '' then c.cost_usd end
    from calls c
    where c.organization_id = %(organization)s and c.project_id = any(%(projects)s::bigint[])
      and c.started_at >= %(since)s and c.started_at < %(until)s
      and c.{column} = any(%(ids)s) and c.{column} <> ''
    order by c.started_at, c.call_id, c.project_id
    limit %(limit)s"""
_CALLS: Final = """
    select c.* from unnest(%(project_ids)s::bigint[], %(moments)s::timestamptz[], %(call_ids)s::text[])
           as one (project_id, started_at, call_id)
    join calls c on c.project_id = one.project_id and c.started_at = one.started_at and c.call_id = one.call_id
    where c.organization_id = %(organization)s and c.started_at >= %(first)s and c.started_at <= %(last)s"""
_TRACES: Final = """
    select c.trace_id from calls c
    where c.organization_id = %(organization)s and c.project_id = any(%(projects)s::bigint[])
      and c.started_at >= %(since)s and c.started_at < %(until)s
      and c.session_id = any(%(ids)s) and c.session_id <> '' and c.trace_id <> ''
    group by c.trace_id order by min(c.started_at), c.trace_id limit %(limit)s"""
_ELSEWHERE: Final = """
    select exists (select from calls c
                   where c.organization_id = %(organization)s and c.project_id = any(%(projects)s::bigint[])
                     and c.started_at >= %(since)s and c.started_at < %(until)s
                     and c.{column} = any(%(ids)s) and c.{column} <> '')"""


@dataclass(frozen=True, slots=True)
class Place:
    """A call on the page: its step, and the call in full; None when it was deleted in between."""

    step: Step
    call: Call | None


def steps(kind: Kind, reach: Reach, group_id: str) -> list[Step]:
    """The first ``MOST_STEPS`` calls in order: of a trace parents before children, of a session by time."""
    parameters = reach.parameters | {"ids": [group_id], "limit": MOST_STEPS}
    found = [_span(row) for row in fetched(_SPANS.format(column=kind.column), parameters)]
    return waterfall.steps(found if kind is Kind.TRACE else (_alone(span) for span in found))


def calls(reach: Reach, shown: Sequence[Step]) -> list[Place]:
    """The calls of some steps in full, read by their identity."""
    if not shown:
        return []
    spans = [step.span for step in shown]
    moments = [span.started_at for span in spans]
    parameters = {
        "organization": reach.organization_id,
        "project_ids": [span.project_id for span in spans],
        "moments": moments,
        "call_ids": [span.call_id for span in spans],
        "first": min(moments),
        "last": max(moments),
    }
    found = {_key(call): call for call in Call.objects.raw(_CALLS, parameters)}
    return [Place(step, found.get(step.span.key)) for step in shown]


def trace_ids(reach: Reach, session_id: str, *, limit: int) -> list[str]:
    """The first traces of a session, by their start."""
    return [row[0] for row in fetched(_TRACES, reach.parameters | {"ids": [session_id], "limit": limit})]


def is_elsewhere(kind: Kind, reach: Reach, group_id: str) -> bool:
    """Whether calls of ``reach`` name this id at all."""
    rows = fetched(_ELSEWHERE.format(column=kind.column), reach.parameters | {"ids": [group_id]})
    return bool(rows[0][0])


def _span(row: Iterable[Any]) -> Span:
    return Span(**dict(zip(_FIELDS, row, strict=True)))


_FIELDS: Final = ("project_id", "started_at", "call_id", "span_id", "parent_span_id", "latency_ms", "cost_usd")


def _alone(span: Span) -> Span:
    """Without its place among other calls: a session is read by time."""
    return replace(span, span_id="", parent_span_id="")


def _key(call: Call) -> tuple[datetime, str, int]:
    return call.started_at, call.call_id, call.project_id
