"""SQL over rollups: which of their rows a filter means, what it can be narrowed to, and which days have calls.

Settled days and hours are read from the facet that knows all the columns asked for, if one does (ingestion.condensed).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from core.periods import DAY, Granularity, Period, Sources
from dashboards.filters import DIMENSIONS, Filter
from ingestion import condensed, store
from ingestion.condensed import DAYS, HOURS, Grain
from ingestion.store import OTHER

OPTIONS: Final = 100  # values to choose from in a filter

_HAS_STATUS: Final = {"": "true", "ok": "calls > errors", "error": "errors > 0"}

_STORED_AS: Final = {"model": "model_key", "project": "project_id", "key": "api_key_id"}  # others as they are called
_DIMENSIONS: Final = frozenset({*store.DIMENSIONS, "api_key_id", "project_id"})
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
    parts = [owner(made, organization_id=organization_id, project_id=project_id, hidden=chosen.hidden)]
    for name in DIMENSIONS:
        values = chosen.values(name)
        if values and not (name == "project" and project_id is not None):
            made.bind(name, [*values, OTHER] if has_rest else list(values))
            parts.append(_COLUMNS[name])
    return " and ".join(parts)


def owner(made: Statement, *, organization_id: int, project_id: int | None, hidden: tuple[int, ...]) -> str:
    """Whose a row must be."""
    parts = [f"organization_id = {made.bind('organization_id', organization_id)}"]
    if project_id is not None:
        parts.append(f"project_id = {made.bind('project_id', project_id)}")
    if hidden:
        parts.append(f"project_id <> all({made.bind('hidden', list(hidden))})")
    return " and ".join(parts)


def facet_of(chosen: Filter, columns: Collection[str], *, where: str) -> str:
    """The facet that has those of the columns that are dimensions, and all that the filter asks; empty if none has.

    ``where`` is of :func:`conditions`: it is about all projects, or names those it is about.
    """
    asked = {_STORED_AS.get(name, name) for name in DIMENSIONS if chosen.values(name)}
    if "project_id" in where:
        asked.add("project_id")
    return condensed.facet_of(asked | {name for name in columns if name in _DIMENSIONS})


def rows(
    made: Statement, *, period: Period, columns: str, where: str, prefix: str, join: str = "", facet: str = ""
) -> str:
    """The rollup rows of a period with a ``bucket`` column: daily rows, and hourly ones for what days leave.

    ``where`` is of :func:`conditions`; ``facet`` (:func:`facet_of`) stands for the rows of settled days and hours.
    """
    zone = made.bind("zone", period.zone.key)
    hour = _HOUR if period.granularity is Granularity.HOUR else _day_of(zone)
    return union(
        made,
        sources=period.sources(),
        buckets=("bucket_date::text", hour),
        columns=columns,
        where=where,
        join=join,
        prefix=prefix,
        facet=facet,
    )


def plain_rows(
    made: Statement, *, chosen: Filter, period: Period, columns: Sequence[str], where: str, prefix: str, more: str = ""
) -> str:
    """:func:`rows` of some columns, from the facet that has them; ``more`` is put before each row's."""
    listed = ", ".join([more, *columns] if more else columns)
    facet = facet_of(chosen, columns, where=where)
    return rows(made, period=period, columns=listed, where=where, prefix=prefix, facet=facet)


def union(
    made: Statement,
    *,
    sources: Sources,
    buckets: tuple[str, str],
    columns: str,
    where: str,
    prefix: str,
    join: str = "",
    facet: str = "",
) -> str:
    """The rows of ``sources``; ``buckets`` is what the ``bucket`` of a daily row is, and of an hourly one.

    The statement must name its organization ``organization_id``.
    """
    of_days, of_hours = buckets
    parts = [(of_days, DAYS, sources.days, f"{prefix}_days")] if sources.days else []
    parts += [(of_hours, HOURS, hours, f"{prefix}_hours{number}") for number, hours in enumerate(sources.hours)]
    selects = [
        f"select {bucket} as bucket, {columns} from {table} {join} where {where} and {which}"
        for bucket, grain, within, name in parts
        for table, which in _tables(made, grain, within=within, prefix=name, facet=facet)
    ]
    return "\n        union all\n        ".join(selects)


def _tables(
    made: Statement, grain: Grain, *, within: tuple[object, object], prefix: str, facet: str
) -> list[tuple[str, str]]:
    """The tables that have the rows of whole buckets, half-open, and which of their rows those are.

    Buckets are asked for as an array: of that the planner knows that it is short, and looks each up in the index.
    """
    condition = bounds(made, grain.column, within, prefix=prefix)
    if not facet:
        return [(grain.rows, condition)]
    is_facet = f"facet = {made.bind(f'facet_{facet}', facet)}"
    is_condensed = f"organization_id = %(organization_id)s and state = '{condensed.CONDENSED}'"
    settled = f"select {grain.column} from {grain.marks} where {condition} and {is_condensed}"
    others = f"""
            select bucket::{grain.type} from generate_series(
                %({prefix}_from)s::{grain.type}, %({prefix}_to)s::{grain.type}, interval '{grain.step}') bucket
            where bucket < %({prefix}_to)s and not exists (
                select from {grain.marks} where {grain.column} = bucket::{grain.type} and {is_condensed})"""
    return [
        (grain.rows, f"{grain.column} = any(array({others}))"),
        (grain.facets, f"{is_facet} and {grain.column} = any(array({settled}))"),
    ]


_HOUR: Final = "extract(epoch from bucket_start)::bigint::text"  # an instant: the clock shows some hours twice


def _day_of(zone: str) -> str:
    return f"(bucket_start at time zone {zone})::date::text"


def bounds(made: Statement, column: str, half_open: tuple[object, object], *, prefix: str) -> str:
    """The condition that ``column`` lies in a half-open range."""
    low, high = made.bind(f"{prefix}_from", half_open[0]), made.bind(f"{prefix}_to", half_open[1])
    return f"{column} >= {low} and {column} < {high}"


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
