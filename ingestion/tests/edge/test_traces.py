"""``POST /v1/traces`` on a running edge: OTLP's own answers, and the calls in the database."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from google.rpc.status_pb2 import Status
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from ingestion.edge import Limits
from ingestion.tests.edge.client import EdgeClient, Response, issue_key, running_edge, stored_calls
from ingestion.tests.edge.conftest import project_of
from ingestion.tests.wire.builders import MARKER
from ingestion.tests.wire.otlp.builders import CHAT, TRACE_ID, as_protobuf, event, request, span
from ingestion.wire.otlp.parse import PROTOBUF

PATH = "/v1/traces"
PROTOBUF_HEADER = {"content-type": PROTOBUF}
USED = CHAT | {"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 500}


def recent(own: Any = None, /, *, number: int = 1, **members: Any) -> dict[str, Any]:
    """A span of a minute ago."""
    start = int((datetime.now(UTC) - timedelta(minutes=1)).timestamp()) * 10**9 + number * 1000
    times = {"startTimeUnixNano": str(start), "endTimeUnixNano": str(start + 10**9)}
    return span(USED if own is None else own, **{"spanId": f"{number:016x}"} | times | members)


def send(edge: EdgeClient, document: Any, key: str, **headers: str) -> Response:
    return edge.post(document, key=key, path=PATH, headers=headers)


def send_protobuf(edge: EdgeClient, body: bytes, key: str, **headers: str) -> Response:
    return edge.post(body, key=key, path=PATH, headers=PROTOBUF_HEADER | headers)


def test_a_span_becomes_a_call_with_its_cost(edge, acme, key):
    response = send(edge, request([recent(), recent({"http.request.method": "GET"}, number=2)]), key)

    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    assert response.json() == {}
    [call] = stored_calls(acme)
    assert call["call_id"] == f"otlp:{TRACE_ID}0000000000000001"
    assert (call["model"], call["source"], call["cost_usd"]) == ("gpt-4o", "otlp", Decimal("0.0075"))


def test_protobuf_is_answered_with_protobuf(edge, acme, key):
    response = send_protobuf(edge, as_protobuf(request([recent()])), key)

    assert (response.status, response.headers["content-type"], response.body) == (200, PROTOBUF, b"")
    assert len(stored_calls(acme)) == 1


@pytest.mark.parametrize("content_type", ["application/json", PROTOBUF])
def test_gzip(edge, acme, key, content_type):
    document = request([recent()])
    body = as_protobuf(document) if content_type == PROTOBUF else json.dumps(document).encode()

    headers = {"content-type": content_type, "content-encoding": "gzip"}
    response = edge.post(gzip.compress(body), key=key, path=PATH, headers=headers)

    assert response.status == 200
    assert len(stored_calls(acme)) == 1


def test_a_span_sent_again_is_stored_once(edge, acme, key):
    document = request([recent(), recent()])

    answers = [send(edge, document, key), send_protobuf(edge, as_protobuf(document), key)]

    assert [answer.status for answer in answers] == [200, 200]
    assert len(stored_calls(acme)) == 1


def test_refused_spans_are_counted_and_the_others_are_stored(edge, acme, key):
    bad = [recent({"gen_ai.operation.name": "chat"}, number=2), recent(number=3, startTimeUnixNano="0")]
    document = request([recent(), *bad])

    as_json = send(edge, document, key)
    binary = send_protobuf(edge, as_protobuf(document), key)

    message = "span 1: model is required; span 2: timestamp is required: the span has no start time"
    assert as_json.json() == {"partialSuccess": {"rejectedSpans": "2", "errorMessage": message}}
    partial = ExportTraceServiceResponse.FromString(binary.body).partial_success
    assert (as_json.status, binary.status) == (200, 200)
    assert (partial.rejected_spans, partial.error_message) == (2, message)
    assert len(stored_calls(acme)) == 1


def test_all_refused_is_still_a_success(edge, acme, key):
    response = send(edge, request([recent({"gen_ai.operation.name": "chat"})]), key)

    assert (response.status, response.json()["partialSuccess"]["rejectedSpans"]) == (200, "1")
    assert stored_calls(acme) == []


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ({"content-type": "application/json"}, b"{", 400, 3),
        ({"content-type": PROTOBUF}, b"\xff\xff", 400, 3),
        ({"content-type": "application/json"}, b'{"resourceLogs": []}', 400, 3),
        ({"content-type": "text/plain"}, b"{}", 415, 3),
        ({"content-type": PROTOBUF, "content-encoding": "br"}, b"", 415, 3),
        ({"content-type": PROTOBUF, "content-encoding": "gzip"}, b"nothing", 400, 3),
    ],
)
def test_a_body_that_cannot_be_read(edge, acme, key, headers, body, status, code):
    response = edge.post(body, key=key, path=PATH, headers=headers)

    assert response.status == status
    assert rpc_status(response).code == code
    assert stored_calls(acme) == []


def rpc_status(response: Response) -> Status:
    if response.headers["content-type"] == PROTOBUF:
        return Status.FromString(response.body)
    assert response.headers["content-type"] == "application/json"
    return Status(**response.json())


@pytest.mark.parametrize("headers", [PROTOBUF_HEADER, {"content-type": "application/json"}])
def test_who_may_not_send(edge, acme, headers):
    read_only = issue_key(acme, scopes=["read"])

    unknown = edge.post(b"", path=PATH, headers=headers)
    reader = edge.post(b"", key=read_only, path=PATH, headers=headers)

    assert (unknown.status, rpc_status(unknown).code) == (401, 16)
    assert unknown.headers["www-authenticate"] == 'Bearer realm="TokenOps"'
    assert rpc_status(unknown).message.startswith("No credentials were given.")
    assert (reader.status, rpc_status(reader).code) == (403, 7)


def test_the_key_may_come_as_the_exporter_s_header(edge, acme, key):
    response = edge.post(
        as_protobuf(request([recent()])), path=PATH, headers=PROTOBUF_HEADER | {"authorization": f"Bearer {key}"}
    )

    assert response.status == 200
    assert len(stored_calls(acme)) == 1


def test_other_methods_are_not_allowed(edge, key):
    response = edge.post(b"", key=key, path=PATH, headers=PROTOBUF_HEADER, method="GET")

    assert (response.status, response.headers["allow"], rpc_status(response).code) == (405, "POST", 12)


def test_an_organization_s_key_writes_where_the_resource_says(edge, acme):
    key = issue_key(acme, project=None)
    in_app = request([recent(number=1)], resource={"tokenops.project": "app"})
    in_default = request([recent(number=2)])
    elsewhere = request([recent(number=3)], resource={"tokenops.project": "unknown"})

    answers = [send(edge, document, key).json() for document in (in_app, in_default, elsewhere)]

    assert answers[:2] == [{}, {}]
    reason = "span 0: project is not a project of this key's organization"
    assert answers[2]["partialSuccess"] == {"rejectedSpans": "1", "errorMessage": reason}
    assert [call["project_id"] for call in stored_calls(acme)] == [
        project_of(acme, "app").pk,
        project_of(acme, "web").pk,
    ]


def test_a_header_names_the_project_too(edge, acme):
    key = issue_key(acme, project=None)

    send(edge, request([recent()]), key, **{"x-tokenops-project": "app"})

    assert [call["project_id"] for call in stored_calls(acme)] == [project_of(acme, "app").pk]


def test_a_project_s_key_may_not_name_another(edge, acme, key):
    of_its_own = send(edge, request([recent()], resource={"tokenops.project": "web"}), key)
    of_another = send(edge, request([recent(number=2)], resource={"tokenops.project": "app"}), key)

    assert (of_its_own.status, of_another.status) == (200, 403)
    assert rpc_status(of_another).code == 7
    assert len(stored_calls(acme)) == 1


def test_foreign_ids_do_not_lead_to_another_tenant(edge, acme, globex, key):
    foreign = {"tokenops.organization": globex.slug, "organization_id": globex.pk}

    send(edge, request([recent(USED | foreign)], resource=foreign), key)

    assert (len(stored_calls(acme)), stored_calls(globex)) == (1, [])


def test_more_spans_than_the_writer_takes_at_once(edge, acme, key):
    body = as_protobuf(request([recent(number=number + 1) for number in range(5_500)]))

    response = send_protobuf(edge, gzip.compress(body, 1), key, **{"content-encoding": "gzip"})

    assert (response.status, response.body) == (200, b"")
    assert len(stored_calls(acme)) == 5_500


def test_a_body_is_bounded_after_decompression(committed_module, acme, key):
    document = json.dumps(request([recent(USED | {"gen_ai.prompt": "p" * 5_000})])).encode()

    with running_edge(Limits(body=100, traces_body=4_000)) as edge:
        plain = edge.post(document, key=key, path=PATH)
        bomb = edge.post(gzip.compress(document), key=key, path=PATH, headers={"content-encoding": "gzip"})
        small = edge.post(request([recent()]), key=key, path=PATH)

    assert [answer.status for answer in (plain, bomb, small)] == [413, 413, 200]
    assert rpc_status(plain).code == 3


def test_without_a_database_the_exporter_is_asked_to_come_back(committed_module, key):
    with running_edge(conninfo="host=127.0.0.1 port=1 dbname=nothing user=nobody") as edge:
        response = send_protobuf(edge, as_protobuf(request([recent()])), key)

    assert (response.status, rpc_status(response).code) == (503, 14)
    assert response.headers["retry-after"] == "1"


def test_no_word_of_a_conversation_is_stored_logged_or_answered(edge, acme, key, caplog):
    said = dict.fromkeys(("gen_ai.input.messages", "gen_ai.prompt", "input.value", "ai.response.text"), MARKER)
    said |= {"unknown": MARKER, "gen_ai.prompt.0.content": MARKER, MARKER: MARKER}
    events = [event("gen_ai.user.message", {"content": MARKER}), event("exception", {"exception.message": MARKER})]
    good = recent(USED | said, name=MARKER, events=events, status={"code": 2, "message": MARKER})
    bad = recent(USED | said | {"gen_ai.usage.input_tokens": MARKER}, number=2)
    document = request([good, bad], resource={"process.command_args": [MARKER]}, scope=MARKER)

    answers = [send(edge, document, key), send_protobuf(edge, as_protobuf(document), key)]
    answers.append(edge.post(MARKER.encode(), key=key, path=PATH))

    [call] = stored_calls(acme)
    assert MARKER not in str(call)
    assert call["prompt_hash"] != ""
    assert [answer.status for answer in answers] == [200, 200, 400]
    assert all(MARKER.encode() not in answer.body for answer in answers)
    assert MARKER not in caplog.text


@given(st.binary(max_size=300), st.sampled_from(["application/json", PROTOBUF]), st.sampled_from(["", "gzip"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_is_the_server_s_fault(edge, key, body, content_type, encoding):
    headers = {"content-type": content_type} | ({"content-encoding": encoding} if encoding else {})

    assert edge.post(body, key=key, path=PATH, headers=headers).status in {200, 400, 415}
