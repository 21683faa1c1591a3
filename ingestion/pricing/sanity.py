"""Does a price look like one for a token typed as one for a million? Pure: numbers in, questions out."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from ingestion.pricing.cards import RateCard
from ingestion.pricing.own import UNIT_NAMES
from ingestion.pricing.units import UNITS

TINY: Final = Decimal("0.0001")  # USD for a million tokens: a tenth of the cheapest price there ever was
FAR: Final = 100
# How people go wrong: for a token, for a thousand, and both the other way round.
_SLIPS: Final = (Decimal(10**6), Decimal(10**3), Decimal("1e-3"), Decimal("1e-6"))
_NAMES: Final[Mapping[str, str]] = {unit: name for name, unit in UNIT_NAMES.items()}


class Doubt(msgspec.Struct, frozen=True, kw_only=True):
    """A price that may be a slip, with the question to ask; ``field`` is a name of ``UNIT_NAMES``."""

    field: str
    message: str


def doubts(card: RateCard, peers: Iterable[RateCard]) -> list[Doubt]:
    """Questions about the token prices of ``card``, a new one; ``peers`` are cards of the same model or provider.

    A price of 0 raises none: a model of one's own may be free.
    """
    known = list(peers)
    found = []
    for unit, price in card.prices.items():
        question = _question(price.base, _amounts(unit, known)) if UNITS[unit].is_token and price.base else None
        if question:
            found.append(Doubt(field=_NAMES[unit], message=question))
    return found


def _amounts(unit: str, peers: Sequence[RateCard]) -> list[Decimal]:
    prices = (peer.prices[unit].base for peer in peers if unit in peer.prices and peer.is_priced)
    return [amount for amount in prices if amount > 0]


def _question(amount: Decimal, peers: Sequence[Decimal]) -> str | None:
    is_far = bool(peers) and (amount * FAR <= min(peers) or amount >= max(peers) * FAR)
    if not is_far and amount >= TINY:
        return None
    likely = _likely(amount, peers)
    asked = f"; did you mean ${_plain(likely)}?" if likely is not None else "; is that what you mean?"
    return f"That is ${_plain(amount)} per million tokens{asked}"


def _likely(amount: Decimal, peers: Sequence[Decimal]) -> Decimal | None:
    """The price that was meant: the first slip whose correction is among the peers, give or take ten times."""
    low, high = (min(peers) / 10, max(peers) * 10) if peers else (Decimal("0.01"), Decimal(1000))
    return next((amount * slip for slip in _SLIPS if low <= amount * slip <= high), None)


def _plain(amount: Decimal) -> str:
    """Every digit, at least cents, no exponent: ``0.0000025``, ``2.50``."""
    text = f"{amount.normalize():,f}"
    whole, _, cents = text.partition(".")
    return f"{whole}.{cents.ljust(2, '0')}"
