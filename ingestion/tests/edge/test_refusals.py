"""What the edge refuses is counted for whoever sent it: by hour, reason and field, with names and never values."""

import gzip
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.conf import settings

from core.databases import OWNER
from ingestion import services
from ingestion.edge import Limits
from ingestion.tests.edge.client import issue_key, running_edge, stored_calls
from ingestion.tests.edge.conftest import new_organization, project_of
from ingestion.tests.edge.refusals import counted, reasons
from ingestion.tests.wire.builders import MARKER
from ingestion.tests.wire.otlp.builders import CHAT, as_protobuf, request, span
from ingestion.wire.otlp.parse import PROTOBUF

GOOD = {"model": "gpt-4o"}
TOO_EARLY = "2020-01-01T00:00:00Z"
NO_MODEL = ("event", "model", "is required")


@pytest.fixture
def post(committed_module):
    """Post requests (body, key, options) to an edge that then ends in order: an end loses no count."""

    def send(*requests, limits=None):
        with running_edge(limits) as edge:
            return [edge.post(body, key=key, **options) for body, key, options in requests]

    return send


def test_refused_events_are_counted_by_reason_and_field(acme, key, post):
    project = project_of(acme)
    before = datetime.now(UTC)

    [answer] = post(([GOOD, {}, {"model": 7}, {}, {**GOOD, "input_tokens": -1}], key, {}))

    assert answer.json()["rejected_count"] == 4
    rows = counted(acme)
    assert [(row["field"], row["reason"], row["count"], row["events"]) for row in rows] == [
        ("input_tokens", "must be ≥ 0", 1, 1),
        ("model", "is required", 2, 2),
        ("model", "must be a string", 1, 1),
    ]
    assert {(row["project_id"], row["endpoint"], row["kind"]) for row in rows} == {
        (project.pk, "/api/v1/ingest", "event")
    }
    for row in rows:
        assert row["hour"] == row["first_at"].replace(minute=0, second=0, microsecond=0)
        assert before <= row["first_at"] == row["last_at"]
    assert len(stored_calls(acme)) == 1


def test_an_event_with_two_errors_is_one_event(acme, key, post):
    post(({"input_tokens": -1}, key, {}))

    assert reasons(acme) == {("event", "input_tokens", "must be ≥ 0"): (1, 1), NO_MODEL: (1, 0)}


def test_counts_of_an_hour_add_up(acme, key, post):
    # Were the hour to change between the two, its two rows would add up to the same.
    for _ in range(2):
        post(({}, key, {}), ({}, key, {}))

    rows = counted(acme)
    assert sum(row["count"] for row in rows) == sum(row["events"] for row in rows) == 4
    assert rows[0]["first_at"] < rows[-1]["last_at"]


def test_samples_are_names_and_never_values(acme, key, post):
    event = {
        "modle": MARKER,
        "messages": MARKER,
        MARKER: 1,
        "Who am I?": 2,
        "input_tokens": 5,
        "tags": {MARKER: MARKER},
    }

    post((event, key, {}))

    [row] = counted(acme, kind="event")
    assert row["samples"] == [["(content)", "(unknown field)", "input_tokens", "modle", "tags"]]
    assert MARKER not in str(counted(acme))


def test_at_most_twenty_samples_are_kept_and_the_first_stay(acme, key, post):
    names = ["team", "feature", "environment", "session_id", "user_id", "trace_id"]
    subsets = [
        {name: "x" for place, name in enumerate(names) if number >> place & 1} for number in range(1, 2 ** len(names))
    ]
    first = subsets[0]

    post((first, key, {}))
    post(*((subset, key, {}) for subset in subsets[1:]))

    samples = [sample for row in counted(acme) for sample in row["samples"]]
    assert samples[:1] == [["team"]]
    for row in counted(acme):
        assert len(row["samples"]) <= 20
        assert len({tuple(sample) for sample in row["samples"]}) == len(row["samples"])
    assert sum(row["count"] for row in counted(acme)) == len(subsets)


