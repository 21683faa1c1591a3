"""An organization's own rate cards: how one is made, and what it does to those that are there. Pure.

Two kinds: a *price* (an override) is what a model costs this organization, an *alias* says that a model id is a model
of the catalogue. Cards of one kind for the same id and provider are one subject; at any moment at most one card of a
subject holds.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import msgspec

from ingestion.pricing.cards import ALIAS, RateCard, UnitPrice

PRICE: Final = "own"  # the source of an organization's card that has prices
# What a person may price, by the name of forms, of the API and of pasted columns.
UNIT_NAMES: Final[Mapping[str, str]] = {
    "input": "input_tokens",
    "cached_input": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "output": "output_tokens",
    "reasoning": "output_reasoning_tokens",
    "audio_input": "input_audio_tokens",
    "audio_output": "output_audio_tokens",
    "image_input": "input_image_tokens",
    "image_output": "output_image_tokens",
    "requests": "requests",
}
REQUIRED: Final = ("input", "output")  # a kind of token nobody priced would be billed as nothing

NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)  # before every call: the end of a card that always held and must not

type Subject = tuple[str, str, str]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a new card does. History stays: a card that priced calls is never deleted, at most it holds no longer."""

    insert: RateCard
    ended: list[RateCard] = []  # with their new, earlier ``valid_to``
    deleted: list[RateCard] = []  # they never priced a call


def price_card(
    *,
    organization_id: int,
    model: str,
    provider: str,
    prices: Mapping[str, Decimal],
    valid_from: datetime | None,
    catalogue_id: str = "",
) -> RateCard:
    """An override; ``prices`` by the names of ``UNIT_NAMES``, ``provider`` '' for whichever the call names.

    ``catalogue_id`` is the catalogue's name of the model, so that its calls stay together in charts; '' for none.
    """
    return RateCard(
        organization_id=organization_id,
        provider=provider,
        catalogue_id=catalogue_id,
        model_name=model,
        position=0 if provider else 1,  # a price for one provider goes before the price for any
        match={"equals": model},
        valid_from=valid_from,
        prices={UNIT_NAMES[name]: UnitPrice(amount) for name, amount in prices.items()},
        source=PRICE,
    )


def alias_card(
    *, organization_id: int, model: str, target_provider: str, target_model: str, valid_from: datetime | None
) -> RateCard:
    """``model`` is the catalogue's ``target_model`` of ``target_provider`` (both the catalogue's ids)."""
    return RateCard(
        organization_id=organization_id,
        provider=target_provider,
        catalogue_id=target_model,
        model_name=model,
        match={"equals": model},
        valid_from=valid_from,
        prices={},
        source=ALIAS,
    )


def raw_model(card: RateCard) -> str:
    """The model id an organization's card is for."""
    return str(card.match.get("equals", ""))


def subject(card: RateCard) -> Subject:
    """What at most one card holds for at any moment; ids of models are the same in any case."""
    return card.source, "" if card.source == ALIAS else card.provider, raw_model(card).lower()


def is_live(card: RateCard, at: datetime) -> bool:
    """Whether the card holds at ``at`` or will hold later."""
    return (card.valid_to is None or card.valid_to > at) and not is_empty(card)


def is_empty(card: RateCard) -> bool:
    """Whether another card took this one's place from its first moment on."""
    return card.valid_to is not None and card.valid_to == (card.valid_from or NEVER)


def same_subject(cards: Iterable[RateCard], wanted: RateCard) -> list[RateCard]:
    """The cards of ``wanted``'s subject that hold at some time."""
    return [card for card in cards if subject(card) == subject(wanted) and not is_empty(card)]


def plan(existing: Sequence[RateCard], wanted: RateCard, *, used: Iterable[int]) -> Plan:
    """Put ``wanted`` among the cards of its subject: it ends what holds at its start and yields to what begins later.

    ``used`` are the ids of cards that priced calls: one that begins at the same moment is emptied, others are deleted.
    """
    mine = same_subject(existing, wanted)
    replaced = [card for card in mine if card.valid_from == wanted.valid_from]
    kept = set(used)
    later = [card.valid_from for card in mine if _is_after(card, wanted) and card.valid_from is not None]
    ended = [_ended(card, wanted.valid_from) for card in mine if _holds_at_start(card, wanted)]
    emptied = [_ended(card, card.valid_from or NEVER) for card in replaced if card.id in kept]
    return Plan(
        insert=msgspec.structs.replace(wanted, valid_to=min(later, default=None)),
        ended=[*ended, *emptied],
        deleted=[card for card in replaced if card.id not in kept],
    )


def after(existing: Sequence[RateCard], plans: Iterable[Plan]) -> list[RateCard]:
    """All cards of the organization once ``plans`` were carried out."""
    cards = list(existing)
    for step in plans:
        gone = {card.id for card in (*step.ended, *step.deleted)}
        cards = [card for card in cards if card.id is None or card.id not in gone] + step.ended + [step.insert]
    return cards


def _is_after(card: RateCard, wanted: RateCard) -> bool:
    if card.valid_from is None:
        return False
    return wanted.valid_from is None or card.valid_from > wanted.valid_from


def _holds_at_start(card: RateCard, wanted: RateCard) -> bool:
    """Whether ``card`` began before ``wanted`` does and still holds then."""
    if wanted.valid_from is None or (card.valid_from is not None and card.valid_from >= wanted.valid_from):
        return False
    return card.valid_to is None or card.valid_to > wanted.valid_from


def _ended(card: RateCard, end: datetime | None) -> RateCard:
    return msgspec.structs.replace(card, valid_to=end)
