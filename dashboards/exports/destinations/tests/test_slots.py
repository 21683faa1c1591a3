"""Which hour or day comes next, and what its files are called."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.exports.destinations import slots

BERLIN = ZoneInfo("Europe/Berlin")
KOLKATA = ZoneInfo("Asia/Kolkata")
MOMENTS = st.integers(0, 10 * 366 * 96).map(lambda n: datetime(2020, 1, 1, tzinfo=UTC) + n * timedelta(minutes=15))
ZONES = st.sampled_from([ZoneInfo("UTC"), BERLIN, KOLKATA, ZoneInfo("America/Santiago"), ZoneInfo("Asia/Beirut")])


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


@given(cadence=st.sampled_from(["hourly", "daily"]), start=MOMENTS, zone=ZONES, later=ZONES)
def test_no_slot_is_empty_or_longer_than_a_day_whatever_changes(cadence, start, zone, later):
    for _ in range(3):
        end = slots.end(cadence, start, zone)
        assert timedelta() < end - start <= (timedelta(hours=1) if cadence == "hourly" else timedelta(hours=26))
        start, zone = end, later


@given(start=MOMENTS, zone=ZONES)
def test_hours_never_share_a_folder(start, zone):
    first = slots.begin("hourly", start, zone)
    second = slots.end("hourly", first, zone)

    assert folder("hourly", first, zone) != folder("hourly", second, zone)


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
