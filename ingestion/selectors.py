"""Reads about telemetry's storage that belong to no tenant."""

from typing import Any

from django.db import connection

from ingestion.pricing.announcement import RATES_SIGNATURE


def longest_retention_days() -> int:
    """Days the project that keeps calls longest keeps them; 180 while there is no project."""
    return int(_row("select longest_retention_days()")[0])


def prices_signature() -> tuple[Any, ...]:
    """Changes with the rate cards of the catalogue and, in a scope, with the organization's own."""
    return _row(RATES_SIGNATURE)


def _row(query: str) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return tuple(cursor.fetchone())
