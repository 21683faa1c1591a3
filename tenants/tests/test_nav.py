"""The navigation as pages show it: titled groups, and what is folded away until one is inside of it."""

import re

import pytest
from django.test import Client

from tenants.models import Organization, Project
from tenants.permissions import Role
from tenants.tests.people import join, override, signed_in

_GROUP = re.compile(r'class="nav-title"><span>([^<]+)</span>')
_FOLD = re.compile(r'<details class="nav-group nav-fold"( open)?><summary class="nav-title"><span>([^<]+)</span>')


def navigation(client: Client, path: str) -> str:
    page = client.get(path).content.decode()
    return page[page.index('class="sidebar-body"') : page.index('class="sidebar-foot"')]


def texts(html: str) -> list[str]:
    return re.findall(r'class="nav-link".*?</svg><span>([^<]+)</span>', html, re.DOTALL)


def folds(html: str) -> dict[str, bool]:
    """Titles of what can be folded, and whether it is open."""
    return {title: bool(is_open) for is_open, title in _FOLD.findall(html)}


def test_an_organization_has_four_groups_and_its_projects(owner: Client, acme: Organization) -> None:
    html = navigation(owner, "/o/acme/insights/")

    assert _GROUP.findall(html) == ["Analyse", "Gateway", "Act", "Manage", "Projects"]
    assert folds(html) == {"Manage": False, "Projects": False}


@pytest.mark.parametrize("path", ["/o/acme/members/", "/o/acme/prices/", "/o/acme/settings/", "/o/acme/rejected/"])
def test_the_group_of_the_page_is_unfolded(owner: Client, acme: Organization, path: str) -> None:
    html = navigation(owner, path)

    assert folds(html) == {"Manage": True, "Projects": False}
    assert html.count('aria-current="page"') == 1


def test_a_project_comes_first_and_its_organization_is_folded(
    owner: Client, acme: Organization, acme_project: Project
) -> None:
    html = navigation(owner, "/o/acme/p/web/insights/")

    assert _GROUP.findall(html) == ["Web", "Act", "Manage", "Acme", "Analyse", "Gateway", "Act", "Manage"]
    assert folds(html) == {"Acme": False, "Manage": False}
    assert html.count('aria-current="page"') == 1
    assert html.index("/o/acme/p/web/") < html.index('"/o/acme/"')


def test_a_group_without_a_page_that_one_may_see_is_not_there(acme: Organization, acme_project: Project) -> None:
    guest = join(acme, "bea@example.test", Role.NONE)
    override(acme_project, guest, Role.VIEWER)

    html = navigation(signed_in(guest), "/o/acme/p/web/")

    assert "Acme" not in _GROUP.findall(html)
    assert folds(html) == {}
    assert "Calls" in texts(html)
    assert not {"API keys", "Settings", "Members"} & set(texts(html))


def test_each_page_is_linked_once(owner: Client, acme: Organization, acme_project: Project) -> None:
    links = re.findall(r'href="([^"]+)"', navigation(owner, "/o/acme/p/web/"))

    assert len(links) == len(set(links))
