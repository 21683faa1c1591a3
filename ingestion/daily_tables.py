"""How the daily tables beside the rollups lie in Postgres: how large calls were, which prompts came again, and who
calls were made for.

Pure. The first two are for rules, which leave estimated calls out; sizes are of calls whose usage is known. Second
records of a call are in none.
"""

from bisect import bisect_right
from datetime import timedelta
from typing import Final

from ingestion import store

SIZES, PROMPTS, USERS = "call_sizes_daily", "prompt_hash_daily", "user_rollups_daily"
TABLES: Final = (SIZES, PROMPTS, USERS)  # in the order in which every writer comes to them, after the rollups

NAMES: Final = ("provider", "model_key", "feature", "team")  # of store.DIMENSIONS, capped as there
# ``size`` is the total of tokens that a call stays below. The last is above all a call can have: 10⁹ read and written.
SIZE_BOUNDS: Final = (50, 100, 200, 500, 1_000, 2**31 - 1)
FULL, PREFIX = "full", "prefix"
# A prompt that came once is forgotten when no call of its day can be counted any more, so that none is counted short.
PROMPTS_WITHIN: Final = timedelta(days=2)  # between a call and its arrival
SINGLES_KEPT_FOR: Final = PROMPTS_WITHIN + timedelta(hours=1)  # from the end of their day
MOST_USERS: Final = 20_000  # a project and day, kept apart as values of a dimension are
MOST_PROMPTS: Final = 20_000  # rows a project and day; what comes first after them is not kept apart and not kept

KEYS: Final = {
    SIZES: ("organization_id", "project_id", "bucket_date", *NAMES, "size"),
    PROMPTS: ("organization_id", "project_id", "bucket_date", "hash", "kind", "source", *NAMES),
    USERS: ("organization_id", "project_id", "bucket_date", "user_id", "provider", "model_key"),
}
SUMS: Final = {
    SIZES: ("calls", "unpriced_calls", *store.TOKENS, "cost_usd"),
    PROMPTS: ("calls", "unpriced_calls", "input_tokens", "cached_input_tokens", "cost_usd"),
    USERS: (
        "calls",
        "errors",
        "unpriced_calls",
        "estimated_calls",
        "input_tokens",
        "cached_input_tokens",
        "output_tokens",
        "reasoning_tokens",
        "cost_usd",
    ),
}
COLUMNS: Final = {table: (*KEYS[table], *SUMS[table]) for table in TABLES}
_TYPES: Final = (
    dict.fromkeys((*NAMES, "hash", "kind", "source", "user_id"), "text")
    | dict.fromkeys(store.COSTS, "numeric")
    | {"bucket_date": "date", "size": "integer"}
)


def size(tokens: int) -> int:
    """The smallest of ``SIZE_BOUNDS`` that ``tokens`` stays below."""
    return SIZE_BOUNDS[bisect_right(SIZE_BOUNDS, tokens)]


def _rows(table: str) -> str:
    return f"(select {store.unnested(COLUMNS[table], _TYPES)}) as n"


def same(table: str, one: str, other: str) -> str:
    """The condition that two rows of the table have one key."""
    return " and ".join(f"{one}.{name} = {other}.{name}" for name in KEYS[table])


def upsert(table: str, *, only: str = "true") -> str:
    """Add rows, each column an array literal (``store.array_literals``), in the order they come in."""
    sums = ", ".join(f"{column} = r.{column} + excluded.{column}" for column in SUMS[table])
    return (
        f"insert into {table} as r ({', '.join(COLUMNS[table])}) select * from {_rows(table)} where {only}"
        f" on conflict ({', '.join(KEYS[table])}) do update set {sums}"
    )


# How many rows a project's day has gained.
UPSERT_PROMPTS: Final = f"""
    with kept as ({upsert(PROMPTS)} returning project_id, bucket_date, xmax = 0 as is_new)
    select project_id, bucket_date, count(*) from kept where is_new group by 1, 2"""


def _is_known(table: str) -> str:
    return f"exists (select from {table} k where {same(table, 'k', 'n')})"


def _in_order(table: str) -> str:
    """Said again, because a look-up may change the order in which rows come."""
    return f"order by {', '.join(KEYS[table])}"


# On a day that is full only what it knows already is counted.
UPSERT_KNOWN_PROMPTS: Final = upsert(PROMPTS, only=f"{_is_known(PROMPTS)} {_in_order(PROMPTS)}")


def adjust(table: str) -> str:
    """:func:`upsert` of what changed: rows that bring no call are left out where they have nothing to change."""
    return upsert(table, only=f"(n.calls > 0 or {_is_known(table)}) {_in_order(table)}")


def delete_empty(table: str) -> str:
    """Delete those of the rows in which no call is left."""
    return f"delete from {table} r using {_rows(table)} where {same(table, 'r', 'n')} and r.calls <= 0"
