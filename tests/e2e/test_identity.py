"""Signing in with an account elsewhere, in a real browser: under our content security policy, and by keyboard."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from allauth.socialaccount.models import SocialAccount
from playwright.sync_api import Page, expect

from ingestion.pricing import services as pricing
from tests.e2e.accessibility import tab_to, violations
from tests.issuer import CLIENT_ID, CLIENT_SECRET, Issuer, running_issuer
from tests.servers import RunningServer, running_server

pytestmark = pytest.mark.browser

ADA = "ada@example.test"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer() as running:
        running.person |= {"email": ADA, "email_verified": True, "name": "Ada"}
        yield running


@pytest.fixture
def server(committed_db: None, tmp_path: Path, issuer: Issuer) -> Iterator[RunningServer]:
    pricing.import_catalogue(now=datetime.now(UTC))
    environ = {
        "OIDC_ISSUER": issuer.url,
        "OIDC_CLIENT_ID": CLIENT_ID,
        "OIDC_CLIENT_SECRET": CLIENT_SECRET,
        "OIDC_NAME": "Acme ID",
    }
    with running_server(tmp_path / "server.log", **environ) as running:
        yield running


def test_ada_signs_up_and_in_again_by_keyboard(page: Page):
    page.goto("/accounts/login/")
    assert violations(page) == []

    tab_to(page, "Continue with Acme ID")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Allow").click()
    page.wait_for_url("**/o/new/")
    page.goto("/accounts/connections/")

    expect(page.get_by_role("main")).to_contain_text(ADA)
    assert violations(page) == []
    tab_to(page, "Disconnect")
    tab_to(page, "Connect Acme ID")
    page.goto("/accounts/logout/")
    page.get_by_role("button", name="Sign out").click()
    page.goto("/accounts/signup/")
    assert violations(page) == []
    page.get_by_role("button", name="Continue with Acme ID").click()
    page.get_by_role("link", name="Allow").click()

    page.wait_for_url("**/o/new/")
    assert SocialAccount.objects.get().user.email == ADA


def test_saying_no_leads_back_to_the_sign_in_page(page: Page):
    page.goto("/accounts/login/")
    page.get_by_role("button", name="Continue with Acme ID").click()

    page.get_by_role("link", name="Deny").click()

    expect(page.get_by_role("heading", name="You stopped at Acme ID")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("link", name="Go to sign-in").click()
    expect(page.get_by_role("button", name="Continue with Acme ID")).to_be_visible()
    assert not SocialAccount.objects.exists()
