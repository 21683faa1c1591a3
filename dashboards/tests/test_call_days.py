from datetime import UTC, date, datetime

import pytest

from core.periods import Period
from dashboards import call_days

NONE_ASKED = frozenset({"id"})


def days(period):
    return period.first_day.isoformat(), period.last_day.isoformat()


def test_a_short_range_is_read_as_it_is(chosen):
    asked = chosen("range=30d")

    assert call_days.bounded(asked) is asked


def test_of_a_longer_one_the_latest_days_are_read_and_the_page_says_so(chosen):
    found = call_days.bounded(chosen("range=90d&model=gpt-4o"))

    assert days(found.period) == ("2026-06-14", "2026-07-14")
    assert found.problems == ("Single calls are read for at most 31 days: the latest are shown.",)
    assert found.values("model") == ("gpt-4o",)


def test_days_that_lie_in_the_past_stay_there(chosen):
    assert days(call_days.bounded(chosen("from=2026-01-01&to=2026-03-31")).period) == ("2026-03-01", "2026-03-31")


def test_what_began_before_the_chosen_days_is_summed_from_there(chosen):
    assert days(call_days.around(chosen("range=24h"))) == ("2026-06-14", "2026-07-14")
    assert days(call_days.around(chosen("from=2026-05-01&to=2026-05-02"))) == ("2026-04-02", "2026-05-02")


def test_the_page_of_one_id_reads_as_much_as_it_may(chosen):
    found = call_days.of_one(chosen(), asked=NONE_ASKED)

    assert (days(found.period), found.problems) == (("2026-06-14", "2026-07-14"), ())


def test_the_page_of_one_id_reads_the_days_it_was_asked_for(chosen):
    found = call_days.of_one(chosen("range=24h"), asked=frozenset({"range"}))

    assert days(found.period) == ("2026-07-13", "2026-07-14")


def test_days_around_a_call_reach_as_far_back_as_forth(utc):
    assert days(call_days.near(datetime(2026, 7, 14, 12, tzinfo=UTC), utc)) == ("2026-06-29", "2026-07-29")


def test_pages_of_days_follow_each_other_without_a_gap(chosen, utc):
    here = Period.of_days(date(2026, 5, 1), date(2026, 5, 31), utc)

    earlier = call_days.earlier(here)
    later = call_days.later(here, now=chosen().now)

    assert (earlier.end, later.start) == (here.start, here.end)
    assert later.day_count == 31


def test_there_are_no_days_after_today(chosen):
    found = call_days.of_one(chosen(), asked=NONE_ASKED)

    assert call_days.later(found.period, now=found.now) is None


@pytest.mark.parametrize("zone", ["utc", "berlin"])
def test_days_in_an_address_are_read_back(chosen, request, zone):
    zone = request.getfixturevalue(zone)
    period = call_days.near(datetime(2026, 3, 29, 1, 30, tzinfo=UTC), zone)  # clocks change

    ((_, since), (_, until)) = call_days.pairs(period)
    query = f"since={since.replace('+', '%2B')}&until={until.replace('+', '%2B')}"

    assert chosen(query, zone=zone).period == period
