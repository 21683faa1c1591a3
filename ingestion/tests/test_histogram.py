from decimal import Decimal
from math import ceil

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from ingestion import histogram

durations = st.floats(min_value=10, max_value=7_000_000)
bags = st.lists(durations, min_size=1, max_size=200)


def test_an_empty_bag_is_zero():
    assert histogram.encode([]) == "0"


def test_a_bag_is_packed_eight_digits_a_bucket():
    assert histogram.encode([3, 4, 10.5, 10.6, 11.5]) == "10000000200000002e0"
    assert histogram.encode([10.5, 10.6, 11.5]) == "100000002e8"


def test_decoding_gives_the_count_of_each_bucket():
    assert histogram.decode(Decimal(10000000200000003)) == [3, 2, 1]
    assert histogram.decode(Decimal("100000002e8")) == [0, 2, 1]


@pytest.mark.parametrize("number", [Decimal(-1), Decimal("1.5")])
def test_what_is_no_histogram_is_refused(number):
    with pytest.raises(ValueError, match="whole number"):
        histogram.decode(number)


def test_bounds_belong_to_the_bucket_above_them():
    assert histogram.bucket(9.999) == 0
    assert histogram.bucket(10) == 1
    assert histogram.bucket(11.025) == 2


def test_everything_from_two_hours_on_is_in_the_last_bucket():
    last = len(histogram.BOUNDS)

    assert histogram.bucket(7_200_000 * histogram.GROWTH) == last
    assert histogram.bucket(1e300) == last


def test_below_ten_milliseconds_is_one_value():
    number = Decimal(histogram.encode([0, 1, 9]))

    assert histogram.percentile(number, 0.5) == 5.0


@given(bags, bags)
def test_merging_is_addition(one, other):
    merged = int(Decimal(histogram.encode(one))) + int(Decimal(histogram.encode(other)))

    assert merged == int(Decimal(histogram.encode(one + other)))


@given(bags, st.floats(min_value=0.001, max_value=1))
def test_percentiles_are_within_five_percent(values, q):
    exact = sorted(values)[ceil(q * len(values)) - 1]

    estimate = histogram.percentile(Decimal(histogram.encode(values)), q)

    assert abs(estimate - exact) <= 0.05 * exact


@given(bags)
def test_decoding_counts_every_value_once(values):
    counts = histogram.decode(Decimal(histogram.encode(values)))

    assert sum(counts) == len(values)
    assert all(counts[histogram.bucket(value)] for value in values)


@pytest.mark.parametrize("q", [0, -0.5, 1.01])
def test_fractions_outside_the_unit_interval_are_refused(q):
    with pytest.raises(ValueError, match="q must be"):
        histogram.percentile(1, q)


def test_an_empty_histogram_has_no_percentile():
    with pytest.raises(ValueError, match="empty"):
        histogram.percentile(Decimal(0), 0.95)


@pytest.mark.django_db
def test_the_database_finds_the_same_buckets_and_sums_without_loss():
    values = [0.5, 9.99, 10.0, 11.025, 850.25, 12_345.678, 7_300_000.0, *histogram.BOUNDS]
    bounds = list(histogram.BOUNDS)
    with connection.cursor() as cursor:
        cursor.execute("select width_bucket(v, %s::float8[]) from unnest(%s::float8[]) v", [bounds, values])
        buckets = [place for (place,) in cursor.fetchall()]
        cursor.execute(
            "select sum(h::numeric) from unnest(%s::text[]) h", [[histogram.encode([value]) for value in values]]
        )
        merged = cursor.fetchone()[0]

    assert buckets == [histogram.bucket(value) for value in values]
    assert int(merged) == int(Decimal(histogram.encode(values)))


@pytest.mark.parametrize(
    ("one_ms", "other_ms", "apart"),
    [(5, 9, False), (5, 10.4, False), (5, 12, True), (999, 1_001, False), (1_000, 1_300, True), (1_300, 1_000, True)],
)
def test_percentiles_of_neighbouring_buckets_are_not_apart(one_ms, other_ms, apart):
    assert histogram.is_apart(one_ms, other_ms) == apart
