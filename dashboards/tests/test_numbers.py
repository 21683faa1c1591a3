from decimal import Decimal

import pytest

from dashboards.numbers import Sums, merged
from ingestion import histogram


def packed(*durations_ms):
    return int(Decimal(histogram.encode(durations_ms)))


def test_tokens_are_input_and_output():
    assert Sums(calls=1, input_tokens=5, cached_input_tokens=3, output_tokens=2, reasoning_tokens=1).tokens == 7


@pytest.mark.parametrize(
    ("calls", "unpriced", "cost", "known"),
    [(0, 0, "0", "0"), (3, 0, "1.5", "1.5"), (3, 2, "0.5", "0.5"), (3, 0, "0", "0"), (3, 3, "0", None)],
)
def test_a_cost_nobody_knows_is_not_zero(calls, unpriced, cost, known):
    sums = Sums(calls=calls, unpriced_calls=unpriced, cost_usd=Decimal(cost))

    assert sums.known_cost_usd == (None if known is None else Decimal(known))


def test_error_rate_of_nothing_is_unknown():
    assert Sums(calls=8, errors=2).error_rate == 0.25
    assert Sums().error_rate is None


def test_calls_by_status():
    sums = Sums(calls=8, errors=2)

    assert [sums.with_status(status) for status in ("", "ok", "error")] == [8, 6, 2]


def test_percentiles_come_from_the_histogram():
    sums = Sums(calls=20, latency=packed(*[100] * 18, *[2_000] * 2))

    assert sums.p50_ms == pytest.approx(100, rel=0.05)
    assert sums.p95_ms == pytest.approx(2_000, rel=0.05)
    assert Sums(calls=3).p95_ms is None


def test_merging_adds_bucket_by_bucket():
    assert merged([packed(100, 900), packed(100), 0]) == packed(100, 100, 900)
    assert merged([]) == 0


def test_merging_beyond_what_a_sum_can_hold_keeps_the_percentiles():
    most = histogram.MOST_CALLS
    low, high = histogram.bucket(100), histogram.bucket(2_000)
    day = most // 10 * 9 * 10 ** (histogram.DIGITS * low) + most // 10 * 10 ** (histogram.DIGITS * high)
    days = [day] * 40

    huge = merged(days)

    assert histogram.decode(sum(days)) != [40 * count for count in histogram.decode(day)]  # a plain sum would carry
    assert sum(histogram.decode(huge)) <= most
    assert histogram.percentile(huge, 0.5) == histogram.middle(low)
    assert histogram.percentile(huge, 0.95) == histogram.middle(high)
