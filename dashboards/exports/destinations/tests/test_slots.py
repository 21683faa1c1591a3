"""Which hour or day comes next, and what its files are called."""

from datetime import UTC, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest

from dashboards.exports.destinations import slots

BERLIN = ZoneInfo("Europe/Berlin")
KOLKATA = ZoneInfo("Asia/Kolkata")
# A year and a half, at ever other hours and minutes; zones that shift at midnight or by halves of an hour.
MOMENTS = [datetime(2026, 1, 1, tzinfo=UTC) + n * timedelta(hours=17, minutes=13) for n in range(760)]
ZONES = [ZoneInfo("UTC"), BERLIN, KOLKATA, ZoneInfo("America/Santiago"), ZoneInfo("Asia/Beirut")]


def at(*given):
    return datetime(*given, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cadence", "zone", "now", "first", "second"),
    [
        ("hourly", BERLIN, at(2026, 7, 1, 9, 59, 59), at(2026, 7, 1, 9), at(2026, 7, 1, 10)),
        ("hourly", KOLKATA, at(2026, 7, 1, 9, 0), at(2026, 7, 1, 9), at(2026, 7, 1, 10)),
        ("daily", BERLIN, at(2026, 7, 1, 9), at(2026, 6, 30, 22), at(2026, 7, 1, 22)),
        ("daily", BERLIN, at(2026, 3, 29, 9), at(2026, 3, 28, 23), at(2026, 3, 29, 22)),  # 23 hours
        ("daily", BERLIN, at(2026, 10, 25, 9), at(2026, 10, 24, 22), at(2026, 10, 25, 23)),  # 25 hours
    ],
)
def test_slots_follow_each_other(cadence, zone, now, first, second):
    assert slots.begin(cadence, now, zone) == first
    assert slots.end(cadence, first, zone) == second
    assert slots.due(cadence, first, zone) == second + timedelta(minutes=10)


@pytest.mark.parametrize("later", ZONES, ids=str)
@pytest.mark.parametrize(("cadence", "longest"), [("hourly", timedelta(hours=1)), ("daily", timedelta(hours=25))])
def test_no_slot_is_empty_or_longer_than_a_day_whatever_changes(cadence, longest, later):
    for moment, zone in product(MOMENTS, ZONES):
        first = slots.end(cadence, moment, zone)
        second = slots.end(cadence, first, later)
        assert timedelta() < first - moment <= longest
        assert timedelta() < second - first <= longest


def test_hours_never_share_a_folder():
    """Not even where the clock shows one twice."""
    start = at(2026, 10, 24)

    hours = {folder("hourly", start + n * timedelta(hours=1), BERLIN) for n in range(72)}

    assert len(hours) == 72


def folder(cadence, start, zone, prefix=""):
    return slots.folder(prefix=prefix, organization="acme", cadence=cadence, start=start, zone=zone)


def test_folders_are_hive_s_by_utc_hour_or_local_day():
    assert folder("hourly", at(2026, 7, 1, 22), BERLIN) == "organization=acme/date=2026-07-01/hour=22"
    assert folder("daily", at(2026, 7, 1, 22), BERLIN) == "organization=acme/date=2026-07-02"
    assert folder("daily", at(2026, 7, 1, 22), BERLIN, "lake/calls") == "lake/calls/organization=acme/date=2026-07-02"


def test_a_slot_that_begins_within_a_day_says_so():
    """As after a change from hourly to daily: another slot may have the day already."""
    assert folder("daily", at(2026, 7, 1, 9), BERLIN) == "organization=acme/date=2026-07-01/from=090000Z"
    assert folder("hourly", at(2026, 7, 1, 18, 30), KOLKATA) == (
        "organization=acme/date=2026-07-01/hour=18/from=183000Z"
    )


def test_names_of_what_is_taken():
    found = slots.names("a.b/date=2026-07-01/part-00000.parquet")

    assert found[:3] == [
        "a.b/date=2026-07-01/part-00000.parquet",
        "a.b/date=2026-07-01/part-00000.2.parquet",
        "a.b/date=2026-07-01/part-00000.3.parquet",
    ]
    assert len(found) == 20
