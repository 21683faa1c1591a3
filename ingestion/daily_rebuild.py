"""The daily tables beside the rollups as a part of a rebuild: statements that follow its ranks of names. Pure.

Parameters are those of ingestion.rebuild; ``keeps_singles`` says whether prompts of the day that came once are there.
"""

from collections.abc import Iterable
from typing import Final

from ingestion import daily_tables, store
from ingestion.daily_tables import FULL, PREFIX, PROMPTS, SIZES, USERS
from ingestion.pricing.matching import NO_USAGE

_OURS: Final = "organization_id = %(organization)s and project_id = any(%(projects)s)"
_ALL_CALLS: Final = f"{_OURS} and started_at >= %(from)s and started_at < %(to)s and {store.COUNTED}"
_CALLS: Final = f"{_ALL_CALLS} and not usage_estimated"
_SIZED: Final = f"{_CALLS} and price_match <> '{NO_USAGE}'"


def _named(names: Iterable[str]) -> str:
    return ", ".join(f"case when rank_of_{name} <= %(most)s then {name} else %(other)s end as {name}" for name in names)


def _ranks(names: Iterable[str]) -> str:
    return " ".join(f"join rank_{name} using (project_id, {name})" for name in names)


_NAMES: Final = _named(daily_tables.NAMES)
_RANKS: Final = _ranks(daily_tables.NAMES)
_MODEL: Final = ("provider", "model_key")
_DAY: Final = "organization_id, project_id, %(day)s::date as bucket_date"


_SPECIAL: Final = {
    "calls": "count(*)",
    "errors": "count(*) filter (where status = 'error')",
    "unpriced_calls": "count(*) filter (where cost_usd is null)",
    "estimated_calls": "count(*) filter (where usage_estimated)",
}
_BOUNDS: Final = f"array[{', '.join(map(str, daily_tables.SIZE_BOUNDS))}]"
_SIZE: Final = f"({_BOUNDS})[1 + width_bucket(input_tokens + output_tokens, {_BOUNDS}::bigint[])]"


def _sums(table: str) -> str:
    sums = {name: _SPECIAL.get(name, f"coalesce(sum({name}), 0)") for name in daily_tables.SUMS[table]}
    return ", ".join(f"{computed} as {name}" for name, computed in sums.items())


def _grouped(table: str) -> str:
    return f"group by {', '.join(str(n + 1) for n in range(len(daily_tables.KEYS[table])))}"


_PROMPTED: Final = f"""
    cross join lateral (values ('{FULL}', prompt_hash), ('{PREFIX}', prompt_prefix_hash)) as p (kind, hash)"""
_IS_PROMPTED: Final = "hash <> '' and received_at - started_at <= %(prompts_within)s"

# What the calls of the day add up to, for a statement that has begun with the ranks.
EXPECTED: Final = f"""
    {SIZES}_expected as materialized (
        select {_DAY}, {_NAMES}, {_SIZE} as size, {_sums(SIZES)}
        from calls {_RANKS} where {_SIZED} {_grouped(SIZES)}),
    {PROMPTS}_expected as materialized (
        select *, row_number() over (partition by project_id order by first_received_at, hash, kind) as position
        from (
            select {_DAY}, hash, kind, source, {_NAMES}, {_sums(PROMPTS)}, min(received_at) as first_received_at
            from calls {_PROMPTED} {_RANKS} where {_CALLS} and {_IS_PROMPTED} {_grouped(PROMPTS)}) found),
    rank_user_id as materialized (
        select project_id, user_id, row_number() over (
            partition by project_id order by min(received_at), user_id collate "C") as rank_of_user_id
        from calls where {_ALL_CALLS} and user_id <> '' group by project_id, user_id),
    {USERS}_expected as materialized (
        select {_DAY}, case when rank_of_user_id <= %(most_users)s then user_id else %(other)s end as user_id,
               {_named(_MODEL)}, {_sums(USERS)}
        from calls {_ranks((*_MODEL, "user_id"))} where {_ALL_CALLS} {_grouped(USERS)})"""

_IS_KEPT: Final = "(calls > 1 or %(keeps_singles)s)"
_WANTED: Final = {SIZES: "true", USERS: "true", PROMPTS: f"position <= %(most_prompts)s and {_IS_KEPT}"}
# Which prompts came first on a day that is full is the writer's business.
_IS_COMPARABLE: Final = {
    SIZES: "true",
    USERS: "true",
    PROMPTS: f"""{_IS_KEPT} and project_id not in (
        select project_id from {PROMPTS}_expected where position > %(most_prompts)s)""",
}


def forget(table: str) -> str:
    return f"delete from {table} where {_OURS} and bucket_date = %(day)s"


def insert(table: str) -> str:
    columns = ", ".join(daily_tables.COLUMNS[table])
    return f"insert into {table} ({columns}) select {columns} from {table}_expected where {_WANTED[table]}"


def compare(table: str) -> str:
    """One row with the table and its missing, unexpected and different rows; none when there are none."""
    sides = [f"({', '.join(f'{side}.{column}' for column in daily_tables.SUMS[table])})" for side in ("e", "a")]
    differ = " is distinct from ".join(sides)
    columns = ", ".join(daily_tables.COLUMNS[table])
    return f"""
        select '{table}', count(*) filter (where a.calls is null), count(*) filter (where e.calls is null),
               count(*) filter (where a.calls is not null and e.calls is not null and {differ})
        from (select {columns} from {table}_expected where {_IS_COMPARABLE[table]}) e
        full join (
            select {columns} from {table} where {_OURS} and bucket_date = %(day)s and {_IS_COMPARABLE[table]}) a
          using ({", ".join(daily_tables.KEYS[table])})
        having count(*) filter (where a.calls is null or e.calls is null or {differ}) > 0"""


def prompts_of(which: str) -> str:
    """What the prompts of some calls add up to, under their own names."""
    return f"""
        select organization_id, project_id, (started_at at time zone %(zone)s)::date as bucket_date, hash, kind,
               source, {", ".join(daily_tables.NAMES)}, {_sums(PROMPTS)}
        from calls {_PROMPTED}
        where {which} and {store.COUNTED} and not usage_estimated and {_IS_PROMPTED} {_grouped(PROMPTS)}"""


def users_of(which: str) -> str:
    """What some calls add up to by end user, under their own names."""
    return f"""
        select organization_id, project_id, (started_at at time zone %(zone)s)::date as bucket_date, user_id,
               {", ".join(_MODEL)}, {_sums(USERS)}
        from calls where {which} and {store.COUNTED} {_grouped(USERS)}"""
