"""No page runs a script that somebody typed: names are text everywhere, and the policy allows no inline script."""

import re
from typing import Final

from django.test import Client

from core.scope import org_scope
from tenants.models import ApiKey, Organization, Project, Team, User
from tests.matrix import URLS
from tests.test_permission_matrix import made_world, path_of, queue_installed, world  # noqa: F401 - fixtures

ATTACK: Final = "\"'><script>alert(1)</script>"
# Executable without a file of ours: a script with content that is not data, or a handler in an attribute.
INLINE: Final = re.compile(
    r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")[^>]*>|<[a-z][^>]*\son[a-z]+=\"", re.IGNORECASE
)


def everything_is_named(attack, organization):
    Organization.objects.filter(pk=organization.pk).update(name=attack)
    User.objects.update(name=attack)
    with org_scope(organization.pk):
        for model in (Project, Team, ApiKey):
            model.objects.update(name=attack)


def test_names_are_text_on_every_page_and_the_policy_allows_no_inline_script(world):  # noqa: F811
    everything_is_named(ATTACK, world.acme)
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(world.users["owner"])

    answers = {name: client.get(path_of(url, world)) for name, url in URLS.items()}
    pages = {
        name: page for name, page in answers.items() if page.headers.get("Content-Type", "").startswith("text/html")
    }

    assert len(pages) > 60
    assert sum("&lt;script&gt;alert(1)" in page.text for page in pages.values()) > 40
    for name, page in pages.items():
        assert "<script>alert(1)" not in page.text, name
        assert INLINE.findall(page.text) == [], name
        (allowed,) = re.findall(r"script-src ([^;]+)", page["Content-Security-Policy"])
        assert "unsafe" not in allowed, name
