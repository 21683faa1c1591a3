from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from rules.alerts.timing import after_quiet, next_at, next_full_hour, retry_delay

BERLIN, KATHMANDU = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kathmandu")
NIGHT = {"quiet_from": time(22), "quiet_until": time(7)}


def at(text, zone=BERLIN, fold=0):
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).astimezone(UTC)


# --- Quiet hours ---


@pytest.mark.parametrize(
    ("moment", "due"),
    [
        ("2026-07-15T21:59:59", "2026-07-15T21:59:59"),
        ("2026-07-15T22:00", "2026-07-16T07:00"),
        ("2026-07-15T23:59", "2026-07-16T07:00"),
        ("2026-07-16T00:00", "2026-07-16T07:00"),
        ("2026-07-16T06:59:59", "2026-07-16T07:00"),
        ("2026-07-16T07:00", "2026-07-16T07:00"),
        ("2026-07-16T12:00", "2026-07-16T12:00"),
    ],
)
def test_quiet_hours_across_midnight(moment, due):
    assert after_quiet(at(moment), **NIGHT, zone=BERLIN) == at(due)


@pytest.mark.parametrize(
    ("moment", "due"),
    [
        ("2026-07-15T11:59", "2026-07-15T11:59"),
        ("2026-07-15T12:00", "2026-07-15T14:00"),
        ("2026-07-15T13:59", "2026-07-15T14:00"),
        ("2026-07-15T14:00", "2026-07-15T14:00"),
    ],
)
def test_quiet_hours_within_a_day(moment, due):
    assert after_quiet(at(moment), quiet_from=time(12), quiet_until=time(14), zone=BERLIN) == at(due)


def test_no_quiet_hours_and_equal_ends_keep_nothing_back():
    moment = at("2026-07-15T03:00")

    assert after_quiet(moment, quiet_from=None, quiet_until=None, zone=BERLIN) == moment
    assert after_quiet(moment, quiet_from=time(3), quiet_until=time(3), zone=BERLIN) == moment


def test_quiet_hours_are_on_the_organizations_clock():
    moment = datetime(2026, 7, 15, 21, 0, tzinfo=UTC)  # 23:00 in Berlin

    assert after_quiet(moment, **NIGHT, zone=ZoneInfo("UTC")) == moment
    assert after_quiet(moment, **NIGHT, zone=BERLIN) == datetime(2026, 7, 16, 5, 0, tzinfo=UTC)


def test_a_night_in_which_the_clock_goes_forward_is_an_hour_shorter():
    begins = at("2026-03-28T23:00")

    assert after_quiet(begins, **NIGHT, zone=BERLIN) == datetime(2026, 3, 29, 5, 0, tzinfo=UTC)
    assert after_quiet(begins, **NIGHT, zone=BERLIN) - begins == timedelta(hours=7)


def test_a_night_in_which_the_clock_goes_back_is_an_hour_longer():
    begins = at("2026-10-24T23:00")

    assert after_quiet(begins, **NIGHT, zone=BERLIN) == datetime(2026, 10, 25, 6, 0, tzinfo=UTC)
    assert after_quiet(begins, **NIGHT, zone=BERLIN) - begins == timedelta(hours=9)


def test_an_end_that_the_clock_skips_is_an_hour_later_on_it():
    due = after_quiet(at("2026-03-29T01:30"), quiet_from=time(1), quiet_until=time(2, 30), zone=BERLIN)

    assert due == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert due.astimezone(BERLIN).time() == time(3, 30)


def test_an_end_that_comes_twice_is_the_next_one():
    first, second = at("2026-10-25T02:10", fold=0), at("2026-10-25T02:10", fold=1)
    quiet = {"quiet_from": time(1), "quiet_until": time(2, 30)}

    assert after_quiet(first, **quiet, zone=BERLIN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert after_quiet(second, **quiet, zone=BERLIN) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


# --- Digests ---


@pytest.mark.parametrize(
    ("moment", "due"),
    [
        ("2026-07-15T08:59:59", "2026-07-15T09:00"),
        ("2026-07-15T09:00", "2026-07-16T09:00"),
        ("2026-07-15T23:00", "2026-07-16T09:00"),
        ("2026-12-31T23:00", "2027-01-01T09:00"),
        ("2026-03-28T12:00", "2026-03-29T09:00"),
        ("2026-10-24T12:00", "2026-10-25T09:00"),
    ],
)
def test_a_daily_digest_is_at_its_local_time(moment, due):
    assert next_at(at(moment), time(9), zone=BERLIN) == at(due)


def test_a_digest_at_a_time_the_day_does_not_have_comes_all_the_same():
    due = next_at(at("2026-03-29T00:30"), time(2, 30), zone=BERLIN)

    assert due == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "due"),
    [
        (datetime(2026, 7, 15, 12, 0, tzinfo=UTC), datetime(2026, 7, 15, 13, 0, tzinfo=UTC)),
        (datetime(2026, 7, 15, 12, 59, 59, 999_999, tzinfo=UTC), datetime(2026, 7, 15, 13, 0, tzinfo=UTC)),
    ],
)
def test_an_hourly_digest_is_at_the_full_hour(moment, due):
    assert next_full_hour(moment, zone=BERLIN) == due


def test_a_full_hour_is_the_organizations():
    moment = datetime(2026, 7, 15, 12, 0, tzinfo=UTC)  # 17:45 in Kathmandu

    assert next_full_hour(moment, zone=KATHMANDU) == datetime(2026, 7, 15, 12, 15, tzinfo=UTC)


def test_hours_that_come_twice_are_two():
    first = next_full_hour(at("2026-10-25T02:30", fold=0), zone=BERLIN)

    assert first == datetime(2026, 10, 25, 1, 0, tzinfo=UTC)
    assert next_full_hour(first, zone=BERLIN) == datetime(2026, 10, 25, 2, 0, tzinfo=UTC)


# --- Retries ---


def seconds(attempt, random=0.5, retry_after=None):
    return retry_delay(attempt, retry_after=retry_after, random=random).total_seconds()


def test_delays_double_and_stay_at_two_hours():
    assert [seconds(attempt) for attempt in range(1, 12)] == [
        30, 60, 120, 240, 480, 960, 1920, 3840, 7200, 7200, 7200
    ]  # fmt: skip
    assert seconds(10_000) == 7200


def test_delays_are_spread_by_a_fifth():
    assert [seconds(1, random) for random in (0.0, 0.5, 1.0)] == [24, 30, 36]


def test_what_the_receiver_asks_for_is_honoured_to_a_limit():
    assert seconds(1, retry_after=timedelta(minutes=10)) == 600
    assert seconds(1, retry_after=timedelta(seconds=1)) == 30
    assert seconds(1, retry_after=timedelta(days=10_000)) == 6 * 3600


def test_a_day_of_failures_is_about_twenty_attempts():
    spent, attempts = 0.0, 1
    while spent + seconds(attempts) < 86_400:
        spent += seconds(attempts)
        attempts += 1

    assert attempts == 19
