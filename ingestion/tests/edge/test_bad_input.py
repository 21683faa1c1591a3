"""Every kind of bad input gets the answer telemetry.md says, and stores nothing."""

import asyncio
import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest

from ingestion.edge import Limits
from ingestion.tests.edge.client import running_edge, stored_calls

GOOD = {"model": "gpt-4o"}


def slug(response):
    """The last part of the problem's type; also checks the rest of the shape."""
    document = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert document["status"] == response.status
    assert document["title"]
    return document["type"].removeprefix("https://tokenops.dev/problems/")


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"model": "gpt-4o"', b"[1, 2", b"nonsense", b'"text"', b"17", b"null", b'{"model": "\xff"}']
)
@pytest.mark.parametrize("path", ["/api/v1/ingest", "/api/ingest", "/log"])
def test_a_malformed_document_is_400(edge, acme, key, body, path):
    response = edge.post(body, key=key, path=path)

    assert (response.status, slug(response)) == (400, "malformed-body")
    assert stored_calls(acme) == []


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({}, "model"),
        ({"model": ""}, "model"),
        ({"model": 7}, "model"),
        ({"model": "m" * 256}, "model"),
        ({**GOOD, "input_tokens": -1}, "input_tokens"),
        ({**GOOD, "input_tokens": 10**9 + 1}, "input_tokens"),
        ({**GOOD, "input_tokens": "12"}, "input_tokens"),
        ({**GOOD, "input_tokens": 1.5}, "input_tokens"),
        ({**GOOD, "input_tokens": True}, "input_tokens"),
        ({**GOOD, "input_tokens": 10**400}, "input_tokens"),
        ({**GOOD, "latency_ms": -0.1}, "latency_ms"),
        ({**GOOD, "latency_ms": 1e300}, "latency_ms"),
        ({**GOOD, "status": "perhaps"}, "status"),
        ({**GOOD, "timestamp": "yesterday"}, "timestamp"),
        ({**GOOD, "timestamp": "2026-02-30T00:00:00Z"}, "timestamp"),
        ({**GOOD, "timestamp": 1e30}, "timestamp"),
        ({**GOOD, "cost_usd": "NaN"}, "cost_usd"),
        ({**GOOD, "cost_usd": -1}, "cost_usd"),
        ({**GOOD, "tags": {str(n): "x" for n in range(21)}}, "tags"),
        ({**GOOD, "id": "not-a-uuid-and-no-timestamp"}, "timestamp"),
    ],
)
def test_a_bad_event_is_rejected_by_field(edge, acme, key, event, field):
    response = edge.post(event, key=key)

    assert (response.status, slug(response)) == (400, "events-rejected")
    assert response.json()["rejected_count"] == 1
    assert field in {error["field"] for error in response.json()["rejected"][0]["errors"]}
    assert stored_calls(acme) == []


def test_a_bad_event_does_not_cost_the_others(edge, acme, key):
    response = edge.post([GOOD, {"model": 7}, GOOD], key=key)

    assert response.status == 202
    answer = response.json()
    assert (answer["accepted"], answer["rejected_count"]) == (2, 1)
    assert answer["rejected"][0]["index"] == 1
    assert len(stored_calls(acme)) == 2


@pytest.mark.parametrize("text", ['"a\\u0000b"', '"\\ud800"', '"a\\udfffb"'])
@pytest.mark.parametrize("field", ["model", "feature", "session_id", "id"])
def test_what_postgres_cannot_store_never_reaches_it(edge, acme, key, text, field):
    others = {"model": "m"} if field != "model" else {}
    event = json.dumps(others)[:-1] + (", " if others else "") + f'"{field}": {text}}}'

    response = edge.post(f"[{event}, {json.dumps(GOOD)}]".encode(), key=key)

    assert response.status == 202
    assert response.json()["accepted"] == 2 - response.json()["rejected_count"]
    for call in stored_calls(acme):
        assert "\0" not in call[{"id": "call_id"}.get(field, field)]


@pytest.mark.parametrize(
    ("ahead", "accepted"),
    [(timedelta(minutes=9), 1), (timedelta(minutes=11), 0), (timedelta(days=400), 0), (timedelta(days=-39), 1)],
)
def test_clock_skew_is_bounded(edge, acme, key, ahead, accepted):
    moment = datetime.now(UTC) + ahead

    response = edge.post({**GOOD, "timestamp": moment.isoformat()}, key=key)

    assert response.json()["accepted"] == accepted
    assert len(stored_calls(acme)) == accepted


