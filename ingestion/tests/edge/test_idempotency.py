"""``Idempotency-Key``: a request is taken once, whoever sends it again, wherever and whenever."""

import asyncio
import gzip
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.conf import settings
from django.db import DatabaseError, connection

from core.databases import EDGE, OWNER
from core.scope import org_scope
from ingestion import services
from ingestion.edge.http import Problem
from ingestion.edge.idempotency import key_digest
from ingestion.models import DailyRollup, HourlyRollup, IngestAnswer, ProjectActivity
from ingestion.tests.edge.client import issue_key, running_edge, stored_calls
from ingestion.tests.edge.conftest import project_of
from ingestion.tests.edge.proxy import passage
from ingestion.tests.edge.rows import make_row, new_flusher
from ingestion.tests.edge.test_bad_input import slug
from ingestion.tests.edge.test_faults import dump_of_everything
from ingestion.wire.answer import Answer
from ingestion.writer import Claim, KeyInUse, KeyReused, Refused, Replay, Stored, Unavailable, Writer
from ingestion.writer.idempotency import _lock_id
from tenants.models import ApiKey
from tests.resilience.processes import wait_until

# Without an id: nothing but the key protects it against being stored twice.
EVENT = {"model": "gpt-4o", "input_tokens": 1000}


def post(edge, body, key, idempotency_key="once", **options):
    headers = {"idempotency-key": idempotency_key} | options.pop("headers", {})
    return edge.post(body, key=key, headers=headers, **options)


def is_replay(response):
    return response.headers.get("idempotent-replayed") == "true"


def parts(response):
    """Everything of an answer that must be the same when it is given again."""
    return response.status, response.headers["content-type"], response.body


def kept(organization):
    with org_scope(organization.pk):
        return list(IngestAnswer.objects.order_by("created_at"))


def rolled_up(organization):
    with org_scope(organization.pk):
        return [
            list(table.objects.values_list("calls", "input_tokens", "cost_usd"))
            for table in (HourlyRollup, DailyRollup)
        ]


def make_older(organization, age):
    with psycopg.connect(settings.DATABASE.conninfo(OWNER)) as owner:
        owner.execute(
            "update ingest_idempotency set created_at = now() - %s::interval where organization_id = %s",
            [age, organization.pk],
        )


# --- The same again ---------------------------------------------------------------------------------------------------
def test_the_same_body_gets_the_same_answer_and_is_stored_once(edge, acme, key):
    first = post(edge, [EVENT, EVENT], key)
    before = rolled_up(acme), ProjectActivity.objects.get(organization_id=acme.pk).last_received_at

    again = post(edge, [EVENT, EVENT], key)

    assert (first.status, first.json()["accepted"]) == (202, 2)
    assert not is_replay(first)
    assert is_replay(again)
    assert parts(again) == parts(first)
    assert len(stored_calls(acme)) == 2
    assert (rolled_up(acme), ProjectActivity.objects.get(organization_id=acme.pk).last_received_at) == before


def test_without_the_key_it_is_stored_again(edge, acme, key):
    edge.post(EVENT, key=key)

    again = edge.post(EVENT, key=key)

    assert again.json()["accepted"] == 1
    assert not is_replay(again)
    assert kept(acme) == []


@pytest.mark.parametrize("path", ["/api/v1/ingest", "/api/ingest", "/log"])
def test_every_path_for_events_knows_the_key(edge, acme, key, path):
    first = post(edge, EVENT, key, path=path)

    again = post(edge, EVENT, key, path=path)

    assert parts(again) == parts(first)
    assert is_replay(again)
    assert len(stored_calls(acme)) == 1


def test_traces_know_no_key_because_spans_have_ids(edge, acme, key):
    answers = [post(edge, {"resourceSpans": []}, key, path="/v1/traces") for _ in range(2)]

    assert [(answer.status, is_replay(answer)) for answer in answers] == [(200, False)] * 2
    assert kept(acme) == []


def test_the_body_is_compared_decoded(edge, acme, key):
    plain = b'{"model": "gpt-4o"}'
    first = post(edge, plain, key)

    again = post(edge, gzip.compress(plain), key, headers={"content-encoding": "gzip"}, pieces=3)

    assert is_replay(again)
    assert parts(again) == parts(first)
    assert len(stored_calls(acme)) == 1


