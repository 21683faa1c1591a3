"""Pure generation of the demo's calls: the same day of the same profile is the same calls, whenever it is asked."""

import math
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import batched
from random import Random
from typing import Final

import msgspec

from ingestion.wire.types import Call, Usage
from tokenops.demo.profiles import PROFILES, PROXIED, Profile

DAYS: Final = 90
_HOURLY_WEIGHTS: Final = (2, 1, 1, 1, 1, 2, 4, 9, 16, 22, 25, 24, 20, 22, 25, 25, 23, 18, 12, 9, 8, 6, 4, 3)
_ERRORS: Final = (("rate_limit_error", 429), ("timeout", 504), ("server_error", 500), ("overloaded_error", 529))
_STAGING_SHARE, _WARM_CACHE_SHARE = 0.06, 0.9
_USERS, _PAUSE = 420, timedelta(milliseconds=180)
_SPIKE, _SLOWER, _BURST_CALLS, _BURST_ERROR_RATE = 7.0, 3.6, 60, 0.38


@dataclass(frozen=True, slots=True)
class DemoCall:
    """A call and the slug of the project it belongs to."""

    project: str
    call: Call


def demo_calls(*, now: datetime) -> Iterator[DemoCall]:
    """Every call of the ninety days up to ``now``, oldest day first."""
    first = now.astimezone(UTC).date() - timedelta(days=DAYS)
    for offset in range(DAYS + 1):
        for profile in PROFILES:
            if offset >= profile.first_day:
                yield from _day(profile, day=first + timedelta(days=offset), offset=offset, now=now)


def _day(profile: Profile, *, day: date, offset: int, now: datetime) -> Iterator[DemoCall]:
    step = profile.tags.get("step", "")  # two streams of one feature and model are different calls
    random = Random(f"{profile.feature}:{profile.model}{step}:{day.isoformat()}")  # noqa: S311 - plausible, not secret
    moments = _moments(profile, day=day, offset=offset, random=random)
    moments += _burst(profile, day=day, now=now, random=random)
    calls = [_call(profile, started_at=moment, now=now, random=random) for moment in moments]
    for run in batched(calls, profile.trace_calls, strict=False):
        yield from (DemoCall(profile.project, call) for call in _one_trace(run) if call.started_at < now)


def _one_trace(run: Sequence[Call]) -> Iterator[Call]:
    """The calls of an agent's run: each begins when the one before has ended, and all hang on the first."""
    first = last = run[0]
    yield first
    for call in run[1:]:
        last = msgspec.structs.replace(
            call,
            started_at=last.started_at + timedelta(milliseconds=last.latency_ms or 0) + _PAUSE,
            user_id=first.user_id,
            session_id=first.session_id,
            trace_id=first.trace_id,
            parent_span_id=first.span_id,
        )
        yield last


def _moments(profile: Profile, *, day: date, offset: int, random: Random) -> list[datetime]:
    expected = profile.daily_calls * (1 + profile.growth * (offset / DAYS - 0.5))
    expected *= profile.weekend if day.weekday() >= 5 else 1.0  # noqa: PLR2004 - Saturday and Sunday
    if profile.situation == "spike" and offset >= DAYS - 1:
        expected = profile.daily_calls * _SPIKE
    count = round(expected * random.uniform(0.88, 1.12))
    midnight = datetime.combine(day, time(), UTC)
    hours = random.choices(range(24), weights=_HOURLY_WEIGHTS, k=count)
    return [midnight + timedelta(hours=hour, seconds=random.random() * 3600) for hour in hours]


def _burst(profile: Profile, *, day: date, now: datetime, random: Random) -> list[datetime]:
    """Enough calls in the last full hour and the running one for a rule about error rates to have something to say."""
    if profile.situation != "error-burst":
        return []
    hour = now.replace(minute=0, second=0, microsecond=0)
    starts = [start for start in (hour - timedelta(hours=1), hour) if start.date() == day]
    return [start + timedelta(seconds=random.random() * 3600) for start in starts for _ in range(_BURST_CALLS)]


