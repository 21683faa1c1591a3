"""Bring the installed catalogue's prices into the database."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection, transaction

from ingestion.models import CatalogueChange
from ingestion.models import RateCard as StoredCard
from ingestion.pricing import selectors
from ingestion.pricing.cards import RateCard, to_row
from ingestion.pricing.catalogue import catalogue_cards, catalogue_version
from ingestion.pricing.diff import DESCRIPTION, ModelDiff, diff

BATCH = 1_000


class CatalogueImport(msgspec.Struct, frozen=True, kw_only=True):
    """How many models an import found new, with another price, no longer listed, and as they were."""

    added: int
    changed: int
    closed: int
    unchanged: int


@transaction.atomic
def import_catalogue(*, now: datetime, cards: Iterable[RateCard] | None = None) -> CatalogueImport:
    """Make the stored catalogue the installed one (or ``cards``) from ``now`` on; the same one again changes nothing.

    A corrected price is valid from ``now``, prices of the past stay, nothing re-prices itself. Every difference is
    written to ``catalogue_changes``, except those of the very first import.
    """
    _lock()
    stored = selectors.catalogue_cards()
    wanted = catalogue_cards() if cards is None else cards
    differences = list(diff(stored=stored, wanted=wanted, now=now))
    _store(differences)
    if stored:
        _record(differences)
    kinds = [difference.kind for difference in differences]
    return CatalogueImport(
        added=kinds.count("added"),
        changed=kinds.count("changed"),
        closed=kinds.count("closed"),
        unchanged=kinds.count("unchanged"),
    )


def _lock() -> None:
    """One import at a time; readers are not held up."""
    with connection.cursor() as cursor:
        cursor.execute("lock table rate_cards in share row exclusive mode")


def _store(differences: Sequence[ModelDiff]) -> None:
    StoredCard.objects.filter(pk__in=[card.id for difference in differences for card in difference.delete]).delete()
    # An upsert by id: bulk_update's CASE over three thousand rows takes five seconds instead of one.
    StoredCard.objects.bulk_create(
        [StoredCard(**to_row(card)) for difference in differences for card in difference.update],
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["valid_to", *DESCRIPTION],
    )
    StoredCard.objects.bulk_create(
        [StoredCard(**to_row(card)) for difference in differences for card in difference.insert], batch_size=BATCH
    )


def _record(differences: Iterable[ModelDiff]) -> None:
    CatalogueChange.objects.bulk_create(
        [
            CatalogueChange(
                kind=difference.kind,
                provider=difference.model[0],
                catalogue_id=difference.model[2],
                before=_told(difference.before),
                after=_told(difference.after),
                version=catalogue_version(),
            )
            for difference in differences
            if difference.kind != "unchanged"
        ],
        batch_size=BATCH,
    )


def _told(cards: Iterable[RateCard]) -> list[dict[str, Any]] | None:
    """Prices with their periods, hours and contexts as JSON, or None where there are none."""
    rows = [to_row(card) for card in cards]
    names = ("valid_from", "valid_to", "window", "context", "prices")
    return [msgspec.to_builtins({name: row[name] for name in names}) for row in rows] or None
