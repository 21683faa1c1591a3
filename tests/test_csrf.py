"""No form of the product works when another site sends it: every URL, asked without the token."""

import pytest
from django.test import Client

from tests.matrix import URLS, WEB
from tests.test_permission_matrix import (  # noqa: F401 - fixtures
    NOT_ALLOWED,
    NOT_FOUND,
    TABLE,
    made_world,
    path_of,
    queue_installed,
    world,
)

FORMS = [name for name, (_get, post) in TABLE.items() if post not in {NOT_ALLOWED, NOT_FOUND} and name in URLS]


@pytest.mark.parametrize("name", FORMS)
def test_a_post_without_the_token_is_refused(world, name):  # noqa: F811
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.users["owner"])

    answer = client.post(path_of(URLS[name], world))

    assert answer.status_code == 403


def test_the_api_takes_no_write_of_a_session_without_the_token(world):  # noqa: F811
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.users["owner"])
    writes = [operation for operation in WEB.values() if operation.method != "GET"]

    answers = {operation.id: write(client, world, operation) for operation in writes}

    assert len(answers) >= 11
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 403)
    assert all("CSRF" in answer.json()["detail"] for answer in answers.values())


def write(client, world, operation):  # noqa: F811
    path = operation.path.format_map(world.arguments)
    return client.generic(operation.method, f"{path}?organization=acme", "{}", "application/json")


def test_signing_in_takes_the_token_too(db):
    answer = Client(enforce_csrf_checks=True).post("/accounts/login/", {"login": "x", "password": "y"})

    assert answer.status_code == 403