def _call(profile: Profile, *, started_at: datetime, now: datetime, random: Random) -> Call:
    usage = _usage(profile, random=random)
    error = random.random() < _error_rate(profile, started_at=started_at, now=now)
    latency = _latency(profile, started_at=started_at, now=now, random=random)
    error_type, http_status = random.choice(_ERRORS) if error else ("", 200)
    user = f"user-{random.randrange(_USERS):03d}"
    identity = _uuid7(started_at, random=random)
    return Call(
        call_id=str(identity),
        started_at=started_at,
        provider=_PROVIDERS.get(profile.provider, profile.provider),
        provider_raw=profile.provider,
        model=profile.model,
        response_model=profile.model,
        operation=profile.operation,
        feature=profile.feature,
        team=profile.team,
        environment="staging" if random.random() < _STAGING_SHARE else "production",
        user_id=user,
        session_id=f"{profile.project}-{started_at:%Y%m%d}-{user}",  # what one person did in a day
        trace_id=f"{random.getrandbits(128):032x}",
        span_id=f"{random.getrandbits(64):016x}",
        usage=Usage() if error else usage,
        latency_ms=round(latency, 1),
        time_to_first_token_ms=round(latency * random.uniform(0.12, 0.3), 1) if profile.stream else None,
        status="error" if error else "ok",
        error_type=error_type,
        http_status=http_status,
        stream=profile.stream,
        prompt_hash=_prompt_hash(profile, random=random),
        prompt_prefix_hash=f"{profile.feature:x<32}".encode().hex() if profile.shared_prefix else "",
        response_id="" if error else f"resp_{identity.hex}",
        finish_reason="" if error else "stop",
        tags=msgspec.json.encode(profile.tags).decode(),
        source="gateway" if profile.project in PROXIED else "sdk",
    )


_PROVIDERS: Final = {"google": "gcp.gemini"}


def _error_rate(profile: Profile, *, started_at: datetime, now: datetime) -> float:
    if profile.situation == "error-burst" and now - started_at < timedelta(hours=2):
        return _BURST_ERROR_RATE
    return profile.error_rate


def _latency(profile: Profile, *, started_at: datetime, now: datetime, random: Random) -> float:
    median = float(profile.latency_ms)
    if profile.situation == "latency-regression" and now - started_at < timedelta(hours=25):
        median *= _SLOWER
    return _spread(median, sigma=0.45, random=random)


def _usage(profile: Profile, *, random: Random) -> Usage:
    read = max(1, round(_spread(profile.input_tokens, sigma=0.35, random=random)))
    wrote = round(_spread(profile.output_tokens, sigma=0.4, random=random)) if profile.output_tokens else 0
    cached = profile.cached_share * random.uniform(0.6, 1.2) if random.random() < _WARM_CACHE_SHARE else 0.0
    return Usage(
        input_tokens=read,
        output_tokens=wrote,
        cached_input_tokens=min(read, round(read * cached)),
        reasoning_tokens=round(wrote * profile.reasoning_share * random.uniform(0.7, 1.2)),
        rule="inclusive",
    )


def _prompt_hash(profile: Profile, *, random: Random) -> str:
    if profile.distinct_prompts:
        return f"{profile.feature}-{random.randrange(profile.distinct_prompts)}".encode().hex()
    return f"{random.getrandbits(128):032x}"


def _spread(median: float, *, sigma: float, random: Random) -> float:
    return median * math.exp(random.gauss(0.0, sigma))


def _uuid7(moment: datetime, *, random: Random) -> uuid.UUID:
    milliseconds = int(moment.timestamp() * 1000)
    value = milliseconds << 80 | 0x7 << 76 | random.getrandbits(12) << 64 | 0b10 << 62 | random.getrandbits(62)
    return uuid.UUID(int=value)
