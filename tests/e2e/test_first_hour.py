"""The first hour of a new user, in a real browser against a real server."""

import json
import re
import urllib.request
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from tests.servers import RunningServer

pytestmark = pytest.mark.browser

EMAIL, PASSWORD = "ann@acme.test", "a long and sensible passphrase"


def post_call(server: RunningServer, key: str, **event: object) -> dict[str, object]:
    request = urllib.request.Request(
        f"{server.url}/api/v1/ingest",
        data=json.dumps(event).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 202
        result: dict[str, object] = json.load(answer)
        return result


def sign_up(page: Page) -> None:
    """Up to the page that greets a verified user."""
    page.goto("/")
    page.get_by_role("link", name="Create an account").click()
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.locator("a[href='/dev/mail/']").click()
    page.get_by_role("link", name="Open its link").click()


def create_organization_and_project(page: Page) -> None:
    page.get_by_label("Organization name").fill("Acme")
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Project name").fill("Chatbot")
    page.get_by_role("button", name="Continue").click()


def test_from_sign_up_to_the_cost_of_the_first_call(page: Page, server: RunningServer):
    sign_up(page)
    create_organization_and_project(page)

    page.get_by_role("button", name="Create API key").click()
    key = page.locator("#new-key").inner_text().strip()
    assert re.fullmatch(r"tko_[0-9A-Za-z]{8}_[0-9A-Za-z]{40}", key)
    expect(page.locator("#first-call")).to_contain_text("Waiting for your first call")

    answer = post_call(
        server,
        key,
        id="first-call",
        timestamp=datetime.now(UTC).isoformat(),
        model="gpt-4o",
        endpoint_name="summarization",
        input_tokens=1_000_000,
        output_tokens=100_000,
        latency_ms=1234,
    )

    assert (answer["accepted"], answer["rejected_count"]) == (1, 0)
    expect(page.locator("#first-call")).to_contain_text("Received")
    # 1 M tokens in at $2.50 and 0.1 M out at $10.00 a million.
    expect(page.locator("#first-call")).to_contain_text("$3.50")

    page.goto("/o/acme/p/chatbot/")
    expect(page.get_by_role("main")).to_contain_text("$3.50")
    expect(page.get_by_role("main")).to_contain_text("summarization")

    page.goto("/o/acme/p/chatbot/calls/")
    expect(page.get_by_role("main")).to_contain_text("gpt-4o")
    expect(page.get_by_role("main")).to_contain_text("$3.50")

    # A second visit must not show the key again.
    page.goto("/o/acme/p/chatbot/connect/")
    assert key not in page.content()


def test_a_new_call_appears_in_the_log_by_itself(page: Page, server: RunningServer):
    sign_up(page)
    create_organization_and_project(page)
    page.get_by_role("button", name="Create API key").click()
    key = page.locator("#new-key").inner_text().strip()
    post_call(server, key, id="a", timestamp=datetime.now(UTC).isoformat(), model="gpt-4o-mini", input_tokens=10)
    page.goto("/o/acme/p/chatbot/calls/")
    expect(page.get_by_role("main")).to_contain_text("gpt-4o-mini")

    post_call(server, key, id="b", timestamp=datetime.now(UTC).isoformat(), model="northwind-13b", input_tokens=10)

    expect(page.get_by_role("main")).to_contain_text("northwind-13b")
    expect(page.get_by_role("main")).to_contain_text(re.compile("unpriced", re.IGNORECASE))
