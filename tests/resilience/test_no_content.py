"""One word goes into every door of a real server, wherever it is no attribution, and must be found nowhere.

Attribution is what the sender chose to find its calls by: names of models, features, teams, users, sessions, traces,
tags, versions, extra units. It is stored as sent, because that is what it is for, so the word goes there only in forms
that cannot be stored: as an object, or too long. X-Request-Id is the sender's own name for a request and comes back
with the answer when it is an identifier.
"""

import gzip
import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from conftest import make_organization
from core.scope import org_scope
from ingestion.tests.edge.client import stored_calls
from ingestion.tests.edge.refusals import counted
from ingestion.tests.edge.test_faults import dump_of_everything
from ingestion.tests.wire.otlp.builders import CHAT, as_protobuf, event, request, span
from ingestion.tests.wire.otlp.test_content import CONTENT_ATTRIBUTES
from ingestion.wire.content import _CONTENT as CONTENT_NAMES
from ingestion.wire.event import CAMEL_NAMES
from ingestion.wire.otlp.parse import PROTOBUF
from tenants.models import Organization, Project
from tenants.permissions import Scope
from tenants.tests.keys import issue_key
from tests.servers import RunningServer, running_server

pytestmark = pytest.mark.resilience

WORD = "Zanzibar4711-quokka"
NAME = "quagga_0815"  # as the name of a field: an answer's warnings may name it to its sender, nothing may keep it
SAID = f"My account number is {WORD}?"
EVENT_PATHS = ("/api/v1/ingest", "/api/ingest", "/log")


@dataclass(frozen=True)
class Sent:
    """A request, and what the server answered: status line, headers and body."""

    path: str
    status: int
    answer: bytes


@pytest.fixture
def key(committed_db: None) -> str:
    organization = make_organization("Acme")
    with org_scope(organization.pk):
        project = Project.objects.get()
    return issue_key(organization, project=project, scopes=[Scope.INGEST, Scope.READ]).text


def good() -> dict[str, Any]:
    return {"model": "gpt-4o", "input_tokens": 3}


def events() -> Iterator[Any]:
    """Bodies of events with the word in every field that may not keep it."""
    for name in CAMEL_NAMES:
        if name != "tags":  # their members are named by the sender
            yield {**good(), name: {NAME: SAID}}
        yield {**good(), name: [SAID]}
        yield {**good(), name: SAID * 20}
    yield {**good(), **dict.fromkeys(sorted(CONTENT_NAMES), SAID)}
    yield {**good(), **dict.fromkeys(sorted(CONTENT_ATTRIBUTES), SAID)}
    yield {**good(), NAME: 1, SAID: 2, "temperature": SAID, "source": SAID}
    yield {NAME: SAID, "messages": [{"role": "user", "content": SAID}]}
    yield {**good(), "usage": {"prompt_tokens": 5, "content": SAID, NAME: 1}}
    yield {**good(), "usage": {"prompt_tokens": SAID}}
    yield {**good(), "extra_units": {SAID: 1}}
    yield {**good(), "prompt_hash": SAID}
    yield SAID


