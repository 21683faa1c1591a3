"""What traffic would have cost on another model, from its sums of tokens by kind. Pure.

Exact where every call is charged at the same rates. Sums do not say how large each call was: on a card whose rates
rise with the size of a call, every call is taken to be of the first size, and the result is called an estimate.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import msgspec

from core import formats
from core.formats import Number
from ingestion.pricing.calculator import EXACT, ZERO, Line, compile_card
from ingestion.pricing.cards import RateCard, UnitPrice
from ingestion.pricing.units import FIELD_UNITS, UNITS, nearest
from rules.engine.snapshot import Tokens

CHEAPEST: Final = 10
MOST_MATCHES: Final = 25

# Kinds of tokens as people call them, by the unit that prices them.
LABELS: Final = {
    "input_tokens": "input",
    "cache_read_tokens": "cached input",
    "cache_write_tokens": "cache writes",
    "cache_write_5m_tokens": "cache writes",
    "cache_write_1h_tokens": "cache writes kept for an hour",
    "input_audio_tokens": "audio input",
    "cache_audio_read_tokens": "cached audio input",
    "input_image_tokens": "image input",
    "output_tokens": "output",
    "output_reasoning_tokens": "reasoning",
    "output_audio_tokens": "audio output",
    "output_image_tokens": "image output",
    "requests": "requests",
}
# That reasoning costs what output costs is no surprise, nor that it is so whatever a cache write is kept for.
_EXPECTED: Final = {
    ("output_reasoning_tokens", "output_tokens"),
    ("cache_write_1h_tokens", "cache_write_tokens"),
    ("cache_audio_read_tokens", "cache_read_tokens"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The price of all calls on one card. ``cost_usd`` is None where the card does not know its price.

    ``missing`` are kinds of tokens the card has no rate for; they are not in the cost. ``first_tier_up_to`` are the
    input tokens of a call up to which the rates hold that were taken; None where one rate holds for all.
    """

    cost_usd: Decimal | None
    lines: Sequence[Line] = ()
    missing: Sequence[str] = ()
    instead: Sequence[tuple[str, str]] = ()
    first_tier_up_to: int | None = None
    is_free: bool = False

    @property
    def is_estimate(self) -> bool:
        return self.first_tier_up_to is not None

    @property
    def is_capable(self) -> bool:
        """Whether it has a price for every kind of token there is."""
        return self.cost_usd is not None and not self.missing

    @property
    def arithmetic(self) -> list[tuple[str, Line]]:
        """What each line is about, and the line."""
        return [(LABELS.get(line.unit, line.unit), line) for line in self.lines]

    @property
    def notes(self) -> list[str]:
        """What to know about the number, in sentences."""
        if self.cost_usd is None:
            return ["Its price is not known."]
        said = [f"No price for {formats_list(self.missing)}: that is not in the cost."] if self.missing else []
        said += [f"{kind.capitalize()} at the price of {other}." for kind, other in self.instead]
        if self.first_tier_up_to is not None:
            said.append(
                f"An estimate: it charges more for calls above {formats.count(self.first_tier_up_to)} input tokens,"
                " and sums do not say how large calls were. All are taken to be smaller."
            )
        return said + (["Free of charge."] if self.is_free else [])


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A model that calls could have gone to."""

    provider: str
    model: str
    card: RateCard
    is_own_price: bool = False

    @property
    def key(self) -> str:
        """How a query string names it."""
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A candidate and its quote; ``saved_usd`` is against what was billed, negative where it costs more."""

    candidate: Candidate
    quote: Quote
    saved_usd: Decimal | None
    is_family: bool

    @property
    def ratio(self) -> Number | None:
        """The cost as a multiple of what was billed."""
        if self.quote.cost_usd is None or self.saved_usd is None:
            return None
        billed = EXACT.add(self.quote.cost_usd, self.saved_usd)
        return float(self.quote.cost_usd / billed) if billed else None


