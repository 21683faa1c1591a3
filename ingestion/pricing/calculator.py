"""What a call costs on a card: exact sums of whole numbers, shown as Decimal. No Django, no clock, no I/O."""

from bisect import bisect_left
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import reduce

import msgspec

from ingestion.pricing.cards import RateCard, Tier, UnitPrice
from ingestion.pricing.units import FIELD_UNITS, KINDS, RESERVED, UNITS, Kind, Unit, nearest
from ingestion.wire.types import Usage

ZERO = Decimal(0)
# Wide enough for every product and sum here to be exact.
EXACT = Context(prec=120, rounding=ROUND_HALF_EVEN)
PLACES = Decimal("1e-18")
MAX_QUANTITY = Decimal(10**12)
FINEST_QUANTITY = Decimal("1e-9")  # what is finer than a billionth of a page or a second is noise of a float
# What a Usage's counts are split into, in the order of `_leaves`.
LEAVES = (
    "input_tokens",
    "input_audio_tokens",
    "input_image_tokens",
    "cache_read_tokens",
    "cache_audio_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "output_audio_tokens",
    "output_image_tokens",
    "output_reasoning_tokens",
)

type Amounts = tuple[Decimal, Decimal, Decimal, Decimal, Decimal, Decimal, Decimal]  # the total, then KINDS
type Leaves = tuple[int, int, int, int, int, int, int, int, int, int, int]


class UnpricedError(ValueError):
    """The card does not say what this call costs."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a call's arithmetic: ``quantity × rate / per = cost``."""

    unit: str
    kind: Kind
    quantity: Decimal
    rate: Decimal  # USD for `per` units, tier already chosen
    tier_start: int | None  # the tier's: total input tokens above it; None for the base rate
    per: int
    priced_as: str  # the unit whose rate it is: the unit itself or the nearest one that contains it
    cost: Decimal


class CostBreakdown(msgspec.Struct, frozen=True, kw_only=True):
    """USD by kind of token; the six sum to ``total`` exactly. ``inconsistent``: a part was larger than its whole."""

    total: Decimal
    cost_input: Decimal
    cost_cached_input: Decimal
    cost_cache_write: Decimal
    cost_output: Decimal
    cost_reasoning: Decimal
    cost_other: Decimal
    inconsistent: bool
    card: RateCard
    usage: Usage

    def lines(self) -> list[Line]:
        """The arithmetic line by line; the costs sum to ``total``."""
        return compile_card(self.card).lines(self.usage)


def price(card: RateCard, usage: Usage) -> CostBreakdown:
    """What ``usage`` costs on ``card``; the card's period and context are not looked at.

    :raises UnpricedError: a price of the card is unknown, or it bills only what the usage does not count.
    """
    compiled = compile_card(card)
    amounts, inconsistent = compiled.amounts(usage)
    if amounts is None:
        raise UnpricedError("the card does not say what this call costs")
    total, *kinds = amounts
    named = dict(zip((f"cost_{kind}" for kind in KINDS), kinds, strict=True))
    return CostBreakdown(total=total, **named, inconsistent=inconsistent, card=card, usage=usage)


