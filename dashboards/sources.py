"""Which rows answer a filter: rollups, daily sums of end users, or the calls themselves; all with the same columns.

Rollups know every dimension but the end user and, of a status, only how many calls had it. Daily sums of end users
know no other dimension than project, provider and model. Calls know everything, so few days of them are read.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from core.periods import Granularity, Period
from core.ranges import CUSTOM
from dashboards import log, rollups
from dashboards.filters import DUPLICATES, EVIDENCE, SEARCH_DAYS, Filter, Source
from dashboards.rollups import Statement, bounds
from ingestion import call_log, daily_tables, end_users, histogram, store
from ingestion.rebuild import sum_of_calls
from tenants.models import Organization, Project

USERS: Final = daily_tables.USERS
_USER_COLUMNS: Final = ("project_id", "provider", "model_key", "user_id")
_USER_SUMS: Final = frozenset(daily_tables.SUMS[USERS])
_STATUS_SUMS: Final = frozenset({"calls", "errors"})  # what rollups know by status
_ONLY_IN_CALLS: Final = frozenset({"trace", "session", "tag", "source", *EVIDENCE})
_OF_USERS: Final = frozenset({"user", "project", "provider", "model", "status"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What is read for a filter: ``columns`` and ``sums`` of the rows of ``source``.

    ``chosen`` is the filter within the days that may be read; ``sentence`` says what its reader should know of that.
    """

    source: Source
    chosen: Filter
    sentence: str = ""
    columns: tuple[str, ...] = ()
    sums: tuple[str, ...] = ()

    @property
    def splits_status(self) -> bool:
        """Whether rows of rollups are taken apart into calls with and without an error."""
        return "status" in self.columns or bool(self.chosen.status)


def reading(
    chosen: Filter,
    *,
    sums: Sequence[str],
    by: Collection[str] = (),
    columns: Sequence[str] = (),
    over_time: bool = True,
) -> Reading:
    """Which rows have ``sums`` of the calls of a filter, ``by`` its dimensions (their stored ``columns``)."""
    source = _source(chosen, sums=frozenset(sums), by=by, over_time=over_time)
    made = Reading(source=source, chosen=chosen, columns=tuple(columns), sums=tuple(sums))
    return _within_reach(made) if source is Source.CALLS else made


def _source(chosen: Filter, *, sums: frozenset[str], by: Collection[str], over_time: bool) -> Source:
    asked = {name for name, _ in chosen.narrowed_by if name != DUPLICATES} | set(by)
    if asked & _ONLY_IN_CALLS or ("status" in asked and not sums <= _STATUS_SUMS):
        return Source.CALLS
    if "user" not in asked:
        return Source.ROLLUPS
    has_days = chosen.period.is_whole_days and (not over_time or chosen.granularity is Granularity.DAY)
    is_known = has_days and asked <= _OF_USERS and sums <= _USER_SUMS and "" not in chosen.values("user")
    return Source.USERS if is_known else Source.CALLS


def _within_reach(made: Reading) -> Reading:
    """Within the days of calls that may be read: the latest of a longer range."""
    chosen = made.chosen
    if chosen.period.day_count <= SEARCH_DAYS:
        return replace(made, sentence=f"Reads calls: at most {SEARCH_DAYS} days.")
    last = min(chosen.period.last_day, chosen.now.astimezone(chosen.zone).date())
    period = Period.of_days(last - timedelta(days=SEARCH_DAYS - 1), last, chosen.zone)
    sentence = f"Reads calls: at most {SEARCH_DAYS} days, the latest of the period."
    return replace(made, chosen=replace(chosen, range=CUSTOM, period=period), sentence=sentence)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose rows: an organization's, or those of one of its projects."""

    organization: Organization
    project: Project | None


def rows(made: Statement, read: Reading, subject: Subject, *, period: Period, prefix: str) -> str:
    """SQL of the rows of a period: ``bucket``, then the columns and sums of ``read``.

    ``prefix`` keeps the parameters of two periods in one statement apart.
    """
    if read.source is Source.CALLS:
        return _calls(made, read, subject, period=period, prefix=prefix)
    where, join = _where(made, read, subject), _BY_STATUS if read.splits_status else ""
    if read.source is Source.ROLLUPS:
        facet = rollups.facet_of(read.chosen, read.columns, where=where)
        return rollups.rows(
            made, period=period, columns=_listed(read), where=where, join=join, prefix=prefix, facet=facet
        )
    days = (period.first_day, period.last_day + timedelta(days=1))
    where = f"{where} and {bounds(made, 'bucket_date', days, prefix=prefix)}"
    return _users(made, read, where=where, join=join, users=_stored_users(subject.organization, read.chosen))


# --- Rollups and daily sums of end users ------------------------------------------------------------------------------
# One row as one for each status it has.
_BY_STATUS: Final = """cross join lateral (values
            ('ok', calls - errors, 0::bigint), ('error', errors, errors)) as s (status, calls, errors)"""


