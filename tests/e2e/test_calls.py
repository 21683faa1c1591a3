"""The calls log, its drawer, traces, users and teams in a real browser: by keyboard, paused, and for everybody."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from playwright.sync_api import Page, expect

from conftest import make_organization
from core.scope import org_scope
from dashboards.tests.factories import record_calls
from tenants.models import Organization, Project
from tests.e2e.accessibility import violations
from tests.e2e.test_findings import sign_in

pytestmark = pytest.mark.browser

LOG: Final = "/o/acme/p/web/calls/"
PAGES: Final = (
    "calls/", "traces/", "traces/one/?id=t", "sessions/", "sessions/one/?id=s", "users/", "users/one/?id=ada", "teams/",
    "p/web/calls/", "p/web/traces/one/?id=t", "p/web/users/",
)  # fmt: skip


@pytest.fixture
def acme(committed_db: None) -> Organization:
    return make_organization("Acme")


def record(acme: Organization, *rows: dict[str, Any]) -> None:
    with org_scope(acme.pk):
        record_calls(Project.objects.get(slug="web"), rows)


@pytest.fixture
def log(acme: Organization) -> None:
    """Three calls, the newest first: c, b, a."""
    now = datetime.now(UTC)
    ids = {"trace_id": "t", "session_id": "s", "user_id": "ada"}
    record(
        acme,
        *(
            {"call_id": name, "model_key": f"model-{name}", "started_at": now - timedelta(minutes=after)} | ids
            for name, after in (("a", 9), ("b", 6), ("c", 3))
        ),
    )


def test_the_drawer_takes_the_focus_walks_the_log_and_gives_it_back(page: Page, acme: Organization, log: None):
    sign_in(page)
    page.goto(LOG)
    drawer = page.get_by_role("dialog", name="Call")
    page.locator(".call-link").nth(1).focus()

    page.keyboard.press("Enter")
    expect(drawer.get_by_role("heading", name="model-b")).to_be_focused()

    page.keyboard.press("j")
    expect(drawer.get_by_role("heading", name="model-a")).to_be_focused()
    expect(drawer.get_by_role("button", name="Next call")).to_be_disabled()
    page.keyboard.press("k")
    expect(drawer.get_by_role("heading", name="model-b")).to_be_focused()
    drawer.get_by_role("button", name="Previous call").click()
    expect(drawer.get_by_role("heading", name="model-c")).to_be_visible()
    expect(drawer.get_by_role("button", name="Previous call")).to_be_disabled()

    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(page.locator(".call-link").first).to_be_focused()


def test_a_row_that_was_replaced_meanwhile_gets_the_focus_all_the_same(page: Page, acme: Organization, log: None):
    sign_in(page)
    page.goto(LOG)
    page.locator(".call-link").first.click()
    expect(page.get_by_role("dialog", name="Call")).to_be_visible()

    record(acme, {"call_id": "d", "model_key": "model-d", "started_at": datetime.now(UTC)})
    expect(page.locator("#calls")).to_contain_text("model-d")
    page.keyboard.press("Escape")

    expect(page.locator(".call-link").nth(1)).to_be_focused()


def test_a_drawer_has_the_address_of_its_call_and_copies_ids(page: Page, acme: Organization, log: None):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in(page)
    page.goto(LOG)
    page.locator(".call-link").first.click()
    drawer = page.get_by_role("dialog", name="Call")

    drawer.get_by_role("button", name="Copy the id: trace").click()
    assert page.evaluate("navigator.clipboard.readText()") == "t"
    drawer.get_by_role("button", name="Copy the address of this call").click()
    address = page.evaluate("navigator.clipboard.readText()")

    page.goto(address)
    expect(page.get_by_role("heading", level=1, name="model-c")).to_be_visible()


def test_a_paused_log_counts_and_shows_once_it_is_resumed(page: Page, acme: Organization, log: None):
    sign_in(page)
    page.goto(LOG)
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()

    record(acme, *({"call_id": name, "model_key": f"model-{name}", "started_at": datetime.now(UTC)} for name in "de"))
    expect(page.locator("#new-calls")).to_contain_text("2 new calls")
    expect(page.locator("#calls")).not_to_contain_text("model-d")

    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#calls")).to_contain_text("model-d")
    expect(page.locator("#new-calls")).to_be_empty()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def test_a_p_that_is_typed_pauses_nothing(page: Page, acme: Organization, log: None):
    sign_in(page)
    page.goto(f"{LOG}?panel=filters")

    page.locator("#filter-user").press_sequentially("pp")

    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def test_a_call_leads_to_its_trace_session_and_user(page: Page, acme: Organization, log: None):
    sign_in(page)
    for name, heading in (("t", "t"), ("s", "s"), ("ada", "ada")):
        page.goto(LOG)
        page.locator(".call-link").first.click()
        page.get_by_role("dialog", name="Call").get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(heading)


@pytest.mark.parametrize("width", [1440, 1024, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_is_readable_for_everybody(page: Page, acme: Organization, log: None, width: int, theme: str):
    page.set_viewport_size({"width": width, "height": 900})
    sign_in(page)
    page.context.add_cookies([{"name": "theme", "value": theme, "url": page.url}])
    found = {}
    for path in PAGES:
        page.goto(f"/o/acme/{path}")
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        found[path] = [*violations(page), *([f"{overflow} px too wide"] if overflow > 0 else [])]

    assert {path: faults for path, faults in found.items() if faults} == {}
