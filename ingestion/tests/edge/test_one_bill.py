"""One provider call, one bill: a second record of a response is stored, marked, and in no sum."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from django.conf import settings

from core.databases import EDGE
from core.scope import org_scope
from ingestion import services, tasks
from ingestion.models import DailyRollup, HourlyRollup, SeenResponse
from ingestion.tests.edge.client import issue_key, running_edge, stored_calls
from ingestion.tests.edge.conftest import project_of
from ingestion.tests.edge.rows import AN_HOUR_AGO, make_row, new_flusher
from ingestion.tests.edge.test_rollups import assert_rebuild_changes_nothing
from ingestion.tests.wire.otlp.builders import CHAT, request
from ingestion.tests.wire.otlp.builders import span as a_span
from ingestion.writer import flush as flush_module
from ingestion.writer import responses
from ingestion.writer.flush import Memory, Refused, Stored
from tests.resilience.processes import wait_until

MINUTES = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
NOW = datetime.now(UTC)


@pytest.fixture
def project(acme):
    return project_of(acme)


def response(project, call_id, *, response_id="resp-1", started_at=AN_HOUR_AGO, **fields):
    return make_row(project, call_id, response_id=response_id, started_at=started_at, **fields)


def marks(organization):
    """Whom each call is counted with, by id; '' for those that count."""
    return {call["call_id"]: call["duplicate_of"] for call in stored_calls(organization)}


def billed(organization):
    """Calls, input tokens and cost by the hourly and by the daily rollups, which agree."""
    with org_scope(organization.pk):
        hourly, daily = (
            (sum(row.calls for row in rows), sum(row.input_tokens for row in rows), sum(row.cost_usd for row in rows))
            for rows in (HourlyRollup.objects.all(), DailyRollup.objects.all())
        )
    assert hourly == daily
    return daily


def event(call_id, *, at=NOW - 5 * MINUTES, **fields):
    return {
        "id": call_id,
        "timestamp": at.isoformat(),
        "model": "gpt-4o",
        "input_tokens": 1000,
        "output_tokens": 100,
        "response_id": "chatcmpl-1",
    } | fields


ONE_BILL = (1, 1000, Decimal("0.0035"))


# --- The same response, however its records come ---


def test_two_records_of_a_response_in_one_request_are_one_bill(edge, acme, key):
    answer = edge.post([event("a"), event("b")], key=key)

    assert (answer.json()["accepted"], answer.json()["duplicates"], answer.json()["warnings"]) == (2, 0, [])
    assert marks(acme) == {"a": "", "b": "a"}
    assert billed(acme) == ONE_BILL
    assert assert_rebuild_changes_nothing(acme) == 1


def test_the_later_record_says_which_call_it_is_counted_with(edge, acme, key):
    at = NOW - 7 * MINUTES
    edge.post(event("a", at=at), key=key)
    edge.post(event("b", at=at + SECOND), key=key)

    first, second = stored_calls(acme)
    assert (first["duplicate_of"], first["duplicate_of_started_at"]) == ("", None)
    assert (second["duplicate_of"], second["duplicate_of_started_at"]) == ("a", at)
    assert second["cost_usd"] == first["cost_usd"] == Decimal("0.0035")
    assert billed(acme) == ONE_BILL


def test_the_record_that_arrives_first_counts_even_when_its_call_started_later(edge, acme, key):
    at = NOW - 7 * MINUTES
    edge.post(event("inner", at=at + SECOND), key=key)
    edge.post(event("outer", at=at), key=key)

    assert marks(acme) == {"outer": "inner", "inner": ""}
    assert billed(acme) == ONE_BILL
    assert assert_rebuild_changes_nothing(acme) == 1


def test_of_records_that_arrive_together_the_one_that_knows_more_counts(edge, acme, key):
    edge.post([event("a"), event("b", cached_input_tokens=600)], key=key)

    assert marks(acme) == {"a": "b", "b": ""}


def test_of_records_that_arrive_together_the_one_with_a_price_counts(edge, acme, key):
    answering = {"model": "router", "response_model": "gpt-4o", "cached_input_tokens": 0}
    edge.post([event("a", model="router", provider="openai"), event("b", provider="openai", **answering)], key=key)

    assert marks(acme) == {"a": "b", "b": ""}
    assert billed(acme) == ONE_BILL


def test_a_third_record_is_counted_with_the_first_as_well(edge, acme, key):
    for call_id in ("a", "b", "c"):
        edge.post(event(call_id), key=key)

    assert marks(acme) == {"a": "", "b": "a", "c": "a"}
    assert billed(acme) == ONE_BILL


def test_an_sdk_that_knows_less_of_the_model_meets_the_gateway(acme, project):
    flusher = new_flusher()
    flusher.flush([[response(project, "sdk", source="sdk", model="gpt-4o")]])
    flusher.flush(
        [[response(project, "gateway", source="gateway", model="gpt-4o", response_model="gpt-4o-2024-08-06")]]
    )

    assert marks(acme) == {"gateway": "sdk", "sdk": ""}


def test_two_calls_of_the_gateway_are_two_whatever_their_ids_say(acme, project):
    rows = [response(project, call_id, source="gateway") for call_id in ("a", "b")]

    new_flusher().flush([rows])

    assert marks(acme) == {"a": "", "b": ""}
    assert billed(acme)[0] == 2
    assert assert_rebuild_changes_nothing(acme) == 2


def test_records_in_two_requests_of_one_flush_meet(acme, project):
    outcomes = new_flusher().flush([[response(project, "b")], [response(project, "a"), make_row(project, "other")]])

    assert outcomes == [Stored(1, 0), Stored(2, 0)]
    assert marks(acme) == {"a": "", "b": "a", "other": ""}
    assert billed(acme)[0] == 2


def test_records_on_both_sides_of_midnight_meet(acme, project):
    midnight = NOW.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    flusher = new_flusher()
    flusher.flush([[response(project, "before", started_at=midnight - SECOND)]])
    flusher.flush([[response(project, "after", started_at=midnight + SECOND)]])

    assert marks(acme) == {"before": "", "after": "before"}
    with org_scope(acme.pk):
        assert list(DailyRollup.objects.values_list("bucket_date", "calls")) == [
            ((midnight - SECOND).date(), 1),
        ]
    assert assert_rebuild_changes_nothing(acme) == 1


def test_a_flush_of_nothing_but_second_records_moves_no_rollup(acme, project):
    flusher = new_flusher()
    flusher.flush([[response(project, f"a-{n}", response_id=f"r-{n}") for n in range(5)]])
    before = billed(acme)

    assert flusher.flush([[response(project, f"b-{n}", response_id=f"r-{n}") for n in range(5)]]) == [Stored(5, 0)]

    assert billed(acme) == before
    assert len(stored_calls(acme)) == 10


def test_a_span_meets_the_events_of_an_sdk(edge, acme, key):
    """The same call by OpenTelemetry and by REST: other names for the provider and the model, another id."""
    at = (NOW - 7 * MINUTES).replace(microsecond=0)
    attributes = CHAT | {
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 100,
    }
    span = a_span(attributes, startTimeUnixNano=str(int(at.timestamp()) * 10**9))

    answer = edge.post(request([span]), key=key, path="/v1/traces")
    edge.post(event("sdk", at=at + SECOND, provider="OpenAI"), key=key)

    assert answer.status == 200
    first, second = stored_calls(acme)
    assert (first["source"], second["source"], second["duplicate_of"]) == ("otlp", "rest", first["call_id"])
    assert billed(acme) == ONE_BILL


# --- What is not one call ---


@pytest.mark.parametrize(
    "other",
    [
        {"input_tokens": 1001},
        {"output_tokens": 99},
        {"model": "gpt-4o-mini"},
        {"at": NOW - 5 * MINUTES - 11 * MINUTES},
        {"response_id": "chatcmpl-2"},
        {"response_id": "CHATCMPL-1"},
        {"provider": "azure"},
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_what_differs_is_another_call(edge, acme, key, other, together):
    events = [event("a", at=NOW - 5 * MINUTES), event("b", **other)]
    for batch in [events] if together else [[one] for one in events]:
        edge.post(batch, key=key)

    assert marks(acme) == {"a": "", "b": ""}
    assert billed(acme)[0] == 2
    assert assert_rebuild_changes_nothing(acme) == 2


@pytest.mark.parametrize("nothing", [{"response_id": None}, {"response_id": ""}])
def test_records_without_a_response_id_are_never_merged(edge, acme, key, nothing):
    edge.post([event("a", **nothing), event("b", **nothing)], key=key)
    edge.post([event("c", **nothing)], key=key)

    assert marks(acme) == {"a": "", "b": "", "c": ""}
    with org_scope(acme.pk):
        assert not SeenResponse.objects.exists()


def test_a_server_that_gives_every_response_one_id_does_not_hide_calls(edge, acme, key):
    """The calls differ in tokens, in model, or lie more than ten minutes apart."""
    start = NOW - timedelta(hours=9)
    batch = [event(f"t-{n}", at=start + n * SECOND, input_tokens=n) for n in range(40)]
    batch += [event(f"m-{model}", at=start, model=model) for model in ("gpt-4o-mini", "mine", "yours")]
    batch += [event(f"l-{n}", at=start + 11 * n * MINUTES, input_tokens=2000) for n in range(40)]
    edge.post(batch[::2], key=key)
    edge.post(batch[1::2], key=key)

    assert set(marks(acme).values()) == {""}
    assert billed(acme)[0] == len(batch) == 83
    assert assert_rebuild_changes_nothing(acme) == 83


def test_the_second_record_of_a_reused_id_meets_its_own_call(edge, acme, key):
    """Some servers draw their ids from a thousand numbers: an old call must not keep a new one's records apart."""
    for n, at in enumerate([NOW - 50 * MINUTES, NOW - 20 * MINUTES]):
        edge.post(event(f"outer-{n}", at=at), key=key)
        edge.post(event(f"inner-{n}", at=at + SECOND), key=key)

    assert marks(acme) == {"outer-0": "", "inner-0": "outer-0", "outer-1": "", "inner-1": "outer-1"}
    assert billed(acme)[0] == 2