def test_what_was_duplicate_or_rejected_is_so_in_the_answer_that_is_kept(edge, acme, key):
    known = {**EVENT, "id": "known", "timestamp": (datetime.now(UTC) - timedelta(hours=1)).isoformat()}
    edge.post(known, key=key)
    batch = [known, EVENT, {"model": 7}, {**EVENT, "colour": 1}]

    first, again = post(edge, batch, key), post(edge, batch, key)

    assert (first.json()["accepted"], first.json()["duplicates"], first.json()["rejected_count"]) == (2, 1, 1)
    assert [warning["field"] for warning in first.json()["warnings"] if warning["index"] == 3] == ["colour"]
    assert is_replay(again)
    assert parts(again) == parts(first)
    assert len(stored_calls(acme)) == 3


def test_an_answer_that_rejects_everything_is_kept(edge, acme, key):
    first, again = post(edge, [{"model": 7}, {}], key), post(edge, [{"model": 7}, {}], key)

    assert (first.status, slug(first)) == (400, "events-rejected")
    assert is_replay(again)
    assert parts(again) == parts(first)
    assert [(one.status, one.content_type) for one in kept(acme)] == [(400, "application/problem+json")]


def test_the_answer_to_an_empty_batch_is_kept(edge, acme, key):
    post(edge, [], key)

    again, other = post(edge, [], key), post(edge, [EVENT], key)

    assert (again.status, is_replay(again)) == (202, True)
    assert (other.status, slug(other)) == (422, "idempotency-key-reused")
    assert stored_calls(acme) == []


def test_another_process_gives_the_answer_too(edge, acme, key):
    first = post(edge, EVENT, key)

    with running_edge() as other:
        again = post(other, EVENT, key)

    assert is_replay(again)
    assert parts(again) == parts(first)


# --- Something else ---------------------------------------------------------------------------------------------------
def test_another_body_is_422_and_stores_nothing(edge, acme, key):
    first = post(edge, EVENT, key)

    other = post(edge, {**EVENT, "input_tokens": 1}, key)

    assert (other.status, slug(other)) == (422, "idempotency-key-reused")
    assert not is_replay(other)
    assert len(stored_calls(acme)) == 1
    assert parts(post(edge, EVENT, key)) == parts(first)


def test_another_key_another_path_and_another_api_key_are_requests_of_their_own(edge, acme, globex, key):
    post(edge, EVENT, key)

    answers = [
        post(edge, EVENT, key, idempotency_key="twice"),
        post(edge, EVENT, key, idempotency_key="ONCE"),
        post(edge, EVENT, key, path="/log"),
        post(edge, EVENT, key, path="/api/ingest"),
        post(edge, EVENT, issue_key(acme)),
        post(edge, {**EVENT, "model": "gpt-4o-mini"}, issue_key(globex)),
    ]

    assert [(answer.status, is_replay(answer)) for answer in answers] == [(202, False)] * 6
    assert len(stored_calls(acme)) == 6
    assert len(stored_calls(globex)) == 1


def test_a_request_that_could_not_be_read_leaves_the_key_free(edge, acme, key):
    refused = [
        post(edge, b"{", key),
        post(edge, EVENT, key, headers={"content-type": "image/png"}),
        post(edge, [EVENT] * 5001, key),
        post(edge, {**EVENT, "project": "app"}, key),
        post(edge, EVENT, "tko_unknown"),
    ]

    repaired = post(edge, EVENT, key)

    assert [answer.status for answer in refused] == [400, 415, 413, 403, 401]
    assert (repaired.status, is_replay(repaired)) == (202, False)


def test_what_could_not_be_stored_leaves_the_key_free(acme, key):
    with passage() as way, running_edge(conninfo=way.conninfo) as edge:
        edge.post([], key=key)
        way.close()
        refused = post(edge, EVENT, key)
        way.open()
        wait_until(lambda: post(edge, EVENT, key).status == 202, "the edge to recover")
        again = post(edge, EVENT, key)

    assert (refused.status, slug(refused)) == (503, "unavailable")
    assert is_replay(again)
    assert len(stored_calls(acme)) == 1


