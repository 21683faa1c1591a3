"""Setting up a provider in a browser: its address, a key that it refuses, another that it takes."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from conftest import make_organization
from tenants.models import Organization
from tenants.tests.totp import PASSWORD
from tests.e2e.accessibility import violations
from tests.receivers import Answered, Receiver, http_receiver

pytestmark = pytest.mark.browser

PROVIDERS = "/o/acme/gateway/providers/"


@pytest.fixture
def acme(committed_db: None) -> Organization:
    return make_organization("Acme")


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A server that speaks OpenAI's API as far as a key is tried."""
    monkeypatch.setenv("OUTBOUND_ALLOWED_NETWORKS", "127.0.0.0/8")
    with http_receiver() as running:
        yield running


def sign_in(page: Page) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("E-mail").fill("owner@acme.test")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/o/acme/**")


def test_a_provider_and_its_key_are_set_up(provider: Receiver, page: Page, acme: Organization):
    sign_in(page)
    page.goto(PROVIDERS)
    expect(page.get_by_role("heading", name="Nothing is stored here yet, and nothing has to be")).to_be_visible()
    assert violations(page) == []

    page.get_by_role("link", name="Add a provider").first.click()
    assert violations(page) == []
    page.get_by_role("link", name="OpenAI", exact=True).click()
    page.get_by_label("Name", exact=True).fill("House models")
    page.get_by_label("Slug").fill("house")
    assert violations(page) == []
    page.get_by_label("Address").fill(provider.url)
    page.get_by_role("button", name="Add provider").click()

    expect(page.get_by_role("heading", name="House models")).to_be_visible()
    page.get_by_role("link", name="Add a key for House models").click()
    page.get_by_label("Name", exact=True).fill("Production")
    page.get_by_label("Key", exact=True).fill("sk-wrong-0123456789")
    assert violations(page) == []
    provider.says(Answered(401))
    page.get_by_role("button", name="Save and test").click()
    expect(page.get_by_text("“Production” is saved. House models refused it (HTTP 401).")).to_be_visible()

    page.get_by_role("link", name="Replace Production").click()
    assert violations(page) == []
    page.get_by_label("Key", exact=True).fill("sk-right-0123456789")
    page.get_by_role("button", name="Replace and test").click()
    expect(page.get_by_text("“Production” has its new key. House models accepted it (HTTP 200).")).to_be_visible()
    assert violations(page) == []
    assert "sk-right" not in page.content()
    assert [one.headers["authorization"] for one in provider.received] == [
        "Bearer sk-wrong-0123456789",
        "Bearer sk-right-0123456789",
    ]

    page.get_by_role("link", name="Delete Production").click()
    assert violations(page) == []
    page.get_by_role("button", name="Delete key").click()
    expect(page.get_by_text("No key is stored")).to_be_visible()
