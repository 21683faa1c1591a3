"""What people write about a key, read without a database."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tenants import key_terms
from tenants.key_terms import TermError
from tenants.permissions import Scope

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("", None),
        ("   ", None),
        ("24h", datetime(2026, 11, 27, 12, tzinfo=UTC)),
        ("7d", datetime(2026, 12, 3, 12, tzinfo=UTC)),
        (" 7 d ", datetime(2026, 12, 3, 12, tzinfo=UTC)),
        ("2027-01-31", datetime(2027, 1, 31, 23, tzinfo=UTC)),
        ("2027-01-31T18:00", datetime(2027, 1, 31, 17, tzinfo=UTC)),
        ("2027-01-31 18:00:30", datetime(2027, 1, 31, 17, 0, 30, tzinfo=UTC)),
        ("2027-01-31T18:00:00.25Z", datetime(2027, 1, 31, 18, 0, 0, 250_000, tzinfo=UTC)),
        ("2027-01-31t18:00z", datetime(2027, 1, 31, 18, tzinfo=UTC)),
        ("2027-01-31T18:00+05:30", datetime(2027, 1, 31, 12, 30, tzinfo=UTC)),
    ],
)
def test_an_expiry_is_a_duration_a_day_or_a_moment(text, moment):
    assert key_terms.expiry(text, now=NOW, zone=BERLIN) == moment


def test_a_day_without_midnight_ends_when_the_next_one_begins():
    before = datetime(2026, 3, 1, tzinfo=UTC)

    ends = key_terms.expiry("2026-03-28", now=before, zone=ZoneInfo("Asia/Beirut"))

    assert ends == datetime(2026, 3, 28, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["2026-11-25", "2026-11-26T12:00:00Z", "2020-01-01", "0001-01-01", "0001-01-01T00:00+14:00"]
)
def test_an_expiry_in_the_past_is_refused(text):
    with pytest.raises(TermError, match=r"Choose a moment in the future\."):
        key_terms.expiry(text, now=NOW, zone=UTC)


@pytest.mark.parametrize("text", ["9999-12-31", "9999-12-31T23:59:59-14:00", "2200-01-01T00:00Z", "99999d"])
def test_an_expiry_beyond_all_calendars_is_refused(text):
    with pytest.raises(TermError, match="before the year 2200"):
        key_terms.expiry(text, now=NOW, zone=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "tomorrow",
        "0h",
        "-1d",
        "1.5d",
        "100000d",
        "7w",
        "2027-02-30",
        "2027-13-01",
        "20270131",
        "2027-W04-7",
        "٧d",
        "7d\0",
        "2027-01-31T25:00",
    ],
)
def test_what_is_no_expiry_is_refused_and_not_repeated(text):
    with pytest.raises(TermError) as refused:
        key_terms.expiry(text, now=NOW, zone=UTC)

    assert str(refused.value).startswith("Write 24h, 7d, a day")
    assert text not in str(refused.value)


@pytest.mark.parametrize("text", ["2027-01-31", "2027-01-31T18:00"])
def test_without_a_zone_a_moment_needs_its_offset(text):
    with pytest.raises(TermError, match="a moment with its offset"):
        key_terms.expiry(text, now=NOW, zone=None)


@pytest.mark.parametrize(("text", "hours"), [("1h", 1), ("24h", 24), ("7d", 168), ("30d", 720), ("720h", 720)])
def test_an_overlap_lasts_from_an_hour_to_thirty_days(text, hours):
    assert key_terms.overlap(text) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "0h", "31d", "721h", "30m", "forever", "2027-01-31"])
def test_an_overlap_out_of_bounds_is_refused(text):
    with pytest.raises(TermError, match="Choose from 1 hour to 30 days"):
        key_terms.overlap(text)


def test_ranges_come_back_in_their_usual_form_each_once():
    entries = ["203.0.113.7", " 10.0.0.0/8 ", "", "2001:DB8:0::/32", "203.0.113.7/32", "::1"]

    assert key_terms.ranges(entries) == ["203.0.113.7/32", "10.0.0.0/8", "2001:db8::/32", "::1/128"]


@pytest.mark.parametrize(
    "entry",
    [
        "10.0.0.5/8",
        "10.0.0.0/33",
        "10.0.0.256",
        "2001:db8::/129",
        "example.com",
        "10.0.0.0-10.0.0.9",
        "*",
        "5",
        "fe80::1%eth0",
    ],
)
def test_a_malformed_range_is_named_by_its_place_and_not_repeated(entry):
    with pytest.raises(TermError) as refused:
        key_terms.ranges(["10.0.0.0/8", entry])

    assert str(refused.value).startswith("Entry 2 is neither an address nor a network")
    assert entry not in str(refused.value).replace("Entry 2", "") or entry == "5"


def test_an_ipv4_network_in_ipv6_clothes_would_never_match_and_is_refused():
    with pytest.raises(TermError, match="write it as IPv4"):
        key_terms.ranges(["::ffff:10.0.0.0/104"])


def test_fifty_ranges_are_taken_and_one_more_is_not():
    entries = [f"10.0.{n}.0/24" for n in range(51)]

    assert len(key_terms.ranges(entries[:50])) == 50
    with pytest.raises(TermError, match="at most 50"):
        key_terms.ranges(entries)


def test_every_scope_says_what_a_leaked_key_could_do():
    for scope in Scope:
        assert "the project Web" in key_terms.if_leaked([scope], project="Web")
        assert "every project of the organization" in key_terms.if_leaked([scope], project=None)

    assert key_terms.if_leaked(["read", "ingest"], project="x").count(";") == 1
    assert key_terms.if_leaked([], project="x") == ""


def test_only_a_key_of_the_organization_reaches_its_people():
    assert "see and remove members" in key_terms.if_leaked(["manage"], project=None)
    assert "members" not in key_terms.if_leaked(["manage"], project="Web")
