"""Whatever is sent to the edge, the answer is one that the API's document describes (tests/fuzz.py)."""

from urllib.parse import urlsplit

import pytest
import requests
from hypothesis import strategies as st
from schemathesis.core.transport import Response

from ingestion.tests.edge.conftest import project_of
from tenants import services
from tests.fuzz import AS_DESCRIBED, SCHEMA, cases, check_each
from tests.matrix import EDGE, KEYS, every_key


@pytest.fixture
def keys(acme, globex):
    other = services.create_project(organization=acme, actor=None, name="Other")
    return every_key(acme, globex, project_of(acme), other)


# Half of what is sent comes from somebody who may.
WHO = st.one_of(st.sampled_from(["ingest organization", "ingest project"]), st.sampled_from(KEYS))


def send(edge, case, key):
    """The answer of the edge to the request as it would go over the wire."""
    case.headers["X-API-Key"] = key
    prepared = requests.Request(**case.as_transport_kwargs(base_url="http://edge.test")).prepare()
    answer = edge.post(
        prepared.body if isinstance(prepared.body, bytes) else (prepared.body or "").encode(),
        path=urlsplit(prepared.url).path,
        headers=dict(prepared.headers),
    )
    headers = {name: [value] for name, value in answer.headers.items()}
    return Response(answer.status, headers, answer.body, prepared, 0.0, verify=False)


@pytest.mark.parametrize("name", EDGE)
def test_every_answer_is_described(edge, keys, name):
    def check(example):
        case, who = example
        answer = send(edge, case, keys[who])
        case.validate_response(answer, checks=AS_DESCRIBED)

    SCHEMA.app = None
    check_each(st.tuples(cases(EDGE[name], {}, {}), WHO), check)
