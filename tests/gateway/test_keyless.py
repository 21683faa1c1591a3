"""Providers that take no key: a TokenOps key is enough, it goes no further, and there is nothing to store."""

import json

import pytest

from conftest import make_organization
from gateway.types import Auth
from tenants.permissions import Scope
from tenants.tests.keys import issue_key
from tests.gateway.raw import refusal
from tests.gateway.scene import OWN, add_provider, chat
from tests.resilience.processes import wait_until

pytestmark = pytest.mark.resilience

PATH = "/v1/proxy/ollama/v1/chat/completions"


@pytest.fixture(scope="module")
def without_key(scene):
    """Ollama of the organization's own, as its preset has it."""
    add_provider(scene.organization, "ollama", origin=scene.provider.url)
    wait_until(lambda: scene.ask(chat(), PATH).status != 404, "the edge to hear of it")


@pytest.mark.parametrize("place", ["Authorization", "x-api-key", "x-goog-api-key", "api-key"])
def test_a_tokenops_key_alone_is_enough_and_stays_here(gateway, without_key, feature, place):
    value = f"Bearer {gateway.key}" if place == "Authorization" else gateway.key

    answer = gateway.ask(chat(), PATH, key="", headers={place: value, "X-TokenOps-Feature": feature})

    assert answer.status == 200
    (received,) = gateway.provider.received
    assert received.path == "/v1/chat/completions"
    assert not {"authorization", "x-api-key", "x-goog-api-key", "api-key"} & set(received.names)
    assert gateway.key not in str(received)
    assert gateway.call(feature).provider == "ollama"


def test_a_named_credential_changes_nothing(gateway, without_key):
    assert gateway.ask(chat(), PATH, headers={"X-TokenOps-Credential": "main"}).status == 200

    (received,) = gateway.provider.received
    assert "authorization" not in received.names


def test_telemetrys_scope_alone_reaches_no_server(gateway, without_key):
    """Whoever may only send numbers may not spend the organization's machines either."""
    answer = gateway.ask(chat(), PATH, key=gateway.ingest_key)

    assert answer.status == 403
    refusal(answer)
    assert gateway.provider.received == []


def test_beside_a_key_of_ones_own_everything_passes_as_it_is(gateway, without_key):
    """A server may have a door of its own in front."""
    headers = {"TS-API-Key": gateway.ingest_key, "Authorization": f"Bearer {OWN}"}

    assert gateway.ask(chat(), PATH, key="", headers=headers).status == 200

    (received,) = gateway.provider.received
    assert received.value("authorization") == f"Bearer {OWN}"
    assert "ts-api-key" not in received.names


def test_a_server_that_takes_a_key_still_wants_one(gateway):
    add_provider(gateway.organization, "vllm", origin=gateway.provider.url)
    add_provider(gateway.organization, "vllm", origin=gateway.provider.url, slug="vllm-open", auth=Auth.NONE.value)
    path = "/v1/proxy/vllm{}/v1/chat/completions"
    wait_until(lambda: gateway.ask(chat(), path.format("-open")).status == 200, "the edge to hear of both")
    gateway.provider.forget()

    answer = gateway.ask(chat(), path.format(""))

    assert answer.status == 403
    assert json.loads(answer.body)["type"].endswith("/no-credential")
    assert gateway.provider.received == []


def test_a_key_of_somebody_else_does_not_reach_it(gateway, without_key, globex_key):
    answer = gateway.ask(chat(), PATH, key=globex_key)

    assert answer.status == 404  # they have not said where theirs is
    assert gateway.provider.received == []


@pytest.fixture
def globex_key(scene):
    return issue_key(make_organization("Globex"), scopes=[Scope.GATEWAY]).text