def _where(made: Statement, read: Reading, subject: Subject) -> str:
    """What a row must be, beside its time and user."""
    project_id = subject.project.pk if subject.project else None
    where = rollups.conditions(made, organization_id=subject.organization.pk, project_id=project_id, chosen=read.chosen)
    if read.splits_status:
        where += " and s.calls > 0"
    if read.chosen.status:
        where += f" and s.status = {made.bind('status', read.chosen.status)}"
    return where


def _listed(read: Reading, *, unknown: Collection[str] = (), sign: str = "") -> str:
    """The select list; columns that the table has not are nothing."""
    parts = [f"'' as {name}" if name in unknown else name for name in read.columns]
    parts += [f"{sign}{_number(read, name, unknown)} as {name}" for name in read.sums]
    return ", ".join(parts)


def _number(read: Reading, name: str, unknown: Collection[str]) -> str:
    if name in unknown:
        return "0"
    return f"s.{name}" if read.splits_status and name in _STATUS_SUMS else name


def _users(made: Statement, read: Reading, *, where: str, join: str, users: Sequence[str]) -> str:
    """By user without a choice of them, what they leave of the rollups is of no user."""
    unknown = {*read.columns, *read.sums} - {*_USER_COLUMNS, *_USER_SUMS, "status"}

    def select(table: str, columns: str) -> str:
        return f"select bucket_date::text as bucket, {columns} from {table} {join} where {where}"

    if users:
        return f"{select(USERS, _listed(read, unknown=unknown))} and user_id = any({made.bind('user', users)})"
    nobody = {*unknown, "user_id"}
    return "\n        union all\n        ".join(
        [
            select(USERS, _listed(read, unknown=unknown)),
            select(store.DAILY, _listed(read, unknown=nobody)),
            select(USERS, _listed(read, unknown=nobody, sign="-")),
        ]
    )


def _stored_users(organization: Organization, chosen: Filter) -> list[str]:
    users = chosen.values("user")
    return end_users.as_stored(organization=organization, user_ids=users) if users else []


# --- Calls ------------------------------------------------------------------------------------------------------------
def _calls(made: Statement, read: Reading, subject: Subject, *, period: Period, prefix: str) -> str:
    """Calls, summed by bucket and columns as rollups are; each histogram by its buckets first, which is cheaper."""
    places = {name: f"{name}_place" for name in read.sums if name in store.HISTOGRAMS}
    groups = [
        f"{_bucket_of_call(made, period)} as bucket",
        *(f"c.{name}" for name in read.columns),
        *(f"width_bucket(c.{_DURATIONS[name]}, {_bounds(made)}) as {place}" for name, place in places.items()),
    ]
    plain = [name for name in read.sums if name not in places]
    sums = [f"{sum_of_calls(name)} as {name}" for name in plain]
    listed = ["bucket", *read.columns, *(_packed(name, places) for name in read.sums)]
    numbers = ", ".join(str(number) for number in range(1, len(groups) + 1))
    where = _which_calls(made, read, subject, period=period, prefix=prefix)
    return f"""select {", ".join(listed)} from (
            select {", ".join([*groups, *sums])} from calls c where {where} group by {numbers}) {prefix}_calls"""


_DURATIONS: Final = {"latency_histogram": "latency_ms", "first_token_histogram": "time_to_first_token_ms"}
_CALLS_OF: Final = {"latency_histogram": "latency_calls", "first_token_histogram": "first_token_calls"}


def _bounds(made: Statement) -> str:
    return f"{made.bind('histogram_bounds', list(histogram.BOUNDS))}::float8[]"


def _packed(name: str, places: Mapping[str, str]) -> str:
    """A histogram of one bucket (ingestion.histogram), or of nothing where no call gave a time."""
    if name not in places:
        return name
    place = places[name]
    packed = f"({_CALLS_OF[name]}::text || 'e' || ({histogram.DIGITS} * {place})::text)::numeric"
    return f"case when {place} is null then 0 else {packed} end as {name}"


def _bucket_of_call(made: Statement, period: Period) -> str:
    zone = made.bind("zone", period.zone.key)
    if period.granularity is Granularity.HOUR:
        return f"extract(epoch from date_trunc('hour', c.started_at, {zone}))::bigint::text"
    return f"(c.started_at at time zone {zone})::date::text"


def _which_calls(made: Statement, read: Reading, subject: Subject, *, period: Period, prefix: str) -> str:
    organization, project = subject.organization, subject.project
    project_ids = [project.pk] if project else log.project_ids_of(organization, read.chosen)
    filters = log.call_filters(organization, read.chosen)
    for name, values in filters.items():
        made.bind(name, list(values))
    return " and ".join(
        [
            f"c.organization_id = {made.bind('organization_id', organization.pk)}",
            f"c.project_id = any({made.bind('project_ids', project_ids)}::bigint[])",
            bounds(made, "c.started_at", (period.start, period.end), prefix=prefix),
            f"c.{store.COUNTED}",
            *call_log.conditions_of(filters),
        ]
    )
