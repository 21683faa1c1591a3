"""New prices into calls, and what they change into rollups: in this order, as the writer does, in one transaction."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from django.db import connection

from ingestion import daily_tables, store
from ingestion.reprice.daily_deltas import daily_deltas
from ingestion.reprice.deltas import calls_of, key_of, rollup_deltas
from ingestion.reprice.stored import MODEL_KEY, Change
from ingestion.writer import LocalTime
from ingestion.writer.rollups import RollupRow


class RepriceError(RuntimeError):
    """A run cannot go on; the message is for people."""


_NEW: Final = ("started_at", "call_id", *store.FROM_PRICE, "usage_inconsistent")
_TYPES: Final = (
    dict.fromkeys(_NEW, "text")
    | dict.fromkeys(store.COSTS, "numeric")
    | {"started_at": "timestamptz", "rate_card_id": "bigint", "usage_inconsistent": "boolean"}
)
# The bounds beside the key keep the planner on the day's one or two partitions.
_UPDATE: Final = f"""
    update calls c set {", ".join(f"{name} = n.{name}" for name in (*store.FROM_PRICE, "usage_inconsistent"))}
    from unnest({", ".join(f"%s::{_TYPES[name]}[]" for name in _NEW)}) as n ({", ".join(_NEW)})
    where c.organization_id = %s and c.project_id = %s and c.started_at >= %s and c.started_at <= %s
      and c.started_at = n.started_at and c.call_id = n.call_id"""
# Beyond the most values of a dimension the writer's rows are called (other), and which calls are in them is known to
# nobody; a day that more models would bring beyond it counts as well.
_IS_CAPPED: Final = f"""
    select coalesce(bool_or(%(other)s in ({", ".join(store.DIMENSIONS)})), false)
        or count(distinct model_key) + %(more)s > %(most)s
        or exists (
            select from {daily_tables.USERS}
            where organization_id = %(organization)s and project_id = %(project)s and bucket_date = %(day)s
              and user_id = %(other)s)
    from {store.DAILY}
    where organization_id = %(organization)s and project_id = %(project)s and bucket_date = %(day)s"""


def update_calls(changes: Sequence[Change], *, organization_id: int) -> None:
    """Store the new prices of calls of one project."""
    if not changes:
        return
    columns = zip(*(_values(change) for change in changes), strict=True)
    starts = [change.call.started_at for change in changes]
    own = (organization_id, changes[0].project_id, min(starts), max(starts))
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, [*map(store.array_literal, columns), *own])
        if cursor.rowcount != len(changes):
            raise RepriceError("Calls disappeared while they were re-priced.")


def _values(change: Change) -> tuple[Any, ...]:
    return (change.call.started_at, change.call.call_id, *change.after, change.is_inconsistent)


def is_capped(changes: Sequence[Change], *, organization_id: int, day: date) -> bool:
    """Whether the rollup rows of some of these calls, of one project and day, cannot be known."""
    models = {change.after[MODEL_KEY] for change in changes} - {change.before[MODEL_KEY] for change in changes}
    parameters: dict[str, Any] = {
        "organization": organization_id,
        "project": changes[0].project_id,
        "day": day,
        "more": len(models),
        "most": store.MOST_VALUES,
        "other": store.OTHER,
    }
    with connection.cursor() as cursor:
        cursor.execute(_IS_CAPPED, parameters)
        return bool(cursor.fetchone()[0])


def adjust_rollups(changes: Sequence[Change], *, organization_id: int, local_time: LocalTime) -> None:
    """Move what the calls add from their old rollup rows to the new ones.

    :raises RepriceError: a row that must be there is not, so sums and calls did not agree before.
    """
    deltas = rollup_deltas(changes, organization_id=organization_id, local_time=local_time)
    for table, rows in deltas.items():
        if rows:
            _add(table, rows)
    for table, rows in daily_deltas(changes, organization_id=organization_id, local_time=local_time).items():
        _add_beside(table, rows)


def _add_beside(table: str, rows: Sequence[RollupRow]) -> None:
    """Rows that must be there already may be missing: prompts that came once are forgotten, and full days know few."""
    if rows:
        columns = store.array_literals(rows)
        with connection.cursor() as cursor:
            cursor.execute(daily_tables.adjust(table), columns)
            cursor.execute(daily_tables.delete_empty(table), columns)


def _add(table: str, rows: list[RollupRow]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"{store.rollup_upsert(table)} returning calls", store.array_literals(rows))
        left = [(row, calls) for row, (calls,) in zip(rows, cursor.fetchall(), strict=True)]
        if any(_was_missing(calls_of(table, row), calls) for row, calls in left):
            raise RepriceError("The sums do not agree with the calls: rebuild the rollups of this period first.")
        for row in (row for row, calls in left if calls == 0):
            # A row without calls would keep the last bits of its floats and a model that nobody called.
            cursor.execute(_DELETE[table], key_of(table, row))


def _was_missing(added: int, left: int) -> bool:
    """Whether calls were taken out of a row, or only their costs replaced, that did not hold them."""
    return left < 0 or (added <= 0 and left == added)


_DELETE: Final = {
    table: f"delete from {table} where ({', '.join(store.rollup_key(table))}) = "
    f"({', '.join(['%s'] * len(store.rollup_key(table)))})"
    for table in store.BUCKETS
}
