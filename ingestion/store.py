"""How telemetry lies in Postgres: partitions by name, the columns of calls and rollups, and rows as text for both.

Pure: statements and bytes out, nothing executed here.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec

from ingestion.wire.types import Call, Usage

TOKENS: Final = tuple(name for name in Usage.__struct_fields__ if name.endswith("_tokens"))
COSTS: Final = (
    "cost_usd",
    "cost_input_usd",
    "cost_cached_input_usd",
    "cost_cache_write_usd",
    "cost_output_usd",
    "cost_reasoning_usd",
    "cost_other_usd",
)
CALL_KEY: Final = ("project_id", "started_at", "call_id")
RECORDS_WITHIN: Final = timedelta(minutes=10)  # between the starts of two records of one provider call
COUNTED: Final = "duplicate_of = ''"  # what every sum over calls asks for: one provider call, one bill

# --- Rollups ----------------------------------------------------------------------------------------------------------
DIMENSIONS: Final = ("provider", "model_key", "feature", "team", "environment")
_INTEGERS_FIRST: Final = ("calls", "errors", "unpriced_calls", "estimated_calls", *TOKENS)
_TIMES: Final = ("latency_calls", "latency_sum_ms", "timed_output_tokens", "first_token_calls", "first_token_sum_ms")
HISTOGRAMS: Final = ("latency_histogram", "first_token_histogram")
SUMS: Final = (*_INTEGERS_FIRST, *COSTS, *_TIMES, *HISTOGRAMS)
HOURLY, DAILY = "call_rollups_hourly", "call_rollups_daily"
BUCKETS: Final = {HOURLY: ("bucket_start", "timestamptz"), DAILY: ("bucket_date", "date")}
OTHER: Final = "(other)"  # stands for every value beyond the most we keep apart
MOST_VALUES: Final = 2_000  # a project, day and dimension

_TYPES: Final = (
    dict.fromkeys((*COSTS, *HISTOGRAMS), "numeric")
    | dict.fromkeys(DIMENSIONS, "text")
    | dict.fromkeys(("latency_sum_ms", "first_token_sum_ms"), "float8")
)


def rollup_columns(table: str) -> tuple[str, ...]:
    """The columns of a rollup in the order rows are built: whose, when, which, sums."""
    return "organization_id", "project_id", BUCKETS[table][0], *DIMENSIONS, "api_key_id", *SUMS


def rollup_key(table: str) -> tuple[str, ...]:
    return "project_id", BUCKETS[table][0], *DIMENSIONS, "api_key_id"


def rollup_upsert(table: str) -> str:
    """Add rows to a rollup. One text parameter a column: its values as an array literal (:func:`array_literal`).

    Arrays of text measured 36 µs a row at the server, a temporary table 46, JSON 47; psycopg's own arrays 117.
    """
    columns = rollup_columns(table)
    types = _TYPES | {BUCKETS[table][0]: BUCKETS[table][1]}
    sums = ", ".join(f"{column} = r.{column} + excluded.{column}" for column in SUMS)
    return (
        f"insert into {table} as r ({', '.join(columns)}) select {unnested(columns, types)}"
        f" on conflict ({', '.join(rollup_key(table))}) do update set {sums}"
    )


def unnested(columns: Sequence[str], types: Mapping[str, str]) -> str:
    """Array literals as columns of rows, for a select list; what has no type is bigint.

    There, and not in FROM, where Postgres keeps every column of every row in a table of its own before it reads one.
    """
    return ", ".join(f"unnest(%s::{types.get(column, 'bigint')}[]) as {column}" for column in columns)


# --- Calls ------------------------------------------------------------------------------------------------------------
# In the order of the call's own fields, its usage's and its price's: rows are made by copying them. See writer.rows.
NOT_STORED: Final = ("usage", "project_slug")
FROM_CALL: Final = tuple(name for name in Call.__struct_fields__ if name not in NOT_STORED)
FROM_PRICE: Final = ("model_key", "cost_source", "price_match", "rate_card_id", *COSTS)
CALL_COLUMNS: Final = (
    "organization_id",
    "project_id",
    "api_key_id",
    "received_at",
    *FROM_CALL,
    *TOKENS,
    "usage_rule",
    "usage_inconsistent",
    "extra_units",
    *FROM_PRICE,
    "duplicate_of",
    "duplicate_of_started_at",
)
_LIST: Final = ", ".join(CALL_COLUMNS)
_CSV: Final = """(format csv, quote '"', escape '\\', null 'null')"""

STAGE: Final = "calls_arriving"
CREATE_STAGE: Final = f"create temporary table if not exists {STAGE} (like calls_stage) on commit delete rows"
# The order of a day's partition, then of its key by code point: the order in which every writer takes its rows,
# so that two of them wait for each other in turn and never in a circle.
INSERT_STAGED: Final = (
    f"insert into calls ({_LIST}) select {_LIST} from {STAGE}"
    " order by date_trunc('day', started_at, 'UTC'), project_id, started_at, call_id collate \"C\""
    f" on conflict do nothing returning {', '.join(CALL_KEY)}"
)


def leaf(day: date) -> str:
    """The partition of a UTC day."""
    return f"calls_{day:%Y%m%d}"


def copy_calls(table: str) -> str:
    """COPY into a partition or the stage; its data is :func:`csv`."""
    return f"copy {table} ({_LIST}) from stdin with {_CSV}"


# --- Samples of cloud functions and workers ---------------------------------------------------------------------------
FROM_SAMPLE: Final = (
    "sampled_at",
    "sample_id",
    "resource",
    "kind",
    "team",
    "environment",
    "allocated_mb",
    "used_mb",
    "invocations",
    "duration_ms",
    "cost_usd",
)
SAMPLE_COLUMNS: Final = ("organization_id", "project_id", "api_key_id", "received_at", *FROM_SAMPLE)
_SAMPLE_LIST: Final = ", ".join(SAMPLE_COLUMNS)
_SAMPLE_TYPES: Final = (
    dict.fromkeys(("organization_id", "project_id", "api_key_id", "invocations"), "bigint")
    | dict.fromkeys(("received_at", "sampled_at"), "timestamptz")
    | dict.fromkeys(("allocated_mb", "used_mb", "cost_usd"), "numeric")
    | {"duration_ms": "float8"}
)

# COPY into a table with row-level security is refused, hence the stage.
CREATE_SAMPLES: Final = (
    "create temporary table if not exists samples_arriving ("
    + ", ".join(f"{name} {_SAMPLE_TYPES.get(name, 'text')}" for name in SAMPLE_COLUMNS)
    + ") on commit delete rows"
)
COPY_SAMPLES: Final = f"copy samples_arriving ({_SAMPLE_LIST}) from stdin with {_CSV}"
# In the order of the key, so that two writers wait for each other in turn and never in a circle.
INSERT_SAMPLES: Final = (
    f"insert into cloud_samples ({_SAMPLE_LIST}) select {_SAMPLE_LIST} from samples_arriving"
    ' order by project_id, sampled_at, sample_id collate "C"'
    " on conflict do nothing returning project_id, sampled_at, sample_id"
)


# --- Rows as text -----------------------------------------------------------------------------------------------------
# JSON made by C code is nearly CSV with quoted strings, and nearly an array literal: ten times faster than building
# either in Python. What differs is how JSON writes control characters inside strings.
_encode: Callable[[object], bytes] = msgspec.json.Encoder(decimal_format="string").encode
_ESCAPE: Final = re.compile(rb'\\(["\\]|[bfnrt]|u00[01][0-9a-f])')
_NOT_A_QUOTE: Final = re.compile(rb'\\[^"]').search  # nothing but quotes is escaped in nearly every row
_PLAIN: Final = {rb"b": b"\b", rb"f": b"\f", rb"n": b"\n", rb"r": b"\r", rb"t": b"\t"}


def csv_line(row: tuple[Any, ...]) -> bytes:
    """Scalars as a line of CSV, without its end, for :func:`copy_calls`; None is NULL."""
    return _with_plain_controls(_encode(row)[1:-1])


def csv(lines: Iterable[bytes]) -> bytes:
    """Lines of :func:`csv_line` as the data of :func:`copy_calls`."""
    return b"\n".join(lines) + b"\n"


def array_literal(values: Sequence[Any]) -> str:
    """Scalars as a Postgres array literal, ``{"a","b"}``; None is NULL."""
    return f"{{{_with_plain_controls(_encode(values)[1:-1]).decode()}}}"


def array_literals(rows: Sequence[tuple[Any, ...]]) -> list[str]:
    """The columns of ``rows`` as array literals, for :func:`rollup_upsert`."""
    return [array_literal(column) for column in zip(*rows, strict=True)]


def _with_plain_controls(text: bytes) -> bytes:
    """JSON's ``\\n`` as the character itself: Postgres reads a backslash only as "the next one literally"."""
    return _ESCAPE.sub(_unescape, text) if _NOT_A_QUOTE(text) else text


def _unescape(match: re.Match[bytes]) -> bytes:
    escaped = match[1]
    if escaped in b'"\\':
        return match[0]
    return _PLAIN.get(escaped) or bytes([int(escaped[1:], 16)])


NO_DUPLICATE: Final = ("", None)  # the last of CALL_COLUMNS until a flush finds out
_NO_DUPLICATE: Final = csv_line(NO_DUPLICATE)


def duplicate_line(line: bytes, *, started_at: datetime, call_id: str) -> bytes:
    """The :func:`csv_line` of a call that is a second record of the named one."""
    return line.removesuffix(_NO_DUPLICATE) + csv_line((call_id, started_at))


_units_as_json: Callable[[object], bytes] = msgspec.json.Encoder(decimal_format="number").encode


def units_text(units: dict[str, Decimal] | None) -> str | None:
    """``extra_units`` as JSON text with exact numbers; None when there are none."""
    return _units_as_json(units).decode() if units else None
