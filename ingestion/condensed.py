"""Days that have settled, summed once more without the dimensions that most questions do not ask for.

A day of an organization has as many daily rows as combinations of names. Pages of months ask mostly by model or by
feature: a *facet* has the sums of a day by these alone, a tenth or less of the rows. Pure: how they lie in Postgres,
and statements.

Daily rows stay the truth. ``condensed_days`` says which days the facets have; a trigger on the daily rows takes a day
out when anything changes it, so that no writer has to know of facets, and readers take such a day's daily rows.
"""

from collections.abc import Collection
from typing import Final

from ingestion import histogram, store

TABLE, DAYS = "call_rollups_condensed", "condensed_days"
FACETS: Final = {"model": ("provider", "model_key", "team"), "feature": ("feature",)}  # the smaller one first
NAMES: Final = tuple(name for facet in FACETS.values() for name in facet)

# What a day of ``condensed_days`` is. A packed histogram of too many calls could carry: such a day stays as it is.
CHANGED, CONDENSED, TOO_LARGE = "changed", "condensed", "too large"
# The trigger looks at days before yesterday (UTC): nearly all that is written is of later ones, and pays nothing.
# A day later than that no transaction can be left that wrote a day without it.
SETTLED_AFTER_DAYS: Final = 2


def facet_of(names: Collection[str]) -> str:
    """The facet that knows all of these columns of a daily row; empty where none does."""
    return next((facet for facet, known in FACETS.items() if set(names) <= {*known, "project_id"}), "")


KEY: Final = ("organization_id", "facet", "bucket_date", "project_id", *NAMES)
_COLUMNS: Final = (*KEY, *store.SUMS)
_OWNED: Final = ("organization_id", "bucket_date", "project_id")
OF_DAY: Final = "organization_id = %(organization)s and bucket_date = %(day)s"

# A day that nothing is known of counts as changed. Days that lost all their rows may lie before the first that has any.
UNSETTLED: Final = f"""
select bucket_date from {DAYS}
where organization_id = %(organization)s and state = '{CHANGED}' and bucket_date < %(before)s
union
select day::date from generate_series(
    (select min(bucket_date) from {store.DAILY} where organization_id = %(organization)s),
    %(before)s::date - 1, interval '1 day') day
where not exists (select from {DAYS} k where k.organization_id = %(organization)s and k.bucket_date = day::date)
order by 1 desc"""

# Comes first: from here on whoever changes the day waits for the end, and what was changed before is seen.
CLAIM: Final = f"""
insert into {DAYS} (organization_id, bucket_date, state) values (%(organization)s, %(day)s, '{CONDENSED}')
on conflict (organization_id, bucket_date) do update set state = excluded.state"""

FORGET: Final = f"delete from {TABLE} where {OF_DAY} and facet = any(%(facets)s)"


def _facet() -> str:
    cases = " ".join(f"when grouping({names[0]}) = 0 then '{facet}'" for facet, names in FACETS.items())
    return f"case {cases} end"


def _groups() -> str:
    return ", ".join(f"({', '.join((*_OWNED, *names))})" for names in FACETS.values())


# What the facets of a day must be.
SUMMED: Final = f"""
    select organization_id, {_facet()} as facet, bucket_date, project_id,
           {", ".join(f"coalesce({name}, '') as {name}" for name in NAMES)},
           {", ".join(f"sum({name}) as {name}" for name in store.SUMS)}
    from {store.DAILY} where {OF_DAY} group by grouping sets ({_groups()})"""

# Answers the most calls that one histogram holds.
CONDENSE: Final = f"""
with made as (
    insert into {TABLE} ({", ".join(_COLUMNS)}) {SUMMED}
    returning greatest(latency_calls, first_token_calls) as timed_calls
)
select coalesce(max(timed_calls), 0) from made"""

MOST_CALLS: Final = histogram.MOST_CALLS
LEAVE: Final = f"update {DAYS} set state = '{TOO_LARGE}' where {OF_DAY}"
