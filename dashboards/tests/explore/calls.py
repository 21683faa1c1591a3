"""A few days of calls with everything that metrics are about, and the metrics computed from them one by one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

from django.utils import timezone

type Call = Mapping[str, Any]

TODAY = timezone.now().date()
NOON = datetime.combine(TODAY, time(12), UTC)  # "now" of these tests
KINDS = ("input", "cached_input", "cache_write", "output", "reasoning", "other")


def ago(days: int, hours: int = 0) -> datetime:
    return NOON - timedelta(days=days, hours=hours)


def mixed() -> list[dict[str, Any]]:
    """Calls of four days, three models (one has no price), two features, three users, with and without errors."""
    models = [("openai", "gpt-4o", True), ("anthropic", "sonnet", True), ("acme", "llama", False)]
    rows = product(range(1, 5), models, ("chat", "search"), ("ann", "bob", ""))
    return [_call(number, days, *model, feature, user) for number, (days, model, feature, user) in enumerate(rows, 1)]


def _call(
    number: int, days: int, provider: str, model: str, is_priced: bool, feature: str, user: str
) -> dict[str, Any]:
    costs = {kind: Decimal(number * (place + 1)) / 1000 for place, kind in enumerate(KINDS)}
    total = sum(costs.values())
    return {
        "started_at": ago(days, number % 9),
        "provider": provider,
        "model": model,
        "model_key": model,
        "feature": feature,
        "team": "red" if number % 4 else "",
        "environment": "live" if number % 3 else "test",
        "user_id": user,
        "status": "error" if number % 7 == 0 else "ok",
        "usage_estimated": number % 5 == 0,
        "input_tokens": 100 * number,
        "cached_input_tokens": 10 * number,
        "cache_write_tokens": 3 * number,
        "output_tokens": 50 + number,
        "reasoning_tokens": number,
        "latency_ms": None if number % 6 == 0 else 40.0 * number,
        "time_to_first_token_ms": None if number % 4 == 0 else 11.0 * number,
        "cost_usd": total if is_priced else None,
        **{f"cost_{kind}_usd": cost if is_priced else None for kind, cost in costs.items()},
        "cost_source": "rate_card" if is_priced else "none",
        "tags": {"app": "shop"},
        "session_id": "one",
    }


def metrics(calls: Sequence[Call]) -> dict[str, Any]:
    """Every metric of these calls, from the calls themselves."""
    priced = [call for call in calls if call["cost_usd"] is not None]
    timed = [call for call in calls if call["latency_ms"] is not None]
    inputs, cached = _total(calls, "input_tokens"), _total(calls, "cached_input_tokens")
    errors = sum(call["status"] == "error" for call in calls)
    return {
        "cost": _cost(calls, "cost_usd"),
        **{f"cost_{kind}": _cost(calls, f"cost_{kind}_usd") for kind in KINDS},
        "cost_per_call": _total(priced, "cost_usd") / len(priced) if priced else None,
        "tokens": inputs + _total(calls, "output_tokens"),
        "input_tokens": inputs,
        "cached_input_tokens": cached,
        "cache_write_tokens": _total(calls, "cache_write_tokens"),
        "output_tokens": _total(calls, "output_tokens"),
        "reasoning_tokens": _total(calls, "reasoning_tokens"),
        "cached_share": cached / inputs if inputs else None,
        "calls": len(calls),
        "errors": errors,
        "error_rate": errors / len(calls) if calls else None,
        "unpriced_calls": len(calls) - len(priced),
        "estimated_calls": sum(call["usage_estimated"] for call in calls),
        **_times(calls, "latency", "latency_ms"),
        **_times(calls, "first_token", "time_to_first_token_ms"),
        "tokens_per_second": _total(timed, "output_tokens") * 1000 / _total(timed, "latency_ms") if timed else None,
    }


def by(calls: Iterable[Call], key: Callable[[Call], Any]) -> dict[Any, list[Call]]:
    """The calls of each key."""
    found: dict[Any, list[Call]] = {}
    for call in calls:
        found.setdefault(key(call), []).append(call)
    return found


def _total(calls: Iterable[Call], column: str) -> Any:
    return sum(call[column] for call in calls if call[column] is not None)


def _cost(calls: Sequence[Call], column: str) -> Any:
    return _total(calls, column) if any(call["cost_usd"] is not None for call in calls) or not calls else None


def _times(calls: Iterable[Call], name: str, column: str) -> dict[str, float | None]:
    """Nearest-rank percentiles and the mean."""
    times = sorted(call[column] for call in calls if call[column] is not None)
    ranks = {f"{name}_p{q}": times[-(-len(times) * q // 100) - 1] if times else None for q in (50, 95, 99)}
    return {**ranks, f"{name}_mean": sum(times) / len(times) if times else None}