def traces() -> Iterator[Any]:
    """Traces with the word in attributes, events, resource, scope, names and status."""
    start = int(datetime.now(UTC).timestamp()) * 10**9
    times = {"startTimeUnixNano": str(start), "endTimeUnixNano": str(start + 10**9)}
    said = dict.fromkeys(CONTENT_ATTRIBUTES, SAID) | {NAME: SAID, "unknown": SAID, "tool.parameters": SAID}
    told = [event(name, {"content": SAID, NAME: SAID}) for name in ("gen_ai.user.message", "exception", WORD)]
    whole = {"name": SAID, "events": told, "status": {"code": 2, "message": SAID}}
    resource = {"process.command_args": [SAID], NAME: SAID}
    yield request([span(CHAT | said, **times | whole)], resource=resource, scope=SAID)
    for name in CHAT:
        if "tokens" in name or name == "gen_ai.operation.name":
            yield request([span(CHAT | {name: SAID}, **times | {"spanId": f"{hash(name) & 2**63 - 1 | 1:016x}"})])
    yield request([span(CHAT | said, **whole | {"startTimeUnixNano": "0"})], resource=resource)
    yield request([span(CHAT, **times | {"attributes": {NAME: SAID}})])
    yield {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": SAID}}]}]}]}


def post(server: RunningServer, path: str, body: bytes, **headers: str) -> Sent:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST", f"{path}?{WORD}={WORD}", body, {"content-type": "application/json"} | sent)
        response = connection.getresponse()
        return Sent(path, response.status, str(response.getheaders()).encode() + response.read())
    finally:
        connection.close()


def get(server: RunningServer, path: str, **headers: str) -> Sent:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return Sent(path, response.status, str(response.getheaders()).encode() + response.read())
    finally:
        connection.close()


def through_every_door(server: RunningServer, key: str) -> Iterator[Sent]:
    bearer = {"Authorization": f"Bearer {key}"}
    bodies = list(events())
    for path in EVENT_PATHS:
        for body in bodies if path != "/log" else [body for body in bodies if isinstance(body, dict)]:
            yield post(server, path, json.dumps(body).encode(), **bearer)
        yield post(server, path, json.dumps({"model": "m", "prompt": SAID}).encode()[:-1], **bearer)
        yield post(server, path, SAID.encode(), **bearer)
        yield post(server, path, SAID.encode() + b"\xff", **bearer)
    lines = "\n".join([json.dumps(body) for body in bodies] + [SAID, "{" + SAID])
    yield post(server, "/api/v1/ingest", lines.encode(), **bearer, content_type="application/x-ndjson")
    yield post(server, "/api/v1/ingest", gzip.compress(SAID.encode())[:-4], **bearer, content_encoding="gzip")
    for document in traces():
        yield post(server, "/v1/traces", json.dumps(document).encode(), **bearer)
        if "resourceSpans" in document and isinstance(_attributes(document), list):
            yield post(server, "/v1/traces", as_protobuf(document), **bearer, content_type=PROTOBUF)
    yield post(server, "/v1/traces", SAID.encode(), **bearer, content_type=PROTOBUF)
    yield from odd_headers(server, bearer)
    yield from reads(server, bearer)


def _attributes(document: Any) -> Any:
    return document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"]


def odd_headers(server: RunningServer, bearer: dict[str, str]) -> Iterator[Sent]:
    body = json.dumps(good()).encode()
    for path in (*EVENT_PATHS, "/v1/traces"):
        for name in ("user-agent", "x-tokenops-project", "content-type", "content-encoding", "x-request-id", "cookie"):
            yield post(server, path, body, **bearer | {name: SAID})
        yield post(server, path, body, **bearer, idempotency_key=SAID)
        yield post(server, path, body, authorization=f"Bearer {WORD}")
        yield post(server, path, body, ts_api_key=WORD)
        yield post(server, path, body, **bearer, ts_api_key=WORD)


def reads(server: RunningServer, bearer: dict[str, str]) -> Iterator[Sent]:
    for path in ("calls", "rejected-events"):
        for name in ("from", "to", "limit", "cursor", "project", "organization"):
            yield get(server, f"/api/v1/{path}?{name}={WORD}", **bearer)
    yield get(server, f"/api/v1/calls/x?timestamp={WORD}", **bearer)
    yield get(server, f"/api/v1/nothing?{WORD}={WORD}")


def test_what_somebody_said_is_in_no_table_no_log_and_no_answer(key, tmp_path):
    with running_server(tmp_path / "server.log", LOG_LEVEL="DEBUG") as server:
        sent = list(through_every_door(server, key))

    statuses = {one.status for one in sent}
    assert {200, 202, 400, 401, 403, 404, 415} <= statuses
    assert max(statuses) < 500
    assert [one for one in sent if WORD.encode() in one.answer] == []
    log = (tmp_path / "server.log").read_text()
    assert "request failed" in log  # it says what happened
    assert not {word for word in (WORD, NAME) if word in log}
    dump = dump_of_everything()
    assert key[4:12] in dump  # the key's public part: the dump is not empty
    assert [cell for cell in dump.replace("\n", "\t").split("\t") if WORD in cell or NAME in cell] == []
    organization = Organization.objects.get()
    assert len(stored_calls(organization)) > 10
    kinds = {row["kind"] for row in counted(organization)}
    assert kinds == {"event", "request", "content"}  # and the counters say what was refused


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/accounts/login/", 403)])
def test_an_error_page_repeats_nothing(db, path, status):
    client = Client(enforce_csrf_checks=True, headers={"user-agent": SAID, "referer": SAID})

    answer = client.post(f"{path}?{WORD}={WORD}", {"login": SAID, WORD: SAID})

    assert answer.status_code == status
    assert "<html" in answer.content.decode()
    assert WORD not in answer.content.decode() + str(answer.headers)
