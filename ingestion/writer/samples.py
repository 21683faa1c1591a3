"""Stores samples of cloud functions and workers: the same promises as for calls, and neither partitions nor rollups."""

from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from ingestion import store
from ingestion.writer.flush import Stored, Transactions, unique_lines
from ingestion.writer.responses import Key
from ingestion.writer.rows import SampleRow

type Samples = Sequence[SampleRow]


class SampleFlusher(Transactions[SampleRow]):
    """Stores samples; those that were there already are found by their identity."""

    def _store(
        self,
        cursor: psycopg.Cursor[Any],
        requests: Sequence[Samples],
        suspect: Callable[[Samples], list[SampleRow]],
    ) -> list[Stored]:
        unique = unique_lines(requests)
        stored = _insert(cursor, list(unique.values())) if unique else None
        return [self._counted(request, unique, stored) for request in requests]


def _insert(cursor: psycopg.Cursor[Any], rows: Samples) -> set[Key]:
    """The keys that were new."""
    cursor.execute(store.CREATE_SAMPLES.encode())
    with cursor.copy(store.COPY_SAMPLES.encode()) as copy:
        copy.write(store.csv([row.line for row in rows]))
    cursor.execute(store.INSERT_SAMPLES.encode())
    return set(cursor.fetchall())
