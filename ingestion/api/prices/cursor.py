"""A place in the list of rate cards: where the next page begins."""

from typing import Any

from core.cursors import CursorField
from ingestion.pricing.listing import SortKey

_MEMBERS = (str, str, str, int)


class PriceCursor(CursorField):
    """Reads the cursor of an answer's ``next`` link."""

    def members(self, found: list[Any]) -> SortKey:
        if tuple(map(type, found)) != _MEMBERS:
            raise ValueError("not a place among prices")
        provider, model, kind, number = found
        return provider, model, kind, number
