from datetime import UTC, datetime, timedelta

import pytest

from core.fields import instant_text
from ingestion import end_users
from ingestion.api.parameters import CallParameters
from ingestion.tests.api.conftest import HOUR_AGO, URL
from ingestion.tests.factories import make_call, make_calls

A_SECOND = timedelta(seconds=1)
NO_SUCH = "There is no such parameter."
BAD_MOMENT = "This must be RFC 3339 with an offset, or the epoch in seconds or milliseconds."
NO_DATE = "This is not a date of the calendar."
NO_CALLS_THEN = "This is not a moment at which a call can have been made."
BAD_CURSOR = "Use the cursor of an answer's next link as it is."


def errors_of(answer):
    assert answer.status_code == 400, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    document = answer.json()
    errors = document.pop("errors")
    assert document == {
        "type": "https://tokenops.dev/problems/invalid",
        "title": "The request is not valid.",
        "status": 400,
    }
    return {error["field"]: error["message"] for error in errors}


@pytest.mark.parametrize(
    ("parameter", "column", "value"),
    [
        ("endpoint_name", "feature", "summarization"),
        ("endpointName", "feature", "summarization"),
        ("feature", "feature", "summarization"),
        ("model", "model", "openai/gpt-4o-mini"),
        ("model", "model_key", "gpt-4o-mini"),
        ("provider", "provider", "anthropic"),
        ("team", "team", "search"),
        ("environment", "environment", "staging"),
        ("user_id", "user_id", "u-1"),
        ("userId", "user_id", "u-1"),
        ("session_id", "session_id", "s 1&2"),
        ("sessionId", "session_id", "s-1"),
        ("trace_id", "trace_id", "t-1"),
        ("traceId", "trace_id", "t-1"),
        ("status", "status", "error"),
    ],
)
def test_each_filter_under_each_of_its_names(ids, acme_project, parameter, column, value):
    make_call(acme_project, call_id="wanted", started_at=HOUR_AGO, **{column: value})
    make_call(acme_project, call_id="other", started_at=HOUR_AGO)

    assert ids(**{parameter: value}) == ["wanted"]
    assert ids(**{parameter: [value, value]}) == ["wanted"]


def test_every_parameter_is_tested():
    elsewhere = {"from", "to", "limit", "cursor", "project", "organization"}
    tested = {name for name, _, _ in test_each_filter_under_each_of_its_names.pytestmark[0].args[1]}
    assert {*CallParameters().fields, *CallParameters.ALIASES} - elsewhere == tested


def test_a_repeated_filter_accepts_any_value_and_filters_narrow_each_other(ids, acme_project):
    make_calls(
        acme_project,
        [
            {"call_id": "a", "started_at": HOUR_AGO, "feature": "chat", "model": "m-1"},
            {"call_id": "b", "started_at": HOUR_AGO, "feature": "search", "model": "m-1"},
            {"call_id": "c", "started_at": HOUR_AGO, "feature": "search", "model": "m-2"},
            {"call_id": "d", "started_at": HOUR_AGO},
        ],
    )

    assert ids(endpoint_name=["chat", "search"]) == ["c", "b", "a"]
    assert ids(endpoint_name=["chat", "search"], model="m-1") == ["b", "a"]
    assert ids(endpoint_name="nothing") == []


def test_a_provider_is_known_by_any_spelling(ids, acme_project):
    make_call(acme_project, call_id="a", started_at=HOUR_AGO, provider="azure.ai.openai")

    assert ids(provider="azure_openai") == ids(provider="AZURE") == ids(provider="azure.ai.openai") == ["a"]


def test_a_personal_user_id_finds_calls_that_store_its_hash(ids, acme, acme_project, scope):
    address = "ada@example.com"
    with scope(acme):
        _, hashed = end_users.as_stored(organization=acme, user_ids=[address])
    make_call(acme_project, call_id="hashed", started_at=HOUR_AGO, user_id=hashed)
    make_call(acme_project, call_id="plain", started_at=HOUR_AGO + A_SECOND, user_id=address)
    make_call(acme_project, call_id="other", started_at=HOUR_AGO, user_id="bob@example.com")

    assert hashed.startswith("user:")
    assert ids(user_id=address) == ["plain", "hashed"]
    assert ids(user_id=hashed) == ["hashed"]


