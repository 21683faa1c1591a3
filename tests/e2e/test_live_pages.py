"""Pages that people keep open: what a refresh leaves alone, when it rests, the way back, and the keyboard."""

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from conftest import make_organization
from core.scope import org_scope
from dashboards.tests.factories import record_calls
from tenants.models import Organization, Project
from tenants.tests.totp import PASSWORD
from tests.e2e.accessibility import violations
from tests.servers import RunningServer

pytestmark = pytest.mark.browser

OVERVIEW: Final = "/o/acme/"
HIDE: Final = """hidden => {
    const state = { visibilityState: hidden ? "hidden" : "visible", hidden };
    for (const name of Object.keys(state)) {
        Object.defineProperty(document, name, { get: () => state[name], configurable: true });
    }
    document.dispatchEvent(new Event("visibilitychange"));
}"""
# What htmx does every 30 seconds.
POLL: Final = "() => window.htmx.trigger('#content', 'catch-up')"


@pytest.fixture
def acme(committed_db: None) -> Organization:
    return make_organization("Acme")


@pytest.fixture
def web(acme: Organization) -> Project:
    with org_scope(acme.pk):
        project = Project.objects.get(slug="web")
    call(project, model_key="gpt-4o", team="red")
    call(project, model_key="claude", team="blue")
    return project


def call(project: Project, **columns: object) -> None:
    now = datetime.now(UTC)
    record_calls(project, [{"started_at": now - timedelta(minutes=5), "received_at": now} | columns])


def sign_in(page: Page) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("E-mail").fill("owner@acme.test")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/o/acme/**")


def figure(page: Page) -> Locator:
    """How many calls the page says there were."""
    return page.locator(".figure", has=page.get_by_text("Calls", exact=True)).locator(".figure-value")


def calls(page: Page) -> str:
    return figure(page).inner_text()


def test_a_refresh_keeps_focus_what_is_open_and_the_place_on_the_page(page: Page, web: Project):
    sign_in(page)
    page.goto(OVERVIEW)
    table = page.locator("details.chart-table").first
    table.locator("summary").click()
    link = page.locator("#content a[href*='feature=']").first
    link.focus()
    page.locator("#filters details", has_text="Views").evaluate("menu => menu.open = true")
    page.evaluate("window.scrollTo(0, 200)")
    place = page.evaluate("window.scrollY")

    call(web)
    with page.expect_response(lambda answer: "seen=" in answer.url and answer.status == 200):
        page.evaluate(POLL)

    expect(figure(page)).to_have_text("3")
    assert table.evaluate("details => details.open")
    assert page.locator("#filters details", has_text="Views").evaluate("menu => menu.open")
    assert page.evaluate("document.activeElement.textContent") == link.inner_text()
    assert page.evaluate("window.scrollY") == place


def test_a_hidden_tab_rests_and_catches_up(page: Page, web: Project):
    sign_in(page)
    page.goto(OVERVIEW)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "seen=" in request.url else None)

    page.evaluate(HIDE, True)
    page.evaluate(POLL)
    call(web)
    page.evaluate(POLL)
    assert asked == []
    page.evaluate(HIDE, False)

    expect(figure(page)).to_have_text("3")
    assert len(asked) == 1


def test_nothing_new_moves_only_the_time(page: Page, web: Project):
    sign_in(page)
    page.goto(OVERVIEW)
    shown = page.locator("#freshness time[data-up-to]")
    shown.evaluate("time => time.dateTime = 'before'")  # two answers may come within one second
    page.evaluate("document.querySelector('#figures').dataset.same = 'yes'")

    with page.expect_response(lambda answer: "seen=" in answer.url and answer.status == 204):
        page.evaluate(POLL)

    expect(shown).not_to_have_attribute("datetime", "before")
    expect(page.locator("#figures[data-same=yes]")).to_be_visible()


def test_a_refresh_that_fails_is_said_quietly_and_keeps_the_numbers(
    browser: Browser, server: RunningServer, web: Project
):
    page = browser.new_context(base_url=server.url).new_page()  # whose console may complain of the failure
    sign_in(page)
    page.goto(OVERVIEW)
    page.route("**/o/acme/?*seen=*", fail)
    stale = page.get_by_text("could not be refreshed, trying again")
    expect(stale).to_be_hidden()

    page.evaluate(POLL)

    expect(stale).to_be_visible()
    expect(page.locator(".toast")).to_have_count(0)
    assert calls(page) == "2"
    page.unroute("**/o/acme/?*seen=*")
    page.evaluate(POLL)
    expect(stale).to_be_hidden()


