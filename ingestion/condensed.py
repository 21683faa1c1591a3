"""Days and hours that have settled, summed once more without the dimensions that most questions do not ask for.

An hour of an organization has as many rows as combinations of names, a day more. Pages ask mostly by model or by
feature: a *facet* has the sums of a bucket by these alone, a tenth or less of the rows. Pure: how they lie in Postgres,
and statements.

Rollup rows stay the truth. *Marks* say of which buckets the facets are; a trigger on the rows takes a bucket out when
anything changes it, so that no writer has to know of facets, and readers take such a bucket's rows.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from ingestion import store

FACETS: Final = {  # the smallest first
    "feature": ("feature",),
    "model": ("project_id", "provider", "model_key", "team"),
    "project feature": ("project_id", "feature"),
}
NAMES: Final = ("provider", "model_key", "team", "feature")

# What a marked bucket is. A packed histogram of too many calls could carry: such a bucket stays as it is.
CHANGED, CONDENSED, TOO_LARGE = "changed", "condensed", "too large"

_SETTLED_AFTER_DAYS: Final = 2
_SETTLED_AFTER_HOURS: Final = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Grain:
    """Rollup rows of one width, the tables of their facets and marks, and where their buckets can begin.

    The trigger looks at buckets of a while ago (before yesterday in UTC; an hour and a half ago): nearly all that is
    written is of later ones, and pays nothing. Buckets settle later than that by more than any transaction lasts, so
    that none can be left that wrote one without a trace. ``condensed_back`` bounds those of which nothing is known.
    """

    rows: str
    facets: str
    marks: str
    step: str
    condensed_back: str

    @property
    def column(self) -> str:
        return store.BUCKETS[self.rows][0]

    @property
    def type(self) -> str:
        return store.BUCKETS[self.rows][1]

    @property
    def key(self) -> tuple[str, ...]:
        """Of a facet's row."""
        return ("organization_id", "facet", self.column, "project_id", *NAMES)


DAYS: Final = Grain(store.DAILY, "call_rollups_condensed", "condensed_days", "1 day", "3 years")
# Pages ask by the hour for three days, forecasts for a week. Hours begin on the quarters where a zone has them.
HOURS: Final = Grain(store.HOURLY, "call_rollups_condensed_hourly", "condensed_hours", "15 minutes", "15 days")
GRAINS: Final = (DAYS, HOURS)


def facet_of(names: Collection[str]) -> str:
    """The facet that knows all of these columns of a rollup row; empty where none does."""
    return next((facet for facet, known in FACETS.items() if set(names) <= set(known)), "")


def settled_before(grain: Grain, now: datetime) -> date | datetime:
    """The first bucket that has not settled."""
    if grain is HOURS:
        return now - _SETTLED_AFTER_HOURS
    return now.astimezone(UTC).date() - timedelta(days=_SETTLED_AFTER_DAYS)


def of_bucket(grain: Grain) -> str:
    """The condition that a row is of the bucket at hand."""
    return f"organization_id = %(organization)s and {grain.column} = %(bucket)s"


def unsettled(grain: Grain) -> str:
    """What is to be condensed, the latest first: what changed, and what has rows and no mark.

    What lost all its rows may lie before the first that has any.
    """
    return f"""
        select {grain.column} from {grain.marks}
        where organization_id = %(organization)s and state = '{CHANGED}' and {grain.column} < %(before)s
        union
        select bucket::{grain.type}
        from (select min({grain.column}) as first from {grain.rows} where organization_id = %(organization)s) r
        cross join generate_series(
            date_trunc('hour', greatest(first, %(before)s - interval '{grain.condensed_back}')),
            %(before)s, interval '{grain.step}') bucket
        where first is not null and bucket < %(before)s
          and not exists (select from {grain.marks} k
                          where k.organization_id = %(organization)s and k.{grain.column} = bucket::{grain.type})
          and exists (select from {grain.rows} r
                      where r.organization_id = %(organization)s and r.{grain.column} = bucket::{grain.type})
        order by 1 desc"""


def claim(grain: Grain) -> str:
    """Comes first: from here on whoever changes the bucket waits for the end, and what was changed before is seen."""
    return f"""
        insert into {grain.marks} (organization_id, {grain.column}, state)
        values (%(organization)s, %(bucket)s, '{CONDENSED}')
        on conflict (organization_id, {grain.column}) do update set state = excluded.state"""


def forget(grain: Grain) -> str:
    """Deletes the facets of a bucket; they are named because its key begins with them."""
    return f"delete from {grain.facets} where {of_bucket(grain)} and facet = any(%(facets)s)"


def leave(grain: Grain) -> str:
    """Marks a claimed bucket as one that is read as it is."""
    return f"update {grain.marks} set state = '{TOO_LARGE}' where {of_bucket(grain)}"


def summed(grain: Grain, which: str) -> str:
    """What the facets of some rows must be; of all projects their id is 0."""
    owned = ("organization_id", grain.column)
    longest_first = sorted(FACETS.items(), key=lambda one: -len(one[1]))
    cases = " ".join(f"when grouping({', '.join(names)}) = 0 then '{facet}'" for facet, names in longest_first)
    return f"""
        select organization_id, case {cases} end as facet, {grain.column},
               coalesce(project_id, 0) as project_id,
               {", ".join(f"coalesce({name}, '') as {name}" for name in NAMES)},
               {", ".join(f"sum({name}) as {name}" for name in store.SUMS)}
        from {grain.rows} where {which}
        group by grouping sets ({", ".join(f"({', '.join((*owned, *names))})" for names in FACETS.values())})"""


def condense(grain: Grain) -> str:
    """Answers the most calls that one histogram holds."""
    return f"""
        with made as (
            insert into {grain.facets} ({", ".join((*grain.key, *store.SUMS))}) {summed(grain, of_bucket(grain))}
            returning greatest(latency_calls, first_token_calls) as timed_calls
        )
        select coalesce(max(timed_calls), 0) from made"""
