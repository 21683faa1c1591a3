"""Writes of an organization's own prices and aliases; each is one transaction with its audit rows.

History is never rewritten: a card that priced calls stays, at most it ends earlier, and no call changes its cost
before somebody asks for it to be priced again.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Final

import msgspec
from django.core.exceptions import ValidationError
from django.db import OperationalError, transaction
from django.http import Http404
from django.utils import timezone

from core.fields import decimal_text, instant_text
from core.scope import current_organization_id, org_scope
from ingestion.models import RateCard as StoredCard
from ingestion.pricing import own, sanity, selectors, stored_calls
from ingestion.pricing.announcement import announce_prices
from ingestion.pricing.book import PriceBook
from ingestion.pricing.cards import ALIAS, RateCard, to_row
from ingestion.pricing.matching import clean
from ingestion.pricing.own import Plan
from ingestion.pricing.providers import catalogue_id
from ingestion.pricing.sanity import Doubt
from ingestion.wire.providers import canonical_provider
from tenants import audit
from tenants.audit import Actor
from tenants.models import Organization, OrganizationSettings

FIRST_YEAR, LAST_YEAR = 2000, 2100
_MOST_NEAR: Final = 5
MOST_CARDS: Final = 10_000  # an organization; every edge process keeps all of them in memory
IN_USE: Final = "Calls were priced by this card, so it stays. End it instead."


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asked for: prices by the names of ``own.UNIT_NAMES``, or a catalogue model to take the price of.

    ``target`` is the catalogue's provider id and model id. ``valid_from`` None: since ever.
    """

    model: str
    provider: str = ""
    prices: Mapping[str, Decimal] = {}
    target: tuple[str, str] | None = None
    valid_from: datetime | None = None


def cards_for(*, organization: Organization, wanted: Iterable[Wanted]) -> list[RateCard]:
    """The rate cards that were asked for, not stored yet.

    :raises ValidationError: no model id, a moment outside of the calendar, or a target that the catalogue has not.
    """
    book, now = selectors.catalogue_book(), timezone.now()
    return [_card(organization, one, book, now) for one in wanted]


def _card(organization: Organization, wanted: Wanted, book: PriceBook, now: datetime) -> RateCard:
    model = wanted.model.strip()
    if not model or len(model) > 255 or "\0" in model:  # noqa: PLR2004 - the column's length
        raise ValidationError({"model": "Give the model id as it is sent, at most 255 characters."})
    if wanted.valid_from is not None and not FIRST_YEAR <= wanted.valid_from.year < LAST_YEAR:
        raise ValidationError({"valid_from": f"Choose a date from {FIRST_YEAR} to {LAST_YEAR - 1}, or leave it empty."})
    if wanted.target is not None:
        return _alias(organization, model, wanted.target, wanted.valid_from)
    return _price(organization, model, wanted, book, now)


def _alias(organization: Organization, model: str, target: tuple[str, str], valid_from: datetime | None) -> RateCard:
    provider, name = catalogue_id(target[0]), target[1].strip()
    known = {card.catalogue_id for card in selectors.catalogue() if card.provider == provider}
    if name not in known:
        near = get_close_matches(name, known, n=_MOST_NEAR)
        hint = f" Near it: {', '.join(near)}." if near else ""
        raise ValidationError({"target": f"The catalogue has no such model of this provider.{hint}"})
    return own.alias_card(
        organization_id=organization.pk, model=model, target_provider=provider, target_model=name, valid_from=valid_from
    )


def _price(organization: Organization, model: str, wanted: Wanted, book: PriceBook, now: datetime) -> RateCard:
    missing = [name for name in own.REQUIRED if name not in wanted.prices]
    if missing:
        raise ValidationError(dict.fromkeys(missing, "Give a price; 0 if it costs nothing."))
    provider = canonical_provider(wanted.provider)
    if "\0" in provider:
        raise ValidationError({"provider": "This name cannot be used."})
    listed = book.catalogue_card(provider, model, now) if provider else None
    return own.price_card(
        organization_id=organization.pk,
        model=model,
        provider=provider,
        prices=wanted.prices,
        valid_from=wanted.valid_from,
        catalogue_id=listed.catalogue_id if listed else clean(model, provider),
    )


@transaction.atomic
def save_cards(*, organization: Organization, actor: Actor, cards: Sequence[RateCard]) -> list[RateCard]:
    """Store cards of ``cards_for``, all or none, and tell every edge; they come back with their ids and ends.

    A later price ends the earlier one; one that begins at the same moment takes its place.

    :raises ValidationError: own prices hold where an alias was asked for, or there are too many cards.
    """
    saved = []
    with org_scope(organization.pk):
        _lock(organization)
        existing = selectors.own_cards()
        for card in cards:
            _check(card, existing)
            step = _plan(organization, card, existing)
            stored = _carry_out(actor, step)
            existing = own.after(existing, [msgspec.structs.replace(step, insert=stored)])
            saved.append(stored)
        announce_prices()
    return saved


def plans(*, organization: Organization, cards: Iterable[RateCard]) -> list[Plan]:
    """What storing ``cards``, each of another subject, would do to the organization's other cards."""
    existing = selectors.own_cards()
    return [_plan(organization, card, existing) for card in cards]


def _plan(organization: Organization, card: RateCard, existing: Sequence[RateCard]) -> Plan:
    same = [one for one in own.same_subject(existing, card) if one.valid_from == card.valid_from]
    used = [one.id for one in same if one.id is not None and is_used(organization=organization, card=one)]
    return own.plan(existing, card, used=used)