@pytest.mark.parametrize("text", ["a" * 255, "01994f5e-6c1e-7d00-b6a4-3f0c2d9e8100", '"quoted"', "ü", "a b, c"])
def test_any_text_up_to_255_characters_is_a_key(edge, acme, key, text):
    assert post(edge, EVENT, key, idempotency_key=text).status == 202
    assert is_replay(post(edge, EVENT, key, idempotency_key=f"  {text} "))


@pytest.mark.parametrize("text", ["", "   ", "a" * 256])
def test_another_length_is_400_and_stores_nothing(edge, acme, key, text):
    response = post(edge, EVENT, key, idempotency_key=text)

    assert (response.status, slug(response)) == (400, "invalid-idempotency-key")
    assert stored_calls(acme) == []


def test_two_keys_are_none():
    with pytest.raises(Problem, match="invalid-idempotency-key"):
        key_digest({b"idempotency-key": [b"a", b"b"]})

    assert key_digest({}) is None


def test_the_key_itself_is_stored_nowhere(edge, key):
    text = "a-key-nobody-needs-to-know"
    post(edge, EVENT, key, idempotency_key=text)

    dump = dump_of_everything()

    assert key_digest({b"idempotency-key": [text.encode()]}).hex() in dump
    assert text not in dump
    assert text.encode().hex() not in dump


# --- Time -------------------------------------------------------------------------------------------------------------
def test_an_answer_is_given_for_24_hours(edge, acme, key):
    post(edge, EVENT, key)
    make_older(acme, timedelta(hours=23, minutes=59))
    assert is_replay(post(edge, EVENT, key))
    make_older(acme, timedelta(hours=24, seconds=1))

    later = post(edge, EVENT, key)

    assert (later.json()["accepted"], is_replay(later)) == (1, False)
    assert is_replay(post(edge, EVENT, key))
    assert len(stored_calls(acme)) == 2
    assert len(kept(acme)) == 1


def test_a_key_is_free_for_another_body_after_24_hours(edge, acme, key):
    post(edge, EVENT, key)
    make_older(acme, timedelta(hours=24, seconds=1))

    other = post(edge, [EVENT, EVENT], key)

    assert (other.json()["accepted"], is_replay(other)) == (2, False)
    assert slug(post(edge, EVENT, key)) == "idempotency-key-reused"


def test_retention_deletes_the_old_answers_of_everybody_and_no_others(edge, acme, globex, key):
    foreign = issue_key(globex)
    for name in ("a", "b"):
        post(edge, EVENT, key, idempotency_key=name)
        post(edge, EVENT, foreign, idempotency_key=name)
    make_older(acme, timedelta(hours=25))
    make_older(globex, timedelta(hours=25))
    post(edge, EVENT, key, idempotency_key="young")

    deleted = services.delete_old_answers(now=datetime.now(UTC))

    assert deleted >= 4
    assert len(kept(acme)) == 1
    assert kept(globex) == []
    assert services.delete_old_answers(now=datetime.now(UTC)) == 0


def test_retention_deletes_in_parts(edge, acme, key, monkeypatch):
    monkeypatch.setattr(services, "_DELETE_AT_ONCE", 2)
    for number in range(5):
        post(edge, [], key, idempotency_key=str(number))
    make_older(acme, timedelta(hours=25))

    assert services.delete_old_answers(now=datetime.now(UTC)) >= 5
    assert kept(acme) == []


# --- At the same time -------------------------------------------------------------------------------------------------
def test_of_many_at_once_one_is_taken(edge, acme, key):
    answers = edge.together([(EVENT, key)] * 20, headers={"idempotency-key": "once"})

    taken = [answer for answer in answers if answer.status == 202 and not is_replay(answer)]
    others = [answer for answer in answers if answer not in taken]
    assert len(taken) == 1
    assert {(answer.status, is_replay(answer)) for answer in others} <= {(409, False), (202, True)}
    assert {answer.headers["retry-after"] for answer in others if answer.status == 409} <= {"1"}
    assert len(stored_calls(acme)) == 1
    assert [calls for calls, *_ in rolled_up(acme)[1]] == [1]


