"""The arithmetic of one call, line by line, for people who want to check it. Pure."""

from decimal import Decimal
from functools import reduce

import msgspec

from ingestion.pricing.calculator import EXACT, ZERO, Line, compile_card
from ingestion.pricing.cards import RateCard
from ingestion.wire.types import Usage


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Each billed part of a call on a card; ``total`` is the sum of the lines, None where the card does not say it."""

    card: RateCard
    lines: list[Line]
    total: Decimal | None


def explain(card: RateCard, usage: Usage) -> Explanation:
    """What ``usage`` costs on ``card`` and why: the parts do not overlap, and each is billed once.

    The lines come from decimal arithmetic and the cost that is stored from whole numbers; they agree to the last
    digit (property test over the catalogue).
    """
    compiled = compile_card(card)
    amounts, _ = compiled.amounts(usage)
    if amounts is None:
        return Explanation(card=card, lines=[], total=None)
    lines = compiled.lines(usage)
    return Explanation(card=card, lines=lines, total=reduce(EXACT.add, (line.cost for line in lines), ZERO))
