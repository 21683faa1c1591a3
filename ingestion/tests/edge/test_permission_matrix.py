"""Every operation of the edge asked by strangers, people with a session and every kind of key (tests/matrix.py)."""

import pytest
from django.test import Client

from ingestion.tests.edge.client import stored_calls, stored_samples
from ingestion.tests.edge.conftest import project_of
from tenants import services
from tenants.models import Membership
from tenants.permissions import Role
from tests.matrix import AT_THE_EDGE, EDGE, FOREIGN, KEYS, UNUSABLE, every_key

PROJECT = {"x-tokenops-project": "secret"}  # acme has one of this name, globex has not


@pytest.fixture
def askers(acme, globex):
    """The headers of everybody who may ask, by name."""
    secret = services.create_project(organization=acme, actor=None, name="Secret")
    keys = every_key(acme, globex, secret, project_of(acme, "web"))
    session = Client()
    session.force_login(Membership.objects.get(organization=acme, role=Role.OWNER).user)
    cookie = session.cookies["sessionid"].value
    return {name: {"x-api-key": text} for name, text in keys.items()} | {
        "nobody": {},
        "owner with a session": {"cookie": f"sessionid={cookie}"},
    }


def expected(name):
    if name not in KEYS or name in UNUSABLE:
        return 401
    if name == FOREIGN:  # at home, where there is no project of this name: its events are refused one by one
        return "let in"
    scope, _, reach = name.partition(" ")
    return "let in" if scope == "ingest" and reach != "other project" else 403


@pytest.mark.parametrize("name", EDGE)
def test_only_keys_that_may_send_to_the_project_are_let_in(edge, acme, globex, askers, name):
    operation = EDGE[name]

    answers = {
        who: edge.post(operation.body(), path=operation.path, headers=PROJECT | headers)
        for who, headers in askers.items()
    }

    statuses = {who: answer.status for who, answer in answers.items()}
    outcomes = {who: status if status in {401, 403, 404} else "let in" for who, status in statuses.items()}
    assert outcomes == {who: expected(who) for who in AT_THE_EDGE}
    assert set(statuses.values()) <= operation.statuses - {429, 503}
    assert stored_calls(globex) == stored_samples(globex) == []
    stored = [*stored_calls(acme), *stored_samples(acme)]
    assert {row["project_id"] for row in stored} == {project_of(acme, "secret").pk}
