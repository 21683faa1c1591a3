"""A real server and a fresh profile of a real browser for each test."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from ingestion.pricing import services as pricing
from tests.servers import RunningServer, running_server

# Playwright's synchronous interface runs an event loop in this thread; Django must not refuse the ORM because of it.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

# A bound for machines that are busy, not an expectation: what is looked for is there at once on one that is not.
expect.set_options(timeout=15_000)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for the tests of a module, which have profiles of their own.

    No longer than that: while Playwright runs, nothing else in this process could run an event loop.
    """
    if CHROMIUM is None:
        reason = "No Chromium on this machine."
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)


@pytest.fixture
def server(committed_db: None, tmp_path: Path) -> Iterator[RunningServer]:
    """The application on this worker's database, with prices, and nobody in it."""
    shutil.rmtree(settings.MAIL_DIR, ignore_errors=True)
    pricing.import_catalogue(now=datetime.now(UTC))
    with running_server(tmp_path / "server.log") as running:
        yield running


@pytest.fixture
def page(browser: Browser, server: RunningServer) -> Iterator[Page]:
    """A fresh browser profile; any error or policy violation in the console fails the test."""
    context = browser.new_context(base_url=server.url, viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(20_000)
    complaints: list[str] = []
    page.on("console", lambda message: _note(message, complaints))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def _note(message: ConsoleMessage, complaints: list[str]) -> None:
    if message.type == "error":
        complaints.append(message.text)