def test_of_two_processes_at_once_one_takes_each_request(edge, acme, key):
    def send_all(client):
        return [post(client, [EVENT] * 3, key, idempotency_key=str(number)) for number in range(40)]

    with running_edge() as other, ThreadPoolExecutor(2) as pool:
        pairs = list(zip(*pool.map(send_all, (edge, other)), strict=True))

    for pair in pairs:
        assert [answer.status for answer in pair if answer.status not in {202, 409}] == []
        assert sum(answer.status == 202 and not is_replay(answer) for answer in pair) == 1
    assert len(stored_calls(acme)) == 3 * 40
    assert sum(calls for calls, *_ in rolled_up(acme)[1]) == 3 * 40


def test_while_another_process_runs_the_first_the_second_is_409_and_the_others_are_stored(edge, acme, key):
    with org_scope(acme.pk):
        api_key_id = ApiKey.objects.get().pk
    digest = key_digest({b"idempotency-key": [b"once"]})

    async def send_both():
        keyed = edge.request(EVENT, key=key, headers={"idempotency-key": "once"})
        return await asyncio.gather(keyed, edge.request(EVENT, key=key))

    with running_first((api_key_id, "/api/v1/ingest", digest)):
        refused, other = asyncio.run_coroutine_threadsafe(send_both(), edge._loop).result(60)

    assert (refused.status, slug(refused), refused.headers["retry-after"]) == (409, "idempotency-key-in-use", "1")
    assert other.json()["accepted"] == 1
    again = post(edge, EVENT, key)
    assert (again.status, is_replay(again)) == (202, False)
    assert len(stored_calls(acme)) == 2


@contextmanager
def running_first(identity):
    """Another session holds the claim, as it does while its flush is under way."""
    with psycopg.connect(settings.DATABASE.conninfo(EDGE)) as other:
        other.execute("select pg_advisory_xact_lock(%s)", [_lock_id(identity)])
        yield


# --- The writer -------------------------------------------------------------------------------------------------------
def make_claim(organization, name="once", body="body", api_key_id=7):
    return Claim(
        organization_id=organization.pk,
        api_key_id=api_key_id,
        path=f"/{organization.pk}",
        key_digest=name.encode(),
        body_digest=body.encode(),
        answer=answer_of,
    )


def answer_of(accepted, duplicates):
    return Answer(status=202, content_type="text/plain", body=f"{accepted}+{duplicates}".encode())


@pytest.fixture
def project(acme):
    return project_of(acme)


def test_the_second_of_a_process_is_told_before_the_first_is_stored(acme, project):
    writer = Writer(settings.DATABASE.conninfo(EDGE))

    async def write_both():
        first = asyncio.create_task(writer.write([make_row(project, "a")], [], make_claim(acme)))
        await asyncio.sleep(0)
        second = await writer.write([make_row(project, "b")], [], make_claim(acme, body="other"))
        writer.start()
        return await first, second, await writer.write([make_row(project, "c")], [], make_claim(acme))

    try:
        outcomes = asyncio.run(write_both())
    finally:
        writer.close()

    assert outcomes == (Stored(1, 0), KeyInUse(), Replay(answer_of(1, 0)))
    assert [call["call_id"] for call in stored_calls(acme)] == ["a"]


def test_requests_without_rows_wait_in_the_same_queue(acme):
    writer = Writer(settings.DATABASE.conninfo(EDGE), most_rows=2)

    async def write(name):
        return await writer.write([], [], make_claim(acme, name))

    async def fill():
        waiting = [asyncio.create_task(write(name)) for name in "ab"]
        await asyncio.sleep(0)
        too_many = (await asyncio.gather(write("c"), return_exceptions=True))[0]
        size = writer.rows_waiting
        writer.start()
        return size, type(too_many).__name__, await asyncio.gather(*waiting), await write("c")

    try:
        found = asyncio.run(fill())
    finally:
        writer.close()

    assert found == (2, "QueueFullError", [Stored(0, 0)] * 2, Stored(0, 0))
    assert writer.rows_waiting == 0


