import json
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.periods import Granularity, Period
from core.ranges import CALENDAR_RANGES, RANGES
from dashboards.filters import ALIASES, COMPARISONS, DIMENSIONS, LABELS, SEARCHES, Filter, Source

NOW = datetime(2026, 7, 14, 10, 20, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
UTC_ZONE = ZoneInfo("UTC")
BACKWARDS = "The first day must not be after the last one or in the future."


def parse(query="", *, now=NOW, zone=UTC_ZONE):
    return Filter.parse(parse_qs(query, keep_blank_values=True), now=now, zone=zone)


def test_without_a_query_the_last_seven_days_are_shown():
    chosen = parse()

    assert chosen.range == "7d"
    assert chosen.period == Period.of_days(date(2026, 7, 8), date(2026, 7, 14), UTC_ZONE)
    assert (chosen.narrowed_by, chosen.problems, chosen.query()) == ((), (), "")


@pytest.mark.parametrize(
    ("name", "first_day", "granularity"),
    [("7d", date(2026, 7, 8), "day"), ("30d", date(2026, 6, 15), "day"), ("90d", date(2026, 4, 16), "day")],
)
def test_ranges_are_local_days_up_to_today(name, first_day, granularity):
    chosen = parse(f"range={name}")

    assert chosen.period == Period.of_days(first_day, date(2026, 7, 14), UTC_ZONE)
    assert chosen.granularity == Granularity(granularity)


def test_twenty_four_hours_are_shown_by_the_hour():
    chosen = parse("range=24h")

    assert chosen.period == Period.of_hours(24, until=NOW, zone=UTC_ZONE)
    assert chosen.granularity is Granularity.HOUR


def test_today_is_the_organizations_today():
    late = datetime(2026, 7, 14, 22, 30, tzinfo=UTC)

    assert parse(now=late, zone=UTC_ZONE).period.last_day == date(2026, 7, 14)
    assert parse(now=late, zone=BERLIN).period.last_day == date(2026, 7, 15)


def test_dates_are_shown_from_the_first_to_the_last():
    chosen = parse("from=2026-07-01&to=2026-07-02", zone=BERLIN)

    assert chosen.range == "custom"
    assert chosen.period == Period.of_days(date(2026, 7, 1), date(2026, 7, 2), BERLIN)
    assert chosen.query() == "from=2026-07-01&to=2026-07-02"
    assert chosen.problems == ()


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("from=2026-07-10", date(2026, 7, 10), date(2026, 7, 14)),
        ("to=2026-07-10", date(2026, 7, 10), date(2026, 7, 10)),
        ("from=2026-07-10&to=2030-01-01", date(2026, 7, 10), date(2026, 7, 15)),
        ("from=2026-07-10T12:00:00Z&to=2026-07-11T00:00:00Z", date(2026, 7, 10), date(2026, 7, 11)),
        ("range=custom&from=2026-07-10&to=2026-07-10", date(2026, 7, 10), date(2026, 7, 10)),
    ],
)
def test_half_a_wish_for_dates_is_completed(query, first, last):
    chosen = parse(query)

    assert (chosen.period.first_day, chosen.period.last_day, chosen.problems) == (first, last, ())


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        (
            "range=5y",
            (
                "The range must be one of 24h, 7d, 30d, 90d, today, yesterday, month, last-month, 365d, or two dates."
                " The last 7 days are shown."
            ),
        ),
        ("range=custom", "Dates are written like 2026-07-31. The last 7 days are shown."),
        ("from=yesterday", "Dates are written like 2026-07-31. The last 7 days are shown."),
        ("from=2026-13-01&to=2026-07-02", "Dates are written like 2026-07-31. The last 7 days are shown."),
        ("from=0001-01-01&to=2026-07-02", "Dates are written like 2026-07-31. The last 7 days are shown."),
        ("from=9999-12-31", "Dates are written like 2026-07-31. The last 7 days are shown."),
        (
            "from=2026-07-03&to=2026-07-02",
            "The first day must not be after the last one or in the future. The last 7 days are shown.",
        ),
        (
            "from=2027-01-01",
            "The first day must not be after the last one or in the future. The last 7 days are shown.",
        ),
    ],
)
def test_a_time_range_that_cannot_be_says_so_and_falls_back(query, problem):
    chosen = parse(query)

    assert chosen.problems == (problem,)
    assert chosen.range == "7d"
    assert chosen.period == parse().period


