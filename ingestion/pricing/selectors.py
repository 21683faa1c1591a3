"""Rate cards as the database holds them."""

from functools import lru_cache
from typing import Any

import psycopg
from django.db import connection as database
from psycopg.rows import dict_row

from core.scope import current_organization_id
from ingestion.models import RateCard as StoredCard
from ingestion.pricing.book import PriceBook
from ingestion.pricing.cards import RateCard, from_row

COLUMNS = RateCard.__struct_fields__
_CATALOGUE_SIGNATURE = (
    "select count(*), count(valid_to), max(id), max(valid_to), max(created_at), sum(position), sum(length(match::text))"
    " from rate_cards where organization_id is null"
)
QUOTED = ", ".join(f'"{column}"' for column in COLUMNS)  # one of them is a word of SQL


def catalogue_cards() -> list[RateCard]:
    """The catalogue's stored cards, closed ones included."""
    return [from_row(row) for row in StoredCard.objects.filter(organization=None).values(*COLUMNS)]


def catalogue() -> list[RateCard]:
    """The same for pages that only read: kept in the process for as long as the catalogue stays as it is."""
    with database.cursor() as cursor:
        cursor.execute(_CATALOGUE_SIGNATURE)
        return _catalogue(cursor.fetchone())


@lru_cache(maxsize=1)
def _catalogue(_signature: tuple[Any, ...]) -> list[RateCard]:
    return catalogue_cards()


def catalogue_book() -> PriceBook:
    """A book of the catalogue alone, kept like ``catalogue``: for looking models up, not for pricing calls."""
    with database.cursor() as cursor:
        cursor.execute(_CATALOGUE_SIGNATURE)
        return _catalogue_book(cursor.fetchone())


@lru_cache(maxsize=1)
def _catalogue_book(signature: tuple[Any, ...]) -> PriceBook:
    return PriceBook(_catalogue(signature))


def own_cards() -> list[RateCard]:
    """Every card of the scope's organization, closed ones included, oldest first."""
    rows = StoredCard.objects.filter(organization_id=current_organization_id()).order_by("pk").values(*COLUMNS)
    return [from_row(row) for row in rows]


def load_book() -> PriceBook:
    """The catalogue's cards and those of the scope's organization, ready to price its calls.

    :raises ScopeError: there is no scope; without one the database would quietly leave the organization's cards out.
    """
    return PriceBook([*catalogue(), *own_cards()])


def read_book(connection: psycopg.Connection[Any]) -> PriceBook:
    """The cards of the catalogue and of all organizations, over a plain connection of the edge."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(f"select {QUOTED} from rate_cards").fetchall()
    return PriceBook(from_row(row) for row in rows)
