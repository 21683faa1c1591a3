"""No form of the product works when another site sends it: every URL, asked without the token."""

import pytest
from django.test import Client

from tests.matrix import URLS
from tests.test_permission_matrix import (  # noqa: F401 - fixtures
    NOT_ALLOWED,
    NOT_FOUND,
    TABLE,
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


def test_signing_in_takes_the_token_too(db):
    answer = Client(enforce_csrf_checks=True).post("/accounts/login/", {"login": "x", "password": "y"})

    assert answer.status_code == 403
