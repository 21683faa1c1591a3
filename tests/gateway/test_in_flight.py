"""A bounded number of requests on their way, of which an organization has half at most: one more is told so at once
and goes nowhere.
"""

import pytest

from tests.gateway.raw import refusal
from tests.gateway.scene import CHAT, chat
from tests.provider_faults import paced
from tests.resilience.processes import wait_until

pytestmark = pytest.mark.resilience

BOUND = 3  # of one organization


@pytest.fixture(scope="module")
def server_settings():
    return {"GATEWAY_MAX_IN_FLIGHT": str(2 * BOUND)}


def test_one_more_than_the_bound_is_503_at_once(gateway, feature):
    gateway.provider.usually = paced
    open_connections = [gateway.connect() for _ in range(BOUND)]
    for connection in open_connections:
        connection.request("POST", CHAT, chat(stream=True), {"Authorization": f"Bearer {gateway.key}"})
    responses = [connection.getresponse() for connection in open_connections]
    heard = len(gateway.provider.received)

    answer = gateway.ask(chat(), headers={"X-TokenOps-Feature": feature})

    assert (answer.status, heard) == (503, BOUND)
    refusal(answer)
    assert int(answer.value("retry-after")) >= 1
    assert len(gateway.provider.received) == BOUND
    gateway.provider.go.set()
    assert all(response.read().endswith(b"data: [DONE]\n\n") for response in responses)
    for connection in open_connections:
        connection.close()
    wait_until(lambda: gateway.ask(chat()).status == 200, "room for the next one")
    gateway.drained()
    assert gateway.calls(feature=feature) == []


def test_a_client_that_leaves_makes_room(gateway):
    gateway.provider.usually = paced
    for _ in range(3 * BOUND):
        connection = gateway.connect()
        connection.request("POST", CHAT, chat(stream=True), {"Authorization": f"Bearer {gateway.key}"})
        response = connection.getresponse()
        assert response.status in {200, 503}
        response.close()
        connection.close()

    gateway.provider.go.set()
    wait_until(lambda: gateway.ask(chat()).status == 200, "room for the next one")