def test_a_range_longer_than_rollups_are_kept_shows_its_end():
    chosen = parse("from=2020-01-01&to=2026-07-14")

    assert chosen.period.day_count == 760
    assert chosen.period.last_day == date(2026, 7, 14)
    assert chosen.problems == ("A range is at most 760 days: the latest are shown.",)


@pytest.mark.parametrize("name", DIMENSIONS)
def test_dimensions_take_several_values(name):
    chosen = parse(f"{name}=b&{name}=a&{name}=b")

    assert chosen.values(name) == ("b", "a")
    assert chosen.has(name, "a")
    assert not chosen.has(name, "c")


@pytest.mark.parametrize("name", ["status", *SEARCHES])
def test_everything_else_takes_the_first_value(name):
    value = {"status": "error", "tag": "release:7"}.get(name, "x")

    assert parse(f"{name}={value}&{name}={value}2").one(name) == value


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_aliases_of_the_wire_are_understood(alias, name):
    assert parse(f"{alias}=x").narrowed_by == ((name, "x"),)
    assert parse(f"{alias}=x").query() == f"{name}=x"


def test_an_alias_and_its_name_together_are_one_filter():
    assert parse("endpoint_name=chat&feature=search").values("feature") == ("chat", "search")


def test_none_stands_for_the_empty_value():
    chosen = parse("team=(none)&team=red")

    assert chosen.values("team") == ("", "red")
    assert chosen.only(team="").query() == "team=%28none%29"


def test_empty_values_and_blanks_are_no_filter():
    assert parse("feature=&feature=+&status=&trace=+x+").narrowed_by == (("trace", "x"),)


def test_names_nobody_knows_are_ignored():
    assert parse("utm_source=mail&page=7").query() == ""
    assert parse("utm_source=mail&page=7").problems == ()


@pytest.mark.parametrize("value", ["a%00b", "x" * 256])
def test_a_value_that_cannot_be_stored_is_left_out_and_never_repeated(value):
    chosen = parse(f"model={value}&model=gpt-4o")

    assert chosen.values("model") == ("gpt-4o",)
    assert chosen.problems == ("The Model filter has values that cannot be used; they were left out.",)


def test_more_values_than_anybody_reads_are_left_out():
    chosen = parse("&".join(f"feature=f{n}" for n in range(60)))

    assert len(chosen.values("feature")) == 50
    assert chosen.problems == ("The Feature filter has values that cannot be used; they were left out.",)


def test_an_unknown_status_is_left_out():
    chosen = parse("status=maybe&team=red")

    assert (chosen.status, chosen.values("team")) == ("", ("red",))
    assert chosen.problems == ("The status must be ok or error; calls of every status are shown.",)


@pytest.mark.parametrize("tag", ["release", ":7", "release:", " : "])
def test_a_tag_needs_a_key_and_a_value(tag):
    chosen = parse(f"tag={tag}")

    assert chosen.one("tag") == ""
    assert chosen.problems == ("A tag is written key:value; the tag filter was left out.",)


def test_a_tags_value_may_hold_a_colon():
    assert parse("tag=url:http://x").one("tag") == "url:http://x"


def test_the_query_string_has_one_canonical_form():
    messy = "status=ok&model=b&range=30d&endpoint_name=f&model=a&project=web&x=1&tag="

    assert parse(messy).query() == "range=30d&project=web&model=b&model=a&feature=f&status=ok"


VALUES = st.text(min_size=1, max_size=10)
MOMENTS = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.isoformat())


