"""The gateway's pages in a browser: choosing code, the first call arriving, numbers that keep up, and the live log."""

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from playwright.sync_api import Page, Route, expect

from conftest import make_organization
from core.scope import org_scope
from dashboards.tests.factories import record_calls
from gateway.tests.factories import make_traffic
from tenants.models import Organization, Project
from tenants.tests.totp import PASSWORD
from tests.e2e.accessibility import violations
from tests.servers import RunningServer

pytestmark = pytest.mark.browser

OVERVIEW: Final = "/o/acme/gateway/"
CONNECT: Final = "/o/acme/gateway/connect/"
POLL: Final = "() => window.htmx.trigger('#content', 'catch-up')"
SIZES: Final = ((1440, 900), (390, 844))


@pytest.fixture
def acme(committed_db: None) -> Organization:
    return make_organization("Acme")


@pytest.fixture
def web(acme: Organization) -> Project:
    with org_scope(acme.pk):
        return Project.objects.get(slug="web")


def proxied(project: Project, *, provider: str = "openai") -> None:
    """A call that came through the gateway, and what the gateway counted."""
    now = datetime.now(UTC)
    row = {"started_at": now - timedelta(seconds=5), "received_at": now, "source": "gateway", "provider": provider}
    with org_scope(project.organization_id):
        record_calls(project, [row])
    hour = now.replace(minute=0, second=0, microsecond=0)
    make_traffic(project, hour=hour, provider=provider, requests=1)


def sign_in(page: Page) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("E-mail").fill("owner@acme.test")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/o/acme/**")


def test_from_nothing_to_the_first_call_in_the_live_log(page: Page, web: Project):
    sign_in(page)
    page.goto(OVERVIEW)
    page.get_by_role("link", name="Connect an application").click()
    expect(page.get_by_text("Waiting for your first call to OpenAI")).to_be_visible()

    page.get_by_label("Provider", exact=True).select_option("anthropic")
    expect(page.get_by_text("Waiting for your first call to Anthropic")).to_be_visible()
    expect(page.locator("#sdk-code-1")).to_contain_text("/v1/proxy/anthropic")
    assert "provider=anthropic" in page.url
    proxied(web, provider="anthropic")

    expect(page.get_by_text("Received.")).to_be_visible()
    page.get_by_role("link", name="Watch calls live").click()
    expect(page.locator(".calls-table tbody tr")).to_have_count(1)
    expect(page.locator(".chip-on", has_text="Gateway")).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def test_a_provider_chosen_before_the_scripts_run_is_shown(page: Page, web: Project):
    sign_in(page)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/js/autosubmit*.js", hold)
    with page.expect_request("**/js/autosubmit*.js"):
        page.goto(CONNECT, wait_until="commit")
    page.get_by_label("Provider", exact=True).select_option("anthropic")
    expect(page.get_by_text("Waiting for your first call to OpenAI")).to_be_visible()

    for route in held:
        route.continue_()

    expect(page.get_by_text("Waiting for your first call to Anthropic")).to_be_visible()
    assert "provider=anthropic" in page.url


def test_choosing_the_stored_key_changes_the_code(page: Page, web: Project):
    sign_in(page)
    page.goto(CONNECT)
    expect(page.locator("#sdk-code-1")).to_contain_text("TS-API-Key")

    page.get_by_label("Provider key").select_option("stored")

    expect(page.locator("#sdk-code-1")).not_to_contain_text("TS-API-Key")
    expect(page.locator("#sdk-code-1")).to_contain_text('api_key=os.environ["TOKENOPS_API_KEY"]')


def test_without_javascript_the_code_can_be_chosen_and_the_call_looked_for(
    page: Page, server: RunningServer, web: Project
):
    sign_in(page)
    browser = page.context.browser
    assert browser is not None
    plain = browser.new_context(
        base_url=server.url, java_script_enabled=False, storage_state=page.context.storage_state()
    ).new_page()

    plain.goto(CONNECT)
    plain.get_by_label("Provider", exact=True).select_option("google")
    plain.get_by_role("button", name="Show the code").click()

    expect(plain.locator("#sdk-code-1")).to_contain_text("/v1/proxy/google")
    plain.get_by_role("link", name="look for it here").click()
    expect(plain.get_by_text("Nothing has arrived yet.")).to_be_visible()
    plain.context.close()


def test_an_open_page_shows_what_passes(page: Page, web: Project):
    proxied(web)
    sign_in(page)
    page.goto(OVERVIEW)
    requests = page.locator(".figure", has=page.get_by_text("Requests", exact=True)).locator(".figure-value")
    expect(requests).to_have_text("1")

    proxied(web, provider="mistral")
    with page.expect_response(lambda answer: "seen=" in answer.url and answer.status == 200):
        page.evaluate(POLL)

    expect(requests).to_have_text("2")
    expect(page.locator("#outcomes canvas, #outcomes svg").first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_pages_are_accessible_and_fit(page: Page, web: Project, scheme, size):
    sign_in(page)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(OVERVIEW)
    assert violations(page) == []
    proxied(web)

    for path in (OVERVIEW, "/o/acme/p/web/gateway/", CONNECT, f"{CONNECT}?provider=vllm&mode=stored"):
        page.goto(path)
        expect(page.locator("h1")).to_be_visible()
        assert violations(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0], path
