import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ingestion.tests.wire.builders import NOW, UUID7, accepted, parse, parse_text, refused
from ingestion.wire.identity import TimestampError, new_uuid7, parse_timestamp, plain_timestamp, uuid7_time

FORMS = "must be RFC 3339 with an offset, or the epoch in seconds or milliseconds"
MOMENT = datetime(2026, 9, 14, 10, 30, 15, tzinfo=UTC)
EPOCH_SECONDS = 1789381815


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-09-14T10:30:15Z", MOMENT),
        ("2026-09-14t10:30:15z", MOMENT),
        ("2026-09-14 10:30:15Z", MOMENT),
        ("2026-09-14T10:30:15+00:00", MOMENT),
        ("2026-09-14T10:30:15-00:00", MOMENT),
        ("2026-09-14T12:30:15+02:00", MOMENT),
        ("2026-09-14T16:15:15+05:45", MOMENT),
        ("2026-09-14T01:00:15-09:30", MOMENT),
        ("2026-09-13T10:31:15-23:59", MOMENT),
        ("2026-09-14T10:30:15.5Z", MOMENT.replace(microsecond=500_000)),
        ("2026-09-14T10:30:15.123456Z", MOMENT.replace(microsecond=123_456)),
        ("2026-09-14T10:30:15.123456999Z", MOMENT.replace(microsecond=123_456)),
        ("2026-09-14T10:30:15.999999999999+00:00", MOMENT.replace(microsecond=999_999)),
        ("2026-09-14T10:29:60Z", MOMENT.replace(second=0)),
        ("2026-09-14T10:29:60.9Z", MOMENT.replace(second=0)),
        ("2026-09-14T23:59:60+14:00", MOMENT.replace(hour=10, minute=0, second=0)),
    ],
)
def test_rfc_3339_becomes_utc_truncated_to_microseconds(written, moment):
    assert parse_timestamp(written) == moment
    assert parse_timestamp(written).utcoffset() == timedelta(0)
    assert accepted(timestamp=written).started_at == moment


@pytest.mark.parametrize(
    ("written", "microsecond"),
    [
        (EPOCH_SECONDS, 0),
        (EPOCH_SECONDS * 1000, 0),
        (EPOCH_SECONDS * 1000 + 7, 7_000),
        (Decimal(f"{EPOCH_SECONDS}.123456999"), 123_456),
        (Decimal(f"{EPOCH_SECONDS}.99999999999999999999999999999999999"), 999_999),
        (Decimal(f"{EPOCH_SECONDS}123.4569"), 123_456),
        (Decimal("1.789381815E9"), 0),
        (str(EPOCH_SECONDS), 0),
        (f"{EPOCH_SECONDS}.25", 250_000),
        (f"{EPOCH_SECONDS}250", 250_000),
    ],
)
def test_the_epoch_is_seconds_or_milliseconds(written, microsecond):
    assert parse_timestamp(written) == MOMENT.replace(microsecond=microsecond)


def test_a_number_in_the_body_is_exact():
    [(_, call)] = parse_text('{"model": "m", "timestamp": 1789381815.1234559999999999999}').calls

    assert call.started_at == MOMENT.replace(microsecond=123_455)


@pytest.mark.parametrize(
    "written",
    [
        "2026-09-14T10:30:15",
        "2026-09-14",
        "2026-09-14T10:30Z",
        "20260914T103015Z",
        "2026-W38-1T10:30:15Z",
        "2026-09-14T24:00:00Z",
        "2026-09-14T10:60:00Z",
        "2026-09-14T10:30:61Z",
        "2026-09-14T10:30:15+24:00",
        "2026-09-14T10:30:15+0200",
        "2026-09-14T10:30:15 Z",
        " 2026-09-14T10:30:15Z",
        "2026-09-14T10:30:15Z\n",
        "２０２６-09-14T10:30:15Z",
        "yesterday",
        "",
        "0x10",
        "1e9",
        "nan",
        "12345678901234567890",
        True,
        None,
        [],
        {},
    ],
)
def test_other_forms_are_refused(written):
    with pytest.raises(TimestampError, match=re.escape(FORMS)):
        parse_timestamp(written)


@pytest.mark.parametrize(
    "written",
    [
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-10T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:00",
        "9999-12-31T23:59:59-01:00",
        "9999-12-31T23:59:60Z",
        10**15,
        10**16,
        -(10**16),
        Decimal("1e400"),
        Decimal("Infinity"),
        "99999999999999999",
    ],
)
def test_moments_no_calendar_has_are_refused(written):
    with pytest.raises(TimestampError, match="is not a date of the calendar"):
        parse_timestamp(written)


@pytest.mark.parametrize("value", ["soon", True, [], {}, "2026-09-14T10:30:15"])
def test_an_event_with_an_unreadable_time_is_rejected(value):
    assert refused(timestamp=value) == [("timestamp", FORMS)]


def test_an_endless_time_is_rejected_without_being_read():
    assert refused(timestamp="1" * 5000) == [("timestamp", "is too long")]


def test_the_window_includes_both_of_its_ends():
    earliest, latest = NOW - timedelta(days=400), NOW + timedelta(minutes=10)

    assert accepted(timestamp=earliest.isoformat()).started_at == earliest
    assert accepted(timestamp=latest.isoformat()).started_at == latest