def test_projects(ids, get, acme_project, other_project):
    make_call(acme_project, call_id="web", started_at=HOUR_AGO)
    make_call(other_project, call_id="mobile", started_at=HOUR_AGO + A_SECOND)

    assert ids() == ["mobile", "web"]
    assert ids(project="web") == ["web"]
    assert ids(project=["web", "mobile"]) == ["mobile", "web"]
    for unknown in ("nope", ["web", "nope"]):
        assert get(URL, project=unknown).status_code == 404


def test_the_period_is_half_open(ids, acme_project):
    make_call(acme_project, call_id="before", started_at=HOUR_AGO - timedelta(microseconds=1))
    make_call(acme_project, call_id="first", started_at=HOUR_AGO)
    make_call(acme_project, call_id="last", started_at=HOUR_AGO + timedelta(minutes=1) - timedelta(microseconds=1))
    make_call(acme_project, call_id="after", started_at=HOUR_AGO + timedelta(minutes=1))

    period = {"from": instant_text(HOUR_AGO), "to": instant_text(HOUR_AGO + timedelta(minutes=1))}

    assert ids(**period) == ["last", "first"]


def test_without_a_period_the_last_24_hours_and_what_is_slightly_ahead(ids, acme_project):
    now = datetime.now(UTC)
    make_call(acme_project, call_id="old", started_at=now - timedelta(hours=24, seconds=1))
    make_call(acme_project, call_id="yesterday", started_at=now - timedelta(hours=23, minutes=59))
    make_call(acme_project, call_id="ahead", started_at=now + timedelta(minutes=9))

    assert ids() == ["ahead", "yesterday"]


def test_with_an_end_the_24_hours_before_it(ids, acme_project):
    end = HOUR_AGO - timedelta(days=3)
    make_call(acme_project, call_id="too-old", started_at=end - timedelta(hours=24, microseconds=1))
    make_call(acme_project, call_id="first", started_at=end - timedelta(hours=24))
    make_call(acme_project, call_id="end", started_at=end)

    assert ids(to=instant_text(end)) == ["first"]


@pytest.mark.parametrize(
    "text",
    [
        "{:%Y-%m-%dT%H:%M:%S}Z",
        "{:%Y-%m-%dT%H:%M:%S}+00:00",
        "{:%Y-%m-%dT%H:%M:%S} 00:00",  # a plus that nobody encoded
        "{:%Y-%m-%d %H:%M:%S.%f}z",
    ],
)
def test_ways_to_write_a_moment(ids, acme_project, text):
    make_call(acme_project, call_id="before", started_at=HOUR_AGO - timedelta(microseconds=1))
    make_call(acme_project, call_id="after", started_at=HOUR_AGO)

    assert ids(**{"from": text.format(HOUR_AGO)}) == ["after"]


def test_a_moment_as_seconds_or_milliseconds_of_the_epoch(ids, acme_project):
    make_call(acme_project, call_id="a", started_at=HOUR_AGO)
    seconds = int(HOUR_AGO.timestamp())

    assert ids(**{"from": str(seconds)}) == ids(**{"from": str(seconds * 1000)}) == ["a"]
    assert ids(to=str(seconds)) == []


def test_a_moment_with_another_offset(ids, acme_project):
    make_call(acme_project, call_id="a", started_at=HOUR_AGO)
    local = HOUR_AGO + timedelta(hours=5, minutes=30)

    assert ids(**{"from": f"{local:%Y-%m-%dT%H:%M:%S}+05:30"}) == ["a"]
    assert ids(to=f"{local:%Y-%m-%dT%H:%M:%S}+05:30") == []