@pytest.mark.parametrize(
    ("path", "body", "headers", "slug"),
    [
        ("/api/v1/ingest", b"{", {}, "malformed-body"),
        ("/log", b"[]", {}, "malformed-body"),
        ("/api/ingest", b"nonsense", {}, "malformed-body"),
        ("/v1/traces", b"nonsense", {"content-type": PROTOBUF}, "malformed-body"),
        ("/v1/traces", b'{"resourceLogs": []}', {}, "malformed-body"),
        ("/api/v1/ingest", [GOOD] * 5001, {}, "too-large"),
        ("/api/v1/ingest", gzip.compress(b"[" + b" " * (11 * 2**20)), {"content-encoding": "gzip"}, "too-large"),
        ("/api/v1/ingest", GOOD, {"content-encoding": "br"}, "unsupported-media-type"),
        ("/api/v1/ingest", GOOD, {"content-type": "text/html"}, "unsupported-media-type"),
        ("/api/v1/ingest", GOOD, {"x-tokenops-project": "nowhere"}, "other-project"),
        ("/api/v1/ingest", GOOD, {"idempotency-key": ""}, "invalid-idempotency-key"),
    ],
)
def test_a_request_that_is_refused_as_a_whole_is_counted_by_its_problem(acme, key, post, path, body, headers, slug):
    post((body, key, {"path": path, "headers": headers}))

    [row] = counted(acme)
    assert (row["kind"], row["field"], row["reason"]) == ("request", "", slug)
    assert (row["count"], row["events"], row["samples"]) == (1, 0, [])
    assert (row["project_id"], row["endpoint"]) == (project_of(acme).pk, path)


def test_a_key_without_the_scope_is_counted_for_its_organization(acme, globex, post):
    post((GOOD, issue_key(acme, scopes=["read"]), {}))

    assert reasons(acme) == {("request", "", "missing-scope"): (1, 0)}
    assert counted(globex) == []


def test_requests_of_nobody_are_nobodys(acme, key, post):
    expired = issue_key(acme, expires_at=datetime.now(UTC) + timedelta(days=1))
    with psycopg.connect(settings.DATABASE.conninfo(OWNER)) as owner:
        owner.execute("update api_key_lookup set expires_at = now() - interval '1 hour' where expires_at is not null")

    wrong = key[:-1] + ("a" if key[-1] != "a" else "b")
    answers = post((GOOD, "", {}), (GOOD, wrong, {}), (GOOD, expired, {}), (GOOD, key, {"method": "GET"}))

    assert [answer.status for answer in answers] == [401, 401, 401, 405]
    assert counted(acme) == []


def test_what_is_our_fault_is_no_refusal(acme, key, post):
    [answer] = post(([GOOD] * 11, key, {}), limits=Limits(waiting_rows=10))

    assert answer.status == 503
    assert counted(acme) == []


def test_good_requests_leave_no_trace(acme, key, post):
    post((GOOD, key, {}), ([], key, {}))

    assert counted(acme) == []


def test_dropped_content_is_counted_although_nothing_is_refused(acme, key, post):
    said = CHAT | {"gen_ai.input.messages": MARKER, "gen_ai.output.messages": MARKER}
    moment = str(int(datetime.now(UTC).timestamp()) * 10**9)
    document = request([span(said, startTimeUnixNano=moment, endTimeUnixNano=moment)])

    post(({**GOOD, "prompt": MARKER, "messages": []}, key, {}), (document, key, {"path": "/v1/traces"}))

    assert [(row["endpoint"], row["kind"], row["reason"], row["count"], row["events"]) for row in counted(acme)] == [
        ("/api/v1/ingest", "content", "", 2, 0),
        ("/v1/traces", "content", "", 2, 0),
    ]
    assert len(stored_calls(acme)) == 2


def test_refused_spans_are_counted_with_the_names_of_their_attributes(acme, key, post):
    attributes = {name: value for name, value in CHAT.items() if "model" not in name} | {MARKER: MARKER}
    document = request([span(attributes, startTimeUnixNano="0")])

    [answer] = post((as_protobuf(document), key, {"path": "/v1/traces", "headers": {"content-type": PROTOBUF}}))

    assert answer.status == 200
    assert reasons(acme) == {
        ("event", "model", "is required"): (1, 0),
        ("event", "timestamp", "is required: the span has no start time"): (1, 1),
    }
    samples = [row["samples"] for row in counted(acme)]
    assert samples[0] == samples[1] == [sorted({*attributes} - {MARKER} | {"(unknown field)"})]


def test_an_organizations_key_is_counted_for_the_project_it_names(acme, post):
    key = issue_key(acme, project=None)
    web, app = project_of(acme), project_of(acme, "app")

    post(
        ({}, key, {}),
        ({}, key, {"headers": {"x-tokenops-project": "app"}}),
        (b"{", key, {"headers": {"x-tokenops-project": "app"}}),
        ({}, key, {"headers": {"x-tokenops-project": "nowhere"}}),
        ({**GOOD, "project": "nowhere"}, key, {}),
    )

    assert reasons(acme, project_id=web.pk) == {NO_MODEL: (1, 1)}
    assert reasons(acme, project_id=app.pk) == {NO_MODEL: (1, 1), ("request", "", "malformed-body"): (1, 0)}
    assert reasons(acme, project_id=0) == {
        NO_MODEL: (1, 1),
        ("event", "project", "is not a project of this key's organization"): (1, 1),
    }


