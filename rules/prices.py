"""What models and their alternatives cost an organization at one moment."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from ingestion.pricing import selectors as pricing
from ingestion.pricing.book import PriceBook
from rules.engine.alternatives import alternatives
from rules.engine.snapshot import Alternative, Model, Priced
from tenants.models import Organization


def prices(*, organization: Organization, models: Iterable[Model], as_of: datetime) -> Mapping[Model, Priced]:
    """The standard cards of ``models`` and of what could take over, at ``as_of``. Nothing is read for no models."""
    wanted = set(models)
    if not wanted:
        return {}
    book = _book()
    return {model: _priced(book, organization.pk, model, as_of) for model in wanted}


def _book() -> PriceBook:
    """The process's book of the catalogue, unless the organization has cards of its own."""
    return pricing.load_book() if pricing.own_cards() else pricing.catalogue_book()


def _priced(book: PriceBook, organization_id: int, model: Model, as_of: datetime) -> Priced:
    card = book.standard_card(organization_id, model.provider, model.key, as_of)
    for name in alternatives(model.key):
        other = book.standard_card(organization_id, model.provider, name, as_of)
        if other is not None:
            return Priced(card, Alternative(other.catalogue_id or name, other))
    return Priced(card)