def test_what_is_older_than_the_partitions_is_rejected(edge, acme, key):
    response = edge.post({**GOOD, "timestamp": "2020-01-01T00:00:00Z"}, key=key)

    assert response.status == 400
    assert response.json()["rejected"][0]["errors"][0]["field"] == "timestamp"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("path", ["/api/v1/ingest", "/api/ingest", "/log"])
def test_another_method_is_405_and_says_which(edge, acme, key, method, path):
    response = edge.post(GOOD, key=key, method=method, path=path)

    assert (response.status, slug(response)) == (405, "method-not-allowed")
    assert response.headers["allow"] == "POST"
    assert stored_calls(acme) == []


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "application/x-protobuf"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "application/json; charset=latin-1"},
        {"content-encoding": "br"},
        {"content-encoding": "gzip, gzip"},
    ],
)
def test_another_form_is_415(edge, key, headers):
    response = edge.post(GOOD, key=key, headers=headers)

    assert (response.status, slug(response)) == (415, "unsupported-media-type")


def test_a_declared_size_over_the_limit_is_413_before_a_byte_is_read(edge, key):
    never = asyncio.Event()

    response = edge.post(GOOD, key=key, headers={"content-length": str(10 * 2**20 + 1)}, delays=[never])

    assert (response.status, slug(response)) == (413, "too-large")


def test_a_body_over_the_limit_is_413_without_a_declared_size(edge, acme, key):
    response = edge.post(b" " * (10 * 2**20 + 1), key=key, pieces=50)

    assert (response.status, slug(response)) == (413, "too-large")
    assert stored_calls(acme) == []


def test_a_bomb_is_413(edge, acme, key):
    bomb = gzip.compress(b"[" + b" " * (200 * 2**20), compresslevel=1)

    response = edge.post(bomb, key=key, headers={"content-encoding": "gzip"})

    assert (response.status, slug(response)) == (413, "too-large")
    assert stored_calls(acme) == []


@pytest.mark.parametrize("damage", [lambda body: body[:-5], lambda body: b"\x1f\x8b" + body[8:], lambda body: b"no"])
def test_a_damaged_gzip_body_is_400(edge, acme, key, damage):
    body = damage(gzip.compress(json.dumps(GOOD).encode() * 1))

    response = edge.post(body, key=key, headers={"content-encoding": "gzip"})

    assert (response.status, slug(response)) == (400, "malformed-body")
    assert stored_calls(acme) == []


def test_more_than_five_thousand_events_are_413(edge, acme, key):
    response = edge.post([GOOD] * 5001, key=key)

    assert (response.status, slug(response)) == (413, "too-large")
    assert stored_calls(acme) == []


def test_five_thousand_events_are_stored(edge, acme, key):
    response = edge.post([GOOD] * 5000, key=key)

    assert response.json()["accepted"] == 5000
    assert len(stored_calls(acme)) == 5000


def test_a_deeply_nested_body_is_400(edge, key):
    response = edge.post(b"[" * 200_000, key=key)

    assert (response.status, slug(response)) == (400, "malformed-body")


def test_many_malformed_bodies_never_cause_a_server_error(edge, acme, key):
    bodies = [b"{" * (n % 50) + b'"' * (n % 7) + bytes([n % 256]) for n in range(500)]

    answers = edge.together([(body, key) for body in bodies])

    assert {answer.status for answer in answers} <= {400, 202}
    assert all(call["model"] for call in stored_calls(acme))


def test_a_slow_body_is_408(committed_module, key):
    never = asyncio.Event()
    with running_edge(Limits(body_patience=0.05)) as edge:
        response = edge.post(GOOD, key=key, delays=[never])

    assert (response.status, slug(response)) == (408, "timeout")


def test_too_many_bytes_at_once_are_503_with_retry_after(committed_module, key):
    with running_edge(Limits(in_flight=600)) as edge:
        refused = edge.post({**GOOD, "tags": {"x": "y" * 190, "z": "y" * 190}}, key=key)
        small = edge.post(GOOD, key=key)

    assert (refused.status, slug(refused)) == (503, "unavailable")
    assert refused.headers["retry-after"] == "1"
    assert small.status == 202


def test_a_full_queue_is_503_with_retry_after(committed_module, acme, key):
    with running_edge(Limits(waiting_rows=10)) as edge:
        refused = edge.post([GOOD] * 11, key=key)
        small = edge.post([GOOD] * 10, key=key)

    assert (refused.status, slug(refused)) == (503, "unavailable")
    assert refused.headers["retry-after"] == "1"
    assert small.json()["accepted"] == 10
    assert len(stored_calls(acme)) == 10
