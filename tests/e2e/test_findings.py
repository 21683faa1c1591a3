"""What rules found, budgets and alerts in a real browser: readable for everybody, at a desk and on a telephone."""

from datetime import UTC, datetime
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from conftest import make_organization
from core.scope import org_scope
from dashboards.tests.factories import record_calls
from rules.alerts.tests.factories import make_email, make_route
from rules.models import Insight, InsightChange, RuleSetting
from rules.tests.budgets import make_budget
from rules.tests.factories import make_insight, saving
from tenants.models import Organization, Project
from tenants.tests.totp import PASSWORD
from tests.e2e.accessibility import tab_to, violations

pytestmark = pytest.mark.browser

HERE: Final = "/o/acme/"
PAGES: Final = (
    "insights/", "insights/recommendations/", "p/web/insights/{insight}/", "p/web/insights/?status=resolved",
    "budgets/", "budgets/new/", "budgets/{budget}/", "p/web/rules/", "p/web/rules/SPIKE/",
    "alerts/", "alerts/channels/", "alerts/channels/new/slack/", "alerts/channels/{channel}/", "alerts/routes/",
    "alerts/routes/new/", "settings/currency/", "p/web/settings/environments/",
)  # fmt: skip


@pytest.fixture
def acme(committed_db: None) -> Organization:
    return make_organization("Acme")


@pytest.fixture
def insight(acme: Organization) -> Insight:
    with org_scope(acme.pk):
        project = Project.objects.get(slug="web")
    return make_insight(acme, project, **saving("30"))


def test_waiting_for_the_first_call_makes_room_for_the_filters(page: Page, acme: Organization):
    """The page asks every two seconds; what comes then has a bar that was not there."""
    sign_in(page)
    page.goto(f"{HERE}p/web/calls/")
    expect(page.get_by_role("search", name="Filters")).to_have_count(0)

    with org_scope(acme.pk):
        record_calls(Project.objects.get(slug="web"), [{"started_at": datetime.now(UTC)}])

    expect(page.get_by_role("search", name="Filters")).to_be_visible()


def sign_in(page: Page) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("E-mail").fill("owner@acme.test")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/o/acme/**")


def test_every_page_is_accessible_and_fits(page: Page, acme: Organization, insight: Insight):
    budget = make_budget(acme)
    with org_scope(acme.pk):
        channel = make_email(acme)
        make_route(channel)
    ids = {"insight": insight.pk, "budget": budget.pk, "channel": channel.pk}
    sign_in(page)

    faults = []
    for is_dark, width in ((False, 1440), (True, 390)):
        page.emulate_media(color_scheme="dark" if is_dark else "light")
        page.set_viewport_size({"width": width, "height": 900})
        for path in PAGES:
            answer = page.goto(HERE + path.format_map(ids))
            assert answer is not None, path
            assert answer.status == 200, path
            faults += [f"{path} {width}: {fault}" for fault in violations(page)]
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                faults.append(f"{path} {width}: wider than the window")

    assert faults == []


def test_an_insight_is_acknowledged_by_keyboard_and_leads_to_its_calls(
    page: Page, acme: Organization, insight: Insight
):
    sign_in(page)
    page.goto(f"{HERE}insights/")
    page.get_by_role("link", name="Premium model for short answers").click()

    tab_to(page, "Acknowledge")
    page.keyboard.press("Enter")

    expect(page.get_by_text("acknowledged it")).to_be_visible()
    with org_scope(acme.pk):
        assert Insight.objects.get().status == Insight.Status.ACKNOWLEDGED
        assert InsightChange.objects.filter(kind="acknowledged").count() == 1
    page.get_by_role("link", name="Show these calls").first.click()
    page.wait_for_url("**/p/web/calls/**")
    assert "counted=" in page.url


def test_thresholds_are_tried_before_they_are_kept(page: Page, acme: Organization):
    sign_in(page)
    page.goto(f"{HERE}p/web/rules/SPIKE/")

    page.get_by_role("button", name="Try on the last 30 days").click()

    expect(page.get_by_role("heading", name="It would have found nothing")).to_be_visible()
    expect(page.get_by_text("Nothing was saved")).to_be_visible()
    with org_scope(acme.pk):
        assert not RuleSetting.objects.exists()
