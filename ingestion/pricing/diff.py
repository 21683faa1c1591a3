"""What a new catalogue changes in the stored cards: nothing of the past, everything from now on. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Literal

import msgspec

from ingestion.pricing.cards import RateCard, Window

type Kind = Literal["added", "changed", "closed", "unchanged"]
type ModelKey = tuple[str, str, str]
type Slot = tuple[datetime | None, Window | None, tuple[tuple[str, str], ...]]

DESCRIPTION = ("provider_name", "model_name", "position", "match")  # how a model is found and shown; follows at once


class ModelDiff(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to the cards of one model. ``update`` holds stored cards with a new end or description."""

    model: ModelKey
    kind: Kind
    insert: list[RateCard] = []
    update: list[RateCard] = []
    delete: list[RateCard] = []
    before: list[RateCard] = []  # the cards that held or were to come, and the ones that do now
    after: list[RateCard] = []


def diff(*, stored: Iterable[RateCard], wanted: Iterable[RateCard], now: datetime) -> Iterator[ModelDiff]:
    """One difference for every model that is or becomes listed.

    A model that was never stored is taken with its whole history. Of a known one only prices from ``now`` on follow the
    catalogue: a corrected price closes the old card and begins now, so that what a call cost remains explainable.
    """
    old, new = _by_model(stored), _by_model(wanted)
    for model in old.keys() | new.keys():
        if model not in old:
            yield ModelDiff(model=model, kind="added", insert=new[model], after=new[model])
        elif model in new or any(_is_live(card, now) for card in old[model]):
            yield _changes(model, old[model], new.get(model, []), now)


def _by_model(cards: Iterable[RateCard]) -> dict[ModelKey, list[RateCard]]:
    found: dict[ModelKey, list[RateCard]] = {}
    for card in cards:
        found.setdefault(card.model, []).append(card)
    return found


def _changes(model: ModelKey, stored: list[RateCard], wanted: list[RateCard], now: datetime) -> ModelDiff:
    live = {_slot(card, now): card for card in stored if _is_live(card, now)}
    goal = {_slot(card, now): card for card in wanted if _is_live(card, now)}
    kept = {slot: card for slot, card in live.items() if slot in goal and goal[slot].prices == card.prices}
    gone = [card for slot, card in live.items() if slot not in kept]
    insert = [_from(card, now) for slot, card in goal.items() if slot not in kept]
    adjusted = [(card, _described(card, goal[slot])) for slot, card in kept.items()]
    ended = [msgspec.structs.replace(card, valid_to=now) for card in gone if _has_begun(card, now)]
    return ModelDiff(
        model=model,
        kind=_kind(live, goal, is_changed=bool(gone or insert)),
        insert=insert,
        update=[after for before, after in adjusted if before != after] + ended,
        delete=[card for card in gone if not _has_begun(card, now)],
        before=list(live.values()),
        after=list(goal.values()),
    )


def _kind(live: Mapping[Slot, RateCard], goal: Mapping[Slot, RateCard], *, is_changed: bool) -> Kind:
    if not is_changed:
        return "unchanged"
    if not goal:
        return "closed"
    return "changed" if live else "added"


def _is_live(card: RateCard, now: datetime) -> bool:
    return card.valid_to is None or card.valid_to > now


def _has_begun(card: RateCard, now: datetime) -> bool:
    return card.valid_from is None or card.valid_from < now


def _slot(card: RateCard, now: datetime) -> Slot:
    """What a card is for from ``now`` on; all that have begun by then start alike."""
    begins = card.valid_from if card.valid_from is not None and card.valid_from > now else None
    return begins, card.window, tuple(sorted(card.context.items()))


def _from(card: RateCard, now: datetime) -> RateCard:
    begins = now if card.valid_from is None else max(now, card.valid_from)
    return msgspec.structs.replace(card, valid_from=begins)


def _described(card: RateCard, wanted: RateCard) -> RateCard:
    described = {name: getattr(wanted, name) for name in DESCRIPTION}
    return msgspec.structs.replace(card, valid_to=wanted.valid_to, **described)
