from datetime import UTC, datetime

import pytest

from dashboards.comparison import earlier_buckets, has_buckets


def test_each_day_stands_beside_the_same_day_before(chosen):
    assert earlier_buckets(chosen()) == tuple(f"2026-07-{day:02}" for day in range(1, 8))
    assert earlier_buckets(chosen("compare=year")) == tuple(f"2025-07-{day:02}" for day in range(8, 15))


def test_a_month_stands_beside_the_days_that_the_month_before_has(chosen):
    march = datetime(2026, 3, 31, 10, 20, tzinfo=UTC)

    buckets = earlier_buckets(chosen("range=month", now=march))

    assert buckets[:28] == tuple(f"2026-02-{day:02}" for day in range(1, 29))
    assert buckets[28:] == ("", "", "")


def test_hours_stand_beside_the_same_hours_of_the_clock(chosen):
    buckets = earlier_buckets(chosen("range=24h"))

    assert (len(buckets), buckets[0], buckets[-1]) == (24, "2026-07-12T11:00:00+00:00", "2026-07-13T10:00:00+00:00")


def test_hours_of_a_running_day_end_where_the_earlier_one_was_cut(chosen):
    buckets = earlier_buckets(chosen("range=today"))

    assert buckets[:11] == tuple(f"2026-07-13T{hour:02}:00:00+00:00" for hour in range(11))
    assert set(buckets[11:]) == {""}


def test_a_day_of_twenty_five_hours_repeats_one_of_the_day_before(chosen, berlin):
    buckets = earlier_buckets(
        chosen("from=2026-10-25&to=2026-10-25", now=datetime(2026, 12, 1, tzinfo=UTC), zone=berlin)
    )

    assert len(buckets) == 25
    assert buckets[1:5] == (
        "2026-10-24T01:00:00+02:00",
        "2026-10-24T02:00:00+02:00",
        "2026-10-24T02:00:00+02:00",
        "2026-10-24T03:00:00+02:00",
    )


def test_an_hour_that_was_skipped_the_day_before_has_no_like(chosen, berlin):
    spring = chosen("from=2026-03-30&to=2026-03-30", now=datetime(2026, 4, 9, tzinfo=UTC), zone=berlin)

    buckets = earlier_buckets(spring)

    assert buckets[1:4] == ("2026-03-29T01:00:00+01:00", "", "2026-03-29T03:00:00+02:00")


@pytest.mark.parametrize(
    ("query", "is_drawn"),
    [
        ("", True),
        ("range=24h", True),
        ("compare=year", True),
        ("compare=none", False),
        ("from=2026-07-12&to=2026-07-15", False),
    ],
)
def test_periods_in_buckets_of_two_widths_are_not_drawn_together(chosen, query, is_drawn):
    assert has_buckets(chosen(query)) is is_drawn