def fail(route: Route) -> None:
    route.fulfill(status=502, body="")


def test_going_back_restores_the_filter_and_its_numbers(page: Page, web: Project):
    sign_in(page)
    page.goto(f"{OVERVIEW}?range=30d")
    page.get_by_role("link", name="90 d").click()
    page.wait_for_url("**range=90d**")
    page.goto(f"{OVERVIEW}?range=30d&team=red")
    assert calls(page) == "1"
    page.get_by_role("link", name="Remove filter Team red").click()
    expect(figure(page)).to_have_text("2")

    page.go_back()

    expect(page.get_by_role("link", name="Remove filter Team red")).to_be_visible()
    expect(figure(page)).to_have_text("1")
    page.wait_for_load_state("load")  # going back loads the page anew; before its scripts run nobody hears "forward"
    page.go_forward()
    expect(page.get_by_role("link", name="Remove filter Team red")).to_have_count(0)
    expect(figure(page)).to_have_text("2")


def test_the_keyboard_leads_through_the_pages(page: Page, web: Project):
    sign_in(page)
    page.goto(OVERVIEW)

    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_be_visible()
    assert violations(page) == []
    for _ in range(12):  # the focus stays inside
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement === document.body || document.activeElement.closest('dialog') !== null"
        )
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()

    page.keyboard.press("/")
    expect(page.locator("#filter-trace")).to_be_focused()
    page.keyboard.type("g c ?")
    expect(page.locator("#filter-trace")).to_have_value("g c ?")
    expect(dialog).to_be_hidden()
    page.keyboard.press("Escape")

    page.keyboard.press("g")
    page.keyboard.press("c")
    page.wait_for_url("**/o/acme/calls/")
    page.keyboard.press("g")
    page.keyboard.press("o")
    page.wait_for_url("**/o/acme/")


def test_what_is_typed_into_the_search_filters_the_page(page: Page, web: Project):
    call(web, trace_id="t-7", model_key="gpt-4o")
    sign_in(page)
    page.goto(OVERVIEW)
    page.keyboard.press("/")
    page.locator("#filter-trace").fill("t-7")

    page.keyboard.press("Enter")

    expect(page.get_by_role("link", name="Remove filter Trace t-7")).to_be_visible()
    expect(figure(page)).to_have_text("1")
    expect(page.get_by_text("Read from single calls, at most 31 days")).to_be_visible()
    assert "trace=t-7" in page.url


def test_shortcuts_can_be_turned_off_and_stay_off(page: Page, web: Project):
    sign_in(page)
    page.goto(OVERVIEW)
    page.get_by_role("button", name="Keyboard shortcuts").click()
    page.get_by_label("Use single-key shortcuts in this browser").uncheck()
    page.get_by_role("button", name="Close").click()

    page.reload()
    page.keyboard.press("?")
    page.keyboard.press("/")

    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_hidden()
    expect(page.locator("#filter-trace")).to_have_count(0)
    page.get_by_role("button", name="Keyboard shortcuts").click()
    page.get_by_label("Use single-key shortcuts in this browser").check()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()


def test_a_view_is_saved_opened_and_left(page: Page, web: Project):
    sign_in(page)
    page.goto(f"{OVERVIEW}?range=30d&team=red")
    page.locator("#filters summary", has_text="Views").click()
    page.get_by_label("Save what is shown as").fill("Red team")
    page.get_by_role("button", name="Save view").click()

    page.wait_for_url("**/o/acme/?view=*")
    expect(page.get_by_role("link", name="Open without the view Red team")).to_be_visible()
    assert calls(page) == "1"
    page.get_by_role("link", name="Open without the view Red team").click()
    expect(figure(page)).to_have_text("2")
    page.locator("#filters summary", has_text="Views").click()
    page.get_by_role("link", name="Red team").click()
    expect(figure(page)).to_have_text("1")
    assert violations(page) == []