def is_used(*, organization: Organization, card: RateCard) -> bool:
    """Whether a stored call was priced by this card; True where that takes too long to find out."""
    since, until = card.valid_from or own.NEVER, card.valid_to or timezone.now() + stored_calls.AHEAD
    try:
        with transaction.atomic():
            if card.source == ALIAS:
                return stored_calls.has_aliased(
                    organization=organization,
                    model=own.raw_model(card),
                    key=card.catalogue_id,
                    since=since,
                    until=until,
                )
            return stored_calls.has_priced(
                organization=organization, card_id=card.id or 0, key=card.catalogue_id, since=since, until=until
            )
    except OperationalError:
        return True


@transaction.atomic
def end_card(*, organization: Organization, actor: Actor, card_id: int, ends_at: datetime) -> RateCard:
    """Let a card hold until ``ends_at``, excluded. Its calls keep their cost.

    :raises Http404: the organization has no such card.
    :raises ValidationError: the card begins later, or has ended by then already.
    """
    with org_scope(organization.pk):
        _lock(organization)
        card = own_card(card_id=card_id)
        if card.valid_from is not None and ends_at <= card.valid_from:
            raise ValidationError({"ends_at": "Choose a moment after the one it begins at."})
        if card.valid_to is not None and ends_at >= card.valid_to:
            raise ValidationError({"ends_at": "It has ended by then already."})
        _end(msgspec.structs.replace(card, valid_to=ends_at))
        _record("ended", actor, card, ends_at=instant_text(ends_at))
        announce_prices()
    return msgspec.structs.replace(card, valid_to=ends_at)


@transaction.atomic
def delete_card(*, organization: Organization, actor: Actor, card_id: int) -> None:
    """Remove a card that never priced a call.

    :raises Http404: the organization has no such card.
    :raises ValidationError: calls were priced by it.
    """
    with org_scope(organization.pk):
        _lock(organization)
        card = own_card(card_id=card_id)
        if is_used(organization=organization, card=card):
            raise ValidationError(IN_USE, code="in-use")
        StoredCard.objects.filter(organization=organization, pk=card_id).delete()
        _record("deleted", actor, card)
        announce_prices()


def own_card(*, card_id: int) -> RateCard:
    """A card of the scope's organization.

    :raises Http404: it has none with this id.
    """
    found = next((card for card in selectors.own_cards() if card.id == card_id), None)
    if found is None:
        raise Http404
    return found


def _lock(organization: Organization) -> None:
    """One writer of an organization's prices at a time."""
    OrganizationSettings.objects.select_for_update().get(organization=organization)


def _check(card: RateCard, existing: Sequence[RateCard]) -> None:
    if len(existing) >= MOST_CARDS:
        raise ValidationError("There are too many prices; end and delete some first.")
    if card.source == ALIAS and any(_hides(one, card) for one in existing):
        raise ValidationError({"model": "Own prices hold for this model and go before an alias. End them first."})


def _hides(price: RateCard, alias: RateCard) -> bool:
    """Whether a price for whatever provider holds in the alias's period, so that the alias would never be used."""
    if price.source == ALIAS or price.provider or own.raw_model(price).lower() != own.raw_model(alias).lower():
        return False
    return own.is_live(price, alias.valid_from or own.NEVER)


def _carry_out(actor: Actor, step: Plan) -> RateCard:
    for card in step.ended:
        _end(card)
    gone = StoredCard.objects.filter(organization_id=current_organization_id())
    gone.filter(pk__in=[card.id for card in step.deleted]).delete()
    row = StoredCard.objects.create(**to_row(step.insert))
    saved = msgspec.structs.replace(step.insert, id=row.pk)
    _record(
        "set",
        actor,
        saved,
        ended=[card.id for card in step.ended],
        replaced=[_facts(card) for card in step.deleted],
    )
    return saved


def _end(card: RateCard) -> None:
    StoredCard.objects.filter(organization_id=current_organization_id(), pk__in=[card.id]).update(
        valid_to=card.valid_to
    )


def _record(verb: str, actor: Actor, card: RateCard, **more: Any) -> None:
    noun = "alias" if card.source == ALIAS else "price"
    target = StoredCard(pk=card.id)
    audit.record(f"{noun}.{verb}", actor=actor, target=target, **_facts(card), **more)


def _facts(card: RateCard) -> dict[str, Any]:
    """The card as JSON, without what is the same for all."""
    period = {"valid_from": card.valid_from, "valid_to": card.valid_to}
    facts: dict[str, Any] = {"id": card.id, "model": own.raw_model(card), "provider": card.provider} | {
        name: None if moment is None else instant_text(moment) for name, moment in period.items()
    }
    if card.source == ALIAS:
        return facts | {"alias_of": card.catalogue_id}
    return facts | {"prices": {unit: decimal_text(price.base) for unit, price in card.prices.items()}}


def doubts(*, cards: Iterable[RateCard]) -> list[tuple[RateCard, Doubt]]:
    """Prices of new cards that look like slips, held against the catalogue's current prices.

    Its peers are the cards of the same model, else of the same provider, else all.
    """
    now = timezone.now()
    current = [one for one in selectors.catalogue() if not one.context and one.is_valid(now, 0)]
    return [(card, doubt) for card in cards if card.prices for doubt in sanity.doubts(card, _peers(card, current))]


def _peers(card: RateCard, current: Sequence[RateCard]) -> Sequence[RateCard]:
    named = catalogue_id(card.provider)
    same_model = [one for one in current if one.catalogue_id == card.catalogue_id]
    same_provider = [one for one in current if one.provider == named]
    return same_model or same_provider or current
