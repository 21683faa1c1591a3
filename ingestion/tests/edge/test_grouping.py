"""From calls to rollup rows, without a database."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from ingestion import store
from ingestion.pricing.book import PriceBook
from ingestion.tests.edge.conftest import CARDS
from ingestion.wire.types import Call, Usage
from ingestion.writer import LocalTime, Target, daily_sums, rollups, row, rows
from ingestion.writer.rollups import DistinctValues

NOON = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
BOOK = PriceBook(CARDS)


def make(call_id="1", *, project=1, zone="UTC", at=NOON, usage=None, **fields):
    call = Call(
        call_id=call_id,
        started_at=at,
        provider="openai",
        model=fields.pop("model", "gpt-4o"),
        usage=usage or Usage(input_tokens=1000, output_tokens=500),
        **fields,
    )
    return row(call, BOOK.price(1, call), Target(1, project, 9, LocalTime(zone)), NOON)


def named(line, table=store.HOURLY):
    return dict(zip(store.rollup_columns(table), line, strict=True))


def test_one_call_makes_one_row_an_hour_and_a_day():
    ((hour,), (day,)) = rollups.rollup_rows(rollups.measured(rollups.group([make(latency_ms=50.0)])))

    assert named(hour)["bucket_start"] == NOON.replace(minute=0)
    assert named(day, store.DAILY)["bucket_date"] == NOON.date()
    assert named(hour)["cost_usd"] == Decimal("0.0075")
    assert (named(hour)["calls"], named(hour)["latency_calls"], named(hour)["timed_output_tokens"]) == (1, 1, 500)
    assert hour[3:] == day[3:]


def test_calls_of_two_hours_meet_in_one_day():
    calls = [make("1"), make("2", at=NOON + timedelta(hours=1)), make("3", at=NOON + timedelta(hours=1))]

    hourly, daily = rollups.rollup_rows(rollups.measured(rollups.group(calls)))

    assert [named(hour)["calls"] for hour in hourly] == [1, 2]
    assert [named(day, store.DAILY)["calls"] for day in daily] == [3]


def test_rows_are_in_the_order_of_the_key_whatever_the_order_of_calls():
    calls = [make("1", project=2, feature="b"), make("2", project=1, feature="z"), make("3", project=2, feature="a")]

    hourly, daily = rollups.rollup_rows(rollups.measured(rollups.group(calls)))

    for table, lines in ((store.HOURLY, hourly), (store.DAILY, daily)):
        keys = [tuple(named(line, table)[column] for column in store.rollup_key(table)) for line in lines]
        assert keys == sorted(keys)


def test_sums_do_not_depend_on_how_calls_were_grouped():
    calls = [make(str(n), model=model, latency_ms=n / 4) for n, model in enumerate(["gpt-4o", "mine", "gpt-4o"] * 5)]

    together = rollups.fold([call.measures for call in calls])
    apart = [rollups.fold([call.measures]) for call in calls]

    sums = len(store.SUMS) - len(store.HISTOGRAMS)
    assert together[:sums] == tuple(map(sum, zip(*(line[:sums] for line in apart), strict=True)))
    for histogram in range(sums, len(store.SUMS)):
        assert Decimal(together[histogram]) == sum(Decimal(line[histogram]) for line in apart)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"status": "error"}, {"errors": 1}),
        ({"model": "mine"}, {"unpriced_calls": 1, "cost_usd": 0, "cost_other_usd": 0}),
        ({"usage_estimated": True}, {"estimated_calls": 1}),
        ({"time_to_first_token_ms": 5.0}, {"first_token_calls": 1, "first_token_sum_ms": 5.0, "latency_calls": 0}),
        ({"latency_ms": 5.0}, {"latency_histogram": "1e0", "first_token_histogram": "0", "first_token_calls": 0}),
    ],
)
def test_each_kind_of_call_is_counted(fields, expected):
    ((hour,), _) = rollups.rollup_rows(rollups.measured(rollups.group([make(**fields)])))

    assert {name: named(hour)[name] for name in expected} == expected


def test_values_keep_their_place_until_the_limit():
    values = DistinctValues(limit=2)
    capped = [values.cap(make(feature=name).dimensions).feature for name in ("a", "b", "c", "a")]

    assert capped == ["a", "b", "(other)", "a"]


def test_each_dimension_day_and_project_has_a_limit_of_its_own():
    values = DistinctValues(limit=1)
    values.cap(make(feature="a", team="x").dimensions)

    assert values.cap(make(feature="b", team="x").dimensions)[4:9] == ("openai", "gpt-4o", "(other)", "x", "default")
    assert values.cap(make(feature="b", at=NOON + timedelta(days=1)).dimensions).feature == "b"
    assert values.cap(make(feature="b", project=2).dimensions).feature == "b"


def test_names_beyond_the_limit_do_not_depend_on_the_order_they_come_in():
    values, day = DistinctValues(limit=2), (1, NOON.date())

    assert values.beyond(day, {"b", "c", "a"}) == {"c"}
    assert values.beyond(day, {"d", "a"}) == {"d"}
    assert values.beyond((2, NOON.date()), {"d", "a"}) == set()


def test_calls_of_users_beyond_the_limit_are_added_up_in_one_row_a_model():
    calls = [make("1", user_id="ann"), make("2", user_id="bob"), make("3", user_id="cem"), make("4", user_id="cem")]
    ((owner, found),) = daily_sums.by_user(
        {calls[0].dimensions: [(call.user_id, call.measures) for call in calls]}
    ).items()

    rows = daily_sums.user_rows({owner: daily_sums.without_users(found, {"bob", "cem"})})

    assert [row[:7] for row in rows] == [
        (1, 1, NOON.date(), "(other)", "openai", "gpt-4o", 3),
        (1, 1, NOON.date(), "ann", "openai", "gpt-4o", 1),
    ]
    assert [row[-1] for row in rows] == [Decimal("0.0225"), Decimal("0.0075")]


def test_calls_of_capped_values_are_added_up_in_one_row():
    values = DistinctValues(limit=1)

    groups = rollups.cap(rollups.group([make(str(n), feature=f"f-{n}") for n in range(4)]), values)

    assert sorted((dimensions.feature, len(calls)) for dimensions, calls in groups.items()) == [
        ("(other)", 3),
        ("f-0", 1),
    ]


def test_capped_groups_are_in_the_order_of_their_keys():
    calls = [make("1", project=2, feature="b"), make("2", project=1, feature="z"), make("3", project=2, feature="a")]

    groups = rollups.cap(rollups.group(calls), DistinctValues())

    assert [(dimensions.project_id, dimensions.feature) for dimensions in groups] == [(1, "z"), (2, "a"), (2, "b")]


def test_a_day_is_learned_once(monkeypatch):
    values = DistinctValues(limit=1)
    day = (1, NOON.date())

    assert values.unseen([day]) == [day]
    values.learn({day: ({"openai"}, {"gpt-4o"}, {"known"}, {""}, {"default"})})
    assert values.unseen([day]) == []
    values.learn({day: (set(), set(), set(), set(), set())})
    assert values.cap(make(feature="new").dimensions).feature == "(other)"


def test_the_oldest_days_are_forgotten_when_memory_is_full(monkeypatch):
    monkeypatch.setattr(rollups, "_MOST_DAYS", 2)
    values = DistinctValues()
    days = [(project, NOON.date()) for project in range(3)]

    for day in days:
        values.learn({day: ({"a"}, set(), set(), set(), set())})

    assert values.unseen(days) == days[:1]


def test_the_hours_of_a_zone_are_remembered_within_bounds(monkeypatch):
    monkeypatch.setattr(rows, "_MOST_SLOTS", 2)
    local_time = LocalTime("Asia/Kolkata")

    found = [local_time.buckets(NOON + timedelta(minutes=15 * n)) for n in range(6)]

    assert len(local_time._slots) <= 2
    half_past = NOON.replace(minute=30)
    assert found == [(half_past + timedelta(hours=n // 4), date(2026, 11, 22)) for n in range(6)]


def test_a_line_is_as_wide_as_the_table():
    line = make(usage=Usage(input_tokens=1, extra_units={"pages": Decimal("0.5")})).line

    assert b'"{\\"pages\\":0.5}"' in line
    assert b"\n" not in line
