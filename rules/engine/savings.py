"""What acting on an insight would save, in exact money and only where it can be known."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import msgspec

from ingestion.pricing.calculator import EXACT, ZERO, compile_card, rate_at
from ingestion.pricing.cards import RateCard, UnitPrice
from ingestion.pricing.units import UNITS
from rules.engine.snapshot import BandRow, Model, Priced, SizeRow, Tokens, Where

MILLION: Final = 1_000_000
DAYS_A_MONTH, MONTHS_A_YEAR = 30, 12
MOST_CALLS: Final = 200_000  # that are read one by one to tell which tier each is in
_PLACES: Final = Decimal("1e-12")
_SHOWN: Final = Decimal("1e-6")


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs: USD for a million tokens at its lowest tier; None for what the card does not say."""

    model: str
    input_usd: Decimal | None
    output_usd: Decimal | None
    cached_input_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a saving that belongs to one place: savings of several rules there are not added up."""

    where: Where
    window_usd: Decimal


@dataclass(frozen=True, slots=True)
class Saving:
    """Savings in USD; all three None where they are not known, and then ``note`` says why.

    ``is_upper_bound`` is shown as "up to". Equal token counts are assumed wherever two prices are compared.
    """

    window_usd: Decimal | None
    month_usd: Decimal | None
    year_usd: Decimal | None
    prices: tuple[Price, ...] = ()
    parts: tuple[Part, ...] = ()
    is_upper_bound: bool = False
    note: str = ""


NOT_ESTIMATED: Final = "not estimated"
NO_ALTERNATIVE: Final = "no alternative is known"


def saving(parts: Iterable[Part], *, days: int, prices: tuple[Price, ...] = (), is_upper_bound: bool = False) -> Saving:
    """A window's saving, a month's (× 30 ÷ days) and a year's (× 12); nothing where it is 0 or less."""
    ordered = tuple(sorted(parts, key=lambda part: part.where))
    total = exact_sum(part.window_usd for part in ordered)
    if total <= 0:
        return unknown("", prices=prices)
    month = month_of(total, days)
    year = month * MONTHS_A_YEAR
    kept = tuple(part for part in ordered if part.window_usd > 0)
    return Saving(total, month, year, prices, kept, is_upper_bound)


def unknown(note: str, *, prices: tuple[Price, ...] = ()) -> Saving:
    return Saving(None, None, None, prices, note=note)


def month_of(window_usd: Decimal, days: int) -> Decimal:
    return EXACT.quantize(EXACT.divide(EXACT.multiply(window_usd, Decimal(DAYS_A_MONTH)), Decimal(days)), _PLACES)


def price_of(model: str, card: RateCard | None) -> Price:
    return Price(model, *(_base_rate(card, unit) for unit in ("input_tokens", "output_tokens", "cache_read_tokens")))


def both_prices(model: Model, priced: Priced) -> tuple[Price, ...]:
    """The model's price and its alternative's, as the page names them."""
    found = [price_of(model.key, priced.card)]
    if priced.alternative is not None:
        found.append(price_of(priced.alternative.model, priced.alternative.card))
    return tuple(found)


def has_tiers(card: RateCard | None) -> bool:
    return card is not None and any(price.tiers for price in card.prices.values())


def tier_starts(priced: Priced) -> tuple[int, ...]:
    """Where a tier of the model or of its alternative starts; empty where every call is of one tier."""
    cards = [priced.card, priced.alternative.card if priced.alternative else None]
    return tuple(
        sorted({tier.start for card in cards if card for price in card.prices.values() for tier in price.tiers})
    )


