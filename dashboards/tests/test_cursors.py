import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards import cursors
from dashboards.cursors import Seen
from dashboards.filters import Filter
from dashboards.live import Question, overview_version
from ingestion.call_log import Position

NOW = datetime(2026, 7, 14, 10, 20, 3, 123456, tzinfo=UTC)
MOMENTS = st.integers(0, 250_000_000_000_000_000).map(lambda n: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(0, 0, n))
CALL_IDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=64)


@given(MOMENTS, st.integers(1, 2**63 - 1), CALL_IDS)
def test_a_position_comes_back_as_it_was(moment, project_id, call_id):
    position = Position(started_at=moment, call_id=call_id, project_id=project_id)

    assert cursors.decode_position(cursors.encode_position(position)) == position


@given(st.text(max_size=50) | st.binary(max_size=60).map(lambda b: base64.urlsafe_b64encode(b).decode()))
def test_whatever_was_tampered_with_is_no_position_or_a_plausible_one(text):
    position = cursors.decode_position(text)

    assert position is None or (position.project_id > 0 and "\0" not in position.call_id)
    assert isinstance(cursors.decode_seen(text), Seen | None)


@pytest.mark.parametrize(
    "members",
    [
        "",
        "1",
        "1\n2",
        "x\n2\nid",
        "-1\n2\nid",
        "1.5\n2\nid",
        "1\n0\nid",
        "1\n-2\nid",
        "1\n9223372036854775808\nid",
        "999999999999999999999999\n2\nid",
        "²\n2\nid",
        "1\n2\na\0b",
    ],
)
def test_implausible_positions_are_refused(members):
    assert cursors.decode_position(base64.urlsafe_b64encode(members.encode()).decode()) is None


@pytest.mark.parametrize("text", ["", "!", "é", "a" * 601, base64.urlsafe_b64encode(b"\xff\xfe").decode()])
def test_unreadable_texts_are_refused(text):
    assert cursors.decode_position(text) is None
    assert cursors.decode_seen(text) is None


def test_positions_fit_a_url():
    text = cursors.encode_position(Position(started_at=NOW, call_id="é/?&=#" * 10, project_id=7))

    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_what_was_seen_comes_back_as_it_was():
    assert cursors.decode_seen(cursors.encode_seen(Seen(NOW, "abc"))) == Seen(NOW, "abc")
    assert cursors.decode_seen(cursors.encode_seen(Seen(NOW, ""))) == Seen(NOW, "")


def test_moments_keep_their_microseconds():
    assert cursors.encode_moment(NOW) == "1784024403123456"
    assert cursors.decode_moment("1784024403123456") == NOW


@pytest.mark.parametrize("text", ["", "x", "-1", "1e3", " 1", "9" * 30, "2026-07-14T10:20:03Z"])
def test_other_texts_are_no_moments(text):
    assert cursors.decode_moment(text) is None


def test_a_fingerprint_tells_parts_and_order_apart():
    assert cursors.fingerprint(["a", "b"]) == cursors.fingerprint(iter(["a", "b"]))
    assert cursors.fingerprint(["a", "b"]) != cursors.fingerprint(["b", "a"])
    assert cursors.fingerprint([]) != cursors.fingerprint(["a"])


def test_a_question_without_a_readable_answer_to_it_is_none():
    assert Question.parse({}) is None
    assert Question.parse({"seen": "junk"}) is None


def test_a_question_may_only_want_the_number():
    seen = Seen(NOW, "abc")

    asked = Question.parse({"seen": cursors.encode_seen(seen), "peek": "1", "shown": "3"})

    assert asked == Question(seen, peek=True, shown="3")
    assert Question.parse({"seen": cursors.encode_seen(seen)}) == Question(seen, peek=False, shown="")


@pytest.mark.parametrize(
    ("received", "asked_at", "is_quiet"),
    [
        (NOW, NOW + timedelta(seconds=11), True),
        (NOW, NOW + timedelta(seconds=9), False),  # another writer may still be committing an earlier call
        (NOW - timedelta(hours=1), NOW, True),
        (NOW + timedelta(microseconds=1), NOW + timedelta(hours=1), False),
        (None, NOW, True),
    ],
)
def test_nothing_new_is_known_without_reading_calls(received, asked_at, is_quiet):
    asked = Question(Seen(NOW, "abc"), peek=False, shown="")

    assert asked.is_quiet(last_received_at=received, now=asked_at) is is_quiet


def test_an_overview_is_old_after_a_call_an_hour_or_another_filter(utc):
    chosen = Filter.parse({"range": ["24h"]}, now=NOW, zone=utc)
    later = Filter.parse({"range": ["24h"]}, now=NOW + timedelta(hours=1), zone=utc)
    soon = Filter.parse({"range": ["24h"]}, now=NOW + timedelta(minutes=1), zone=utc)
    other = Filter.parse({"range": ["24h"], "team": ["red"]}, now=NOW, zone=utc)

    version = overview_version(chosen, NOW)

    assert overview_version(soon, NOW) == version
    assert (
        len({version, overview_version(chosen, None), overview_version(later, NOW), overview_version(other, NOW)}) == 4
    )