@given(
    st.fixed_dictionaries(
        {},
        optional={
            **{name: st.lists(VALUES, max_size=2) for name in (*LABELS, *ALIASES)},
            "range": st.lists(st.sampled_from([*RANGES, *CALENDAR_RANGES, "custom", "x"]), max_size=2),
            "compare": st.lists(st.sampled_from([*COMPARISONS]) | VALUES, max_size=2),
            "from": st.lists(st.dates().map(str) | VALUES, max_size=1),
            "to": st.lists(st.dates().map(str) | VALUES, max_size=1),
            "since": st.lists(MOMENTS | VALUES, max_size=1),
            "until": st.lists(MOMENTS | VALUES, max_size=1),
        },
    ),
    st.sampled_from([UTC_ZONE, BERLIN, ZoneInfo("Pacific/Auckland")]),
    st.integers(0, 4 * 366 * 24).map(lambda hours: datetime(2024, 1, 1, 0, 20, tzinfo=UTC) + timedelta(hours=hours)),
)
def test_any_query_gives_a_filter_that_its_canonical_form_gives_again(query, zone, now):
    chosen = Filter.parse(query, now=now, zone=zone)
    again = parse(chosen.query(), now=now, zone=zone)

    assert again == chosen
    assert again.problems == ()
    assert again.query() == chosen.query()
    assert chosen.period.start < chosen.period.end
    assert chosen.previous.start < chosen.previous.end <= chosen.period.end
    assert Filter.of_pairs(json.loads(json.dumps(chosen.pairs)), now=now, zone=zone) == chosen
    assert chosen.for_calls().period.day_count <= (31 if chosen.source is Source.CALLS else 760)


def test_ranges_lead_to_longer_ones_until_the_longest():
    assert parse("range=24h&team=red").widened().query() == "team=red"
    assert parse("team=red").widened().query() == "range=30d&team=red"
    assert parse("from=2026-06-01&to=2026-06-15").widened().range == "30d"
    assert parse("range=90d").widened() is None


def test_a_pair_can_be_taken_away():
    chosen = parse("model=a&model=b&status=ok")

    assert chosen.without("model", "a").query() == "model=b&status=ok"
    assert chosen.without("status", "ok").query() == "model=a&model=b"
    assert chosen.without_all("model").query() == "status=ok"
    assert chosen.cleared().query() == ""
    assert chosen.query() == "model=a&model=b&status=ok"


def test_narrowing_replaces_the_dimension_and_keeps_the_rest():
    chosen = parse("range=30d&model=a&model=b&team=red")

    assert chosen.only(model="c").query() == "range=30d&team=red&model=c"
    assert chosen.only(feature="f").query() == "range=30d&team=red&model=a&model=b&feature=f"


def test_rollups_are_not_asked_what_only_calls_know():
    chosen = parse("trace=t&team=red").for_rollups()

    assert chosen.query() == "team=red"
    assert chosen.problems == (
        "Trace, session, user, tag and source filters work in the calls log; the numbers here are without them.",
    )
    assert parse("team=red").for_rollups() == parse("team=red")


@pytest.mark.parametrize("search", ["trace=t", "session=s", "user=u", "tag=k:v"])
def test_a_search_reads_a_month_at_most(search):
    chosen = parse(f"range=90d&{search}").for_log()

    assert chosen.period == Period.of_days(date(2026, 6, 14), date(2026, 7, 14), UTC_ZONE)
    assert chosen.problems == (
        "Trace, session, user, tag and source filters read at most 31 days: the latest are shown.",
    )
    assert parse(chosen.query()).period == chosen.period


def test_other_logs_read_as_far_back_as_they_are_asked():
    assert parse("range=90d&model=a").for_log() == parse("range=90d&model=a")
    assert parse("range=30d&trace=t").for_log() == parse("range=30d&trace=t")


def test_the_previous_period_of_a_running_week_stops_at_the_same_hour():
    assert parse().previous.end == datetime(2026, 7, 7, 11, tzinfo=UTC)
    assert parse("from=2026-06-01&to=2026-06-30").previous.end == datetime(2026, 6, 1, tzinfo=UTC)


# --- What findings are proved by ---


def test_moments_are_kept_to_the_hour_and_written_back():
    chosen = parse("since=2026-07-12T14:00:00%2B00:00&until=2026-07-12T15:00:00%2B00:00&counted=true")

    assert (chosen.range, chosen.problems) == ("exact", ())
    assert chosen.period == Period(
        datetime(2026, 7, 12, 14, tzinfo=UTC), datetime(2026, 7, 12, 15, tzinfo=UTC), UTC_ZONE
    )
    assert parse(chosen.query()) == chosen
    assert chosen.is_search
    assert chosen.for_log() == chosen