def quote(card: RateCard, tokens: Tokens, calls: int) -> Quote:
    """What ``tokens`` of ``calls`` cost on ``card``, at the rates of its first tier."""
    if not card.is_priced:
        return Quote(cost_usd=None)
    if not card.prices:
        return Quote(cost_usd=ZERO, is_free=True)
    lines = [_for_all(line, calls) for line in compile_card(_first_tier(card)).lines(tokens.usage())]
    total = ZERO
    for line in lines:
        total = EXACT.add(total, line.cost)
    return Quote(
        cost_usd=total,
        lines=lines,
        missing=_missing(card, tokens),
        instead=_instead(lines),
        first_tier_up_to=_first_tier_end(card, lines),
    )


def offers(
    candidates: Iterable[Candidate],
    tokens: Tokens,
    calls: int,
    *,
    billed_usd: Decimal | None,
    family: Iterable[str] = (),
) -> list[Offer]:
    """Every candidate with its quote: capable ones first, then by cost, then by name."""
    related = set(family)
    found = [
        _offer(one, quote(one.card, tokens, calls), billed_usd, is_family=one.model in related) for one in candidates
    ]
    return sorted(found, key=_by_cost)


def cheapest(found: Iterable[Offer]) -> list[Offer]:
    """The ten cheapest of ``offers`` that charge for every kind of token there is, and those of the same family.

    What is free of charge is a trial, a moderation or runs at home: whoever wants it looks for it.
    """
    able = [one for one in found if one.quote.is_capable and not one.quote.is_free]
    return able[:CHEAPEST] + [one for one in able[CHEAPEST:] if one.is_family]


def matching(found: Iterable[Offer], text: str) -> list[Offer]:
    """Offers whose model or provider has every word of ``text``, bounded."""
    words = text.lower().split()
    named = ((one, f"{one.candidate.provider} {one.candidate.model} {one.candidate.card.model_name}") for one in found)
    return [one for one, name in named if all(word in name.lower() for word in words)][:MOST_MATCHES]


def formats_list(words: Sequence[str]) -> str:
    """``input, output and reasoning``."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if words[1:] else "".join(words)


def _offer(candidate: Candidate, found: Quote, billed_usd: Decimal | None, *, is_family: bool) -> Offer:
    known = billed_usd is not None and found.cost_usd is not None
    saved = EXACT.subtract(billed_usd, found.cost_usd) if known else None  # type: ignore[arg-type]
    return Offer(candidate=candidate, quote=found, saved_usd=saved, is_family=is_family)


def _by_cost(offer: Offer) -> tuple[bool, Decimal, str, str]:
    found = offer.quote
    return not found.is_capable, found.cost_usd or ZERO, offer.candidate.model, offer.candidate.provider


def _first_tier(card: RateCard) -> RateCard:
    return msgspec.structs.replace(card, prices={unit: UnitPrice(price.base) for unit, price in card.prices.items()})


def _for_all(line: Line, calls: int) -> Line:
    """A fee for each request is in the price of sums only once."""
    if line.unit != "requests":
        return line
    return msgspec.structs.replace(line, quantity=Decimal(calls), cost=EXACT.multiply(line.cost, Decimal(calls)))


def _missing(card: RateCard, tokens: Tokens) -> list[str]:
    used = [unit for field, unit in FIELD_UNITS.items() if getattr(tokens, field)]
    return [LABELS[unit] for unit in used if nearest(UNITS[unit], card.prices) is None]


def _instead(lines: Iterable[Line]) -> list[tuple[str, str]]:
    pairs = {(line.unit, line.priced_as) for line in lines if line.unit != line.priced_as}
    named = {(LABELS.get(unit, unit), LABELS.get(other, other)) for unit, other in pairs - _EXPECTED}
    return sorted((kind, other) for kind, other in named if kind != other)


def _first_tier_end(card: RateCard, lines: Iterable[Line]) -> int | None:
    """Where the first of the used rates changes."""
    starts = [tier.start for line in lines for tier in card.prices[line.priced_as].tiers]
    return min(starts, default=None)
