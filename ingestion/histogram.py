"""Latency histograms packed into one whole number, so that the database merges them with a plain ``sum()``.

A histogram is a number whose every eight decimal digits are the count of one bucket. Buckets are log-spaced: their
bounds grow by 10.25 %, so a bucket's middle is within 5 % of everything in it (DDSketch, Masson et al. 2019). All below
10 ms share the first bucket and all from two hours on the last: nobody tunes either by a percentile.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from decimal import Decimal
from math import ceil
from typing import Final

GROWTH: Final = 1.1025
SMALLEST_MS: Final = 10.0
LARGEST_MS: Final = 7_200_000.0
DIGITS: Final = 8
# A sum over more calls could carry one bucket into its neighbour; readers group by smaller periods from here on.
MOST_CALLS: Final = 10**DIGITS - 1


def _bounds() -> tuple[float, ...]:
    bounds = [SMALLEST_MS]
    while bounds[-1] < LARGEST_MS:
        bounds.append(bounds[-1] * GROWTH)
    return tuple(bounds)


# bucket(v) = how many bounds are ≤ v, which is also what width_bucket(v, bounds) answers in SQL.
BOUNDS: Final = _bounds()
_POWERS: Final = tuple(10 ** (DIGITS * place) for place in range(len(BOUNDS) + 1))


def bucket(milliseconds: float) -> int:
    """The bucket of one duration, from 0 to ``len(BOUNDS)``."""
    return bisect_right(BOUNDS, milliseconds)


def packed(buckets: Iterable[int]) -> str:
    """The histogram of some buckets as a numeric literal such as ``100000002e96``.

    Text, because the exponent spares the zeros of all the buckets below the smallest.
    """
    found = list(buckets)
    if not found:
        return "0"
    lowest = min(found)
    return f"{sum([_POWERS[place - lowest] for place in found])}e{DIGITS * lowest}"


def encode(durations_ms: Iterable[float]) -> str:
    """The histogram of durations in milliseconds as a numeric literal."""
    return packed(map(bucket, durations_ms))


def decode(histogram: Decimal | int) -> list[int]:
    """The count of each bucket up to the last that is not empty.

    :raises ValueError: the number is negative or has a fraction, so it is no histogram.
    """
    if histogram < 0 or histogram != int(histogram):
        raise ValueError("a histogram is a whole number from 0")
    digits = str(int(histogram))
    return [int(digits[max(end - DIGITS, 0) : end]) for end in range(len(digits), 0, -DIGITS)]


def percentile(histogram: Decimal | int, q: float) -> float:
    """Milliseconds below which a fraction ``q`` of calls fall (nearest rank), within 5 % from 10 ms to two hours.

    :raises ValueError: ``q`` is outside (0, 1] or the histogram is empty.
    """
    return percentile_of_counts(decode(histogram), q)


def percentile_of_counts(counts: Sequence[int], q: float) -> float:
    """``percentile`` of a histogram that was decoded, and perhaps added to or taken from.

    :raises ValueError: ``q`` is outside (0, 1] or the histogram is empty.
    """
    if not 0 < q <= 1:
        raise ValueError("q must be above 0 and at most 1")
    rank = ceil(q * sum(counts))
    for place, count in enumerate(counts):
        rank -= count
        if rank <= 0 < count:
            return middle(place)
    raise ValueError("an empty histogram has no percentiles")


def is_apart(one_ms: float, other_ms: float) -> bool:
    """Whether two percentiles in milliseconds differ by more than the buckets do.

    In neighbouring buckets the durations themselves may be next to equal.
    """
    return abs(bucket(one_ms) - bucket(other_ms)) > 1


def middle(place: int) -> float:
    """Milliseconds that stand for a bucket: the value whose relative distance to both bounds is the same."""
    if place == 0:
        return SMALLEST_MS / 2
    return 2 * BOUNDS[place - 1] * GROWTH / (1 + GROWTH)
