"""Whatever is posted to a running edge: a clear answer, never our fault, and a counter that says what was refused.

``BODIES=10000`` posts that many; the default keeps the suite quick.
"""

import json
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.edge import Limits
from ingestion.tests.edge.client import issue_key, running_edge, stored_calls
from ingestion.tests.edge.conftest import new_organization
from ingestion.tests.edge.refusals import counted
from ingestion.tests.wire.builders import MARKER
from ingestion.wire.event import CAMEL_NAMES
from ingestion.wire.otlp import names
from ingestion.wire.otlp.parse import PROTOBUF

BODIES = int(os.environ.get("BODIES", "400"))
EVENT_PATHS = ["/api/v1/ingest", "/api/ingest", "/log"]
ATTRIBUTES = sorted(
    {name for wanted in vars(names).values() if isinstance(wanted, tuple) for name in wanted} | {"gen_ai.prompt"}
)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=40),
    st.sampled_from(
        [10**9, 10**9 + 1, -1, 10**400, 1e308, "NaN", "1e9", "\0", "\ud800", "2026-02-30T00:00:00Z", MARKER]
    ),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=6,
)
fields = st.dictionaries(
    st.sampled_from([*CAMEL_NAMES, "messages", "nonsense"]) | st.text(max_size=8), values, max_size=8
)
events = st.one_of(fields, fields.map(lambda given: {"model": "gpt-4o"} | given), values)
documents = st.one_of(
    events, st.lists(events, max_size=5), st.lists(events, max_size=5).map(lambda listed: {"events": listed})
)

any_values = st.one_of(
    scalars.map(lambda value: {"stringValue": value}),
    scalars.map(lambda value: {"intValue": value}),
    st.lists(scalars, max_size=3).map(lambda listed: {"arrayValue": {"values": listed}}),
    values,
)
attributes = st.one_of(
    st.lists(
        st.builds(lambda key, value: {"key": key, "value": value}, st.sampled_from(ATTRIBUTES) | scalars, any_values),
        max_size=6,
    ),
    st.dictionaries(st.sampled_from(ATTRIBUTES), scalars, max_size=3),
    values,
)
spans = st.fixed_dictionaries(
    {"attributes": attributes},
    optional={
        "traceId": st.sampled_from(["5b8aa5a2d2c872e8321cf37308d69df2", ""]) | scalars,
        "spanId": st.sampled_from(["051581bf3cb55c13", "0" * 16]) | scalars,
        "startTimeUnixNano": st.sampled_from(["0", "-1", str(2**70)]) | scalars,
        "endTimeUnixNano": scalars,
        "events": st.lists(st.fixed_dictionaries({"name": scalars, "attributes": attributes}), max_size=2) | values,
        "status": values,
    },
)
traces = st.one_of(
    st.lists(spans, max_size=4).map(lambda listed: {"resourceSpans": [{"scopeSpans": [{"spans": listed}]}]}),
    values.map(lambda listed: {"resourceSpans": listed}),
    values,
)


def encoded(document: Any) -> bytes:
    """JSON as a careless client writes it: NaN, infinities and lone surrogates included."""
    return json.dumps(document).encode()


def as_lines(listed: list[Any]) -> bytes:
    return b"\n".join(map(encoded, listed))


def damaged(body: bytes, cut: int) -> bytes:
    return body[: cut % (len(body) + 1)]


bodies = st.one_of(
    st.tuples(st.sampled_from(EVENT_PATHS), st.just("application/json"), documents.map(encoded)),
    st.tuples(
        st.just("/api/v1/ingest"), st.just("application/x-ndjson"), st.lists(events.map(encoded)).map(b"\n".join)
    ),
    st.tuples(st.just("/v1/traces"), st.just("application/json"), traces.map(encoded)),
    st.tuples(
        st.sampled_from([*EVENT_PATHS, "/v1/traces"]),
        st.just("application/json"),
        st.builds(damaged, (documents | traces).map(encoded), st.integers(0, 10_000)),
    ),
    st.tuples(st.just("/v1/traces"), st.just(PROTOBUF), st.binary(max_size=200)),
    st.tuples(st.sampled_from([*EVENT_PATHS, "/v1/traces"]), st.text(max_size=30), st.binary(max_size=200)),
)


@pytest.fixture
def organization(somebody):
    return new_organization(somebody, "Anything")


def test_no_body_is_the_server_s_fault_and_every_refusal_is_counted(organization):
    key = issue_key(organization)
    told = {"events": 0, "requests": 0}

    @given(bodies)
    @settings(max_examples=BODIES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def post(sent):
        path, content_type, body = sent
        header = content_type.encode("latin-1", "ignore").decode("latin-1")

        response = edge.post(body, key=key, path=path, headers={"content-type": header})

        assert response.status in {200, 202, 400, 415}, response.body
        assert response.headers["x-request-id"]
        answer = response.json() if response.headers["content-type"] in JSONS else {}
        if path == "/v1/traces":
            refused = int(answer.get("partialSuccess", {}).get("rejectedSpans", 0))
        else:
            refused = answer.get("rejected_count", 0)
        told["events"] += refused
        told["requests"] += response.status != 200 and not refused and response.status != 202

    with running_edge(Limits()) as edge:
        post()

    rows = counted(organization)
    assert sum(row["events"] for row in rows) == told["events"] > 0
    assert sum(row["count"] for row in rows if row["kind"] == "request") == told["requests"] > 0
    assert MARKER not in str(rows)
    assert all(call["model"] for call in stored_calls(organization))


JSONS = {"application/json", "application/problem+json"}
