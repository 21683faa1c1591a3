"""SQL over rollups: which of their rows a filter means, what it can be narrowed to, and which days have calls."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from core.periods import DAY, Granularity, Period
from dashboards.filters import DIMENSIONS, Filter
from ingestion.store import DAILY, HOURLY, OTHER

OPTIONS: Final = 100  # values to choose from in a filter
# From here on a sum of packed histograms could carry (ingestion.histogram).
MOST_CALLS: Final = 10**8 - 1

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


def rows(made: Statement, *, period: Period, columns: str, where: str, prefix: str, join: str = "") -> str:
    """The rollup rows of a period with a ``bucket`` column: daily rows, and hourly ones for what days leave."""
    sources = period.sources()
    zone = made.bind("zone", period.zone.key)
    hour = _HOUR if period.granularity is Granularity.HOUR else _day_of(zone)
    selects = []
    if sources.days:
        within = bounds(made, "bucket_date", sources.days, prefix=f"{prefix}_days")
        selects.append(_rows("bucket_date::text", columns, f"{DAILY} {join}", f"{where} and {within}"))
    for number, hours in enumerate(sources.hours):
        within = bounds(made, "bucket_start", hours, prefix=f"{prefix}_hours{number}")
        selects.append(_rows(hour, columns, f"{HOURLY} {join}", f"{where} and {within}"))
    return "\n        union all\n        ".join(selects)


def _rows(bucket: str, columns: str, table: str, where: str) -> str:
    return f"select {bucket} as bucket, {columns} from {table} where {where}"


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
