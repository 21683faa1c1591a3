"""Reads about telemetry's storage that belong to no tenant."""

from typing import Any

from django.db import connection

from ingestion import store


def longest_retention_days() -> int:
    """Days the project that keeps calls longest keeps them; 180 while there is no project."""
    return int(_row("select longest_retention_days()")[0])


def prices_signature() -> tuple[Any, ...]:
    """Changes whenever rate cards were imported."""
    return _row(store.RATES_SIGNATURE)


def _row(query: str) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return tuple(cursor.fetchone())