def test_projects_and_organizations_do_not_meet(edge, acme, globex, key):
    edge.post(event("a"), key=key)
    edge.post(event("b"), key=issue_key(acme, project="app"))
    edge.post(event("c"), key=issue_key(globex))

    assert marks(acme) | marks(globex) == {"a": "", "b": "", "c": ""}


# --- Events that are sent again ---


def test_sending_again_changes_nothing(edge, acme, key):
    batch = [event("a"), event("b"), event("c", response_id="chatcmpl-2")]
    edge.post(batch, key=key)

    answers = [edge.post(batch, key=key), edge.post(batch[::-1], key=key), edge.post([batch[1]], key=key)]

    assert [(answer.json()["accepted"], answer.json()["duplicates"]) for answer in answers] == [(0, 3), (0, 3), (0, 1)]
    assert marks(acme) == {"a": "", "b": "a", "c": ""}
    assert billed(acme)[0] == 2
    assert assert_rebuild_changes_nothing(acme) == 2


def test_a_retry_beside_new_records_marks_only_the_new_ones(edge, acme, key):
    edge.post([event("a")], key=key)

    answer = edge.post([event("a"), event("b"), event("c", response_id="chatcmpl-2")], key=key)

    assert (answer.json()["accepted"], answer.json()["duplicates"]) == (2, 1)
    assert marks(acme) == {"a": "", "b": "a", "c": ""}
    assert billed(acme)[0] == 2


