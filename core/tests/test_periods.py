from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from core.periods import Granularity, Period, hour_end, hour_start, midnight

BERLIN = ZoneInfo("Europe/Berlin")
UTC_ZONE = ZoneInfo("UTC")
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)  # Berlin's clocks go forward, and back


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_days_are_half_open_and_local():
    period = Period.of_days(date(2026, 7, 1), date(2026, 7, 2), BERLIN)

    assert period.start == at("2026-06-30T22:00")
    assert period.end == at("2026-07-02T22:00")
    assert (period.first_day, period.last_day, period.day_count) == (date(2026, 7, 1), date(2026, 7, 2), 2)


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (AUTUMN, 25), (date(2026, 7, 1), 24)])
def test_a_day_is_one_day_however_long_it_is(day, hours):
    period = Period.of_days(day, day, BERLIN)

    assert period.end - period.start == timedelta(hours=hours)
    assert period.day_count == 1
    assert len(period.buckets()) == hours
    assert len(set(period.buckets())) == hours


def test_the_hour_that_the_clock_skips_has_no_bucket():
    buckets = Period.of_days(SPRING, SPRING, BERLIN).buckets()

    assert buckets[1:3] == ["2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00"]


def test_the_hour_that_the_clock_repeats_has_two_buckets():
    buckets = Period.of_days(AUTUMN, AUTUMN, BERLIN).buckets()

    assert buckets[2:4] == ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"]


def test_days_begin_after_a_midnight_that_is_skipped():
    assert midnight(date(2026, 4, 24), ZoneInfo("Africa/Cairo")) == at("2026-04-23T22:00")


def test_twenty_four_hours_end_with_the_running_hour():
    period = Period.of_hours(24, until=at("2026-07-12T14:20"), zone=UTC_ZONE)

    assert (period.start, period.end) == (at("2026-07-11T15:00"), at("2026-07-12T15:00"))
    assert len(period.buckets()) == 24
    assert period.buckets()[-1] == "2026-07-12T14:00:00+00:00"
    assert not period.is_whole_days


def test_hours_follow_zones_that_are_half_an_hour_off():
    kolkata = ZoneInfo("Asia/Kolkata")

    assert hour_start(at("2026-07-12T14:20"), kolkata) == at("2026-07-12T13:30")
    assert hour_end(at("2026-07-12T14:20"), kolkata) == at("2026-07-12T14:30")
    assert Period.of_hours(2, until=at("2026-07-12T14:20"), zone=kolkata).buckets() == [
        "2026-07-12T18:00:00+05:30",
        "2026-07-12T19:00:00+05:30",
    ]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe"])
@pytest.mark.parametrize("day", ["2026-03-29", "2026-04-05", "2026-10-04", "2026-10-25", "2026-07-12"])
@pytest.mark.django_db
def test_hours_begin_where_postgres_says(zone, day):
    moments = [at(f"{day}T00:10") + n * timedelta(minutes=25) for n in range(58)]
    with connection.cursor() as cursor:
        cursor.execute("select date_trunc('hour', m, %s) from unnest(%s::timestamptz[]) m", [zone, moments])
        expected = [row[0] for row in cursor.fetchall()]

    assert [hour_start(moment, ZoneInfo(zone)) for moment in moments] == expected


