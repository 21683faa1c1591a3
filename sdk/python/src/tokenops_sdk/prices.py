"""What a call costs by the public catalogue (``tokenops-sdk[prices]``); the server's figure is the one that counts."""

from decimal import Decimal
from typing import Any

from tokenops_sdk.recording import as_json


def estimate_cost(model: str, usage: Any, *, provider: str | None = None) -> Decimal | None:
    """US dollars of a call's usage at today's list prices; None where the catalogue does not know the model.

    ``usage`` is a provider's usage object, of its SDK or as JSON, in any of the shapes the catalogue reads. Prices of
    your organization, batches and tiers of service are the server's to know.

    :raises ImportError: the extra is not installed.
    """
    try:
        from genai_prices import calc_price, extract_usage  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ImportError("genai-prices is not installed: pip install 'tokenops-sdk[prices]'") from error
    try:
        found = extract_usage({"model": model, "usage": as_json(usage)}, provider_id=provider)
        return calc_price(found.usage, model_ref=model, provider_id=provider).total_price
    except (LookupError, ValueError):
        return None
