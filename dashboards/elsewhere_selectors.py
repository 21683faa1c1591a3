"""Reads which models calls could have gone to, and what they cost the organization today."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from dashboards.elsewhere import Candidate
from dashboards.numbers import ModelName
from ingestion.pricing import listing, selectors
from ingestion.pricing.cards import RateCard
from ingestion.pricing.listing import Entry
from ingestion.pricing.providers import catalogue_id
from ingestion.pricing.usage import ModelId, Used
from tenants.models import Organization


def candidates(*, now: datetime) -> list[Candidate]:
    """Every model with a standard card that holds now; the scope's own price of a model replaces the catalogue's."""
    found: dict[tuple[str, str], Candidate] = {}
    entries = listing.entries(at=now, used=_NOTHING_USED)
    for entry in sorted(entries, key=lambda entry: entry.kind != "catalogue"):
        if entry.priced is not None and not entry.priced.context:
            found[entry.card.provider, entry.model] = _candidate(entry, entry.priced)
    return list(found.values())


_NOTHING_USED: Mapping[ModelId, Used] = {}


def _candidate(entry: Entry, card: RateCard) -> Candidate:
    return Candidate(provider=entry.card.provider, model=entry.model, card=card, is_own_price=entry.kind != "catalogue")


def own_card(*, organization: Organization, model: ModelName, now: datetime) -> RateCard | None:
    """What a standard call of ``model`` costs today; None where no card says."""
    book = selectors.load_book() if selectors.own_cards() else selectors.catalogue_book()
    return book.standard_card(organization.pk, model.provider, model.model_key, now)


def find(found: Iterable[Candidate], model: ModelName) -> Candidate | None:
    """The candidate that is ``model`` itself."""
    name = catalogue_id(model.provider) or model.provider
    return next((one for one in found if (one.provider, one.model) == (name, model.model_key)), None)


def of_providers(found: Iterable[Candidate], providers: Iterable[str]) -> list[Candidate]:
    """Those of some providers, in any spelling, and those priced whoever the provider is."""
    wanted = {"", *(catalogue_id(name) or name for name in providers)}
    return [one for one in found if one.provider in wanted]