@pytest.mark.parametrize("day", [date(2026, 4, 5), date(2026, 10, 4)])
def test_every_moment_of_a_day_with_a_half_hour_change_is_in_a_bucket(day):
    lord_howe = ZoneInfo("Australia/Lord_Howe")
    period = Period.of_days(day, day, lord_howe)

    moments = [
        period.start + n * timedelta(minutes=5) for n in range((period.end - period.start) // timedelta(minutes=5))
    ]

    assert {period.hour_name(hour_start(moment, lord_howe)) for moment in moments} == set(period.buckets())
    assert all(hour_end(moment, lord_howe) > moment for moment in moments)


@pytest.mark.parametrize(("days", "granularity"), [(1, "hour"), (3, "hour"), (4, "day"), (90, "day")])
def test_short_periods_are_shown_in_hours(days, granularity):
    period = Period.of_days(date(2026, 7, 1), date(2026, 7, 1) + timedelta(days=days - 1), UTC_ZONE)

    assert period.granularity == Granularity(granularity)
    assert len(period.buckets()) == (days * 24 if granularity == "hour" else days)


def test_days_are_named_by_their_date():
    period = Period.of_days(date(2026, 6, 28), date(2026, 7, 2), BERLIN)

    assert period.buckets() == ["2026-06-28", "2026-06-29", "2026-06-30", "2026-07-01", "2026-07-02"]


def test_previous_period_of_whole_days_is_just_as_many_days():
    period = Period.of_days(date(2026, 7, 8), date(2026, 7, 14), BERLIN)

    assert period.previous(now=at("2026-08-01T00:00")) == Period.of_days(date(2026, 7, 1), date(2026, 7, 7), BERLIN)


def test_previous_period_counts_days_and_not_hours_across_a_clock_change():
    previous = Period.of_days(AUTUMN, AUTUMN, BERLIN).previous(now=at("2026-12-01T00:00"))

    assert previous == Period.of_days(date(2026, 10, 24), date(2026, 10, 24), BERLIN)
    assert previous.end - previous.start == timedelta(hours=24)


def test_previous_period_of_a_running_one_stops_at_the_same_hour():
    period = Period.of_days(date(2026, 7, 8), date(2026, 7, 14), BERLIN)

    previous = period.previous(now=at("2026-07-14T10:20"))  # 12:20 in Berlin

    assert previous.start == midnight(date(2026, 7, 1), BERLIN)
    assert previous.end == at("2026-07-07T11:00")


def test_previous_period_stops_at_the_same_hour_of_the_clock_across_a_change():
    period = Period.of_days(AUTUMN, AUTUMN + timedelta(days=6), BERLIN)

    previous = period.previous(now=at("2026-10-31T10:20"))  # 11:20 in winter

    assert previous.end == at("2026-10-24T10:00")  # 12:00 in summer


def test_previous_period_of_hours_is_what_came_right_before():
    period = Period.of_hours(24, until=at("2026-07-12T14:20"), zone=UTC_ZONE)

    previous = period.previous(now=at("2026-07-12T14:20"))

    assert (previous.start, previous.end) == (at("2026-07-10T15:00"), period.start)


def test_a_period_that_begins_in_the_future_is_compared_as_a_whole():
    period = Period.of_days(date(2026, 7, 13), date(2026, 7, 13), UTC_ZONE)

    assert period.previous(now=at("2026-07-12T14:20")) == Period.of_days(date(2026, 7, 12), date(2026, 7, 12), UTC_ZONE)


def test_short_periods_read_hours_only():
    period = Period.of_days(date(2026, 7, 1), date(2026, 7, 3), BERLIN)

    assert period.sources().days is None
    assert period.sources().hours == ((period.start, period.end),)


def test_long_periods_read_days_only():
    sources = Period.of_days(date(2026, 7, 1), date(2026, 7, 7), BERLIN).sources()

    assert sources.days == (date(2026, 7, 1), date(2026, 7, 8))
    assert sources.hours == ()


def test_partial_days_at_the_ends_are_read_in_hours():
    period = Period(at("2026-07-01T10:00"), at("2026-07-08T05:00"), UTC_ZONE)

    sources = period.sources()

    assert sources.days == (date(2026, 7, 2), date(2026, 7, 8))
    assert sources.hours == (
        (at("2026-07-01T10:00"), at("2026-07-02T00:00")),
        (at("2026-07-08T00:00"), at("2026-07-08T05:00")),
    )


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        (date(2026, 7, 5), date(2026, 7, 5), "5 Jul"),
        (date(2026, 7, 5), date(2026, 7, 11), "5 – 11 Jul"),
        (date(2026, 6, 28), date(2026, 7, 4), "28 Jun – 4 Jul"),
        (date(2025, 7, 5), date(2025, 7, 5), "5 Jul 2025"),
        (date(2025, 12, 30), date(2026, 1, 2), "30 Dec 2025 – 2 Jan"),
    ],
)
def test_days_read_as_people_write_them(first, last, text):
    assert Period.of_days(first, last, UTC_ZONE).days_text(today=date(2026, 8, 1)) == text
