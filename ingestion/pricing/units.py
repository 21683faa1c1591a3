"""The catalogue's units and how they contain each other: what a price can be asked for, and what it is part of."""

from collections.abc import Mapping
from typing import Literal

import msgspec
from genai_prices.data_units import unit_data

Kind = Literal["input", "cached_input", "cache_write", "output", "reasoning", "other"]
KINDS: tuple[Kind, ...] = ("input", "cached_input", "cache_write", "output", "reasoning", "other")
# A token unit's kind by what its dimensions say, the most specific first.
_TOKEN_KINDS: tuple[tuple[str, Kind], ...] = (
    ("cache_read", "cached_input"),
    ("cache_write", "cache_write"),
    ("reasoning", "reasoning"),
    ("input", "input"),
    ("output", "output"),
)

# The fields of a Usage that are counts of catalogue units. `cache_write_5m_tokens` is the rest of cache_write.
FIELD_UNITS: Mapping[str, str] = {
    "input_tokens": "input_tokens",
    "cached_input_tokens": "cache_read_tokens",
    "cached_audio_input_tokens": "cache_audio_read_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "cache_write_1h_tokens": "cache_write_1h_tokens",
    "audio_input_tokens": "input_audio_tokens",
    "image_input_tokens": "input_image_tokens",
    "output_tokens": "output_tokens",
    "reasoning_tokens": "output_reasoning_tokens",
    "audio_output_tokens": "output_audio_tokens",
    "image_output_tokens": "output_image_tokens",
}
RESERVED = frozenset({*FIELD_UNITS.values(), "cache_write_5m_tokens", "requests"})


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is counted and billed; ``per`` is how many of it a price is for (a million tokens, …)."""

    key: str
    price_key: str  # the name of its price in the catalogue's own data
    per: int
    dimensions: frozenset[tuple[str, str]]

    @property
    def is_token(self) -> bool:
        return ("family", "tokens") in self.dimensions

    @property
    def kind(self) -> Kind:
        """The column of a call's cost this unit belongs to; what is not a token is a fee."""
        said = {value for _, value in self.dimensions} if self.is_token else set()
        return next((kind for value, kind in _TOKEN_KINDS if value in said), "other")

    def contains(self, other: "Unit") -> bool:
        """Whether ``other`` is this unit or a part of it (its dimensions say at least as much)."""
        return self.dimensions <= other.dimensions


UNITS: Mapping[str, Unit] = {
    key: Unit(
        key=key,
        price_key=raw["price_key"],
        per=raw["per"],
        dimensions=frozenset(raw["dimensions"].items()),
    )
    for key, raw in unit_data.items()
}
UNITS_BY_PRICE_KEY: Mapping[str, Unit] = {unit.price_key: unit for unit in UNITS.values()}


def nearest(unit: Unit, among: Mapping[str, object]) -> str | None:
    """The key in ``among`` of the closest unit that contains ``unit`` (itself first), or None.

    Two equally close ones exist only where a card prices two overlapping units and not their overlap (cached audio
    between cached and audio): the one that says which kind of token it is wins over the one that says the medium.
    """
    containing = [UNITS[key] for key in among if key in UNITS and UNITS[key].contains(unit)]
    if not containing:
        return None
    return max(containing, key=lambda other: (len(other.dimensions), _says_type(other))).key


def _says_type(unit: Unit) -> bool:
    return any(name == "token_type" for name, _ in unit.dimensions)
