"""Rate cards as people look for them: those in force, and everything that is known of one model."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, Literal

import msgspec

from ingestion.pricing import own, selectors
from ingestion.pricing.cards import ALIAS, RateCard, second_of_day
from ingestion.pricing.providers import catalogue_id
from ingestion.pricing.usage import ModelId, Used

Kind = Literal["catalogue", "override", "alias"]
KINDS: Final[tuple[Kind, ...]] = ("catalogue", "override", "alias")

type SortKey = tuple[str, str, str, int]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A card with what pages say about it. ``priced`` is the card with the prices: an alias has its target's."""

    card: RateCard
    kind: Kind
    model: str  # as it is matched: the catalogue's id, or the raw id of an organization's card
    priced: RateCard | None
    used: Used | None = None
    holds: bool = True  # now, or at the moment that was asked about

    @property
    def sort_key(self) -> SortKey:
        return self.card.provider, self.model, self.kind, self.card.id or 0


def kind(card: RateCard) -> Kind:
    if card.organization_id is None:
        return "catalogue"
    return "alias" if card.source == ALIAS else "override"


def entries(*, at: datetime | None, used: Mapping[ModelId, Used]) -> list[Entry]:
    """The cards of the catalogue and of the scope's organization that hold at ``at``, or all ever, in a fixed order."""
    catalogue, mine = selectors.catalogue(), selectors.own_cards()
    targets = _targets(catalogue, at)
    found = [_entry(card, targets, used, at) for card in (*catalogue, *mine)]
    return sorted((entry for entry in found if at is None or entry.holds), key=lambda entry: entry.sort_key)


def narrowed(
    found: Iterable[Entry], *, text: str = "", provider: str = "", model: str = "", kinds: Iterable[str] = ()
) -> list[Entry]:
    """Entries whose model or provider contains ``text``, of a provider in any spelling, of exactly ``model``."""
    wanted, part, name = set(kinds), text.strip().lower(), catalogue_id(provider) or provider.lower()
    return [
        entry
        for entry in found
        if (not wanted or entry.kind in wanted)
        and (not provider or entry.card.provider in {name, provider.lower()})
        and (not model or model.lower() in {entry.model.lower(), entry.card.catalogue_id.lower()})
        and (not part or part in f"{entry.card.provider} {entry.model} {entry.card.model_name}".lower())
    ]


def history(*, provider: str, model: str, now: datetime) -> list[Entry]:
    """Everything about one model: the catalogue's cards, then the organization's, the latest period first."""
    catalogue, mine = selectors.catalogue(), selectors.own_cards()
    targets = _targets(catalogue, now)
    listed = [card for card in catalogue if (card.provider, card.catalogue_id) == (provider, model)]
    own_ones = [card for card in mine if model.lower() in {own.raw_model(card).lower(), card.catalogue_id.lower()}]
    found = [_entry(card, targets, {}, now) for card in (*listed, *own_ones)]
    return sorted(found, key=_latest_first)


def _latest_first(entry: Entry) -> tuple[bool, float, str]:
    card = entry.card
    begins = card.valid_from.timestamp() if card.valid_from else float("-inf")
    return card.organization_id is None, -begins, str((card.context, card.window))


def _entry(
    card: RateCard, targets: Mapping[ModelId, RateCard], used: Mapping[ModelId, Used], at: datetime | None
) -> Entry:
    is_own = card.organization_id is not None
    name = (catalogue_id(card.provider) or card.provider), card.catalogue_id
    return Entry(
        card=card,
        kind=kind(card),
        model=own.raw_model(card) if is_own else card.catalogue_id,
        priced=targets.get((card.provider, card.catalogue_id)) if card.source == ALIAS else card,
        used=used.get(name) or (_used_anywhere(used, card) if is_own and not card.provider else None),
        holds=at is None or card.is_valid(at, second_of_day(at.time())),
    )


def _used_anywhere(used: Mapping[ModelId, Used], card: RateCard) -> Used | None:
    return next((found for (_, model), found in used.items() if model == card.catalogue_id), None)


def _targets(catalogue: Iterable[RateCard], at: datetime | None) -> dict[ModelId, RateCard]:
    """The standard card of each model that holds at ``at``, or the last one."""
    found: dict[ModelId, RateCard] = {}
    for card in catalogue:
        if not card.context and (at is None or card.is_valid(at, second_of_day(at.time()))):
            found[card.provider, card.catalogue_id] = card
    return found
