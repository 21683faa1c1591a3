"""The calls that prove an insight, as the address of the calls log. Pure."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from dashboards.filters import NONE
from rules.engine.insights import CallFilter

# A filter of ingestion.call_log to that of the log's address.
_NAMES: Final = {
    "provider": "provider",
    "model_key": "model",
    "team": "team",
    "feature": "feature",
    "status": "status",
    "user_id": "user",
    "api_key_id": "key",
    "counted": "counted",
    "prompt_hash": "prompt",
    "prompt_prefix_hash": "prefix",
    "total_tokens_below": "below",
    "cost_source": "cost_source",
    "usage_known": "usage_known",
}


def log_query(calls: CallFilter, *, key_prefixes: Mapping[str, str]) -> str:
    """The query string that finds just these calls; ``key_prefixes`` names API keys by id, as text.

    :raises KeyError: the log has no such filter.
    """
    pairs = [("since", calls.since.isoformat()), ("until", calls.until.isoformat())]
    for name, values in calls.filters:
        shown = [key_prefixes.get(value, value) for value in values] if name == "api_key_id" else values
        pairs += [(_NAMES[name], value or NONE) for value in shown]
    return urlencode(pairs)


def key_ids(calls: CallFilter) -> list[int]:
    """The API keys that the calls were sent with, where that matters."""
    return [int(value) for name, values in calls.filters if name == "api_key_id" for value in values]