def test_a_lost_plus_sign_is_found_again():
    assert parse("since=2026-07-12T14:00:00 02:00&until=2026-07-12T16:00:00 02:00").period.start.hour == 12


@pytest.mark.parametrize(
    "query",
    [
        "since=2026-07-12&until=2026-07-13",
        "since=2026-07-12T14:00:00Z",
        "since=2026-07-12T14:00:00Z&until=2026-07-12T14:00:00Z",
        "since=0001-01-01T00:00:00Z&until=2026-07-12T14:00:00Z",
        "since=x&until=y",
    ],
)
def test_moments_that_make_no_period_are_said(query):
    chosen = parse(query)

    assert chosen.range == "7d"
    assert len(chosen.problems) == 1


@pytest.mark.parametrize(
    "query",
    [
        "counted=false",
        "below=-1",
        "below=1e3",
        "below=9999999999999",
        "cost_source=free",
        "source=fax",
        "usage_known=1",
    ],
)
def test_evidence_that_cannot_be_is_left_out(query):
    chosen = parse(query)

    assert chosen.narrowed_by == ()
    assert len(chosen.problems) == 1


def test_as_many_prompts_as_a_finding_names_are_kept():
    chosen = parse("&".join(f"prompt=sdk:{number}" for number in range(101)))

    assert len(chosen.values("prompt")) == 100


def test_the_overview_says_that_it_leaves_evidence_out():
    chosen = parse("team=red&counted=true").for_rollups()

    assert chosen.narrowed_by == (("team", "red"),)
    assert chosen.problems == ("What proves a finding is filtered in the calls log; the numbers here are without it.",)


# --- Ranges of the calendar, and what is compared ---


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("today", date(2026, 7, 14), date(2026, 7, 14)),
        ("yesterday", date(2026, 7, 13), date(2026, 7, 13)),
        ("month", date(2026, 7, 1), date(2026, 7, 14)),
        ("last-month", date(2026, 6, 1), date(2026, 6, 30)),
        ("365d", date(2025, 7, 15), date(2026, 7, 14)),
    ],
)
def test_ranges_of_the_calendar_move_with_it(name, first, last):
    chosen = parse(f"range={name}")

    assert chosen.period == Period.of_days(first, last, UTC_ZONE)
    assert (chosen.query(), chosen.problems) == (f"range={name}", ())


def test_the_first_of_january_looks_back_into_december():
    new_year = datetime(2026, 1, 1, 5, 30, tzinfo=UTC)

    assert parse("range=month", now=new_year).period == Period.of_days(date(2026, 1, 1), date(2026, 1, 1), UTC_ZONE)
    assert parse("range=last-month", now=new_year).period == Period.of_days(
        date(2025, 12, 1), date(2025, 12, 31), UTC_ZONE
    )


@pytest.mark.parametrize(
    ("query", "now", "start", "end"),
    [
        ("range=today", NOW, "2026-07-13T00:00", "2026-07-13T11:00"),
        ("range=yesterday", NOW, "2026-07-12T00:00", "2026-07-13T00:00"),
        ("range=month", NOW, "2026-06-01T00:00", "2026-06-14T11:00"),
        ("range=month", datetime(2026, 3, 31, 10, 20, tzinfo=UTC), "2026-02-01T00:00", "2026-03-01T00:00"),
        ("range=last-month", NOW, "2026-05-01T00:00", "2026-06-01T00:00"),
        ("range=7d&compare=year", NOW, "2025-07-08T00:00", "2025-07-14T11:00"),
        ("from=2024-02-29&to=2024-02-29&compare=year", NOW, "2023-02-28T00:00", "2023-03-01T00:00"),
        ("range=24h&compare=year", NOW, "2025-07-13T11:00", "2025-07-14T11:00"),
        ("range=24h", NOW, "2026-07-12T11:00", "2026-07-13T11:00"),
    ],
)
def test_a_period_is_compared_with_its_like(query, now, start, end):
    previous = parse(query, now=now).previous

    assert previous.start == datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert previous.end == datetime.fromisoformat(end).replace(tzinfo=UTC)