def test_31_days_and_no_more(get):
    end = datetime(2026, 11, 1, tzinfo=UTC)
    month = {"from": "2026-10-01T00:00:00+02:00", "to": "2026-11-01T00:00:00+01:00"}  # 31 local days and an hour

    assert get(URL, **month).status_code == 200
    too_long = get(URL, **{"from": instant_text(end - timedelta(days=31, hours=1, seconds=1)), "to": instant_text(end)})
    assert errors_of(too_long) == {"from": "This must be at most 31 days before the end of the period."}


@pytest.mark.parametrize("begin", ["2026-11-02T00:00:00Z", "2026-11-01T00:00:00Z"])
def test_a_period_must_have_a_length(get, begin):
    answer = get(URL, **{"from": begin, "to": "2026-11-01T00:00:00Z"})

    assert errors_of(answer) == {"from": "This must be before the end of the period."}


@pytest.mark.parametrize(
    ("parameters", "errors"),
    [
        ({"x": "1"}, {"x": NO_SUCH}),
        ({"x": "1", "limit": "0", "status": "bad"}, dict.fromkeys(["x", "limit", "status"])),
        ({"status": "SECRET"}, {"status": "Must be one of: ok, error."}),
        ({"status": ["ok", "SECRET"]}, {"status": "Must be one of: ok, error."}),
        ({"from": "yesterday"}, {"from": BAD_MOMENT}),
        ({"from": "2026-11-01"}, {"from": BAD_MOMENT}),
        ({"from": "2026-11-01T00:00:00"}, {"from": BAD_MOMENT}),
        ({"from": ""}, {"from": BAD_MOMENT}),
        ({"to": "2026-02-30T00:00:00Z"}, {"to": NO_DATE}),
        ({"from": "0001-01-01T00:00:00Z"}, {"from": NO_CALLS_THEN}),
        ({"to": "9999-12-31T23:59:59Z"}, {"to": NO_CALLS_THEN}),
        ({"to": "-1"}, {"to": NO_CALLS_THEN}),
        ({"from": ["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"]}, {"from": "Give this once."}),
        ({"limit": "0"}, {"limit": "Ensure this value is greater than or equal to 1."}),
        ({"limit": "501"}, {"limit": "Ensure this value is less than or equal to 500."}),
        ({"limit": "many"}, {"limit": "A valid integer is required."}),
        ({"limit": "9" * 2000}, {"limit": "String value too large."}),
        ({"cursor": "SECRET"}, {"cursor": BAD_CURSOR}),
        ({"cursor": "W10"}, {"cursor": BAD_CURSOR}),
        ({"model": ""}, {"model": "This field may not be blank."}),
        ({"model": "a\0b"}, {"model": "Null characters are not allowed."}),
        ({"model": "m" * 256}, {"model": "Ensure this field has no more than 255 characters."}),
        ({"model": ["m"] * 51}, {"model": "Ensure this field has no more than 50 elements."}),
        (
            {"feature": "a", "endpoint_name": "b"},
            {"endpoint_name": "This is another name of endpoint_name; give only one of them."},
        ),
        ({"format": "json"}, {"format": NO_SUCH}),
        ({"api_key_id": "1"}, {"api_key_id": NO_SUCH}),
    ],
)
def test_what_is_wrong_is_said_by_field_and_never_repeated(get, parameters, errors):
    answer = get(URL, **parameters)

    found = errors_of(answer)
    assert set(found) == set(errors)
    assert all(found[field] == message for field, message in errors.items() if message)
    assert b"SECRET" not in answer.content


@pytest.mark.parametrize("name", ["model", "session_id", "endpoint_name"])
def test_hostile_values_only_match_themselves(ids, acme_project, name):
    hostile = ["' or 1=1 --", "%", "{}", "\\", "🙂", "%(limit)s", "a" * 100]
    make_call(acme_project, started_at=HOUR_AGO)

    assert ids(**{name: hostile}) == []