def test_an_answer_that_is_replayed_is_counted_once(acme, key, post):
    again = {"headers": {"idempotency-key": "one"}}

    answers = post(({}, key, again), ({}, key, again))

    assert [answer.status for answer in answers] == [400, 400]
    assert reasons(acme) == {NO_MODEL: (1, 1)}


def test_hours_are_the_organizations(somebody, post):
    organization = new_organization(somebody, "Kolkata", time_zone="Asia/Kolkata")  # half an hour beside UTC's hours

    post(({}, issue_key(organization), {}))

    assert {row["hour"].minute for row in counted(organization)} == {30}


def test_one_organization_does_not_see_what_another_was_refused(acme, globex, key, post):
    post(({}, key, {}), (b"{", issue_key(globex), {}))

    assert set(reasons(acme)) == {NO_MODEL}
    assert set(reasons(globex)) == {("request", "", "malformed-body")}


def make_older(condition, *organizations):
    """Make rows of the organizations 91 days older; those of other tests go."""
    ids = [organization.pk for organization in organizations]
    with psycopg.connect(settings.DATABASE.conninfo(OWNER)) as owner:
        owner.execute("delete from rejected_events where organization_id <> all(%s)", [ids])
        owner.execute(f"update rejected_events set hour = hour - interval '91 days' where {condition}".encode())


def test_old_counts_of_every_organization_are_deleted(acme, globex, key, post):
    post(({}, key, {}), ({}, issue_key(globex), {}), (b"{", key, {}))
    make_older("kind = 'event'", acme, globex)

    deleted = services.delete_old_refusals(now=datetime.now(UTC))

    assert deleted == 2
    assert set(reasons(acme)) == {("request", "", "malformed-body")}
    assert counted(globex) == []
    assert services.delete_old_refusals(now=datetime.now(UTC)) == 0


def test_deleting_goes_on_in_the_next_run(acme, key, post, monkeypatch):
    monkeypatch.setattr(services, "_DELETE_AT_ONCE", 1)
    monkeypatch.setattr(services, "MOST_DELETES", 2)
    post(({"input_tokens": -1}, key, {}), (b"{", key, {}))
    make_older("true", acme)

    assert [services.delete_old_refusals(now=datetime.now(UTC)) for _ in range(3)] == [2, 1, 0]


NO_IDS = "trace and span id must be 16 and 8 bytes, not all zero"
NO_PAIRS = "attributes must be a list of objects with key and value"


@pytest.mark.parametrize(
    ("members", "field", "reason"),
    [
        ({"attributes": {"gen_ai.request.model": MARKER}}, "", NO_PAIRS),
        ({"startTimeUnixNano": "0"}, "timestamp", "is required: the span has no start time"),
        ({"startTimeUnixNano": str(2**62)}, "timestamp", "is more than 10 minutes ahead of the server's clock"),
        ({"startTimeUnixNano": "1"}, "timestamp", "is older than the retention period"),
        ({"spanId": "0" * 16}, "id", NO_IDS),
    ],
)
def test_a_bad_span_does_not_cost_the_others_and_is_counted(acme, key, post, members, field, reason):
    moment = str(int(datetime.now(UTC).timestamp()) * 10**9)
    times = {"startTimeUnixNano": moment, "endTimeUnixNano": moment}
    document = request([span(CHAT, **times, spanId="00000000000000aa"), span(CHAT, **times | members)])

    [answer] = post((document, key, {"path": "/v1/traces"}))

    assert (answer.status, answer.json()["partialSuccess"]["rejectedSpans"]) == (200, "1")
    assert reasons(acme) == {("event", field, reason): (1, 1)}
    assert len(stored_calls(acme)) == 1


@pytest.mark.parametrize("name", ["organization_id", "organization", "project_id", "api_key_id"])
def test_foreign_ids_in_a_body_lead_nowhere_and_refuse_nothing(acme, globex, key, post, name):
    post(({**GOOD, name: project_of(globex).pk}, key, {}))

    assert stored_calls(globex) == counted(globex) == counted(acme) == []
    assert len(stored_calls(acme)) == 1


@pytest.mark.parametrize("name", ["input_tokens", "cached_input_tokens", "retries"])
def test_counts_over_a_billion_are_refused_alone_and_counted(acme, key, post, name):
    post(([{**GOOD, name: 10**9}, {**GOOD, name: 10**9 + 1}], key, {}))

    assert reasons(acme, field=name) == {("event", name, "must be ≤ 1000000000"): (1, 1)}
