"""The limits on a running edge. The rates are so low that nothing fills up again while a test runs."""

import asyncio
import json

import pytest
from google.rpc.status_pb2 import Status

from core.scope import org_scope
from ingestion.edge import Limits, Rates
from ingestion.models import IngestAnswer
from ingestion.tests.edge.client import issue_key, running_edge, stored_calls
from ingestion.tests.edge.test_bad_input import slug
from ingestion.tests.edge.test_traces import recent
from ingestion.tests.wire.otlp.builders import request

ONE_AND_NO_MORE = 0.001  # a second, so the next one fits after a quarter of an hour
EVENT = {"model": "gpt-4o"}
HEADERS = {"ratelimit", "ratelimit-policy"}


@pytest.fixture
def strict(committed_module):
    with running_edge(rates=Rates(requests=ONE_AND_NO_MORE)) as edge:
        yield edge


@pytest.fixture
def few_events(committed_module):
    with running_edge(rates=Rates(events=ONE_AND_NO_MORE)) as edge:
        yield edge


@pytest.mark.parametrize("path", ["/api/v1/ingest", "/api/ingest", "/log"])
def test_a_key_that_sends_too_many_requests_is_429_on_every_endpoint(strict, acme, key, path):
    assert strict.post(EVENT, key=key).status == 202

    refused = strict.post(EVENT, key=key, path=path)

    assert (refused.status, slug(refused)) == (429, "rate-limited")
    assert refused.json() == {
        "type": "https://tokenops.dev/problems/rate-limited",
        "title": "This API key sends too many requests.",
        "status": 429,
        "detail": f"Try again in {refused.headers['retry-after']} s.",
    }
    assert 900 <= int(refused.headers["retry-after"]) <= 1_000
    assert len(stored_calls(acme)) == 1


def test_an_exporter_of_traces_gets_its_own_kind_of_429(strict, acme, key):
    strict.post(EVENT, key=key)

    refused = strict.post(request([recent()]), key=key, path="/v1/traces")
    as_protobuf = strict.post(b"", key=key, path="/v1/traces", headers={"content-type": "application/x-protobuf"})

    assert (refused.status, as_protobuf.status) == (429, 429)
    assert refused.json()["message"].startswith("This API key sends too many requests. Try again in ")
    assert Status.FromString(as_protobuf.body).message == refused.json()["message"]
    assert refused.headers["retry-after"] == as_protobuf.headers["retry-after"]
    assert len(stored_calls(acme)) == 1


def test_other_keys_do_not_notice(strict, acme, globex, key):
    neighbour, stranger = issue_key(acme), issue_key(globex)
    strict.post(EVENT, key=key)

    answers = strict.together([(EVENT, key), (EVENT, neighbour), (EVENT, stranger)])

    assert [answer.status for answer in answers] == [429, 202, 202]


def test_the_body_of_a_refused_request_is_not_read(strict, key):
    strict.post(EVENT, key=key)

    refused = strict.post(EVENT, key=key, delays=[asyncio.Event()])  # a body that never comes

    assert refused.status == 429


def test_a_refusal_waits_a_moment_and_keeps_nobody_else_waiting(committed_module, key, globex):
    stranger = issue_key(globex)
    with running_edge(Limits(refusal_pause=3_600), rates=Rates(requests=ONE_AND_NO_MORE)) as edge:

        async def scene():
            taken = await edge.request(EVENT, key=key)
            refused = asyncio.create_task(edge.request(EVENT, key=key))
            other = await edge.request(EVENT, key=stranger)
            is_held = not refused.done()
            refused.cancel()
            return taken.status, other.status, is_held

        found = asyncio.run_coroutine_threadsafe(scene(), edge._loop).result(60)

    assert found == (202, 202, True)


def test_strangers_cost_nobody_a_token(strict, acme, key):
    wrong = key[:-1] + ("a" if key[-1] != "a" else "b")

    statuses = [strict.post(EVENT, key=one).status for one in (wrong, wrong, key)]

    assert statuses == [401, 401, 202]


