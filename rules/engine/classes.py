"""How models are classed: premium by price, flagship and what is neither by name. Reviewed by hand.

Names are those of the catalogue (genai-prices) in November 2026; a provider's prefix and a date do not matter.
"""

import re
from decimal import Decimal
from typing import Final

from ingestion.pricing.calculator import rate_at
from ingestion.pricing.cards import RateCard

PREMIUM_FROM_USD: Final = Decimal(8)  # for a million output tokens

# What answers with pictures or speech is priced for that; comparing it with a text model says nothing.
_NEVER_PREMIUM: Final = re.compile(
    r"(^|[-.])(image|tts|audio|realtime|live|transcribe|embed(ding)?|sora|dall-e)([-.]|$)"
)
# What the makers themselves sell as their largest model.
_FLAGSHIPS: Final = re.compile(
    r"(claude-(3-opus|opus-\d+([-.]\d+)?|\d+-opus|fable-\d+([-.]\d+)?|mythos-\d+([-.]\d+)?)"
    r"|gemini-(1\.5-pro|pro-1\.5|2\.5-pro|3-pro|3\.1-pro|4-argon)"
    r"|gpt-4-32k|gpt-4\.5|gpt-5(\.\d+)?-pro|gpt-6-astra|o1|o1-preview|o1-pro|o3-pro"
    r"|grok-4)"
)
_SUFFIX: Final = re.compile(r"(-(latest|preview|exp|\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|\d{2}-\d{4}|\d{3}))*(-v\d+(:\d+)?)?$")
_PREFIX: Final = re.compile(r"^(.*/)?([a-z-]+\.)*")


def split_name(model: str) -> tuple[str, str]:
    """A model's key as what stands before the maker's own name (``anthropic/``, ``us.anthropic.``) and that name."""
    found = _PREFIX.match(model)
    prefix = found[0] if found else ""
    return prefix, model[len(prefix) :]


def base_name(model: str) -> str:
    """The maker's own name of a model, without transport prefixes, dates and versions: ``claude-3-opus``."""
    return _SUFFIX.sub("", split_name(model.lower())[1])


def output_price(card: RateCard | None) -> Decimal | None:
    """USD for a million output tokens, standard and in the lowest tier; None where the card does not say."""
    price = None if card is None else card.prices.get("output_tokens")
    if price is None or not price.base.is_finite():
        return None
    return rate_at(price, 0)


def is_premium(model: str, card: RateCard | None) -> bool:
    """Whether output costs at least 8 USD a million tokens on its standard card."""
    price = output_price(card)
    return price is not None and price >= PREMIUM_FROM_USD and not _NEVER_PREMIUM.search(base_name(model))


def is_flagship(model: str) -> bool:
    """Whether the model is one of its maker's largest."""
    return _FLAGSHIPS.fullmatch(base_name(model)) is not None
