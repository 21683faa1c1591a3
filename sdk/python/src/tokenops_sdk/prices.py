"""What a call costs by the public catalogue (``tokenops-sdk[prices]``); the server's figure is the one that counts."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tokenops_sdk.recording import as_json


def estimate_cost(model: str, usage: Any, *, provider: str | None = None) -> Decimal | None:
    """US dollars of a call at today's list prices; None where the catalogue does not know the model.

    ``usage`` is a usage object of OpenAI, Anthropic, Gemini or Mistral, of their SDKs or as JSON. Prices of your
    organization, batches and tiers of service are the server's to know.

    :raises ImportError: the extra is not installed. :raises ValueError: ``usage`` has no counts that are known.
    """
    try:
        from genai_prices import Usage, calc_price  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ImportError("genai-prices is not installed: pip install 'tokenops-sdk[prices]'") from error
    counts = inclusive_counts(as_json(usage))
    try:
        return Decimal(calc_price(Usage(**counts), model_ref=model, provider_id=provider).total_price)
    except LookupError:
        return None


def inclusive_counts(usage: Mapping[str, Any]) -> dict[str, int]:
    """Tokens as the catalogue prices them: all that was read, of it what came from or went into a cache, and all that
    was written.

    :raises ValueError: none of the shapes above.
    """
    if "prompt_tokens" in usage:
        cached = _inner(usage, "prompt_tokens_details", "cached_tokens")
        return _counts(usage["prompt_tokens"], usage.get("completion_tokens", 0), cached)
    if "promptTokenCount" in usage:
        written = usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0)
        return _counts(usage["promptTokenCount"], written, usage.get("cachedContentTokenCount", 0))
    if "input_tokens" not in usage:
        raise ValueError("a usage object of OpenAI, Anthropic, Gemini or Mistral is needed")
    read, written = usage["input_tokens"], usage.get("output_tokens", 0)
    if "cache_read_input_tokens" in usage or "cache_creation_input_tokens" in usage:  # Anthropic counts those beside
        cached, stored = usage.get("cache_read_input_tokens", 0), usage.get("cache_creation_input_tokens", 0)
        return _counts(read + cached + stored, written, cached, stored)
    return _counts(read, written, _inner(usage, "input_tokens_details", "cached_tokens"))


def _counts(read: int, written: int, cached: int, stored: int = 0) -> dict[str, int]:
    return {
        "input_tokens": read,
        "output_tokens": written,
        "cache_read_tokens": cached,
        "cache_write_tokens": stored,
    }


def _inner(usage: Mapping[str, Any], *path: str) -> int:
    found: Any = usage
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found or 0
