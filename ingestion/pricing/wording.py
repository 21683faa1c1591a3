"""Prices, periods and changes of rate cards in words. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from ingestion.pricing.cards import RateCard, UnitPrice, Window
from ingestion.pricing.units import UNITS

_UNIT_WORDS: Final[Mapping[str, str]] = {
    "input_tokens": "input",
    "output_tokens": "output",
    "cache_read_tokens": "cached input",
    "cache_write_tokens": "cache write",
    "cache_write_5m_tokens": "cache write, 5 minutes",
    "cache_write_1h_tokens": "cache write, 1 hour",
    "output_reasoning_tokens": "reasoning",
    "input_audio_tokens": "audio input",
    "output_audio_tokens": "audio output",
    "cache_audio_read_tokens": "cached audio input",
    "input_image_tokens": "image input",
    "output_image_tokens": "image output",
    "requests": "requests",
}
_PER: Final[Mapping[int, str]] = {
    1_000_000: "per million",
    1_000: "per thousand",
    3_600: "per hour",
    10**9: "per billion",
}
_ORDER: Final = {unit: place for place, unit in enumerate(_UNIT_WORDS)}


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """A price of one unit, ready to read."""

    unit: str
    per: str
    text: str
    tiers: list[str]


def unit_name(unit: str) -> str:
    """``output_tokens`` → “output”."""
    return _UNIT_WORDS.get(unit, unit.replace("_", " "))


def dollars(amount: Decimal) -> str:
    """Every digit, at least cents; a price that is not known is "unknown"."""
    if not amount.is_finite() or amount < 0:
        return "unknown"
    whole, _, cents = f"{amount.normalize():,f}".partition(".")
    return f"${whole}.{cents.ljust(2, '0')}"


def per(unit: str) -> str:
    return _PER.get(UNITS[unit].per, "each") if unit in UNITS else ""


def amounts(card: RateCard) -> list[Amount]:
    """The prices of a card, the usual units first."""
    units = sorted(card.prices, key=lambda unit: (_ORDER.get(unit, len(_ORDER)), unit))
    return [_amount(unit, card.prices[unit]) for unit in units]


def _amount(unit: str, price: UnitPrice) -> Amount:
    tiers = [f"{dollars(tier.price)} above {tier.start:,} input tokens" for tier in price.tiers]
    return Amount(unit=unit_name(unit), per=per(unit), text=dollars(price.base), tiers=tiers)


def conditions(window: Window | None, context: Mapping[str, str]) -> list[str]:
    """When and for what a card is, beside its period: ``from 16:30 to 00:30 UTC``, ``batch``."""
    found = [] if window is None else [f"from {window.start:%H:%M} to {window.end:%H:%M} UTC"]
    return found + [
        value if name in {"processing", "service_tier"} else f"{name} {value}" for name, value in context.items()
    ]


type Told = Mapping[str, Any]  # a card in catalogue_changes
type Place = tuple[str, tuple[str, ...]]  # a start that is to come or '', and conditions


def sentences(before: Sequence[Told] | None, after: Sequence[Told] | None, *, at: datetime) -> list[str]:
    """What changed between two states of one model: ``output went from $10.00 to $8.00 per million from 2026-11-22``.

    ``at`` is the moment of the import, from which a corrected price holds.
    """
    old, new = _by_place(before or (), at), _by_place(after or (), at)
    found: list[str] = []
    for place in dict.fromkeys([*old, *new]):
        start, said = place
        # A price that is announced is told against the one that holds until then.
        was = old.get(place) or (new.get(("", said)) if start else None)
        found += _differences(was, new.get(place), place, at)
    return found


def is_correction(before: Sequence[Told] | None, after: Sequence[Told] | None, *, at: datetime) -> bool:
    """Whether a price that held already is another one now: what it cost before may have been wrong."""
    old, new = _by_place(before or (), at), _by_place(after or (), at)
    return any(
        start == "" and (start, said) in new and prices != new[start, said] for (start, said), prices in old.items()
    )


def _by_place(cards: Iterable[Told], at: datetime) -> dict[Place, dict[str, UnitPrice]]:
    found: dict[Place, dict[str, UnitPrice]] = {}
    for card in cards:
        window = msgspec.convert(card["window"], Window | None)
        place = _start(card, at), tuple(conditions(window, card["context"]))
        found[place] = msgspec.convert(card["prices"], dict[str, UnitPrice])
    return found


def _start(card: Told, at: datetime) -> str:
    """The day the card begins if that is to come, else ''."""
    if card["valid_from"] is None:
        return ""
    begins = datetime.fromisoformat(card["valid_from"])
    return f"{begins:%Y-%m-%d}" if begins > at else ""


def _differences(
    old: Mapping[str, UnitPrice] | None, new: Mapping[str, UnitPrice] | None, place: Place, at: datetime
) -> list[str]:
    start, said = place
    when = start or f"{at:%Y-%m-%d}"
    where = f" ({', '.join(said)})" if said else ""
    units = sorted({*(old or {}), *(new or {})}, key=lambda unit: (_ORDER.get(unit, len(_ORDER)), unit))
    lines = []
    for unit in units:
        was, is_now = (old or {}).get(unit), (new or {}).get(unit)
        if was != is_now:
            lines.append(f"{unit_name(unit)}{where} {_went(was, is_now, unit)} from {when}")
    return lines


def _went(was: UnitPrice | None, is_now: UnitPrice | None, unit: str) -> str:
    if was is None and is_now is not None:
        return f"costs {_told(is_now)} {per(unit)}"
    if is_now is None and was is not None:
        return f"has no price of its own any more (was {_told(was)} {per(unit)})"
    assert was is not None and is_now is not None  # noqa: S101, PT018 - the caller compares what differs
    return f"went from {_told(was)} to {_told(is_now)} {per(unit)}"


def _told(price: UnitPrice) -> str:
    tiers = [f"{dollars(tier.price)} above {tier.start:,}" for tier in price.tiers]
    return f"{dollars(price.base)}{f' ({", ".join(tiers)})' if tiers else ''}"
