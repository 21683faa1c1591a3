"""No URL of the product leads to another site, whatever a request says about where to go or where it comes from."""

from typing import Final
from urllib.parse import urlsplit

import pytest
from django.db import transaction
from django.test import Client

from tests.matrix import URLS
from tests.test_permission_matrix import TABLE, made_world, path_of, queue_installed, world  # noqa: F401 - fixtures

EVIL: Final = "https://evil.example.net/"
# Where a page may say that the browser is to go: the web's header, and htmx's.
LEADING: Final = ("Location", "HX-Redirect", "HX-Location", "HX-Push-Url", "HX-Replace-Url")
CLAIMS: Final = {
    "host": "127.0.0.1",
    "referer": EVIL,
    "origin": "http://127.0.0.1",
    "x-forwarded-host": "evil.example.net",
    "x-original-url": EVIL,
    "hx-request": "true",
    "hx-boosted": "true",
    "hx-current-url": EVIL,
}
PARAMETERS: Final = dict.fromkeys(("next", "redirect_to", "return_to", "url", "back"), EVIL)


def hosts(answer):
    return {urlsplit(answer[name].replace("\\", "/")).netloc for name in LEADING if name in answer}


@pytest.mark.parametrize("who", ["owner", "anonymous"])
def test_no_url_leads_to_another_site(world, who):  # noqa: F811
    led = {name: asked(world, name, who) for name in TABLE if name in URLS}

    assert {name: found for name, found in led.items() if not found <= {"", "127.0.0.1"}} == {}


def asked(world, name, who):  # noqa: F811
    """The hosts to which reading and sending lead; what sending changes does not stay."""
    client = Client(headers=CLAIMS)
    path = path_of(URLS[name], world)
    with transaction.atomic():
        if who in world.users:
            client.force_login(world.users[who])
        read = client.get(path, query_params=world.queries.get(name, {}) | PARAMETERS)
        sent = client.post(path, PARAMETERS)
        transaction.set_rollback(True)
    return hosts(read) | hosts(sent)
