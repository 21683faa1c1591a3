"""The API's docs page in a real browser: it must draw under our content security policy."""

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_the_docs_page_draws_every_endpoint_without_violating_the_policy(page: Page) -> None:
    page.goto("/api/docs/")

    expect(page.locator(".opblock")).to_have_count(131)
    page.get_by_text("/api/v1/ingest").click()
    expect(page.get_by_text("One event, an array of events")).to_be_visible()
