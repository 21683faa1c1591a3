"""Whatever is asked of the API, the answer is one that its document describes, and none is 5xx (tests/fuzz.py)."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from django.test import Client
from django.urls import resolve
from hypothesis import strategies as st
from schemathesis import Case

from tenants import services
from tenants.permissions import Scope
from tenants.tests.keys import issue_key
from tests.fuzz import AS_DESCRIBED, SCHEMA, WRONG_IS_REFUSED, cases, check_each
from tests.matrix import KEYS, WEB, every_key
from tests.test_permission_matrix import World, made_world, queue_installed, world  # noqa: F401 - fixtures
from tokenops.wsgi import application


@pytest.fixture(autouse=True)
def one_connection() -> Iterator[None]:
    """Requests see the transaction of the test, as those of Django's own test client do."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture(scope="module")
def made_keys(made_world: World) -> dict[str, str]:  # noqa: F811
    acme = made_world.acme
    other = services.create_project(organization=acme, actor=None, name="Other")
    keys = every_key(acme, made_world.globex, made_world.project, other)
    return keys | {"everything": issue_key(acme, scopes=list(Scope)).text}


@pytest.fixture
def senders(world: World, made_keys: dict[str, str]) -> dict[str, Any]:  # noqa: F811
    """What each sends beside the request itself: everybody's key, and the session of the owner."""
    client = Client()
    client.force_login(world.users["owner"])
    token = "t" * 32
    cookies = {"sessionid": client.cookies["sessionid"].value, "csrftoken": token}
    person = {"cookies": cookies, "headers": {"X-CSRFToken": token}, "params": {"organization": "acme"}}
    machines = {name: {"headers": {"X-API-Key": text}} for name, text in made_keys.items()}
    return machines | {"owner": person, "nobody": {}}


# Half of what is asked comes from somebody who may.
WHO = st.one_of(st.sampled_from(["everything", "owner"]), st.sampled_from([*KEYS, "nobody"]))


@pytest.mark.parametrize("name", WEB)
def test_every_answer_is_described(world, senders, name):  # noqa: F811
    operation = WEB[name]
    query = world.queries.get(resolve(operation.path.format_map(world.arguments)).view_name, {})
    strategy = st.tuples(cases(operation, world.arguments, query), WHO)

    def check(example: tuple[Case[Any], str]) -> None:
        case, who = example
        with transaction.atomic():
            answer = case.call(app=application, **senders[who])
            transaction.set_rollback(True)
        checks = AS_DESCRIBED if who == "owner" else [*AS_DESCRIBED, WRONG_IS_REFUSED]
        case.validate_response(answer, checks=checks)

    SCHEMA.app = application
    check_each(strategy, check)
