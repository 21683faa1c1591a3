"""What an edge says of itself at ``/metrics``, and to whom."""

import asyncio
import logging

import pytest
from prometheus_client.parser import text_string_to_metric_families

from core.addresses import is_direct_from_this_machine
from ingestion.edge import Limits, Rates
from ingestion.tests.edge.client import issue_key, running_edge
from ingestion.tests.edge.proxy import passage
from ingestion.tests.edge.test_bad_input import slug
from ingestion.tests.edge.test_traces import recent
from ingestion.tests.wire.otlp.builders import request
from tests.resilience.processes import wait_until

PATH = "/metrics"
TOKEN = "a-token-only-prometheus-knows"
LOCAL = {"client": "127.0.0.1", "headers": {"host": "127.0.0.1:8000"}}
EVENT = {"model": "gpt-4o"}


@pytest.fixture
def fresh(committed_module):
    """An edge that has counted nothing yet."""
    with running_edge(metrics_token=TOKEN) as edge:
        yield edge


def samples(edge):
    """Values by name and the values of the labels, in the order of the text, as Prometheus itself would read them."""
    answer = edge.get(PATH, **LOCAL)
    assert answer.status == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


# --- What is counted ---


def test_events_by_what_became_of_them(fresh, key):
    fresh.post([EVENT, EVENT, {"model": ""}, {}], key=key)

    found = samples(fresh)

    outcomes = {outcome: found["tokenops_ingest_events_total", outcome] for outcome in ("accepted", "rejected")}
    assert outcomes == {"accepted": 2, "rejected": 2}
    assert found["tokenops_ingest_events_total", "duplicate"] == 0


def test_duplicates_are_told_apart(fresh, key):
    span = recent()
    for _ in range(3):
        fresh.post(request([span]), key=key, path="/v1/traces")

    found = samples(fresh)

    assert found["tokenops_ingest_events_total", "accepted"] == 1
    assert found["tokenops_ingest_events_total", "duplicate"] == 2


def test_requests_by_endpoint_and_status(fresh, key):
    fresh.post(EVENT, key=key)
    fresh.post(EVENT, key=key, path="/log")
    fresh.post(b"{", key=key)
    fresh.post(EVENT)
    fresh.post(EVENT, key=key)

    found = {name[1:]: value for name, value in samples(fresh).items() if name[0] == "tokenops_edge_requests_total"}

    assert found == {
        ("/api/v1/ingest", "202"): 2,
        ("/log", "202"): 1,
        ("/api/v1/ingest", "400"): 1,
        ("/api/v1/ingest", "401"): 1,
    }


def test_flushes_and_the_time_until_the_commit(fresh, key):
    fresh.post([EVENT] * 30, key=key)
    fresh.post([EVENT] * 7, key=key)

    found = samples(fresh)

    assert found["tokenops_flush_rows_count",] == found["tokenops_flush_seconds_count",] == 2
    assert found["tokenops_flush_rows_sum",] == 37
    assert found["tokenops_ingest_lag_seconds_count",] == 2
    assert 0 < found["tokenops_flush_seconds_sum",] < found["tokenops_ingest_lag_seconds_sum",]


def test_what_was_not_stored_has_no_lag_and_is_counted_by_status(committed_module, key):
    with running_edge(Limits(waiting_rows=10)) as edge:
        assert edge.post([EVENT] * 11, key=key).status == 503
        found = samples(edge)

    assert found["tokenops_ingest_events_refused_total", "503"] == 11
    assert found["tokenops_ingest_events_total", "accepted"] == 0
    assert found["tokenops_ingest_lag_seconds_count",] == 0


def test_events_over_the_rate_that_were_decoded_are_counted(committed_module, key):
    with running_edge(rates=Rates(events=0.001)) as edge:
        edge.post([EVENT] * 2, key=key)
        edge.post([EVENT] * 3, key=key)  # refused before its body is read: nobody knows how many these are
        found = samples(edge)

    assert found["tokenops_ingest_events_total", "accepted"] == 2
    assert ("tokenops_ingest_events_refused_total", "429") not in found
    assert found["tokenops_edge_requests_total", "/api/v1/ingest", "429"] == 1


def test_a_repeated_answer_counts_as_a_request_and_not_as_events(fresh, key):
    for _ in range(3):
        fresh.post([EVENT] * 2, key=key, headers={"idempotency-key": "once"})

    found = samples(fresh)

    assert found["tokenops_ingest_events_total", "accepted"] == 2
    assert found["tokenops_edge_requests_total", "/api/v1/ingest", "202"] == 3