def test_the_same_days_last_year_begin_at_midnight_of_their_own_clock():
    previous = parse("from=2026-03-29&to=2026-03-29&compare=year", zone=BERLIN).previous

    assert previous == Period.of_days(date(2025, 3, 29), date(2025, 3, 29), BERLIN)


def test_the_period_before_is_compared_unless_somebody_says_otherwise():
    assert (parse().compare, parse().is_compared) == ("previous", True)
    assert parse("compare=previous").query() == ""
    assert parse("team=red&compare=year&range=30d").query() == "range=30d&compare=year&team=red"
    assert parse("compare=none").is_compared is False
    assert parse("team=red").with_comparison("none").query() == "compare=none&team=red"
    assert parse("compare=none&team=red").cleared().query() == "compare=none"


def test_an_unknown_comparison_is_left_out():
    chosen = parse("compare=budget&team=red")

    assert (chosen.compare, chosen.values("team")) == ("previous", ("red",))
    assert chosen.problems == ("A comparison must be one of previous, year, none; the period before is compared.",)


# --- Which rows answer it ---


@pytest.mark.parametrize(
    ("query", "source"),
    [
        ("", Source.ROLLUPS),
        ("project=web&team=red&provider=openai&model=m&feature=f&environment=e&key=k", Source.ROLLUPS),
        ("status=error", Source.ROLLUPS),
        ("user=u", Source.USERS),
        ("user=u&project=web&provider=openai&model=m&range=90d", Source.USERS),
        ("user=u&status=error", Source.USERS),
        ("user=u&range=24h", Source.CALLS),
        ("user=u&range=today", Source.CALLS),
        ("user=u&since=2026-07-01T05:00:00Z&until=2026-07-12T15:00:00Z", Source.CALLS),
        *((f"user=u&{name}=x", Source.CALLS) for name in ("team", "feature", "environment", "key")),
        *((query, Source.CALLS) for query in ("trace=t", "session=s", "tag=k:v", "counted=true", "team=red&tag=k:v")),
    ],
)
def test_a_filter_reads_no_more_than_it_must(query, source):
    assert parse(query).source is source


def test_only_reading_calls_is_cut_to_a_month():
    chosen = parse("range=90d&user=u&team=red").for_calls()

    assert chosen.period == Period.of_days(date(2026, 6, 14), date(2026, 7, 14), UTC_ZONE)
    assert chosen.problems == (
        "Trace, session, user, tag and source filters read at most 31 days: the latest are shown.",
    )
    assert chosen.source is Source.CALLS
    assert parse("range=90d&user=u").for_calls() == parse("range=90d&user=u")
    assert parse("range=90d&team=red").for_calls() == parse("range=90d&team=red")
    assert parse("range=90d&user=u").for_log().period.day_count == 31


def test_a_filter_can_be_kept_and_read_again():
    chosen = parse("range=last-month&compare=year&project=web&model=a&model=b&team=(none)&tag=k:v")

    kept = json.loads(json.dumps(chosen.pairs))

    assert kept == [
        ["range", "last-month"],
        ["compare", "year"],
        ["project", "web"],
        ["team", "(none)"],
        ["model", "a"],
        ["model", "b"],
        ["tag", "k:v"],
    ]
    assert Filter.of_pairs(kept, now=NOW, zone=UTC_ZONE) == chosen
    later = Filter.of_pairs(kept, now=datetime(2026, 8, 2, tzinfo=UTC), zone=UTC_ZONE)
    assert later.period == Period.of_days(date(2026, 7, 1), date(2026, 7, 31), UTC_ZONE)


def test_second_records_are_left_out_of_the_log_and_are_no_matter_for_numbers(chosen):
    found = chosen("duplicates=without&user=u-1")

    assert (found.query(), found.source) == ("user=u-1&duplicates=without", Source.USERS)
    assert chosen("duplicates=without").source is Source.ROLLUPS
    assert chosen("duplicates=without").is_search is False


def test_second_records_are_left_out_or_not(chosen):
    found = chosen("duplicates=with")

    assert found.narrowed_by == ()
    assert found.problems == ("The Duplicates filter has a value that cannot be used; it was left out.",)