class CompiledCard:
    """A card as whole numbers: a leaf's rate is USD per token × 10^places, so that a call is eleven products.

    A band is the stretch of total input between two tier starts; within one, all rates are constant. ``bills_usage``
    is False where a call costs the same whatever it uses: nothing, or a fee.
    """

    def __init__(self, card: RateCard) -> None:
        self.card = card
        self._is_priced = card.is_priced and card.prices.keys() <= UNITS.keys()
        self._extras = frozenset(_extra_units(card.prices))
        self._fees_only = bool(card.prices) and not _bills_every_call(card.prices)
        self.bills_usage = _bills_usage(card.prices)
        self._starts = sorted({tier.start for price in card.prices.values() for tier in price.tiers})
        self._places = _places(card.prices)
        self._unit = Decimal(1).scaleb(-self._places)
        reps = [0, *(start + 1 for start in self._starts)]  # a total of input tokens inside each band
        self._bands: list[Leaves] = []
        self._request_fees: list[int] = []
        if self._is_priced:
            self._bands = [self._band(total) for total in reps]
            self._request_fees = [self._integer_rate("requests", total) for total in reps]

    def _band(self, total_input: int) -> Leaves:
        a, b, c, d, e, f, g, h, i, j, k = (self._integer_rate(leaf, total_input) for leaf in LEAVES)
        return a, b, c, d, e, f, g, h, i, j, k

    def _integer_rate(self, unit: str, total_input: int) -> int:
        priced_as = nearest(UNITS[unit], self.card.prices)
        if priced_as is None:
            return 0
        rate = rate_at(self.card.prices[priced_as], total_input)
        return int(EXACT.divide(EXACT.scaleb(rate, self._places), UNITS[priced_as].per))

    def amounts(self, usage: Usage) -> tuple[Amounts | None, bool]:
        """The total and its six parts, and whether the counts contradict each other.

        None where the card does not say what the call costs.
        """
        if usage.extra_units:
            if self._is_silent_on(usage):
                return None, usage.inconsistent
            if self._extras:
                return self._amounts_with_fees(usage)
        if self._fees_only or not self._is_priced:
            return None, usage.inconsistent
        band = bisect_left(self._starts, usage.input_tokens) if self._starts else 0
        leaves, inconsistent = _leaves(usage)
        return self._sums(leaves, self._bands[band], self._request_fees[band]), inconsistent

    def _is_silent_on(self, usage: Usage) -> bool:
        """Whether all that a call used is units that a card with prices has none for: seconds of sound, say."""
        has_tokens = usage.input_tokens or usage.output_tokens
        return self.bills_usage and not has_tokens and self._extras.isdisjoint(usage.extra_units or ())

    def _sums(self, leaves: Leaves, rates: Leaves, fee: int) -> Amounts:
        (text, audio, image, cached, cached_audio, write, write_1h, written, audio_out, image_out, thought) = leaves
        input_ = text * rates[0] + audio * rates[1] + image * rates[2]
        cached_input = cached * rates[3] + cached_audio * rates[4]
        cache_write = write * rates[5] + write_1h * rates[6]
        output = written * rates[7] + audio_out * rates[8] + image_out * rates[9]
        reasoning = thought * rates[10]
        total = input_ + cached_input + cache_write + output + reasoning + fee
        scaled, down = EXACT.multiply, self._unit  # quicker than scaleb, and as exact
        return (
            scaled(total, down) if total else ZERO,
            scaled(input_, down) if input_ else ZERO,
            scaled(cached_input, down) if cached_input else ZERO,
            scaled(cache_write, down) if cache_write else ZERO,
            scaled(output, down) if output else ZERO,
            scaled(reasoning, down) if reasoning else ZERO,
            scaled(fee, down) if fee else ZERO,
        )

    def _amounts_with_fees(self, usage: Usage) -> tuple[Amounts | None, bool]:
        quantities, inconsistent = self._quantities(usage)
        if not self._is_priced or (self._fees_only and not quantities.keys() & self._extras):
            return None, inconsistent
        by_kind = dict.fromkeys(KINDS, ZERO)
        for line in self._lines(quantities, usage):
            by_kind[line.kind] = EXACT.add(by_kind[line.kind], line.cost)
        a, b, c, d, e, f = by_kind.values()
        total = ZERO
        for cost in by_kind.values():
            total = EXACT.add(total, cost)
        return (total, a, b, c, d, e, f), inconsistent

    def lines(self, usage: Usage) -> list[Line]:
        """The call's arithmetic, without what costs nothing for want of a rate; empty where a price is unknown."""
        quantities, _ = self._quantities(usage)
        return self._lines(quantities, usage) if self._is_priced else []

    def _lines(self, quantities: Mapping[str, Decimal], usage: Usage) -> list[Line]:
        lines = (self._line(UNITS[key], quantity, usage) for key, quantity in quantities.items() if quantity)
        return [line for line in lines if line is not None]

    def _line(self, unit: Unit, quantity: Decimal, usage: Usage) -> Line | None:
        priced_as = nearest(unit, self.card.prices)
        if priced_as is None:
            return None
        unit_price = self.card.prices[priced_as]
        tier = tier_at(unit_price, usage.input_tokens)
        rate = tier.price if tier else unit_price.base
        per = UNITS[priced_as].per
        return Line(
            unit=unit.key,
            kind=unit.kind,
            quantity=quantity,
            rate=rate,
            tier_start=tier.start if tier else None,
            per=per,
            priced_as=priced_as,
            cost=_quotient(EXACT.multiply(rate, quantity), per),
        )

    def _quantities(self, usage: Usage) -> tuple[dict[str, Decimal], bool]:
        """How much of each unit is billed as that unit and no finer one, and whether a part exceeds its whole."""
        counts = {unit: Decimal(getattr(usage, field)) for field, unit in FIELD_UNITS.items()}
        counts["cache_write_5m_tokens"] = counts["cache_write_tokens"] - counts["cache_write_1h_tokens"]
        extras, bad = self._extra_counts(usage)
        counts |= extras
        rest: dict[str, Decimal] = {}
        for key in sorted(counts, key=lambda key: (-len(UNITS[key].dimensions), key)):
            parts = [quantity for part, quantity in rest.items() if UNITS[key].contains(UNITS[part])]
            rest[key] = reduce(EXACT.subtract, parts, counts[key])
        negative = any(quantity < 0 for quantity in rest.values())
        billed = {key: max(rest[key], ZERO) for key in UNITS if key in rest}
        if "requests" in self.card.prices:
            billed["requests"] = Decimal(1)
        return billed, bad or negative or usage.inconsistent

    def _extra_counts(self, usage: Usage) -> tuple[dict[str, Decimal], bool]:
        """The extra units this card can bill, at least the billed minimum, and whether one had an absurd quantity."""
        counts: dict[str, Decimal] = {}
        given = usage.extra_units or {}
        bad = False
        for key in self._extras & given.keys():
            quantity = given[key]
            if quantity.is_finite() and 0 <= quantity <= MAX_QUANTITY:
                counts[key] = self._at_least_minimum(key, EXACT.quantize(quantity, FINEST_QUANTITY).normalize())
            else:
                bad = True
        return counts, bad

    def _at_least_minimum(self, key: str, quantity: Decimal) -> Decimal:
        priced_as = nearest(UNITS[key], self.card.prices)
        minimum = self.card.prices[priced_as].minimum if priced_as else msgspec.UNSET
        return quantity if minimum is msgspec.UNSET or not quantity else max(quantity, minimum)


