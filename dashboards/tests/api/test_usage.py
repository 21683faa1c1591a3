"""``GET /api/v1/usage``."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from core.cursors import encode
from core.scope import org_scope
from dashboards.tests.factories import count_calls, make_rollup
from ingestion.store import COSTS, TOKENS
from tenants import services
from tenants.models import OrganizationSettings, Project, User
from tenants.permissions import Scope
from tenants.tests.keys import bearer, issue_key

URL = "/api/v1/usage"
TOKENS_OF_ONE = {"input_tokens": 1000, "output_tokens": 500}
WEEK = {"from": "2026-11-02", "to": "2026-11-09"}
NOON = datetime(2026, 11, 3, 12, 10, tzinfo=UTC)


@pytest.fixture
def mobile(acme):
    owner = User.objects.get(email="owner@acme.test")
    return services.create_project(organization=acme, actor=owner, name="Mobile")


@pytest.fixture
def get(anonymous, acme):
    """Asks with a key of acme; other ``headers`` replace it."""
    own = bearer(issue_key(acme))

    def ask(*, headers=None, **parameters):
        return anonymous.get(URL, query_params=parameters, headers=headers or own)

    return ask


@pytest.fixture
def rows(get):
    def listed(**parameters):
        answer = get(**WEEK | parameters)
        assert answer.status_code == 200, answer.content
        return answer.json()["results"]

    return listed


def live_in(organization, zone):
    with org_scope(organization.pk):
        OrganizationSettings.objects.filter(organization=organization).update(time_zone=zone)


def test_the_whole_period_is_one_row_without_grouping(get, acme_project):
    count_calls(
        acme_project,
        [
            {"started_at": NOON, "cost_usd": Decimal("0.000000000000000123"), **TOKENS_OF_ONE},
            {"started_at": NOON + timedelta(days=2), "cost_usd": Decimal("0.01"), "errors": 1, **TOKENS_OF_ONE},
            {"started_at": NOON + timedelta(days=7)},
        ],
    )

    answer = get(**WEEK)

    assert answer.status_code == 200
    assert answer.json() == {
        "from": "2026-11-02T00:00:00.000000Z",
        "to": "2026-11-09T00:00:00.000000Z",
        "time_zone": "UTC",
        "interval": "none",
        "results": [
            {
                "calls": 2,
                "errors": 1,
                "unpriced_calls": 0,
                "input_tokens": 2000,
                "output_tokens": 1000,
                "cost_usd": "0.010000000000000123",
            }
        ],
        "next": None,
    }


def test_without_calls_there_is_no_row(rows, acme_project):
    assert rows() == []
    assert rows(group_by="team", interval="day") == []


def test_every_metric_can_be_asked_for(rows, acme_project):
    kinds = dict.fromkeys(TOKENS, 7)
    costs = {name: Decimal("0.5") for name in COSTS}
    count_calls(acme_project, [{"started_at": NOON, **kinds, **costs}])

    (row,) = rows(metrics=["calls", "errors", *TOKENS, *COSTS])

    assert row == {"calls": 1, "errors": 0, "unpriced_calls": 0} | kinds | dict.fromkeys(COSTS, "0.5")


def test_only_the_metrics_that_were_asked_for_are_there(rows, acme_project):
    count_calls(acme_project, [{"started_at": NOON, **TOKENS_OF_ONE}])

    assert rows(metrics="errors, input_tokens") == [{"errors": 0, "input_tokens": 1000}]


def test_a_cost_says_how_many_calls_are_missing_from_it_and_is_null_when_all_are(rows, acme_project):
    unpriced = {"started_at": NOON, "unpriced_calls": 1}
    count_calls(
        acme_project,
        [
            {**unpriced, "team": "search"},
            {**unpriced, "team": "ads"},
            {"started_at": NOON, "team": "ads", "cost_usd": Decimal("0.25")},
        ],
    )

    assert rows(group_by="team", metrics="cost_usd") == [
        {"team": "ads", "unpriced_calls": 1, "cost_usd": "0.25"},
        {"team": "search", "unpriced_calls": 1, "cost_usd": None},
    ]


@pytest.mark.parametrize(
    ("group_by", "expected"),
    [
        ("provider", [("anthropic", 1), ("openai", 2)]),
        ("model", [("claude-sonnet-4", 1), ("gpt-4o", 2)]),
        ("feature", [("chat", 1), ("default", 2)]),
        ("team", [(None, 2), ("search", 1)]),
        ("environment", [("default", 2), ("staging", 1)]),
        ("project", [("mobile", 1), ("web", 2)]),
    ],
)
def test_groups_by_every_dimension(rows, acme_project, mobile, group_by, expected):
    count_calls(acme_project, [{"started_at": NOON}, {"started_at": NOON, "environment": "staging"}])
    other = {"provider": "anthropic", "model_key": "claude-sonnet-4", "feature": "chat", "team": "search"}
    count_calls(mobile, [{"started_at": NOON, **other}])

    assert [(row[group_by], row["calls"]) for row in rows(group_by=group_by)] == expected


def test_keys_are_named_by_their_prefix_and_a_deleted_one_by_nothing(rows, acme, acme_project):
    issued = issue_key(acme)
    count_calls(acme_project, [{"started_at": NOON, "api_key_id": issued.key.pk}, {"started_at": NOON}])

    found = rows(group_by="api_key", metrics="calls")

    assert found == [{"api_key": None, "calls": 1}, {"api_key": issued.key.prefix, "calls": 1}]
    assert rows(api_key=issued.key.prefix, metrics="calls") == [{"calls": 1}]


def test_several_dimensions_and_days_make_a_row_each(rows, acme_project):
    count_calls(
        acme_project,
        [
            {"started_at": NOON, "team": "a"},
            {"started_at": NOON, "team": "a", "feature": "chat"},
            {"started_at": NOON + timedelta(days=1), "team": "a"},
        ],
    )

    found = rows(group_by=["team", "feature"], interval="day", metrics="calls")

    assert found == [
        {"bucket": "2026-11-03", "team": "a", "feature": "chat", "calls": 1},
        {"bucket": "2026-11-03", "team": "a", "feature": "default", "calls": 1},
        {"bucket": "2026-11-04", "team": "a", "feature": "default", "calls": 1},
    ]


# --- Time ---


def test_the_period_is_half_open_to_the_hour(rows, acme_project):
    hours = [datetime(2026, 11, 3, hour, tzinfo=UTC) for hour in (9, 10, 11, 12)]
    count_calls(acme_project, [{"started_at": hour} for hour in hours])

    found = rows(**{"from": "2026-11-03T10:00:00Z", "to": "2026-11-03T12:00:00Z"}, interval="hour", metrics="calls")

    assert found == [
        {"bucket": "2026-11-03T10:00:00+00:00", "calls": 1},
        {"bucket": "2026-11-03T11:00:00+00:00", "calls": 1},
    ]


@pytest.mark.parametrize("interval", ["none", "day", "month", "hour"])
def test_adjacent_periods_add_up_to_the_whole(rows, acme_project, interval):
    start = datetime(2026, 11, 2, tzinfo=UTC)
    count_calls(acme_project, [{"started_at": start + timedelta(hours=5 * n)} for n in range(32)])
    cut = "2026-11-06T13:00:00Z"

    def calls(**period):
        return sum(row["calls"] for row in rows(interval=interval, **period))

    assert calls(to=cut) + calls(**{"from": cut}) == calls() == 32
    assert calls(to=cut) == 22


def test_days_and_months_are_local(rows, acme, acme_project):
    live_in(acme, "Europe/Berlin")
    count_calls(acme_project, [{"started_at": datetime(2026, 10, 31, 23, 30, tzinfo=UTC)}], zone="Europe/Berlin")

    wide = {"from": "2026-10-01", "to": "2026-11-30", "metrics": "calls"}

    assert rows(**wide, interval="day") == [{"bucket": "2026-11-01", "calls": 1}]
    assert rows(**wide, interval="month") == [{"bucket": "2026-11", "calls": 1}]
    assert rows(**{"from": "2026-11-01", "to": "2026-11-02"}, interval="hour", metrics="calls") == [
        {"bucket": "2026-11-01T00:00:00+01:00", "calls": 1}
    ]


def test_a_day_of_25_hours_is_one_and_its_repeated_hour_two(rows, acme, acme_project):
    live_in(acme, "Europe/Berlin")
    twice = [datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1)]
    count_calls(acme_project, [{"started_at": moment} for moment in twice], zone="Europe/Berlin")

    day = {"from": "2026-10-25", "to": "2026-10-26", "metrics": "calls"}

    assert rows(**day, interval="day") == [{"bucket": "2026-10-25", "calls": 2}]
    assert [row["bucket"] for row in rows(**day, interval="hour")] == [
        "2026-10-25T02:00:00+02:00",
        "2026-10-25T02:00:00+01:00",
    ]


def test_without_a_period_the_last_thirty_days_are_meant(get, acme_project):
    answer = get().json()

    start, end = (datetime.fromisoformat(answer[name]) for name in ("from", "to"))
    assert end - timedelta(hours=1) <= datetime.now(UTC) + timedelta(seconds=5)
    assert start == datetime.combine(end.date() - timedelta(days=30), datetime.min.time(), UTC)


def test_moments_are_read_in_every_form(get, acme):
    live_in(acme, "Asia/Kolkata")  # its hours begin at half past

    def period(start, end):
        answer = get(**{"from": start, "to": end})
        return answer.status_code if answer.status_code != 200 else (answer.json()["from"], answer.json()["to"])

    expected = ("2026-11-02T18:30:00.000000Z", "2026-11-03T18:30:00.000000Z")
    assert period("2026-11-03", "2026-11-04") == expected
    assert period("2026-11-03T00:00:00+05:30", "1793730600") == expected
    assert period("2026-11-03T00:00:00 05:30", "2026-11-04") == expected  # a plus that was not encoded
    assert period("2026-11-02T18:00:00Z", "2026-11-04") == 400


# --- Filters ---


@pytest.mark.parametrize(
    ("query", "calls"),
    [
        ({}, 3),
        ({"provider": "OpenAI"}, 2),
        ({"model": ["gpt-4o", "claude-sonnet-4"]}, 3),
        ({"feature": "chat"}, 1),
        ({"endpoint_name": "chat"}, 1),
        ({"team": ""}, 2),
        ({"team": ["", "search"]}, 3),
        ({"environment": "staging"}, 1),
        ({"project": "mobile"}, 1),
        ({"project": ["mobile", "web"]}, 3),
        ({"api_key": "unknown"}, 0),
    ],
)
def test_filters_narrow(rows, acme_project, mobile, query, calls):
    count_calls(acme_project, [{"started_at": NOON}, {"started_at": NOON, "environment": "staging"}])
    other = {"provider": "anthropic", "model_key": "claude-sonnet-4", "feature": "chat", "team": "search"}
    count_calls(mobile, [{"started_at": NOON, **other}])

    assert sum(row["calls"] for row in rows(**query)) == calls


# --- Pages ---


def test_pages_are_followed_to_the_end_and_show_every_row_once(anonymous, acme, acme_project):
    with org_scope(acme.pk):
        for number in range(5):
            make_rollup(acme_project, date(2026, 11, 3), team=f"t{number}")
        make_rollup(acme_project, date(2026, 11, 4), team="t0")
    headers = bearer(issue_key(acme))
    url, seen = f"{URL}?group_by=team&interval=day&metrics=calls&limit=2&from=2026-11-02&to=2026-11-09", []

    while url:
        page = anonymous.get(url, headers=headers).json()
        seen.append([(row["bucket"][-2:], row["team"]) for row in page["results"]])
        url = page["next"]

    assert seen == [[("03", "t0"), ("03", "t1")], [("03", "t2"), ("03", "t3")], [("03", "t4"), ("04", "t0")]]


def test_a_page_holds_at_most_two_thousand_rows(rows, get):
    assert rows(limit="2000") == []
    assert get(**WEEK, limit="2001").status_code == 400


def test_a_cursor_belongs_to_its_question(get, acme, acme_project):
    with org_scope(acme.pk):
        for team in ("a", "b"):
            make_rollup(acme_project, date(2026, 11, 3), team=team)
    place = encode(("", "a"))

    assert [row["team"] for row in get(**WEEK, group_by="team", cursor=place).json()["results"]] == ["b"]
    for other in ({}, {"group_by": "team", "interval": "day"}, {"group_by": ["team", "model"]}):
        answer = get(**WEEK, **other, cursor=place)
        assert answer.status_code == 400
        assert [error["field"] for error in answer.json()["errors"]] == ["cursor"]


@pytest.mark.parametrize("text", ["", "x", "bnVsbA", "W10", "WzFd", "WyJcdTAwMDAiXQ", "WyJcdWQ4MDAiXQ", "[" * 3000])
def test_no_other_text_is_a_cursor(get, text):
    assert get(**WEEK, cursor=text).status_code == 400


# --- Refusals ---


@pytest.mark.parametrize(
    ("query", "field", "says"),
    [
        ({"group_by": "user"}, "group_by", "Must be one of: provider, model, feature"),
        ({"group_by": "team,user"}, "group_by", "Must be one of"),
        ({"group_by": "team,team"}, "group_by", "Give each once."),
        ({"metrics": "latency"}, "metrics", "Must be one of: calls, errors, unpriced_calls"),
        ({"metrics": ""}, "metrics", "may not be blank|is not a valid choice|Must be one of"),
        ({"interval": "week"}, "interval", "Must be one of: none, hour, day, month."),
        ({"from": "yesterday"}, "from", "This must be a date"),
        ({"from": "2026-02-30"}, "from", "This must be a date"),
        ({"from": "0001-01-01"}, "from", "not a moment"),
        ({"from": "2026-11-03T10:30:00Z"}, "from", "start of an hour in UTC"),
        ({"to": "2026-11-03T10:00:01Z"}, "to", "start of an hour in UTC"),
        ({"from": "2026-11-09"}, "from", "before the end"),
        ({"from": "2020-01-01"}, "from", "at most 800 days"),
        ({"from": "2026-09-01", "interval": "hour"}, "from", "at most 31 days"),
        ({"limit": "0"}, "limit", "greater than or equal to 1"),
        ({"limit": "many"}, "limit", "valid integer"),
        ({"team": "t" * 101}, "team", "no more than 100"),
        ({"team": "t\0"}, "team", "Null characters"),
        ({"nonsense": "1"}, "nonsense", "There is no such parameter."),
        ({"feature": "a", "endpoint_name": "b"}, "endpoint_name", "another name of feature"),
    ],
)
def test_bad_parameters_are_named(get, query, field, says):
    answer = get(**WEEK | query)

    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert any(part in error["message"] for part in says.split("|")), error["message"]


def test_who_may_ask(anonymous, outsider, nobody, viewer, acme):
    ingest_only = bearer(issue_key(acme, scopes=[Scope.INGEST]))
    asked = f"{URL}?organization=acme"

    assert [one.get(asked).status_code for one in (anonymous, outsider, nobody, viewer)] == [401, 404, 403, 200]
    assert anonymous.get(URL, headers=ingest_only).status_code == 403


def test_keys_see_their_own_project_and_organization_only(get, rows, acme, acme_project, mobile, globex):
    count_calls(acme_project, [{"started_at": NOON}])
    count_calls(mobile, [{"started_at": NOON}, {"started_at": NOON}])
    with org_scope(globex.pk):
        foreign = Project.objects.get(slug="web")
    count_calls(foreign, [{"started_at": NOON}] * 4)
    bound = bearer(issue_key(acme, project=acme_project))

    assert [row["calls"] for row in rows()] == [3]
    assert [row["calls"] for row in rows(headers=bound)] == [1]
    assert rows(headers=bound, group_by="project", metrics="calls") == [{"project": "web", "calls": 1}]
    assert get(headers=bound, project="mobile").status_code == 404
    assert get(project="nothing").status_code == 404
    assert [row["calls"] for row in rows(headers=bearer(issue_key(globex)))] == [4]
    assert get(headers=bearer(issue_key(globex)), organization="acme").status_code == 404
