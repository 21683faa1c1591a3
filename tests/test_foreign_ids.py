"""Ids of another organization under one's own address: not found, whatever they name. From every URL and operation."""

from typing import Final

import pytest
from django.test import Client
from django.urls import resolve, reverse

from tests.matrix import URLS, WEB, Operation, Url
from tests.test_permission_matrix import (  # noqa: F401 - fixtures
    World,
    made_world,
    queue_installed,
    world,
)

# What is the same in both organizations, or names nothing that anybody owns.
NOT_AN_ID: Final = {"organization_slug", "project_slug", "kind", "rule"}
# An end user's id is any text: for one who never called the answer is an empty list. Rules are the same for everybody.
ANY_TEXT: Final = {"end_user", "end_user_erase", "rule_change", "rule_backtest"}


def named(url: Url) -> set[str]:
    """The parameters of a URL of an organization that name something of it."""
    return set(url.parameters) - NOT_AN_ID if "organization_slug" in url.parameters else set()


PAGES: Final = [url for url in URLS.values() if url.permission and named(url)]
OPERATIONS: Final = [
    operation
    for name, operation in WEB.items()
    if "{" in operation.path and operation.takes("organization") and name not in ANY_TEXT
]


@pytest.fixture
def stranger(world: World) -> Client:  # noqa: F811
    """The owner of globex, who may do everything there."""
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(world.users["outsider"])
    return client


def test_a_page_does_not_find_what_is_not_its_organizations(world, stranger):  # noqa: F811
    answers = {
        (url.name, method): stranger.generic(method, page(world, url)).status_code
        for url in PAGES
        for method in ("GET", "POST")
    }

    assert {asked: status for asked, status in answers.items() if status not in {404, 405}} == {}


def page(world: World, url: Url) -> str:  # noqa: F811
    """Its address in globex, with ids of acme."""
    arguments = {name: world.arguments[name] for name in url.parameters} | {"organization_slug": "globex"}
    if "organization-key" in url.name:
        arguments["key_id"] = world.arguments["organization_key_id"]
    if "organization-insight" in url.name:
        arguments["insight_id"] = world.arguments["organization_insight_id"]
    if "project-view" in url.name:
        arguments["view_id"] = world.arguments["project_view_id"]
    return reverse(url.name, kwargs=arguments, query=world.queries.get(url.name))


def test_the_api_does_not_find_what_is_not_its_organizations(world, stranger):  # noqa: F811
    answers = {operation.id: ask(world, stranger, operation) for operation in OPERATIONS}

    assert {asked: status for asked, status in answers.items() if status != 404} == {}


def ask(world: World, stranger: Client, operation: Operation) -> int:  # noqa: F811
    path = operation.path.format_map(world.arguments | {"project_slug": "only-of-acme"})
    query = world.queries.get(resolve(path).view_name, {}) | {"organization": "globex"}
    return stranger.generic(operation.method, path, "{}", "application/json", query_params=query).status_code


def test_there_is_something_to_ask_about():
    assert {url.name for url in PAGES} >= {"tenants:key-revoke", "tenants:member-role", "pricing:reprice-apply"}
    assert {operation.id for operation in OPERATIONS} >= {"team_change", "rate_card_delete", "call_detail"}