def test_a_batch_is_taken_whole_and_the_next_waits_for_its_price(few_events, acme, key):
    taken = few_events.post([EVENT] * 3, key=key)
    refused = few_events.post(EVENT, key=key)

    assert taken.json()["accepted"] == 3
    assert (refused.status, slug(refused)) == (429, "rate-limited")
    assert refused.json()["title"] == "This API key sends too many events."
    assert 2_900 <= int(refused.headers["retry-after"]) <= 3_000
    assert len(stored_calls(acme)) == 3


def test_rejected_events_are_paid_for_too(few_events, acme, key):
    assert few_events.post([{"model": ""}] * 2, key=key).status == 400

    assert few_events.post(EVENT, key=key).status == 429
    assert stored_calls(acme) == []


def test_of_batches_that_came_in_together_those_after_the_last_token_store_nothing(few_events, acme, key):
    first, second = asyncio.Event(), asyncio.Event()

    async def scene():
        waiting = [
            asyncio.create_task(few_events.request([EVENT] * 2, key=key, delays=[delay])) for delay in (first, second)
        ]
        await asyncio.sleep(0)
        first.set()
        answers = [await waiting[0]]
        second.set()
        return [*answers, await waiting[1]]

    taken, refused = asyncio.run_coroutine_threadsafe(scene(), few_events._loop).result(60)

    assert (taken.status, refused.status) == (202, 429)
    assert len(stored_calls(acme)) == 2


def test_a_429_is_not_kept_for_an_idempotency_key(strict, acme, key):
    strict.post(EVENT, key=key)

    refused = strict.post(EVENT, key=key, headers={"idempotency-key": "once"})

    assert refused.status == 429
    assert "idempotent-replayed" not in refused.headers
    with org_scope(acme.pk):
        assert not IngestAnswer.objects.exists()


def test_every_answer_to_a_known_key_says_how_it_stands(committed_module, acme, key):
    with running_edge(Limits(body=300), rates=Rates(requests=100, events=1_000)) as edge:
        answers = [
            edge.post(EVENT, key=key),
            edge.post({"model": ""}, key=key),
            edge.post(b"{", key=key),
            edge.post(b" " * 400, key=key),
            edge.post(EVENT, key=key, headers={"content-encoding": "compress"}),
            edge.post(request([]), key=key, path="/v1/traces"),
        ]

    assert [answer.status for answer in answers] == [202, 400, 400, 413, 415, 200]
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {
        '"requests";q=100;w=1;qu="requests", "events";q=1000;w=1;qu="events"'
    }
    assert answers[0].headers["ratelimit"].startswith('"requests";r=')


def test_a_refusal_names_the_moment_of_retry_after(strict, key):
    strict.post(EVENT, key=key)

    refused = strict.post(EVENT, key=key)

    assert refused.headers["ratelimit-policy"] == '"requests";q=1;w=1;qu="requests"'
    assert refused.headers["ratelimit"] == f'"requests";r=0;t={refused.headers["retry-after"]}'


def test_who_is_not_known_is_told_nothing_about_limits(strict, key):
    answers = [strict.post(EVENT), strict.post(EVENT, key="tko_nonsense"), strict.post(EVENT, key=key, method="PUT")]

    assert [answer.status for answer in answers] == [401, 401, 405]
    assert not [answer for answer in answers if HEADERS & set(answer.headers)]


def test_without_limits_nothing_is_said(edge, key):
    assert not HEADERS & set(edge.post(EVENT, key=key).headers)


def test_a_repeated_answer_says_how_the_key_stands_now(committed_module, key):
    headers = {"idempotency-key": "once"}
    with running_edge(rates=Rates(events=1_000)) as edge:
        first, again = (edge.post([EVENT] * 2, key=key, headers=headers) for _ in range(2))

    assert again.headers["idempotent-replayed"] == "true"
    assert first.body == again.body
    assert json.loads(again.body)["accepted"] == 2
    assert again.headers["ratelimit"].startswith('"events";r=')