@pytest.mark.parametrize("is_suspect", [True, False])
def test_a_duplicate_by_identity_claims_no_response(acme, project, is_suspect):
    """The identity's first event had another response: the one that is not stored must not take this one."""
    memory = Memory()
    flusher = new_flusher(memory)
    flusher.flush([[response(project, "a", response_id="of-a")]])
    if is_suspect:
        memory.suspects.add(project.pk)

    again = flusher.flush([[response(project, "a", response_id="wanted")]])
    other = flusher.flush([[response(project, "b", response_id="wanted")]])

    assert (again, other) == ([Stored(0, 1)], [Stored(1, 0)])
    assert marks(acme) == {"a": "", "b": ""}
    with org_scope(acme.pk):
        assert sorted(SeenResponse.objects.values_list("call_id", flat=True)) == ["a", "b"]


def test_a_duplicate_by_identity_is_not_merged(acme, project):
    flusher = new_flusher()
    flusher.flush([[response(project, "a"), make_row(project, "b")]])

    assert flusher.flush([[response(project, "b")]]) == [Stored(0, 1)]

    assert marks(acme) == {"a": "", "b": ""}
    assert billed(acme)[0] == 2


def test_an_event_without_id_sent_again_is_counted_once(edge, acme, key):
    body = event("") | {"id": None}

    for _ in range(2):
        assert edge.post(body, key=key).json()["accepted"] == 1

    assert sorted(mark != "" for mark in marks(acme).values()) == [False, True]
    assert billed(acme) == ONE_BILL