@pytest.mark.parametrize(
    ("beyond", "message"),
    [
        (NOW - timedelta(days=400, microseconds=1), "is older than the retention period"),
        (datetime(1970, 1, 1, tzinfo=UTC), "is older than the retention period"),
        (NOW + timedelta(minutes=10, microseconds=1), "is more than 10 minutes ahead of the server's clock"),
        (datetime(9999, 12, 31, tzinfo=UTC), "is more than 10 minutes ahead of the server's clock"),
    ],
)
def test_calls_outside_the_window_are_rejected(beyond, message):
    assert refused(timestamp=beyond.isoformat()) == [("timestamp", message)]


def test_negative_epochs_are_merely_old():
    assert refused(timestamp=-5) == [("timestamp", "is older than the retention period")]


def test_a_uuid7_id_is_its_own_time():
    assert accepted().started_at == datetime.fromtimestamp(0x019945B83C60 / 1000, tz=UTC)


@pytest.mark.parametrize("write", [str.upper, lambda text: text.replace("-", ""), str])
def test_a_uuid7_is_recognised_however_it_is_written_and_kept_as_sent(write):
    call = accepted(id=write(UUID7))

    assert call.call_id == write(UUID7)
    assert call.started_at == uuid7_time(UUID7)


def test_a_given_time_goes_before_the_one_in_the_id():
    assert accepted(timestamp="2026-09-14T10:30:15Z").started_at == MOMENT


@pytest.mark.parametrize(
    "call_id",
    [
        "abc",
        "6c1d6f2e-8a0b-4b2c-9d3e-1f2a3b4c5d6e",
        "019945b8-3c60-7abc-cdef-0123456789ab",
        "{019945b8-3c60-7abc-8def-0123456789ab}",
        "019945b83c60-7abc-8def-0123456789ab",
    ],
)
def test_another_id_needs_a_time(call_id):
    assert refused(id=call_id) == [("timestamp", "is required unless the id is a UUIDv7")]
    assert accepted(id=call_id, timestamp="2026-09-14T10:30:15Z").call_id == call_id


def test_a_uuid7_of_a_far_future_is_rejected():
    assert refused(id="01a0a000-0000-7abc-8def-0123456789ab") == [
        ("timestamp", "is more than 10 minutes ahead of the server's clock")
    ]
    assert refused(id="ffffffff-ffff-7abc-8def-0123456789ab") == [("timestamp", "is not a date of the calendar")]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("x" * 65, "must be at most 64 characters"),
        (5, "must be a string"),
        (["a"], "must be a string"),
        ("a\nb", "must not contain control characters"),
        ("a\tb", "must not contain control characters"),
    ],
)
def test_ids_that_are_not_ids_are_rejected(value, message):
    assert refused(id=value, timestamp="2026-09-14T10:30:15Z") == [("id", message)]


def test_the_longest_id_is_kept():
    assert accepted(id="é" * 64, timestamp="2026-09-14T10:30:15Z").call_id == "é" * 64


@pytest.mark.parametrize("missing", [{}, {"id": None}, {"id": ""}])
def test_an_event_without_an_id_gets_a_uuid7_of_its_arrival(missing):
    [(_, call)] = parse({"model": "m"} | missing).calls

    assert call.started_at == NOW
    assert uuid7_time(call.call_id) == NOW.replace(microsecond=123_000)


def test_an_event_without_an_id_keeps_its_own_time():
    [(_, call)] = parse({"model": "m", "timestamp": "2026-09-14T10:30:15Z"}).calls

    assert call.started_at == MOMENT
    assert uuid7_time(call.call_id) == NOW.replace(microsecond=123_000)


def test_the_ids_of_one_request_are_in_order():
    ids = [call.call_id for _, call in parse([{"model": "m"}] * 300).calls]

    assert ids == sorted(ids)
    assert len(set(ids)) == 300


def test_a_new_uuid7_is_one_by_the_rfc():
    assert new_uuid7(NOW, 5, b"\xff" * 8) == "01a09fe5-8853-7005-bfff-ffffffffffff"
    assert new_uuid7(NOW, 4096, bytes(8)) == "01a09fe5-8853-7000-8000-000000000000"


def test_random_bytes_make_ids_of_different_requests_differ():
    one = parse({"model": "m"}, random_bytes=lambda n: b"\x01" * n).calls[0][1].call_id
    two = parse({"model": "m"}, random_bytes=lambda n: b"\x02" * n).calls[0][1].call_id

    assert one != two


@pytest.mark.parametrize(
    "written",
    [
        "2026-09-14T10:30:15Z",
        "2026-09-14T10:30:15.1Z",
        "2026-09-14T10:30:15.123456Z",
        "2026-09-14T10:30:15.123456+00:00",
        "2026-09-14 10:30:15z".upper(),
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999Z",
    ],
)
def test_the_quick_reading_of_a_timestamp_is_the_careful_one(written):
    moment = plain_timestamp(json.dumps(written).encode())

    assert moment == parse_timestamp(written)
    assert moment.tzinfo is UTC


@pytest.mark.parametrize(
    "written",
    [
        "2026-09-14T10:30:15.1234567Z",  # would be rounded where it is to be cut
        "2026-09-14T10:30:15.1234569+00:00",
        "2026-09-14T10:30:15+02:00",
        "2026-09-14T10:30:15",
        "2026-09-14T23:59:60Z",
        "2026-02-29T00:00:00Z",
        "yesterdayZ",
        "Z",
        1789381815,
        None,
    ],
)
def test_everything_unusual_is_left_to_the_careful_reading(written):
    assert plain_timestamp(json.dumps(written).encode()) is None
