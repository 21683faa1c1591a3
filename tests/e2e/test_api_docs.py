"""The API's docs page in a real browser: it must draw under our content security policy."""

from typing import Final

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


OPERATIONS: Final = 132
_SUMMARIES: Final = "all => all.map(one => one.innerText.replace(/\\s+/g, ' '))"


def drawn(page: Page) -> set[str]:
    """Every operation that one sees from top to bottom: a long document is drawn where one looks."""
    found: set[str] = set()
    for _screen in range(200):
        found |= set(page.locator(".opblock-summary").evaluate_all(_SUMMARIES))
        if len(found) >= OPERATIONS:
            break
        page.evaluate(
            "() => new Promise(drawn => { scrollBy(0, 500); requestAnimationFrame(() => setTimeout(drawn)) })"
        )
    page.evaluate("scrollTo(0, 0)")
    return found


def test_the_docs_page_draws_every_endpoint_without_violating_the_policy(page: Page) -> None:
    page.goto("/api/docs/")

    expect(page.locator(".opblock").first).to_be_visible()
    assert len(drawn(page)) == OPERATIONS
    page.get_by_text("/api/v1/ingest", exact=True).click()
    expect(page.get_by_text("One event, an array of events")).to_be_visible()