def compile_card(card: RateCard) -> CompiledCard:
    return CompiledCard(card)


def rate_at(unit_price: UnitPrice, total_input: int) -> Decimal:
    """The rate of the highest tier that starts strictly below the call's total input tokens, else the base."""
    tier = tier_at(unit_price, total_input)
    return tier.price if tier else unit_price.base


def tier_at(unit_price: UnitPrice, total_input: int) -> Tier | None:
    """The highest tier that starts strictly below the call's total input tokens; None below all of them."""
    applicable = [tier for tier in unit_price.tiers if tier.start < total_input]
    return max(applicable, key=lambda tier: tier.start, default=None)


def _leaves(usage: Usage) -> tuple[Leaves, bool]:
    """The counts as parts that do not overlap; a negative one is billed as 0 and reported as a contradiction."""
    cached_audio = usage.cached_audio_input_tokens
    cached = usage.cached_input_tokens - cached_audio
    write_1h = usage.cache_write_1h_tokens
    write = usage.cache_write_tokens - write_1h
    audio = usage.audio_input_tokens - cached_audio
    image = usage.image_input_tokens
    text = usage.input_tokens - usage.cached_input_tokens - usage.cache_write_tokens - audio - image
    thought, audio_out = usage.reasoning_tokens, usage.audio_output_tokens
    image_out = usage.image_output_tokens
    written = usage.output_tokens - thought - audio_out - image_out
    leaves = (text, audio, image, cached, cached_audio, write, write_1h, written, audio_out, image_out, thought)
    if min(leaves) >= 0:
        return leaves, usage.inconsistent
    a, b, c, d, e, f, g, h, i, j, k = (max(leaf, 0) for leaf in leaves)
    return (a, b, c, d, e, f, g, h, i, j, k), True


def _quotient(amount: Decimal, per: int) -> Decimal:
    """``amount / per`` exactly, or to 18 places where that has no finite decimal form (a second of an hour's price)."""
    quotient = EXACT.divide(amount, per)
    is_exact = len(quotient.as_tuple().digits) < EXACT.prec
    return quotient if is_exact else EXACT.quantize(quotient, PLACES)


def _extra_units(prices: Mapping[str, UnitPrice]) -> list[str]:
    """The units outside a Usage's own counts that the card can bill: token units it prices, fees it covers.

    A token unit without a price of its own stays inside the count that contains it and is billed with it.
    """
    others = (unit for unit in UNITS.values() if unit.key not in RESERVED)
    return [
        unit.key for unit in others if unit.key in prices or (not unit.is_token and nearest(unit, prices) is not None)
    ]


def _bills_every_call(prices: Mapping[str, UnitPrice]) -> bool:
    return any(key == "requests" or (key in UNITS and UNITS[key].is_token) for key in prices)


def _bills_usage(prices: Mapping[str, UnitPrice]) -> bool:
    return any(price.tiers if key == "requests" else any(price.amounts()) for key, price in prices.items())


def _places(prices: Mapping[str, UnitPrice]) -> int:
    """Decimal places that hold every rate for one token or request exactly."""
    amounts = [amount for price in prices.values() for amount in price.amounts() if amount.is_finite()]
    return 6 + max((max(0, -int(amount.as_tuple().exponent)) for amount in amounts), default=0)