def test_what_is_held_now(fresh, key):
    never = asyncio.Event()

    async def half_a_request():
        at_once = asyncio.Event()
        at_once.set()
        return asyncio.create_task(fresh.request(b"[" + b" " * 99, key=key, pieces=2, delays=[at_once, never]))

    task = asyncio.run_coroutine_threadsafe(half_a_request(), fresh._loop).result(60)
    wait_until(lambda: samples(fresh)["tokenops_edge_in_flight_bytes",] == 50, "half of the body to arrive")
    held = samples(fresh)
    fresh._loop.call_soon_threadsafe(never.set)
    asyncio.run_coroutine_threadsafe(asyncio.wait([task]), fresh._loop).result(60)

    assert held["tokenops_writer_waiting_rows",] == 0
    assert samples(fresh)["tokenops_edge_in_flight_bytes",] == 0


def test_the_process_itself(fresh, settings):
    found = samples(fresh)

    assert found["process_resident_memory_bytes",] > 10**7
    assert found["tokenops_build_info", settings.VERSION] == 1


def test_no_label_names_a_tenant(fresh, acme, key):
    fresh.post([EVENT, {"model": ""}], key=key)
    fresh.post(EVENT, key=issue_key(acme, project=None))

    names = {
        label
        for family in text_string_to_metric_families(fresh.get(PATH, **LOCAL).body.decode())
        for sample in family.samples
        for label in sample.labels
    }

    assert names <= {"endpoint", "status", "outcome", "le", "version", "generation"} | {
        "implementation",
        "major",
        "minor",
        "patchlevel",
    }


def test_without_a_database_it_still_says_what_happens(committed_module, key):
    with passage() as way, running_edge(conninfo=way.conninfo) as edge:
        way.close()
        edge.post(EVENT, key=key)

        assert samples(edge)["tokenops_edge_requests_total", "/api/v1/ingest", "503"] == 1


def test_it_is_read_while_the_edge_is_not_there_yet(committed_module):
    with running_edge() as edge:
        pass

    answer = asyncio.run(edge.request(b"", path=PATH, method="GET", **LOCAL))

    assert answer.status == 200


# --- Who may read ---


def test_a_process_on_this_machine_needs_no_token(fresh):
    answer = fresh.get(PATH, **LOCAL)

    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"


def test_another_machine_brings_the_token(fresh):
    answer = fresh.get(PATH, headers={"authorization": f"Bearer {TOKEN}", "host": "tokenops.example"})

    assert answer.status == 200


@pytest.mark.parametrize("authorization", ["", TOKEN, "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}"])
def test_without_the_token_it_is_401(fresh, authorization):
    answer = fresh.get(PATH, headers={"authorization": authorization, "host": "tokenops.example"})

    assert (answer.status, slug(answer)) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == 'Bearer realm="TokenOps metrics"'
    assert b"tokenops_" not in answer.body


def test_without_a_token_set_there_is_nothing_here(edge):
    answer = edge.get(PATH, headers={"authorization": "Bearer ", "host": "tokenops.example"})

    assert (answer.status, slug(answer)) == (404, "not-found")


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-forwarded-host"])
def test_what_a_proxy_on_this_machine_passes_on_is_not_from_this_machine(fresh, header):
    answer = fresh.get(PATH, client="127.0.0.1", headers={"host": "127.0.0.1", header: "127.0.0.1"})

    assert answer.status == 401


def test_a_foreign_name_that_leads_here_is_not_this_machine(fresh):
    assert fresh.get(PATH, client="127.0.0.1", headers={"host": "evil.example"}).status == 401


def test_only_reading(fresh):
    answer = fresh.request(b"", path=PATH, method="POST", **LOCAL)

    assert asyncio.run(answer).status == 405


def test_the_token_is_in_no_log_and_no_answer(fresh, caplog):
    with caplog.at_level(logging.DEBUG):
        answers = [
            fresh.get(PATH, headers={"authorization": f"Bearer {TOKEN}{end}", "host": "a.test"}) for end in ("", "x")
        ]

    assert TOKEN not in caplog.text
    assert not [answer for answer in answers if TOKEN.encode() in answer.body]


@pytest.mark.parametrize(
    ("remote", "host", "is_forwarded", "expected"),
    [
        ("127.0.0.1", "localhost:8000", False, True),
        ("::1", "[::1]:8000", False, True),
        ("127.0.0.1", "127.0.0.1", True, False),
        ("192.0.2.7", "127.0.0.1", False, False),
        ("", "127.0.0.1", False, False),
        ("127.0.0.1", "", False, False),
        ("127.0.0.1", "[nonsense", False, False),
    ],
)
def test_this_machine(remote, host, is_forwarded, expected):
    assert is_direct_from_this_machine(remote=remote, host=host, is_forwarded=is_forwarded) is expected
