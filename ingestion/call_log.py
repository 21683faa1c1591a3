"""Reads calls newest first, page by page; the log pages and the API share it.

Every page costs what it shows: each project is walked backwards along its identity index, and the walks are merged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from ingestion.models import Call
from ingestion.pricing.matching import NO_USAGE
from ingestion.store import RECORDS_WITHIN
from tenants.models import Organization

Filters = Mapping[str, Sequence[object]]

# What a filter compares; a call passes when it equals any of the values. Text equality, so that row-level security
# does not keep the planner from the partial indexes of traces and sessions.
_CONDITIONS: Final = {
    "model": "(c.model = any(%(model)s) or c.model_key = any(%(model)s))",
    "model_key": "c.model_key = any(%(model_key)s)",
    "provider": "c.provider = any(%(provider)s)",
    "feature": "c.feature = any(%(feature)s)",
    "team": "c.team = any(%(team)s)",
    "environment": "c.environment = any(%(environment)s)",
    "user_id": "c.user_id = any(%(user_id)s)",
    "session_id": "c.session_id = any(%(session_id)s) and c.session_id <> ''",
    "trace_id": "c.trace_id = any(%(trace_id)s) and c.trace_id <> ''",
    "status": "c.status = any(%(status)s)",
    "api_key_id": "c.api_key_id = any(%(api_key_id)s::bigint[])",
    # What an insight's evidence is made of: calls that count, by prompt (``source:hash``), size or missing price, and
    # whether anybody knows what they used.
    "counted": "(c.duplicate_of = '' and not c.usage_estimated) = any(%(counted)s::boolean[])",
    "is_duplicate": "(c.duplicate_of <> '') = any(%(is_duplicate)s::boolean[])",
    "prompt_hash": "(c.source || ':' || c.prompt_hash) = any(%(prompt_hash)s)",
    "prompt_prefix_hash": "(c.source || ':' || c.prompt_prefix_hash) = any(%(prompt_prefix_hash)s)",
    "cost_source": "c.cost_source = any(%(cost_source)s)",
    "usage_known": f"(c.price_match <> '{NO_USAGE}') = any(%(usage_known)s::boolean[])",
    "source": "c.source = any(%(source)s)",
    "total_tokens_below": "c.input_tokens + c.output_tokens < any(%(total_tokens_below)s::bigint[])",
    # Containment may not use an index under row-level security, so it only suits bounded periods.
    "tag": "c.tags @> any(%(tag)s::jsonb[])",
}
FILTERS: Final = frozenset(_CONDITIONS)

# The row comparison alone would not exclude partitions, hence the bound on started_at beside it.
BEFORE: Final = """c.started_at <= %(before_at)s and (c.started_at, c.call_id) <= (%(before_at)s, %(before_call)s)
          and (c.started_at, c.call_id, c.project_id) < (%(before_at)s, %(before_call)s, %(before_project)s)"""

_PAGE: Final = """
    select page.* from unnest(%(projects)s::bigint[]) as p (id)
    cross join lateral (
        select c.* from calls c
        where c.organization_id = %(organization)s and c.project_id = p.id
          and c.started_at >= %(since)s and c.started_at < %(until)s
          and {conditions}
        order by c.started_at desc, c.call_id desc
        limit %(limit)s
    ) page
    order by page.started_at desc, page.call_id desc, page.project_id desc
    limit %(limit)s"""

_SUMS: Final = """
    select count(*), count(*) filter (where c.status = 'error'), count(*) filter (where c.cost_usd is null),
           coalesce(sum(c.input_tokens), 0)::bigint, coalesce(sum(c.cached_input_tokens), 0)::bigint,
           coalesce(sum(c.output_tokens), 0)::bigint, sum(c.cost_usd)
    from calls c
    where c.organization_id = %(organization)s and c.project_id = any(%(projects)s::bigint[])
      and c.started_at >= %(since)s and c.started_at < %(until)s and {conditions}"""


@dataclass(frozen=True, slots=True)
class Sums:
    """What calls add up to. ``cost_usd`` is of the priced ones, None where not one of them has a price."""

    calls: int
    errors: int
    unpriced_calls: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class Position:
    """Where a call stands in the log; the next page holds what comes after the last call of this one."""

    started_at: datetime
    call_id: str
    project_id: int


def position(call: Call) -> Position:
    """Where ``call`` stands."""
    return Position(started_at=call.started_at, call_id=call.call_id, project_id=call.project_id)


def before_parameters(before: Position) -> dict[str, object]:
    """The parameters of ``BEFORE``."""
    return {"before_at": before.started_at, "before_call": before.call_id, "before_project": before.project_id}


def calls(
    *,
    organization: Organization,
    project_ids: Sequence[int],
    since: datetime,
    until: datetime,
    filters: Filters,
    before: Position | None,
    limit: int,
) -> list[Call]:
    """At most ``limit`` calls of ``project_ids`` that started in [since, until), newest first, after ``before``.

    ``filters`` maps names of ``FILTERS`` to the accepted values; ``model`` accepts the name as sent or the priced one,
    ``tag`` JSON objects of which the call's tags hold every pair.

    :raises ValueError: an unknown filter.
    """
    conditions = conditions_of(filters)
    parameters: dict[str, object] = {name: list(values) for name, values in filters.items()}
    if before is not None:
        conditions.append(BEFORE)
        parameters |= before_parameters(before)
    parameters |= {
        "organization": organization.pk,
        "projects": list(project_ids),
        "since": since,
        "until": until,
        "limit": limit,
    }
    return list(Call.objects.raw(_PAGE.format(conditions=" and ".join(conditions) or "true"), parameters))


def sums(
    *, organization: Organization, project_ids: Sequence[int], since: datetime, until: datetime, filters: Filters
) -> Sums:
    """What all calls add up to of which ``calls`` shows a page. It reads each of them: for bounded periods.

    :raises ValueError: an unknown filter.
    """
    conditions = " and ".join(conditions_of(filters)) or "true"
    parameters: dict[str, Any] = {name: list(values) for name, values in filters.items()}
    parameters |= {"organization": organization.pk, "projects": list(project_ids), "since": since, "until": until}
    with connection.cursor() as cursor:
        cursor.execute(_SUMS.format(conditions=conditions), parameters)
        return Sums(*cursor.fetchone())


def conditions_of(filters: Filters) -> list[str]:
    """SQL conditions on calls ``c``, whose parameters are the filters themselves.

    :raises ValueError: an unknown filter.
    """
    unknown = filters.keys() - FILTERS
    if unknown:
        raise ValueError(f"Calls cannot be filtered by {', '.join(sorted(unknown))}.")
    return [_CONDITIONS[name] for name in filters]


def call(*, project_ids: Sequence[int], call_id: str, started_at: datetime) -> list[Call]:
    """The calls with this identity: one a project at most, in project order."""
    found = Call.objects.filter(project_id__in=project_ids, started_at=started_at, call_id=call_id)
    return list(found.order_by("project_id"))


def duplicates(*, call: Call, limit: int) -> list[Call]:
    """At most ``limit`` other records of the provider's call, which are counted with ``call``, oldest first."""
    if not call.response_id:
        return []
    found = Call.objects.filter(
        project_id=call.project_id,
        started_at__range=(call.started_at - RECORDS_WITHIN, call.started_at + RECORDS_WITHIN),
        duplicate_of=call.call_id,
        duplicate_of_started_at=call.started_at,
    )
    return list(found.order_by("started_at", "call_id")[:limit])
