"""The calls log: which days to read, found in the rollups, then the calls of just those days, newest first."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, NamedTuple

from django.db import connection

from core.periods import DAY, midnight
from dashboards import rollups
from dashboards.cursors import encode_position, fingerprint
from dashboards.filters import DUPLICATES, WITHOUT, Filter, Source
from ingestion import call_log, end_users
from ingestion.call_log import Position
from ingestion.models import Call
from tenants.models import ApiKey, Organization, Project

PAGE_SIZE: Final = 50
_MOST_DAYS: Final = 64

type Filters = dict[str, Sequence[object]]


@dataclass(frozen=True, slots=True)
class Page:
    """Calls newest first, and where the next page begins; None on the last one."""

    calls: list[Call]
    older: Position | None

    @property
    def fingerprint(self) -> str:
        """Differs when rows come, go or move."""
        return fingerprint(encode_position(call_log.position(call)) for call in self.calls)


class _Day(NamedTuple):
    day: date
    project_ids: list[int]


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Days with matching calls, and the projects that had them."""

    since: datetime
    until: datetime
    project_ids: list[int]


def page(
    *, organization: Organization, project: Project | None, chosen: Filter, before: Position | None = None
) -> Page:
    """One page of the log of a project or of all, ``before`` excluded.

    What rollups know narrows the days first, so a rare feature does not make the log read a quarter of calls. What
    only calls know (trace, session, user, tag) reads the whole period, which ``Filter.for_log`` has bounded.
    """
    wanted = PAGE_SIZE + 1
    found: list[Call] = []
    filters = call_filters(organization, chosen)
    for stretch in _stretches(organization, project, chosen, before):
        found += call_log.calls(
            organization=organization,
            project_ids=stretch.project_ids,
            since=stretch.since,
            until=stretch.until,
            filters=filters,
            before=before,
            limit=wanted - len(found),
        )
        if len(found) == wanted:
            break
    shown = found[:PAGE_SIZE]
    return Page(shown, call_log.position(shown[-1]) if len(found) == wanted else None)


def sums(*, organization: Organization, project: Project | None, chosen: Filter) -> call_log.Sums:
    """What all calls of the filter add up to: read one by one, unless rollups know just these."""
    if chosen.has(DUPLICATES, WITHOUT) and chosen.source is Source.ROLLUPS and not chosen.status:
        return _sums_of_rollups(organization, project, chosen)
    return call_log.sums(
        organization=organization,
        project_ids=[project.pk] if project else project_ids_of(organization, chosen),
        since=chosen.period.start,
        until=chosen.period.end,
        filters=call_filters(organization, chosen),
    )


_SUMMED: Final = (
    "calls", "errors", "unpriced_calls", "input_tokens", "cached_input_tokens", "output_tokens", "cost_usd",
)  # fmt: skip
_SUMS: Final = ", ".join(f"coalesce(sum({name}), 0)::bigint" for name in _SUMMED[:-1])


def _sums_of_rollups(organization: Organization, project: Project | None, chosen: Filter) -> call_log.Sums:
    """What a page of numbers says of the same filter, so that a row and the calls it leads to have one sum."""
    made = rollups.Statement()
    where = rollups.conditions(
        made, organization_id=organization.pk, project_id=project.pk if project else None, chosen=chosen
    )
    rows = rollups.plain_rows(made, chosen=chosen, period=chosen.period, columns=_SUMMED, where=where, prefix="now")
    cost = "case when sum(calls) > sum(unpriced_calls) then sum(cost_usd) end"
    with connection.cursor() as cursor:
        cursor.execute(f"select {_SUMS}, {cost} from ({rows}) as counted", made.parameters)
        return call_log.Sums(*cursor.fetchone())


def call(*, project: Project, call_id: str, started_at: datetime) -> Call | None:
    """One call of a project by its identity."""
    found = call_log.call(project_ids=[project.pk], call_id=call_id, started_at=started_at)
    return found[0] if found else None