# --- Flushes that fail, and flushes at once ---


def test_what_is_refused_claims_nothing(acme, project):
    guilty = response(project, "bad", session_id="a\0b")

    outcomes = new_flusher().flush([[guilty], [response(project, "good")], [make_row(project, "other")]])

    assert outcomes == [Refused(), Stored(1, 0), Stored(1, 0)]
    assert marks(acme) == {"good": "", "other": ""}
    assert billed(acme)[0] == 2


def test_requests_that_are_retried_alone_still_meet(acme, project):
    guilty = make_row(project, "bad", session_id="a\0b")

    outcomes = new_flusher().flush([[response(project, "a")], [guilty], [response(project, "b")]])

    assert outcomes == [Stored(1, 0), Refused(), Stored(1, 0)]
    assert marks(acme) == {"a": "", "b": "a"}


@pytest.mark.parametrize(("first", "second"), [("a", "b"), ("b", "a")])
def test_a_flush_waits_for_another_that_has_the_response(acme, project, first, second):
    """The other writer is in the middle of its transaction: only its commit says who counts."""
    with psycopg.connect(settings.DATABASE.conninfo(EDGE)) as other, ThreadPoolExecutor(1) as pool:
        _claim(other, response(project, first))
        flush = pool.submit(new_flusher().flush, [[response(project, second)]])
        wait_until(_is_waiting, "the flush to wait for the other session")
        other.commit()

        assert flush.result() == [Stored(1, 0)]

    assert marks(acme) == {second: first}  # the other session only claimed


def test_a_flush_counts_when_the_other_that_had_the_response_failed(acme, project):
    with psycopg.connect(settings.DATABASE.conninfo(EDGE)) as other, ThreadPoolExecutor(1) as pool:
        _claim(other, response(project, "a"))
        flush = pool.submit(new_flusher().flush, [[response(project, "b")]])
        wait_until(_is_waiting, "the flush to wait for the other session")
        other.rollback()

        assert flush.result() == [Stored(1, 0)]

    assert marks(acme) == {"b": ""}
    assert billed(acme)[0] == 1


def test_writers_with_the_same_responses_in_any_order_bill_each_once(acme, project):
    days = [AN_HOUR_AGO - timedelta(days=day) for day in range(3)]
    batches = [
        [
            response(project, f"{writer}-{n}", response_id=f"r-{n}", started_at=days[n % 3] + SECOND * index)
            for n in range(200)
        ]
        for index, writer in enumerate("abc")
    ]
    batches[1].reverse()
    start = threading.Barrier(3)

    def write(batch):
        flusher = new_flusher()
        start.wait()
        # Sent three times, as by a sender that is never sure.
        return [flusher.flush([batch[:100], batch[100:]]) for _ in range(3)]

    with ThreadPoolExecutor(3) as pool:
        outcomes = [one for many in pool.map(write, batches) for both in many for one in both]

    assert sum(outcome.accepted for outcome in outcomes) == 600
    assert list(marks(acme).values()).count("") == 200
    assert billed(acme)[0] == 200
    assert assert_rebuild_changes_nothing(acme) == 200


