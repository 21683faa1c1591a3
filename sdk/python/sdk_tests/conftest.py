import logging

import pytest

from sdk_tests.servers import fake_server
from tokenops_sdk import client
from tokenops_sdk.config import Settings


@pytest.fixture(autouse=True)
def sdk_log(caplog):
    """What the SDK says, whatever level the tests of the server run at."""
    caplog.set_level(logging.WARNING, logger="tokenops_sdk")
    return caplog


@pytest.fixture
def server():
    with fake_server() as running:
        yield running


@pytest.fixture
def new_client(server):
    """Clients of the fake server, closed at the end; flushed by hand unless told otherwise."""
    made = []

    def new(**settings):
        given = {"api_key": "tko_test", "url": server.url, "flush_seconds": 3600} | settings
        made.append(client.Client(Settings(**given)))
        return made[-1]

    yield new
    for one in made:
        one.close(0)