def test_a_lost_claim_costs_the_others_of_its_flush_nothing(acme, project):
    flusher = new_flusher()
    flusher.flush([[make_row(project, "old")], []], {0: make_claim(acme, "answered"), 1: make_claim(acme, "reused")})
    same = make_row(project, "same")
    requests = [[same], [make_row(project, "x")], [make_row(project, "y")], [same, make_row(project, "new")], []]
    claims = {
        0: make_claim(acme, "answered"),
        1: make_claim(acme, "reused", body="other"),
        2: make_claim(acme, "running"),
        4: make_claim(acme, "empty"),
    }

    with running_first(claims[2].identity):
        outcomes = flusher.flush(requests, claims)

    # What the first one brought was not taken from it, so it is new where it comes again.
    assert outcomes == [Replay(answer_of(1, 0)), KeyReused(), KeyInUse(), Stored(2, 0), Stored(0, 0)]
    assert {call["call_id"] for call in stored_calls(acme)} == {"old", "same", "new"}
    assert sum(calls for calls, *_ in rolled_up(acme)[1]) == 3


def test_the_same_claim_twice_in_a_flush_is_granted_once(acme, project):
    claims = {0: make_claim(acme), 1: make_claim(acme), 2: make_claim(acme, "another")}

    outcomes = new_flusher().flush([[make_row(project, name)] for name in "abc"], claims)

    assert outcomes == [Stored(1, 0), KeyInUse(), Stored(1, 0)]
    assert len(kept(acme)) == 2


def test_the_answer_kept_counts_what_the_slow_path_found(acme, project):
    flusher = new_flusher()
    flusher.flush([[make_row(project, "a")]])
    rows = [make_row(project, name) for name in "aab"]

    first = flusher.flush([rows, [make_row(project, "b")]], {0: make_claim(acme), 1: make_claim(acme, "second")})

    again = flusher.flush([rows, [make_row(project, "b")]], {0: make_claim(acme), 1: make_claim(acme, "second")})
    assert first == [Stored(1, 2), Stored(0, 1)]
    assert again == [Replay(answer_of(1, 2)), Replay(answer_of(0, 1))]


def test_a_guilty_request_neither_keeps_its_claim_nor_takes_that_of_others(acme, project):
    flusher = new_flusher()
    requests = [[make_row(project, "one")], [make_row(project, "bad", session_id="a\0b")]]
    claims = {0: make_claim(acme, "innocent"), 1: make_claim(acme, "guilty")}

    outcomes = flusher.flush(requests, claims)

    assert outcomes == [Stored(1, 0), Refused()]
    repaired = flusher.flush([[make_row(project, "one")], [make_row(project, "good")]], claims)
    assert repaired == [Replay(answer_of(1, 0)), Stored(1, 0)]


def test_a_flush_that_failed_leaves_the_key_free(acme, project):
    flusher = new_flusher()
    outside = make_row(project, "old", started_at=datetime(2019, 1, 1, tzinfo=UTC))

    assert flusher.flush([[outside]], {0: make_claim(acme)}) == [Unavailable()]

    assert kept(acme) == []
    assert flusher.flush([[make_row(project, "a")]], {0: make_claim(acme, body="other")}) == [Stored(1, 0)]


# --- Isolation --------------------------------------------------------------------------------------------------------
def test_answers_of_one_organization_are_not_seen_from_another(edge, acme, globex, key):
    post(edge, EVENT, key)

    assert len(kept(acme)) == 1
    assert kept(globex) == []


@pytest.mark.parametrize("statement", ["delete from ingest_idempotency", "update ingest_idempotency set status = 202"])
def test_the_application_may_not_change_answers(acme, statement):
    with pytest.raises(DatabaseError, match="permission denied"), org_scope(acme.pk), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("statement", ["delete from ingest_idempotency", "select delete_ingest_answers(now(), 1)"])
def test_the_edge_may_not_delete_answers(committed_module, statement):
    with (
        psycopg.connect(settings.DATABASE.conninfo(EDGE)) as database,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        database.execute(statement)
