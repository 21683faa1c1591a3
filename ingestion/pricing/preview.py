"""What new prices would change, computed on calls that are stored: before anybody saves anything."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec
from django.db import OperationalError, transaction

from ingestion.pricing import own, selectors, stored_calls
from ingestion.pricing.book import PriceBook, Priced
from ingestion.pricing.calculator import EXACT
from ingestion.pricing.cards import ALIAS, RateCard
from ingestion.pricing.own import Plan
from ingestion.pricing.stored_calls import StoredCall
from tenants.models import Organization

PERIOD: Final = timedelta(days=30)
MOST_CALLS: Final = 20_000  # priced in Python, before and after: a second at most
ZERO: Final = Decimal(0)


class Line(msgspec.Struct, kw_only=True):
    """The calls of one model that would be priced differently. Costs are sums of the known ones, in USD."""

    provider: str
    model: str
    calls: int = 0
    old_usd: Decimal = ZERO
    old_unpriced: int = 0
    new_usd: Decimal = ZERO
    new_unpriced: int = 0

    @property
    def known_old_usd(self) -> Decimal | None:
        return None if self.old_unpriced == self.calls else self.old_usd

    @property
    def known_new_usd(self) -> Decimal | None:
        return None if self.new_unpriced == self.calls else self.new_usd


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """``looked_at`` calls of the models in question were read; ``is_complete`` says whether that was all of them."""

    lines: list[Line]
    looked_at: int
    is_complete: bool = True
    is_known: bool = True  # False: reading them took too long

    @property
    def calls(self) -> int:
        return sum(line.calls for line in self.lines)


def preview(*, organization: Organization, plans: Sequence[Plan], now: datetime, hidden: Sequence[int] = ()) -> Preview:
    """Calls of the last thirty days that would cost something else with ``plans`` carried out.

    Old is what they cost as stored. A rollup of a model key holds several raw ids, times of day and service tiers,
    which cost differently, so only calls themselves are exact: the newest ``MOST_CALLS`` are read, without those of
    ``hidden`` projects.
    """
    existing = selectors.own_cards()
    catalogue = selectors.catalogue()
    before = PriceBook([*catalogue, *existing])
    after = PriceBook([*catalogue, *own.after(existing, plans)])
    cards = [step.insert for step in plans]
    try:
        with transaction.atomic():  # a statement that took too long must not end the scope's transaction
            calls = _calls(organization, cards, existing, before, now=now, hidden=hidden)
    except OperationalError:
        return Preview(lines=[], looked_at=0, is_complete=False, is_known=False)
    lines = _lines(organization.pk, calls[:MOST_CALLS], before, after)
    return Preview(lines=lines, looked_at=len(calls[:MOST_CALLS]), is_complete=len(calls) <= MOST_CALLS)


def keys_of(*, cards: Iterable[RateCard], existing: Iterable[RateCard], book: PriceBook, now: datetime) -> set[str]:
    """Model keys under which calls of the cards' models may be counted: the catalogue's, their own, the plain id."""
    models = {own.raw_model(card).lower() for card in cards}
    mine = [*cards, *(card for card in existing if own.raw_model(card).lower() in models)]
    keys = {own.raw_model(card) for card in mine} | {card.catalogue_id for card in mine}
    listed = (book.catalogue_card(provider, model, now) for provider in book.providers for model in models)
    return keys | {card.catalogue_id for card in listed if card is not None}


def _calls(
    organization: Organization,
    cards: Sequence[RateCard],
    existing: Sequence[RateCard],
    book: PriceBook,
    *,
    now: datetime,
    hidden: Sequence[int],
) -> list[StoredCall]:
    starts = [card.valid_from or own.NEVER for card in cards]
    since = max(min(starts), now - PERIOD)
    return stored_calls.newest(
        organization=organization,
        models={own.raw_model(card) for card in cards},
        keys=keys_of(cards=cards, existing=existing, book=book, now=now),
        since=since,
        until=max(since, now + stored_calls.AHEAD),
        limit=MOST_CALLS + 1,
        hidden=hidden,
    )


def _lines(organization_id: int, calls: Iterable[StoredCall], before: PriceBook, after: PriceBook) -> list[Line]:
    lines: dict[tuple[str, str], Line] = {}
    for stored in calls:
        old, new = before.price(organization_id, stored.call), after.price(organization_id, stored.call)
        if _said(old) != _said(new):
            name = stored.call.provider, stored.call.response_model or stored.call.model
            _add(lines.setdefault(name, Line(provider=name[0], model=name[1])), stored, new)
    return sorted(lines.values(), key=lambda line: (-line.calls, line.provider, line.model))


def _said(priced: Priced) -> tuple[Any, ...]:
    return priced.cost_usd, priced.cost_source, priced.price_match, priced.model_key


def _add(line: Line, stored: StoredCall, new: Priced) -> None:
    line.calls += 1
    line.old_usd = EXACT.add(line.old_usd, stored.cost_usd or ZERO)
    line.old_unpriced += stored.cost_usd is None
    line.new_usd = EXACT.add(line.new_usd, new.cost_usd or ZERO)
    line.new_unpriced += new.cost_usd is None


def count_kept(
    *,
    organization: Organization,
    card: RateCard,
    now: datetime,
    limit: int = MOST_CALLS,
    hidden: Sequence[int] = (),
) -> int | None:
    """How many stored calls in the card's period keep another price; at most ``limit``, None if it takes too long."""
    existing = selectors.own_cards()
    keys = keys_of(cards=[card], existing=existing, book=selectors.catalogue_book(), now=now)
    is_alias = card.source == ALIAS
    providers = [] if is_alias or not card.provider else [card.provider]
    try:
        with transaction.atomic():
            return stored_calls.count_kept(
                organization=organization,
                model=own.raw_model(card),
                keys=keys,
                since=card.valid_from or own.NEVER,
                until=card.valid_to or now + stored_calls.AHEAD,
                card_id=None if is_alias else card.id,
                providers=providers,
                limit=limit,
                hidden=hidden,
            )
    except OperationalError:
        return None
