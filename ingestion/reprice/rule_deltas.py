"""What changed prices add to the tables that only rules read. Pure."""

from collections.abc import Iterable, Sequence
from decimal import localcontext
from typing import Any

from ingestion import rule_tables
from ingestion.pricing.calculator import EXACT
from ingestion.reprice.deltas import Groups, sides
from ingestion.reprice.stored import Change
from ingestion.rule_tables import PROMPTS, SIZES
from ingestion.writer import LocalTime
from ingestion.writer.rule_sums import PromptedCall, SumRow, prompt_rows, size_rows


def rule_deltas(changes: Iterable[Change], *, organization_id: int, local_time: LocalTime) -> dict[str, list[SumRow]]:
    """Rows to add to each table, sorted as every writer sorts them; some of their sums are negative.

    Nothing in these tables is a float, so what stays the same cancels out.
    """
    groups: tuple[Groups, Groups] = ({}, {})
    prompted: tuple[list[PromptedCall], list[PromptedCall]] = ([], [])
    for change in changes:
        if not change.is_counted:
            continue
        both = sides(change, organization_id=organization_id, local_time=local_time)
        for (dimensions, measures), group, calls in zip(both, groups, prompted, strict=True):
            group.setdefault(dimensions, []).append(measures)
            if change.prompts:
                calls.append((dimensions, measures, change.prompts))
    (sizes_before, sizes_after), (prompts_before, prompts_after) = map(size_rows, groups), map(prompt_rows, prompted)
    return {
        SIZES: _difference(SIZES, sizes_after, sizes_before),
        PROMPTS: _difference(PROMPTS, prompts_after, prompts_before),
    }


def _difference(table: str, added: Sequence[SumRow], removed: Sequence[SumRow]) -> list[SumRow]:
    """``added`` − ``removed`` by key, without the rows in which nothing is left."""
    key = len(rule_tables.KEYS[table])
    sums: dict[tuple[Any, ...], tuple[Any, ...]] = {row[:key]: row[key:] for row in added}
    nothing = (0,) * len(rule_tables.SUMS[table])
    with localcontext(EXACT):
        for row in removed:
            before = sums.get(row[:key], nothing)
            sums[row[:key]] = tuple(a - b for a, b in zip(before, row[key:], strict=True))
    return sorted((*at, *values) for at, values in sums.items() if any(values))
