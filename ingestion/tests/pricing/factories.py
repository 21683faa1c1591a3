"""Calls, cards and random usages for the pricing tests."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

from genai_prices import Usage as CatalogueUsage

from ingestion.pricing.cards import RateCard, UnitPrice
from ingestion.pricing.units import FIELD_UNITS, RESERVED, UNITS
from ingestion.wire.types import Call, Usage

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def make_call(provider: str, model: str, *, usage: Usage | None = None, **fields: Any) -> Call:
    given: dict[str, Any] = {"call_id": "c", "started_at": NOW} | fields
    return Call(provider=provider, model=model, usage=usage or Usage(), **given)


def make_card(prices: Mapping[str, str | UnitPrice], **fields: Any) -> RateCard:
    """A catalogue card of OpenAI's model ``m``; a price is USD for a million tokens, a thousand searches, …"""
    named = {
        unit: price if isinstance(price, UnitPrice) else UnitPrice(Decimal(price)) for unit, price in prices.items()
    }
    given: dict[str, Any] = {"provider": "openai", "catalogue_id": "m", "source": "test"} | fields
    return RateCard(prices=named, **({"match": {"equals": given["catalogue_id"]}} | given))


def random_usage(random: Random, card: RateCard) -> Usage:
    """Consistent counts of everything a Usage holds and everything the card bills besides."""
    extras = [unit for unit in card.prices if unit not in RESERVED]
    leaves = {unit: _quantity(random) for unit in [*FIELD_UNITS.values(), *extras] if UNITS[unit].is_token}
    counts = {
        unit: sum(count for leaf, count in leaves.items() if UNITS[unit].contains(UNITS[leaf])) for unit in leaves
    }
    fees = {unit: Decimal(random.randrange(0, 2_000)) / random.choice((1, 4, 10)) for unit in extras}
    fees |= {unit: Decimal(counts[unit]) for unit in extras if unit in counts}
    if "input_audio_seconds" in fees:
        fees["audio_seconds"] = fees["input_audio_seconds"]
    if "input_annotated_document_pages" in fees:
        fees["input_document_pages"] = fees["input_annotated_document_pages"] + random.randrange(3)
    fields = {field: counts[unit] for field, unit in FIELD_UNITS.items()}
    return Usage(**fields, extra_units=fees or None)  # type: ignore[arg-type]


def _quantity(random: Random) -> int:
    return random.choice((0, 0, random.randrange(100), random.randrange(400_000)))


def as_catalogue_usage(usage: Usage) -> CatalogueUsage:
    """The same counts in the words of the catalogue's own calculator."""
    counts: dict[str, Any] = {unit: getattr(usage, field) for field, unit in FIELD_UNITS.items()}
    return CatalogueUsage(**(counts | (usage.extra_units or {})))
