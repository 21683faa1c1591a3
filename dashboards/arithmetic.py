"""The arithmetic of a call's cost in words and columns. Pure."""

from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from core import formats
from dashboards.details import Fact, exact_usd
from dashboards.details import price_match as match_words
from ingestion.arithmetic import Arithmetic
from ingestion.pricing.calculator import Line
from ingestion.pricing.cards import RateCard
from ingestion.pricing.units import KINDS

_SOURCES = {"override": "The organization's own price", "genai-prices": "Catalogue"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LineText:
    """``quantity × price = amount``; ``note`` says whose price it is where that is not obvious."""

    unit: str
    quantity: str
    price: str
    note: str
    amount: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArithmeticText:
    lines: list[LineText]
    total: str
    card: list[Fact]
    sentence: str
    agrees: bool


def shown(found: Arithmetic, *, price_match: str, zone: ZoneInfo) -> ArithmeticText:
    """What a call's page shows; ``price_match`` is the step of matching, moments are in ``zone``."""
    explanation = found.explanation
    lines = explanation.lines if explanation else []
    total = explanation.total if explanation else None
    return ArithmeticText(
        lines=[_line(line) for line in sorted(lines, key=lambda line: KINDS.index(line.kind))],
        total="" if total is None else exact_usd(total),
        card=_card(explanation.card, price_match, zone) if explanation else [],
        sentence=found.sentence,
        agrees=found.agrees,
    )


def _line(line: Line) -> LineText:
    return LineText(
        unit=_words(line.unit),
        quantity=_quantity(line.quantity),
        price=f"{exact_usd(line.rate)} / {_per(line.per)}",
        note=_note(line),
        amount=exact_usd(line.cost),
    )


def _note(line: Line) -> str:
    notes = []
    if line.priced_as != line.unit:
        notes.append(f"priced as {_words(line.priced_as)}")
    if line.tier_start is not None:
        notes.append(f"tier above {formats.count(line.tier_start)} input tokens")
    return ", ".join(notes)


def _per(per: int) -> str:
    return {1: "1", 1_000: "1K", 1_000_000: "1M"}.get(per, formats.count(per))


def _quantity(quantity: Decimal) -> str:
    return f"{quantity.normalize():,f}"


def _words(unit: str) -> str:
    return unit.replace("_", " ")


def _card(card: RateCard, price_match: str, zone: ZoneInfo) -> list[Fact]:
    facts = [
        ("Source", _SOURCES.get(card.source, card.source)),
        ("Priced as", f"{card.provider} {card.catalogue_id}".strip()),
        ("Matched by", match_words(price_match)),
        ("Valid", _validity(card, zone)),
        ("Condition", ", ".join(f"{name} {value}" for name, value in sorted(card.context.items())).replace("_", " ")),
        ("Hours", f"{card.window.start:%H:%M} to {card.window.end:%H:%M} UTC" if card.window else ""),
    ]
    return [Fact(label, value) for label, value in facts if value]


def _validity(card: RateCard, zone: ZoneInfo) -> str:
    start, end = card.valid_from, card.valid_to
    begins = f"from {start.astimezone(zone):%Y-%m-%d %H:%M}" if start else "since ever"
    return f"{begins} until {end.astimezone(zone):%Y-%m-%d %H:%M}" if end else begins
