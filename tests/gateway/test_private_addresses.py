"""An organization's own provider may lead nowhere inside of the operator's network unless the operator says so."""

import pytest

from tests.gateway.raw import refusal
from tests.gateway.scene import add_credential, add_provider, chat
from tests.resilience.processes import wait_until

pytestmark = pytest.mark.resilience

INSIDE = {
    "loopback": "http://127.0.0.1:{port}",
    "by-name": "http://localhost:{port}",
    "decimal": "http://2130706433:{port}",
    "mapped": "http://[::ffff:127.0.0.1]:{port}",
    "short": "http://127.1:{port}",
    "any": "http://0.0.0.0:{port}",
    "v6": "http://[::1]:{port}",
    "metadata": "http://169.254.169.254",
}


@pytest.fixture(scope="module")
def server_settings():
    return {"OUTBOUND_ALLOWED_NETWORKS": ""}


@pytest.mark.parametrize("origin", INSIDE.values(), ids=INSIDE.keys())
def test_a_private_address_is_not_connected_to(gateway, feature, origin):
    """Whatever way the row got there: it is checked at every connection."""
    slug, port = f"own-{feature.removeprefix('t-')}", gateway.provider.server_address[1]
    add_credential(gateway.organization, slug, "sk-own")
    add_provider(gateway.organization, "openai", slug=slug, origin=origin.format(port=port))
    path = f"/v1/proxy/{slug}/v1/chat/completions"
    wait_until(lambda: gateway.ask(chat(), path).status != 404, "the edge to hear of it")

    answer = gateway.ask(chat(), path)

    assert answer.status in {403, 502}
    refusal(answer)
    assert b"127.0.0.1" not in answer.body
    assert gateway.provider.received == []
    assert gateway.provider.connections == 0
