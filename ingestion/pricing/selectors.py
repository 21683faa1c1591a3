"""Rate cards as the database holds them."""

from typing import Any

import psycopg
from psycopg.rows import dict_row

from ingestion.models import RateCard as StoredCard
from ingestion.pricing.book import PriceBook
from ingestion.pricing.cards import RateCard, from_row

COLUMNS = RateCard.__struct_fields__
QUOTED = ", ".join(f'"{column}"' for column in COLUMNS)  # one of them is a word of SQL


def catalogue_cards() -> list[RateCard]:
    """The catalogue's stored cards, closed ones included."""
    return [from_row(row) for row in StoredCard.objects.filter(organization=None).values(*COLUMNS)]


def load_book() -> PriceBook:
    """All cards of the catalogue and of every organization, ready to price calls."""
    return PriceBook(from_row(row) for row in StoredCard.objects.values(*COLUMNS))


def read_book(connection: psycopg.Connection[Any]) -> PriceBook:
    """The same over a plain connection, as the edge has one."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(f"select {QUOTED} from rate_cards").fetchall()
    return PriceBook(from_row(row) for row in rows)
