"""The event that is stored of a proxied call: what ``POST /api/v1/ingest`` would take, and never refuse."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from math import isfinite
from typing import Any, Final

import msgspec

from gateway.types import Ask, Attribution, Outcome, Seen
from gateway.wire.usage import used
from ingestion.wire.amounts import MAX_COUNT
from ingestion.wire.assembler import SERVICE_TIERS
from ingestion.wire.providers import canonical_provider

_LONGEST: Final = 255
_SHORTER: Final = {
    "endpoint_name": 100,
    "team": 100,
    "environment": 100,
    "provider": 100,
    "id": 64,
    "operation": 50,
    "service_tier": 50,
}
_MOST_TAGS, _LONGEST_TAG, _LONGEST_TAG_VALUE = 20, 50, 200
_MOST_DIGITS: Final = 9
_HIGHEST_STATUS: Final = 999
_FIRST_ERROR: Final = 400
_UNKNOWN_MODEL: Final = "unknown"
_UNSEEN: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\uffff]")
_HASH: Final = re.compile(r"[0-9a-fA-F]{1,128}", re.ASCII)
_ERRORS: Final = {
    Outcome.UNREACHABLE: "upstream_unreachable",
    Outcome.TIMEOUT: "upstream_timeout",
    Outcome.BROKEN: "upstream_broken",
    Outcome.INTERRUPTED: "interrupted",
}
_REQUEST_IDS: Final = (
    b"x-request-id",
    b"request-id",
    b"apim-request-id",
    b"x-goog-request-id",
    b"x-amzn-requestid",
    b"x-ms-request-id",
    b"cf-ray",  # the network in front of the provider, which is better than nothing
)
_LIMITS: Final = {
    "ratelimit_remaining_requests": (b"x-ratelimit-remaining-requests", b"anthropic-ratelimit-requests-remaining"),
    "ratelimit_remaining_tokens": (b"x-ratelimit-remaining-tokens", b"anthropic-ratelimit-tokens-remaining"),
}
_encode: Final = msgspec.json.Encoder().encode


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a call at its end. Milliseconds count from the moment it was sent upstream."""

    call_id: str
    at: datetime
    provider: str  # as telemetry names it
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
    headers = {name.lower(): value for name, value in told.headers}
    document = _ours(told)
    document |= {name: text for name, raw in _texts(told, headers).items() if raw and (text := _short(name, raw))}
    document |= {name: number for name, number in _numbers(told, headers).items() if number is not None}
    if ask.attribution.tags and (tags := _tags(ask.attribution.tags)):
        document["tags"] = tags
    counts = used(
        ask=ask,
        seen=seen,
        outcome=told.outcome,
        http_status=told.http_status,
        provider=canonical_provider(document.get("provider", "")),
    )
    return _encode(document | counts)


def interrupted(*, call_id: str, at: datetime, provider: str, ask: Ask) -> bytes:
    """The event of a call that went upstream and of which nothing else is known: our process died."""
    return event(Told(call_id=call_id, at=at, provider=provider, ask=ask, outcome=Outcome.INTERRUPTED, seen=Seen()))


def _ours(told: Told) -> dict[str, Any]:
    """Texts of our own making, which hold nothing that would have to be taken out."""
    return {
        "id": told.call_id,
        "timestamp": told.at,
        "stream": told.ask.is_stream,
    }


def _texts(told: Told, headers: Mapping[bytes, bytes]) -> dict[str, str]:
    ask, seen, failed = told.ask, told.seen, _failure(told)
    return {
        "provider": told.provider,
        "model": _plain(ask.model) or _plain(seen.model) or _UNKNOWN_MODEL,
        "response_model": seen.model,
        "operation": ask.operation,
        "status": "error" if failed else "ok",
        "error_type": failed,
        "service_tier": _tier(told),
        "response_id": seen.response_id,
        "upstream_request_id": _request_id(headers),
        "finish_reason": seen.finish_reason,
        "prompt_hash": _hash(ask.prompt_hash),
        "prompt_prefix_hash": _hash(ask.prompt_prefix_hash),
        **_attributed(ask.attribution),
    }


def _numbers(told: Told, headers: Mapping[bytes, bytes]) -> dict[str, Any]:
    return {
        "latency_ms": _milliseconds(told.latency_ms),
        "time_to_first_token_ms": _milliseconds(told.first_ms) if told.ask.is_stream else None,
        "http_status": min(told.http_status, _HIGHEST_STATUS) if told.http_status > 0 else None,
        "retries": min(max(told.retries, 0), MAX_COUNT) if told.retries is not None else None,
        **{field: _remaining(headers, names) for field, names in _LIMITS.items()},
    }


# --- How it went ---


def _failure(told: Told) -> str:
    """'' for a call that went well; one that its client left did."""
    if told.outcome in _ERRORS:
        return _ERRORS[told.outcome]
    if told.http_status >= _FIRST_ERROR:
        return _plain(told.seen.error_type) or f"http_{told.http_status}"
    return told.seen.error_type


def _tier(told: Told) -> str:
    """The answer's, and the asked one only where the answer says none, in its usage object neither."""
    named = told.seen.service_tier
    if not named and b'"service_tier"' not in told.seen.usage:
        named = told.ask.service_tier
    return named if named.lower() in SERVICE_TIERS else ""


def _request_id(headers: Mapping[bytes, bytes]) -> str:
    for name in _REQUEST_IDS:
        if found := headers.get(name):
            return found.decode("latin-1")
    return ""


def _remaining(headers: Mapping[bytes, bytes], names: tuple[bytes, ...]) -> int | None:
    for name in names:
        if found := headers.get(name):
            return int(found) if found.isdigit() and len(found) <= _MOST_DIGITS else None
    return None


def _milliseconds(value: float | None) -> float | None:
    return round(min(max(value, 0.0), MAX_COUNT), 3) if value is not None and isfinite(value) else None


# --- Whose it is ---


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


def _tags(given: Mapping[str, str]) -> dict[str, str]:
    kept: dict[str, str] = {}
    for key, value in given.items():
        if len(kept) < _MOST_TAGS and (name := _plain(key)[:_LONGEST_TAG]):
            kept[name] = _plain(value)[:_LONGEST_TAG_VALUE]
    return kept


# --- Texts ---


def _hash(digits: str) -> str:
    return digits if _HASH.fullmatch(digits) else ""


def _short(name: str, text: str) -> str:
    return _plain(text)[: _SHORTER.get(name, _LONGEST)].strip()


def _plain(text: str) -> str:
    """Without what no event may hold; nothing of that is printable, and nearly all texts are."""
    return (text if text.isprintable() else _UNSEEN.sub("", text)).strip()
