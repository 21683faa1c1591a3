"""One server for all tests of a module: each looks at calls of a feature that only it has."""

from collections.abc import Iterator

import pytest
from django.db import connections

from conftest import make_organization
from tests.emptying import empty_database
from tests.fake_provider import FakeProvider, fake_provider
from tests.gateway.scene import Scene, gateway_server, new_feature, set_scene


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeProvider]:
    with fake_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def server_settings() -> dict[str, str]:
    """What a module's server is told besides; modules override it."""
    return {}


@pytest.fixture(scope="module")
def scene(
    upstream: FakeProvider,
    server_settings: dict[str, str],
    django_db_setup: None,
    django_db_blocker: "pytest.FixtureRequest",
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        organization = make_organization("Acme")
        key, ingest_key = set_scene(organization, upstream)
        with gateway_server(tmp_path_factory.mktemp("gateway"), **server_settings) as server:
            yield Scene(server, upstream, organization, key, ingest_key)
        connections.close_all()
        empty_database()


@pytest.fixture
def gateway(scene: Scene) -> Scene:
    """The module's scene, with a provider that remembers nothing."""
    scene.provider.forget()
    return scene


@pytest.fixture
def feature() -> str:
    return new_feature()