def keys_by_id(*, organization: Organization, calls: Iterable[Call]) -> dict[int, ApiKey]:
    """The API keys that sent these calls, by id."""
    ids = {call.api_key_id for call in calls}
    return ApiKey.objects.filter(organization=organization).in_bulk(list(ids))


def call_filters(organization: Organization, chosen: Filter) -> Filters:
    """The filter in the words of ``call_log``; projects are not in it, they are read one by one."""
    simple = {"model": "model_key", "status": "status", "trace": "trace_id", "session": "session_id"}
    simple |= {name: name for name in ("provider", "feature", "team", "environment", "source")}
    simple |= {name: name for name in ("counted", "cost_source", "usage_known")}
    simple |= {"prompt": "prompt_hash", "prefix": "prompt_prefix_hash", "below": "total_tokens_below"}
    filters: Filters = {ours: chosen.values(name) for name, ours in simple.items() if chosen.values(name)}
    if chosen.has(DUPLICATES, WITHOUT):
        filters["is_duplicate"] = ["false"]
    if users := chosen.values("user"):
        filters["user_id"] = end_users.as_stored(organization=organization, user_ids=users)
    if keys := chosen.values("key"):
        found = ApiKey.objects.filter(organization=organization, prefix__in=keys)
        filters["api_key_id"] = list(found.values_list("pk", flat=True))
    if tag := chosen.one("tag"):
        name, _, value = tag.partition(":")
        filters["tag"] = [json.dumps({name.strip(): value.strip()})]
    return filters


def _stretches(
    organization: Organization, project: Project | None, chosen: Filter, before: Position | None
) -> Iterator[_Stretch]:
    """Stretches to read, newest first, until the page is full."""
    if chosen.is_search:
        projects = [project.pk] if project else project_ids_of(organization, chosen)
        yield _Stretch(chosen.period.start, chosen.period.end, projects)
        return
    last, days = chosen.period.last_day, 1
    if before is not None:
        last = min(last, before.started_at.astimezone(chosen.zone).date())
    while found := _days(organization, project, chosen, last=last, most=days):
        yield from (_stretch(run, chosen) for run in _runs(found))
        # Traffic is unknown beforehand: one day is usually enough, and doubling bounds the number of queries.
        last, days = found[-1].day - DAY, min(2 * days, _MOST_DAYS)


def _runs(days: Sequence[_Day]) -> Iterator[list[_Day]]:
    """Days that follow each other are read at once; what lies between others is not read at all."""
    run: list[_Day] = []
    for day in days:
        if run and run[-1].day - day.day != DAY:
            yield run
            run = []
        run.append(day)
    if run:
        yield run


def _stretch(days: Sequence[_Day], chosen: Filter) -> _Stretch:
    since, until = midnight(days[-1].day, chosen.zone), midnight(days[0].day + DAY, chosen.zone)
    project_ids = sorted({project_id for day in days for project_id in day.project_ids})
    return _Stretch(max(since, chosen.period.start), min(until, chosen.period.end), project_ids)


def _days(organization: Organization, project: Project | None, chosen: Filter, *, last: date, most: int) -> list[_Day]:
    """The latest days up to ``last`` on which rollups know matching calls."""
    statement = rollups.days(
        organization_id=organization.pk, project_id=project.pk if project else None, chosen=chosen, last=last, most=most
    )
    with connection.cursor() as cursor:
        cursor.execute(statement.sql, statement.parameters)
        return [_Day(*row) for row in cursor.fetchall()]


def project_ids_of(organization: Organization, chosen: Filter) -> list[int]:
    """The projects that a filter is about, without hidden ones."""
    projects = Project.objects.filter(organization=organization).exclude(pk__in=chosen.hidden)
    if slugs := chosen.values("project"):
        projects = projects.filter(slug__in=slugs)
    return list(projects.values_list("pk", flat=True))
