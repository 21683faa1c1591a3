"""From the counts an emitter sent to inclusive counts, with the reading that was used on record.

Emitters disagree on whether input contains the cached tokens and output the reasoning (otel-dialects.md §3). What is
known about a format decides first (rule 0); then arithmetic (rules 1 and 2); then the conventions' default, inclusive.
"""

from enum import Enum
from itertools import product
from operator import attrgetter

from ingestion.wire.amounts import MAX_COUNT
from ingestion.wire.types import Call, Usage


class Reading(Enum):
    """What is known, before looking at the numbers, about a part and the whole it belongs to."""

    UNKNOWN = "unknown"
    INSIDE = "inside"  # the whole contains the part
    BESIDE = "beside"  # the part comes on top of the whole
    LIKELY_BESIDE = "likely beside"  # on top, unless a total says otherwise


INCLUSIVE = "inclusive"
INCLUSIVE_TOTAL = "inclusive-total"
INCLUSIVE_SHAPE = "inclusive-shape"
EXCLUSIVE_CACHE = "exclusive-cache"
EXCLUSIVE_TOTAL = "exclusive-total"
EXCLUSIVE_SHAPE = "exclusive-shape"
BILLED_UNITS = "billed-units"
ESTIMATED = "estimated"  # no counts of an emitter, or not all of them
UNSTATED = "unstated"  # nobody gave a count: all are 0 for want of another number
REASONING_ADDED = "+reasoning"


_PARTS = (
    "cached_input_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "audio_input_tokens",
    "cached_audio_input_tokens",
    "image_input_tokens",
    "reasoning_tokens",
    "audio_output_tokens",
    "image_output_tokens",
)
_counts = attrgetter("input_tokens", "output_tokens", *_PARTS)


class CountError(ValueError):
    """A count exceeds what one call can have read or written; ``field`` is the count's name."""

    def __init__(self, field: str) -> None:
        super().__init__(f"must be ≤ {MAX_COUNT} in total")
        self.field = field


def settle(
    usage: Usage,
    *,
    total: int | None = None,
    cache: Reading = Reading.UNKNOWN,
    reasoning: Reading = Reading.UNKNOWN,
) -> Usage:
    """Make ``usage``, filled with counts as sent, inclusive in place, and record the rule; returns it.

    ``total`` is the emitter's own sum; 0 and None mean it gave none. ``cache`` and ``reasoning`` say what the format
    is known to do. Rules: ``inclusive`` (default, 3), ``…-total`` (2), ``exclusive-cache`` (more cached than input, 1),
    ``…-shape`` (the format says so, 0); ``+reasoning`` is appended where reasoning was added to the output (5).

    :raises CountError: the inclusive input or output or a part exceeds 10⁹.
    """
    if cache is reasoning is Reading.UNKNOWN and _plainly_inclusive(usage, total):
        usage.rule = INCLUSIVE_TOTAL if total else INCLUSIVE
        return usage
    add_cache, add_reasoning = _read(usage, total, cache, reasoning)
    usage.rule = _rule(usage, total, add_cache, cache) + (REASONING_ADDED if add_reasoning else "")
    if total and not _explained(usage, total):
        usage.inconsistent = True
    if add_cache:
        usage.input_tokens += _cached(usage)
    if add_reasoning:
        usage.output_tokens += usage.reasoning_tokens
    _check(usage)
    return usage


def _plainly_inclusive(usage: Usage, total: int | None) -> bool:
    """The common case, decided without trying the other readings."""
    return (not total or total == usage.input_tokens + usage.output_tokens) and parts_fit(usage)


def _cached(usage: Usage) -> int:
    return usage.cached_input_tokens + usage.cache_write_tokens


def _explained(usage: Usage, total: int) -> bool:
    """Is the total the sum under any reading? If not, the emitter left something out or counted something twice."""
    rest = total - usage.input_tokens - usage.output_tokens
    cached, written = _cached(usage), usage.reasoning_tokens
    return rest in {0, cached, written, cached + written}


def _read(usage: Usage, total: int | None, cache: Reading, reasoning: Reading) -> tuple[bool, bool]:
    """Is the cache, is the reasoning to be added? The first allowed pair that explains the total, else the first."""
    cached, written = _cached(usage), usage.reasoning_tokens
    pairs = list(
        product(
            _choices(cache, part=cached, whole=usage.input_tokens),
            _choices(reasoning, part=written, whole=usage.output_tokens),
        )
    )
    base = usage.input_tokens + usage.output_tokens
    for add_cache, add_reasoning in pairs:
        if total == base + add_cache * cached + add_reasoning * written:
            return add_cache, add_reasoning
    return pairs[0]


def _choices(reading: Reading, *, part: int, whole: int) -> tuple[bool, ...]:
    if part == 0 or reading is Reading.INSIDE:
        return (False,)
    if part > whole or reading is Reading.BESIDE:
        return (True,)
    return (True, False) if reading is Reading.LIKELY_BESIDE else (False, True)


def _rule(usage: Usage, total: int | None, add_cache: bool, cache: Reading) -> str:
    if cache is not Reading.UNKNOWN:
        return INCLUSIVE_SHAPE if cache is Reading.INSIDE else EXCLUSIVE_SHAPE
    if add_cache:
        return EXCLUSIVE_CACHE if _cached(usage) > usage.input_tokens else EXCLUSIVE_TOTAL
    rest = (total or 0) - usage.input_tokens - usage.output_tokens
    return INCLUSIVE_TOTAL if total and rest in {0, usage.reasoning_tokens} else INCLUSIVE


def _check(usage: Usage) -> None:
    if usage.input_tokens > MAX_COUNT:
        raise CountError("input_tokens")
    if usage.output_tokens > MAX_COUNT:
        raise CountError("output_tokens")
    if not parts_fit(usage):
        usage.inconsistent = True
        for field in _PARTS:
            if getattr(usage, field) > MAX_COUNT:
                raise CountError(field)


def parts_fit(usage: Usage) -> bool:
    """No leaf of the token tree is negative. Cached audio is in the cached and in the audio tokens: it counts once."""
    cached, audio, cached_audio = (
        usage.cached_input_tokens,
        usage.audio_input_tokens,
        usage.cached_audio_input_tokens,
    )
    inputs = cached + usage.cache_write_tokens + audio - cached_audio + usage.image_input_tokens
    outputs = usage.reasoning_tokens + usage.audio_output_tokens + usage.image_output_tokens
    return (
        inputs <= usage.input_tokens
        and outputs <= usage.output_tokens
        and usage.cache_write_1h_tokens <= usage.cache_write_tokens
        and cached_audio <= cached
        and cached_audio <= audio
    )


def is_unknown(call: Call) -> bool:
    """Whether nobody knows what the call used, so that its counts of 0 are no numbers.

    A count of 0 that was stated is one: an answer out of a cache used nothing. So is that of a failed call about
    which nothing was said. It is none where the record says that it is not the whole (``usage_partial``,
    ``usage_estimated``, a total beside it that is not 0), or where a call that went well was given no count at all.
    """
    usage = call.usage
    if usage.extra_units or any(_counts(usage)):
        return False
    if call.usage_partial or call.usage_estimated or usage.inconsistent:
        return True
    return usage.rule == UNSTATED and call.status == "ok"
