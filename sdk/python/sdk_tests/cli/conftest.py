"""What tests of the command line need: a server on loopback, a home without a configuration, and a way to run it."""

import pytest
from typer.testing import CliRunner

from sdk_tests.api_server import api_server
from tokenops_sdk.cli.app import app


@pytest.fixture
def server():
    with api_server() as running:
        yield running


@pytest.fixture
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("TOKENOPS_API_KEY", "TOKENOPS_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def no_waiting(monkeypatch):
    """Waits between attempts are noted, not waited for."""
    waits = []
    for module in ("api", "data", "downloading", "exports"):
        monkeypatch.setattr(f"tokenops_sdk.cli.{module}.sleep", waits.append)
    return waits


@pytest.fixture
def run(home, server, no_waiting):
    """Run a command with a key of the environment; answers the result."""

    def invoke(*arguments, key="tko_test", **options):
        environment = {"TOKENOPS_API_KEY": key, "TOKENOPS_URL": server.url} if key else {"TOKENOPS_URL": server.url}
        return CliRunner().invoke(app, [*map(str, arguments)], env=environment, **options)

    return invoke
