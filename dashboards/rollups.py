"""The SQL of an overview: which rollup rows a filter means, and their sums by every dimension in one statement."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from dashboards.filters import DIMENSIONS, Filter
from dashboards.periods import DAY, Granularity, Period
from ingestion.store import OTHER

SERIES: Final = 9  # with "all others" the ten hues of a chart
GROUPS: Final = 50  # rows of a breakdown
OPTIONS: Final = 100  # values to choose from in a filter
# From here on a sum of packed histograms could carry (ingestion.histogram).
MOST_CALLS: Final = 10**8 - 1

_COUNTED: Final = (
    "calls",
    "errors",
    "unpriced_calls",
    "estimated_calls",
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_usd",
)
_SUMS: Final = ", ".join(f"sum({name}) as {name}" for name in _COUNTED)
_HISTOGRAM: Final = "sum(latency_calls) as latency_calls, sum(latency_histogram) as latency_histogram"
_MERGED: Final = f"""
    case when sum(latency_calls) <= {MOST_CALLS} then sum(latency_histogram) end as latency,
    case when sum(latency_calls) > {MOST_CALLS} then array_agg(latency_histogram) end as latencies"""
_NO_HISTOGRAM: Final = "null::numeric as latency, null::numeric[] as latencies"

# What comes first when only some groups can be shown: the cost, or with a status filter the calls of that status.
_LARGEST: Final = {
    "": "sum(cost_usd) desc, sum(calls) desc",
    "ok": "sum(calls) - sum(errors) desc",
    "error": "sum(errors) desc",
}

_HAS_STATUS: Final = {"": "true", "ok": "calls > errors", "error": "errors > 0"}

_COLUMNS: Final = {
    "provider": "provider = any(%(provider)s)",
    "model": "model_key = any(%(model)s)",
    "feature": "feature = any(%(feature)s)",
    "team": "team = any(%(team)s)",
    "environment": "environment = any(%(environment)s)",
    # Ids stay inside; a URL names a project by its slug and a key by its public prefix.
    "project": "project_id in (select id from projects where slug = any(%(project)s))",
    "key": "api_key_id in (select id from api_keys where prefix = any(%(key)s))",
}


@dataclass(slots=True)
class Statement:
    """SQL and its parameters; every value is a parameter."""

    sql: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)

    def bind(self, name: str, value: object) -> str:
        """Add a parameter; answers its placeholder."""
        self.parameters[name] = value
        return f"%({name})s"


def overview(*, organization_id: int, project_id: int | None, chosen: Filter) -> Statement:
    """The statement whose rows ``selectors`` sorts into an ``Overview``; each says by ``kind`` what it sums."""
    made = Statement()
    where = conditions(made, organization_id=organization_id, project_id=project_id, chosen=chosen)
    current = rows(made, period=chosen.period, where=where, prefix="now")
    before = rows(made, period=chosen.previous, where=where, prefix="before")
    owner = _owner(made, organization_id=organization_id, project_id=project_id, hidden=chosen.hidden)
    made.sql = _OVERVIEW.format(current=current, before=before, owner=owner, largest=_LARGEST[chosen.status])
    return made


def options(*, organization_id: int, project_id: int | None, chosen: Filter) -> Statement:
    """The statement that lists (dimension, stored value, calls) of the period's days, whatever else is chosen.

    Projects and keys are named by their ids.
    """
    made = Statement()
    where = conditions(made, organization_id=organization_id, project_id=project_id, chosen=chosen.cleared())
    days = (chosen.period.first_day, chosen.period.last_day + DAY)
    made.sql = _OPTIONS.format(where=where, bounds=bounds(made, "bucket_date", days, prefix="days"))
    return made


def days(*, organization_id: int, project_id: int | None, chosen: Filter, last: date, most: int) -> Statement:
    """The statement that lists the latest days up to ``last`` with matching calls, and their projects."""
    made = Statement()
    where = conditions(made, organization_id=organization_id, project_id=project_id, chosen=chosen, has_rest=True)
    within = bounds(made, "bucket_date", (chosen.period.first_day, last + DAY), prefix="days")
    made.bind("most", most)
    made.sql = _DAYS.format(where=where, bounds=within, status=_HAS_STATUS[chosen.status])
    return made


def conditions(
    made: Statement, *, organization_id: int, project_id: int | None, chosen: Filter, has_rest: bool = False
) -> str:
    """What a rollup row must be, beside its time; a project page takes no other project.

    With ``has_rest`` a row of ``(other)`` values passes too: what is looked for may be among them.
    """
    parts = [_owner(made, organization_id=organization_id, project_id=project_id, hidden=chosen.hidden)]
    for name in DIMENSIONS:
        values = chosen.values(name)
        if values and not (name == "project" and project_id is not None):
            made.bind(name, [*values, OTHER] if has_rest else list(values))
            parts.append(_COLUMNS[name])
    return " and ".join(parts)


def _owner(made: Statement, *, organization_id: int, project_id: int | None, hidden: tuple[int, ...]) -> str:
    parts = [f"organization_id = {made.bind('organization_id', organization_id)}"]
    if project_id is not None:
        parts.append(f"project_id = {made.bind('project_id', project_id)}")
    if hidden:
        parts.append(f"project_id <> all({made.bind('hidden', list(hidden))})")
    return " and ".join(parts)


def rows(made: Statement, *, period: Period, where: str, prefix: str) -> str:
    """The rollup rows of a period with a ``bucket`` column: daily rows, and hourly ones for what days leave."""
    sources = period.sources()
    zone = made.bind("zone", period.zone.key)
    hour = _HOUR if period.granularity is Granularity.HOUR else _day_of(zone)
    selects = []
    if sources.days:
        within = bounds(made, "bucket_date", sources.days, prefix=f"{prefix}_days")
        selects.append(f"select bucket_date::text as bucket, {_ROW} from call_rollups_daily where {where} and {within}")
    for number, hours in enumerate(sources.hours):
        within = bounds(made, "bucket_start", hours, prefix=f"{prefix}_hours{number}")
        selects.append(f"select {hour} as bucket, {_ROW} from call_rollups_hourly where {where} and {within}")
    return "\n        union all\n        ".join(selects)


_HOUR: Final = "extract(epoch from bucket_start)::bigint::text"  # an instant: the clock shows some hours twice


def _day_of(zone: str) -> str:
    return f"(bucket_start at time zone {zone})::date::text"


def bounds(made: Statement, column: str, half_open: tuple[object, object], *, prefix: str) -> str:
    """The condition that ``column`` lies in a half-open range."""
    low, high = made.bind(f"{prefix}_from", half_open[0]), made.bind(f"{prefix}_to", half_open[1])
    return f"{column} >= {low} and {column} < {high}"


_ROW: Final = ", ".join(
    ["project_id", "provider", "model_key", "feature", *_COUNTED, "latency_calls", "latency_histogram"]
)
_NAMES: Final = ", ".join(_COUNTED)

# Two passes: the rows are summed once into small cells, then every chart and table is a sum over cells.
_OVERVIEW: Final = f"""
with rows as (
        {{current}}
), cells as materialized (
    select bucket, provider, model_key, feature, project_id, {_SUMS}, {_HISTOGRAM}
    from rows group by grouping sets ((bucket, provider, model_key), (feature, project_id))
), model_cells as (
    select * from cells where bucket is not null
), models as (
    select provider, model_key, {_SUMS}, {_MERGED}, count(*) over () as groups,
           row_number() over (order by {{largest}}, provider, model_key) as place
    from model_cells group by provider, model_key
), features as (
    select feature, {_SUMS}, count(*) over () as groups,
           row_number() over (order by {{largest}}, feature) as place
    from cells where feature is not null group by feature
), by_project as (
    select project_id, {_SUMS}, count(*) over () as groups,
           row_number() over (order by {{largest}}, project_id) as place
    from cells where feature is not null group by project_id
), before as (
    select bucket, {_SUMS}, {_HISTOGRAM} from ({{before}}) b group by bucket
)
select 'total' as kind, null as bucket, null as provider, null as model_key, null as feature,
       null::bigint as project_id, {_SUMS}, {_MERGED},
       (select count(*) from models where unpriced_calls > 0) as groups, 0 as place
