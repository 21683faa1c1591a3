"""Two-step sign-in in a real browser: an app, and a passkey that Chromium plays itself."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from conftest import make_user
from tenants.tests.totp import PASSWORD, code
from tests.e2e.conftest import _note
from tests.servers import RunningServer

pytestmark = pytest.mark.browser

EMAIL = "ann@acme.test"


@pytest.fixture
def local(browser: Browser, server: RunningServer) -> Iterator[Page]:
    """As ``page``, by host name: passkeys belong to names, not to addresses."""
    context = browser.new_context(base_url=f"http://localhost:{server.port}")
    page = context.new_page()
    page.set_default_timeout(20_000)
    complaints: list[str] = []
    page.on("console", lambda message: _note(message, complaints))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def sign_in(page: Page) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def sign_out(page: Page) -> None:
    page.goto("/accounts/logout/")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/accounts/login/")


def confirm(page: Page) -> None:
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()


def test_an_app_is_set_up_and_asked_for(page: Page):
    make_user(EMAIL)
    sign_in(page)
    page.goto("/accounts/2fa/")
    page.get_by_role("link", name="Set up an app").click()
    confirm(page)
    page.get_by_text("No camera?").click()
    secret = page.locator("#totp-secret").inner_text()
    page.get_by_label("Code from the app").fill(code(secret))
    page.get_by_role("button", name="Turn on").click()
    expect(page.locator("#recovery-codes li")).to_have_count(10)
    sign_out(page)

    sign_in(page)
    expect(page.get_by_role("heading", name="Second step")).to_be_visible()
    page.get_by_label("Code").fill(code(secret, steps_ahead=1))
    page.get_by_role("button", name="Sign in", exact=True).click()

    page.wait_for_url("**/o/new/")


def test_a_passkey_is_added_and_signs_in_alone(local: Page):
    make_user(EMAIL)
    devtools = local.context.new_cdp_session(local)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    sign_in(local)
    local.goto("/accounts/2fa/webauthn/add/")
    confirm(local)
    local.get_by_label("Name").fill("Ann's laptop")
    local.get_by_label("Sign in with it alone").check()
    local.get_by_role("button", name="Add passkey").click()
    expect(local.locator("#recovery-codes li")).to_have_count(10)
    local.goto("/accounts/2fa/webauthn/")
    expect(local.get_by_role("main")).to_contain_text("Ann's laptop")
    sign_out(local)

    local.get_by_role("button", name="Sign in with a passkey").click()

    local.wait_for_url("**/o/new/")