def on_alternative(
    model: Model, priced: Priced, rows: Iterable[SizeRow], bands: Iterable[BandRow], days: int
) -> Saving:
    """Cost − cost of the same tokens on the alternative's card.

    Without tiers the sums by kind decide. With tiers, calls below 1,000 tokens are all base tier; larger ones count
    by ``bands``, and where those are missing nothing is said.
    """
    prices = both_prices(model, priced)
    if priced.alternative is None or not priced.alternative.card.is_priced:
        return unknown(NO_ALTERNATIVE, prices=prices)
    card = priced.alternative.card
    by_place = _by_place(rows)
    is_tiered = bool(tier_starts(priced))
    large = _by_place_of_bands(bands)
    parts: list[Part] = []
    for where, found in by_place.items():
        cost = _cost_elsewhere(card, found, large.get(where, []), is_tiered=is_tiered)
        if cost is None:
            return unknown(NOT_ESTIMATED, prices=prices)
        parts.append(Part(where, EXACT.subtract(exact_sum(row.cost_usd for row in found), cost)))
    return saving(parts, days=days, prices=prices)


def _cost_elsewhere(card: RateCard, rows: list[SizeRow], bands: list[BandRow], *, is_tiered: bool) -> Decimal | None:
    """What the calls would cost on ``card``; None where a tier decides and the calls were not read."""
    small = rows if not is_tiered else [row for row in rows if row.below is not None]
    cost = _cost(card, sum((row.tokens for row in small), Tokens()), sum(row.calls for row in small), above=0)
    large = [row for row in rows if row not in small]
    if not large:
        return cost
    if sum(band.calls for band in bands) != sum(row.calls for row in large):
        return None
    return exact_sum([cost, *(_cost(card, band.tokens, band.calls, above=band.above) for band in bands)])


def _cost(card: RateCard, tokens: Tokens, calls: int, *, above: int) -> Decimal:
    """What ``tokens`` of ``calls`` cost on the tier that a call of more than ``above`` input tokens is in."""
    flat = _at_tier(card, above)
    amounts, _ = compile_card(flat).amounts(tokens.usage())
    total = ZERO if amounts is None else amounts[0]
    return EXACT.add(total, EXACT.multiply(_request_fee(flat), Decimal(calls - 1)))


def _request_fee(card: RateCard) -> Decimal:
    """What a request costs besides its tokens; in the price of sums it is only once."""
    price = card.prices.get("requests")
    return ZERO if price is None else EXACT.divide(price.base, Decimal(UNITS["requests"].per))


def _at_tier(card: RateCard, above: int) -> RateCard:
    """The card with the one rate each that holds for calls of more than ``above`` input tokens."""
    prices = {unit: UnitPrice(rate_at(price, above + 1 if above else 0)) for unit, price in card.prices.items()}
    return msgspec.structs.replace(card, prices=prices)


def _by_place(rows: Iterable[SizeRow]) -> dict[Where, list[SizeRow]]:
    found: dict[Where, list[SizeRow]] = {}
    for row in rows:
        found.setdefault(row.where, []).append(row)
    return found


def _by_place_of_bands(rows: Iterable[BandRow]) -> dict[Where, list[BandRow]]:
    found: dict[Where, list[BandRow]] = {}
    for row in rows:
        found.setdefault(row.where, []).append(row)
    return found


def _base_rate(card: RateCard | None, unit: str) -> Decimal | None:
    price = None if card is None else card.prices.get(unit)
    return price.base if price is not None and price.base.is_finite() and price.base >= 0 else None


def at_price(tokens: Decimal, usd_for_a_million: Decimal) -> Decimal:
    """What ``tokens`` cost; fractions of a token come from shares of sums."""
    return EXACT.divide(EXACT.multiply(tokens, usd_for_a_million), Decimal(MILLION))


def share(amount: Decimal, part: int, whole: int) -> Decimal:
    """``amount × part ÷ whole``, to 12 places where that has no finite decimal form."""
    return EXACT.quantize(EXACT.divide(EXACT.multiply(amount, Decimal(part)), Decimal(whole)), _PLACES)


def ratio(part: int, whole: int) -> Decimal:
    """``part ÷ whole`` as it is shown; comparisons are made with the whole numbers."""
    return rounded(EXACT.divide(Decimal(part), Decimal(whole)))


def rounded(value: Decimal) -> Decimal:
    """To six places, without zeros at the end."""
    return Decimal(f"{EXACT.quantize(value, _SHOWN).normalize():f}")


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    total = ZERO
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total