from model_cells
union all
select 'before', (select min(bucket_date)::text from call_rollups_daily where {{owner}}), null, null, null, null,
       {_SUMS}, {_MERGED}, 0, 0 from before
union all
select 'bucket', bucket, null, null, null, null, {_SUMS}, {_MERGED}, 0, 0 from model_cells group by bucket
union all
select 'model', null, provider, model_key, null, null, {_NAMES}, latency, latencies, groups, place
from models where place <= {GROUPS}
union all
select 'series', bucket, provider, model_key, null, null, {", ".join(f"c.{name}" for name in _COUNTED)},
       {_NO_HISTOGRAM}, 0, place
from model_cells c join models using (provider, model_key) where place <= {SERIES}
union all
select 'feature', null, null, null, feature, null, {_NAMES}, {_NO_HISTOGRAM}, groups, place
from features where place <= {GROUPS}
union all
select 'project', null, null, null, null, project_id, {_NAMES}, {_NO_HISTOGRAM}, groups, place
from by_project where place <= {GROUPS}
order by kind, place"""

_OPTIONS: Final = f"""
with rows as (
    select project_id, team, provider, model_key, feature, environment, api_key_id, sum(calls) as calls
    from call_rollups_daily where {{where}} and {{bounds}} group by 1, 2, 3, 4, 5, 6, 7
), found as (
    select name, value, sum(calls) as calls, row_number() over (partition by name order by sum(calls) desc, value) place
    from rows cross join lateral (values
        ('project', project_id::text), ('team', team), ('provider', provider), ('model', model_key),
        ('feature', feature), ('environment', environment), ('key', api_key_id::text)) as v (name, value)
    group by name, value
)
select name, value, calls from found where place <= {OPTIONS} order by name, place"""

_DAYS: Final = """
select bucket_date, array_agg(distinct project_id) from call_rollups_daily
where {where} and {bounds} and {status}
group by bucket_date order by bucket_date desc limit %(most)s"""
