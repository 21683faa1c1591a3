"""Rate cards as rows of tables."""

from collections.abc import Iterable
from itertools import groupby

import msgspec

from ingestion.pricing import wording
from ingestion.pricing.cards import RateCard
from ingestion.pricing.listing import Entry
from ingestion.pricing.own import is_empty
from ingestion.pricing.usage import Used

# The columns of the list; every other unit is on the model's own page.
UNITS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")


class ListRow(msgspec.Struct, frozen=True, kw_only=True):
    """A model with the price that is usual now; ``prices`` by ``UNITS``, '' where it has none of its own."""

    entry: Entry
    prices: list[str]
    notes: list[str]
    used: Used | None


class PeriodRow(msgspec.Struct, frozen=True, kw_only=True):
    """A card of one model's history."""

    entry: Entry
    amounts: list[wording.Amount]
    conditions: list[str]
    is_replaced: bool

    @property
    def card(self) -> RateCard:
        return self.entry.card


def list_rows(entries: Iterable[Entry]) -> list[ListRow]:
    """One row a model and kind; what its other cards are for becomes a note."""
    found = []
    for _, group in groupby(entries, key=lambda entry: entry.sort_key[:3]):
        cards = sorted(group, key=lambda entry: (len(entry.card.context), entry.card.window is None))
        found.append(_list_row(cards[0], cards[1:]))
    return found


def _list_row(entry: Entry, others: Iterable[Entry]) -> ListRow:
    card = entry.priced
    notes = [", ".join(wording.conditions(other.card.window, other.card.context)) for other in others]
    if card is not None:
        notes += ["tiers"] if any(price.tiers for price in card.prices.values()) else []
        notes += ["by hour"] if card.window is not None else []
        notes += [] if card.prices else ["free"]
    return ListRow(entry=entry, prices=_prices(card), notes=[note for note in notes if note], used=entry.used)


def _prices(card: RateCard | None) -> list[str]:
    if card is None:
        return ["" for _ in UNITS]
    return [wording.dollars(card.prices[unit].base) if unit in card.prices else "" for unit in UNITS]


def period_rows(entries: Iterable[Entry]) -> list[PeriodRow]:
    """The cards of a model with their prices in words."""
    return [
        PeriodRow(
            entry=entry,
            amounts=wording.amounts(entry.priced) if entry.priced is not None else [],
            conditions=wording.conditions(entry.card.window, entry.card.context),
            is_replaced=is_empty(entry.card),
        )
        for entry in entries
    ]
