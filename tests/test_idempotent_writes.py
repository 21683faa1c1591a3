"""Every write of the API that Django answers takes an ``Idempotency-Key``; a new one that does not fails here."""

from collections import defaultdict

import pytest
from django.test import Client

from ingestion import edge
from tenants.permissions import Scope
from tenants.tests.keys import bearer, issue_key
from tests.api_document import document

WRITES = ("post", "put", "patch", "delete")
PARAMETER = {"$ref": "#/components/parameters/IdempotencyKey"}


def writes():
    """(method, path, operation) of what Django serves; the edge's own tests see to the edge."""
    served_by_edge = {route.removeprefix("POST ") for route in edge.routes()}
    for path, item in document()["paths"].items():
        for method in WRITES:
            if method in item and not (method == "post" and path in served_by_edge):
                yield method, path, item[method]


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _ in writes()])
def test_a_write_looks_at_the_key_before_it_does_anything(acme, method, path):
    headers = bearer(issue_key(acme, scopes=list(Scope))) | {"Idempotency-Key": "x" * 256}
    names = defaultdict(lambda: "1", organization_slug=acme.slug, rule="SPIKE")
    address = path.format_map(names)

    answer = getattr(Client(), method)(address, {}, headers=headers, content_type="application/json")

    assert answer.status_code == 400, f"{method} {path} does not go through tenants.api_access"
    assert answer.json()["type"] == "https://tokenops.dev/problems/invalid-idempotency-key"


def test_there_are_writes_and_the_document_says_that_they_take_a_key():
    found = list(writes())

    assert len(found) >= 11
    for method, path, operation in found:
        assert PARAMETER in operation["parameters"], f"{method} {path}"
        assert {"409", "422"} <= set(operation["responses"]), f"{method} {path}"