def test_the_records_of_a_call_through_two_edges_at_once_are_one_bill(edge, acme, key):
    sdk = [event(f"sdk-{n}", response_id=f"r-{n}") for n in range(100)]
    gateway = [event(f"gateway-{n}", response_id=f"r-{n}", response_model="gpt-4o-2024-08-06") for n in range(100)]

    with running_edge() as other:
        answers = [
            client.together([(batch, key), (batch[::-1], key)])
            for client, batch in ((edge, sdk), (other, gateway), (edge, gateway), (other, sdk))
        ]

    assert all(answer.status == 202 for pair in answers for answer in pair)
    assert len(stored_calls(acme)) == 200
    assert billed(acme)[0] == 100
    assert assert_rebuild_changes_nothing(acme) == 100


def test_a_call_stored_by_another_writer_meanwhile_gives_its_response_back(acme, project, monkeypatch):
    """The identity was free when it was looked up and taken when it was stored: everything is done again."""
    memory = Memory()
    memory.suspects.add(project.pk)
    wanted = response(project, "same", response_id="wanted")
    of_the_other = response(project, "same", response_id="of-the-other")
    overtaking = []

    def look_up(cursor, rows):
        found = looked_up(cursor, rows)
        if rows and not overtaking:
            overtaking.append(new_flusher().flush([[of_the_other]]))
        return found

    looked_up = flush_module._not_stored
    monkeypatch.setattr(flush_module, "_not_stored", look_up)

    assert new_flusher(memory).flush([[wanted]]) == [Stored(0, 1)]

    assert overtaking == [[Stored(1, 0)]]
    with org_scope(acme.pk):
        assert [seen.response.hex for seen in SeenResponse.objects.all()] == [of_the_other.response.key[1]]
    assert billed(acme)[0] == 1


# --- How long it is remembered ---


def test_responses_are_remembered_for_48_hours_of_every_organization(edge, acme, globex, key):
    edge.post([event("old", response_id="old"), event("kept", response_id="kept")], key=key)
    edge.post([event("old", response_id="old")], key=issue_key(globex))
    _age(acme, "old", timedelta(hours=48, seconds=1))
    _age(acme, "kept", timedelta(hours=47, minutes=59))
    _age(globex, "old", timedelta(hours=49))

    tasks.retention()
    tasks.retention()

    for organization, left in ((acme, ["kept"]), (globex, [])):
        with org_scope(organization.pk):
            assert list(SeenResponse.objects.values_list("call_id", flat=True)) == left


def test_old_responses_are_deleted_in_parts(edge, acme, key, monkeypatch):
    services.delete_old_responses(now=NOW + timedelta(days=3))  # those of other tests
    monkeypatch.setattr(services, "_RESPONSES_AT_ONCE", 2)
    monkeypatch.setattr(services, "MOST_DELETES", 2)
    edge.post([event(f"{n}", response_id=f"{n}") for n in range(7)], key=key)

    assert [services.delete_old_responses(now=NOW + timedelta(days=3)) for _ in range(3)] == [4, 3, 0]


@pytest.mark.parametrize(
    "statement", ["delete from response_seen", "select delete_seen_responses(now(), 1)", "truncate response_seen"]
)
def test_the_edge_forgets_no_response(committed_module, statement):
    with (
        psycopg.connect(settings.DATABASE.conninfo(EDGE)) as database,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        database.execute(statement.encode())


def _claim(session, row):
    """Claim a row's response in the session's open transaction, as a flush does before it stores the call."""
    with session.cursor() as cursor:
        assert responses.claim(cursor, [row.response]) == {}


def _is_waiting():
    with psycopg.connect(settings.DATABASE.url) as admin:
        return admin.execute(
            "select count(*) from pg_stat_activity where wait_event = 'transactionid' and usename = %s"
            " and datname = current_database()",
            [EDGE],
        ).fetchone()[0]


def _age(organization, call_id, age):
    with psycopg.connect(settings.DATABASE.url, autocommit=True) as admin:
        admin.execute(
            "update response_seen set seen_at = now() - %s::interval where organization_id = %s and call_id = %s",
            [age, organization.pk, call_id],
        )
