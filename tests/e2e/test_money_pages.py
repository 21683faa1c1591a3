"""Executive, models and features in a real browser: readable for everybody, and a month on one sheet of paper."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from conftest import make_organization
from core.scope import org_scope
from dashboards.models import FeatureLabel
from dashboards.tests.factories import record_calls
from tenants.models import Organization, Project
from tests.e2e.accessibility import violations
from tests.e2e.test_findings import sign_in

pytestmark = pytest.mark.browser

PAGES: Final = (
    "executive/",
    "models/",
    "models/?status=error&sort=-errors",
    "models/one/?provider=openai&model=gpt-4o&among=all&on=openai/gpt-4o-mini",
    "features/",
    "features/?open=Chat",
    "features/label/?feature=chatbot",
    "p/web/models/",
    "p/web/features/",
)
_ONE_PAGE: Final = re.compile(rb"/Type\s*/Page\b(?!s)")


@pytest.fixture
def acme(committed_db: None) -> Organization:
    """A month with as many teams, features and models as a page has room for."""
    organization = make_organization("Acme")
    now = datetime.now(UTC)
    with org_scope(organization.pk):
        project = Project.objects.get(slug="web")
        rows = [
            {
                "started_at": now - timedelta(minutes=number),
                "team": f"team-{number}",
                "feature": ("chatbot", "chat-bot", "Chat Bot", "search")[number % 4],
                "provider": "openai",
                "model_key": ("gpt-4o", "gpt-4o-mini", "m" * 100)[number % 3],
                "cost_usd": Decimal(number + 1),
            }
            for number in range(12)
        ]
        record_calls(project, rows)
        for feature in ("chatbot", "Chat Bot"):
            FeatureLabel.objects.create(organization=organization, feature=feature, group="Chat")
    return organization


def test_every_page_is_accessible_and_fits(page: Page, acme: Organization) -> None:
    sign_in(page)

    faults = []
    for is_dark, width in ((False, 1440), (False, 1024), (True, 390)):
        page.emulate_media(color_scheme="dark" if is_dark else "light")
        page.set_viewport_size({"width": width, "height": 900})
        for path in PAGES:
            answer = page.goto(f"/o/acme/{path}")
            assert answer is not None, path
            assert answer.status == 200, path
            faults += [f"{path} {width}: {fault}" for fault in violations(page)]
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                faults.append(f"{path} {width}: wider than the window")

    assert faults == []


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_the_month_is_one_sheet_of_white_paper(page: Page, acme: Organization, paper: str) -> None:
    sign_in(page)
    page.emulate_media(color_scheme="dark", media="print")
    page.goto("/o/acme/executive/")

    sheets = _ONE_PAGE.findall(page.pdf(format=paper, print_background=True))

    assert len(sheets) == 1
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()


def test_what_is_folded_in_the_navigation_unfolds_by_keyboard(page: Page, acme: Organization) -> None:
    sign_in(page)
    page.goto("/o/acme/models/")
    menu = page.get_by_role("navigation", name="Main")
    expect(menu.get_by_role("link", name="Members")).to_have_count(0)

    menu.locator("summary", has_text="Manage").focus()
    page.keyboard.press("Enter")

    menu.get_by_role("link", name="Members").click()
    page.wait_for_url("**/o/acme/members/")
    expect(menu.get_by_role("link", name="Members")).to_have_attribute("aria-current", "page")


def test_a_suggestion_is_accepted_and_taken_back(page: Page, acme: Organization) -> None:
    sign_in(page)
    page.goto("/o/acme/features/?range=30d")

    page.get_by_role("button", name="Show as one").click()
    expect(page.get_by_role("link", name="3 features")).to_be_visible()
    expect(page.get_by_role("heading", name="Are these one feature?")).to_have_count(0)

    page.get_by_role("button", name="Ungroup Chat").click()
    expect(page.get_by_role("heading", name="Are these one feature?")).to_be_visible()
    assert "range=30d" in page.url
