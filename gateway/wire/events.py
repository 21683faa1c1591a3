"""The event that is stored of a proxied call: what ``POST /api/v1/ingest`` would take, and never refuse."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Raw

from gateway.types import Ask, Attribution, Outcome, Provider, Seen

_LONGEST: Final = 255
_SHORTER: Final = {"endpoint_name": 100, "team": 100, "environment": 100, "service_tier": 50, "provider": 100}
_BYTES_A_TOKEN: Final = 4
_MOST_COUNT: Final = 10**9
_FIRST_ERROR: Final = 400
_UNKNOWN_MODEL: Final = "unknown"
_UNSEEN: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\uffff]")
_TIERS: Final = frozenset({"standard", "auto", "default", "on_demand", "batch", "flex", "priority", "fast"})
_TOTALS: Final = ("total_tokens", "totalTokenCount")
_OUTPUT_NAMES: Final = ("output_tokens", "candidatesTokenCount", "outputTokens")
_FINAL: Final = "completion_tokens"  # in OpenAI's chat the usage comes once, when all is written
_ERRORS: Final = {
    Outcome.UNREACHABLE: "upstream_unreachable",
    Outcome.TIMEOUT: "upstream_timeout",
    Outcome.BROKEN: "upstream_broken",
    Outcome.INTERRUPTED: "interrupted",
}
_REQUEST_IDS: Final = (b"x-request-id", b"request-id", b"apim-request-id", b"x-amzn-requestid", b"cf-ray")
_LIMITS: Final = {
    "ratelimit_remaining_requests": (b"x-ratelimit-remaining-requests", b"anthropic-ratelimit-requests-remaining"),
    "ratelimit_remaining_tokens": (b"x-ratelimit-remaining-tokens", b"anthropic-ratelimit-tokens-remaining"),
}
_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is known of a call at its end. Milliseconds count from the moment it was sent upstream."""

    call_id: str
    at: datetime
    provider: Provider
    ask: Ask
    retries: int | None = None
    outcome: Outcome
    http_status: int = 0
    seen: Seen
    headers: Iterable[tuple[bytes, bytes]] = ()  # of the answer
    latency_ms: float = 0.0
    first_ms: float | None = None


def event(told: Told) -> bytes:
    """The event as JSON. Every text is cut to what an event may hold."""
    ask, seen = told.ask, told.seen
    failed = _failure(told)
    texts = {
        "id": told.call_id,
        "timestamp": told.at.isoformat(),
        "provider": told.provider.canonical,
        "model": ask.model or seen.model or _UNKNOWN_MODEL,
        "response_model": seen.model,
        "operation": ask.operation,
        "status": "error" if failed else "ok",
        "error_type": failed,
        "service_tier": _tier(seen.service_tier or ask.service_tier),
        "response_id": seen.response_id,
        "finish_reason": seen.finish_reason,
        "prompt_hash": ask.prompt_hash,
        "prompt_prefix_hash": ask.prompt_prefix_hash,
        **_attributed(ask.attribution),
        **_answered(told.headers),
    }
    numbers: dict[str, Any] = {
        "latency_ms": round(max(told.latency_ms, 0.0), 3),
        "time_to_first_token_ms": round(told.first_ms, 3) if told.first_ms is not None and ask.is_stream else None,
        "http_status": told.http_status or None,
        "retries": told.retries,
        "stream": ask.is_stream,
        **_limits(told.headers),
    }
    document: dict[str, Any] = {name: short for name, text in texts.items() if (short := _short(name, text))}
    document |= {name: number for name, number in numbers.items() if number is not None}
    if ask.attribution.tags:
        document["tags"] = {_clean(key): _clean(value) for key, value in ask.attribution.tags.items() if _clean(key)}
    return _encode(document | _used(told))


def interrupted(*, call_id: str, at: datetime, provider: Provider, ask: Ask) -> bytes:
    """The event of a call that went upstream and of which nothing else is known: our process died."""
    return event(Told(call_id=call_id, at=at, provider=provider, ask=ask, outcome=Outcome.INTERRUPTED, seen=Seen()))


# --- What was used ---


def _used(told: Told) -> dict[str, Any]:
    """The provider's own counts; an estimate, which says so, where it stated none of what it surely bills."""
    seen, stated = told.seen, _members(told.seen.usage)
    if stated and (seen.is_whole or _FINAL in stated):
        return {"usage": _without_zero_cost(stated)}
    if stated:
        return _partly(stated, seen)
    if told.outcome == Outcome.UNREACHABLE or told.http_status >= _FIRST_ERROR:
        return {}
    return {
        "input_tokens": _tokens(told.ask.text_bytes),
        "output_tokens": _tokens(seen.text_bytes),
        "usage_estimated": True,
    }


def _partly(stated: Mapping[str, Raw], seen: Seen) -> dict[str, Any]:
    """A stream that ended before it stated everything: what it did state holds, what was written is estimated."""
    name = next((known for known in _OUTPUT_NAMES if known in stated), "output_tokens")
    kept = {key: value for key, value in stated.items() if key not in _TOTALS}
    written = max(_tokens(seen.text_bytes), _count(stated.get(name)))
    return {"usage": {**kept, name: written}, "usage_estimated": True}


def _without_zero_cost(stated: Mapping[str, Raw]) -> Mapping[str, Raw]:
    return {name: value for name, value in stated.items() if not (name == "cost" and not _count(value))}


def _count(value: Raw | None) -> float:
    try:
        found = msgspec.json.decode(value) if value is not None else 0
    except msgspec.DecodeError:
        return 0
    return found if isinstance(found, int | float) else 0


def _tokens(size: int) -> int:
    """⌈bytes of text ÷ 4⌉."""
    return min(-(-size // _BYTES_A_TOKEN), _MOST_COUNT)


def _members(usage: bytes) -> dict[str, Raw]:
    return msgspec.json.decode(usage, type=dict[str, Raw]) if usage else {}


# --- Who and how ---


def _failure(told: Told) -> str:
    """'' for a call that went well; one that its client left did."""
    if told.outcome in _ERRORS:
        return _ERRORS[told.outcome]
    if told.http_status >= _FIRST_ERROR:
        return told.seen.error_type or f"http_{told.http_status}"
    return told.seen.error_type


def _attributed(given: Attribution) -> dict[str, str]:
    return {
        "endpoint_name": given.feature,
        "team": given.team,
        "environment": given.environment,
        "user_id": given.user_id,
        "session_id": given.session_id,
        "trace_id": given.trace_id,
        "parent_span_id": given.parent_span_id,
        "agent_name": given.agent_name,
    }


def _answered(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    found = {name.lower(): value for name, value in headers}
    identifier = next((found[name] for name in _REQUEST_IDS if name in found), b"")
    return {"upstream_request_id": identifier.decode("latin-1")}


def _limits(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, int | None]:
    found = {name.lower(): value for name, value in headers}
    return {
        field: next((_whole(found[name]) for name in names if name in found), None) for field, names in _LIMITS.items()
    }


def _whole(value: bytes) -> int | None:
    return int(value) if value.isdigit() and len(value) <= len(str(_MOST_COUNT)) - 1 else None


def _tier(named: str) -> str:
    return named if named.lower() in _TIERS else ""


def _short(name: str, text: str) -> str:
    return _clean(text).strip()[: _SHORTER.get(name, _LONGEST)]


def _clean(text: str) -> str:
    """Without what no event may hold."""
    return _UNSEEN.sub("", text)
