"""What changed prices add to the daily tables beside the rollups. Pure."""

from collections.abc import Iterable, Sequence
from decimal import localcontext
from typing import Any

from ingestion import daily_tables
from ingestion.daily_tables import PROMPTS, SIZES, USERS
from ingestion.pricing.calculator import EXACT
from ingestion.reprice.deltas import Groups, sides
from ingestion.reprice.stored import Change
from ingestion.writer import LocalTime
from ingestion.writer.daily_sums import OfUser, PromptedCall, SumRow, by_user, prompt_rows, size_rows, user_rows
from ingestion.writer.rows import Dimensions


def daily_deltas(changes: Iterable[Change], *, organization_id: int, local_time: LocalTime) -> dict[str, list[SumRow]]:
    """Rows to add to each table, sorted as every writer sorts them; some of their sums are negative.

    Nothing in these tables is a float, so what stays the same cancels out.
    """
    groups: tuple[Groups, Groups] = ({}, {})
    prompted: tuple[list[PromptedCall], list[PromptedCall]] = ([], [])
    of_users: tuple[dict[Dimensions, list[OfUser]], dict[Dimensions, list[OfUser]]] = ({}, {})
    for change in changes:
        if not change.is_counted:
            continue
        both = sides(change, organization_id=organization_id, local_time=local_time)
        sized = change.was_sized, change.is_sized
        for (dimensions, measures), has_size, group, calls, users in zip(
            both, sized, groups, prompted, of_users, strict=True
        ):
            if has_size:
                group.setdefault(dimensions, []).append(measures)
            if change.prompts:
                calls.append((dimensions, measures, change.prompts))
            if change.call.user_id:
                users.setdefault(dimensions, []).append((change.call.user_id, measures))
    users_before, users_after = (user_rows(by_user(groups)) for groups in of_users)
    (sizes_before, sizes_after), (prompts_before, prompts_after) = map(size_rows, groups), map(prompt_rows, prompted)
    return {
        SIZES: _difference(SIZES, sizes_after, sizes_before),
        PROMPTS: _difference(PROMPTS, prompts_after, prompts_before),
        USERS: _difference(USERS, users_after, users_before),
    }


def _difference(table: str, added: Sequence[SumRow], removed: Sequence[SumRow]) -> list[SumRow]:
    """``added`` − ``removed`` by key, without the rows in which nothing is left."""
    key = len(daily_tables.KEYS[table])
    sums: dict[tuple[Any, ...], tuple[Any, ...]] = {row[:key]: row[key:] for row in added}
    nothing = (0,) * len(daily_tables.SUMS[table])
    with localcontext(EXACT):
        for row in removed:
            before = sums.get(row[:key], nothing)
            sums[row[:key]] = tuple(a - b for a, b in zip(before, row[key:], strict=True))
    return sorted((*at, *values) for at, values in sums.items() if any(values))
