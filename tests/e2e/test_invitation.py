"""From an owner's invitation to what the invited person sees, in two browsers."""

import pytest
from playwright.sync_api import Browser, Page, expect

from conftest import make_organization
from core.scope import org_scope
from tenants import services
from tenants.models import Membership, Organization, Project, ProjectRole
from tenants.permissions import Role
from tenants.tests.totp import PASSWORD
from tests.e2e.accessibility import violations
from tests.servers import RunningServer

pytestmark = pytest.mark.browser

OWNER, BEA = "owner@acme.test", "bea@example.test"


@pytest.fixture
def acme_with_two_projects(committed_db: None) -> Organization:
    acme = make_organization("Acme")
    owner = Membership.objects.get(organization=acme).user
    services.create_project(organization=acme, actor=owner, name="Chatbot")
    return acme


def sign_in(page: Page, email: str) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/o/acme/**")


def invite(page: Page) -> None:
    """As nobody in the organization, and as a member of one of its projects."""
    page.goto("/o/acme/members/")
    page.get_by_role("link", name="Invite").first.click()
    page.get_by_label("E-mail address").fill(BEA)
    page.get_by_label("Role in the organization").select_option("none")
    page.get_by_label("Another role in one project").select_option(label="Chatbot")
    page.get_by_label("Role there").select_option("member")
    page.get_by_role("button", name="Send invitation").click()
    expect(page.get_by_role("main")).to_contain_text(BEA)


def test_an_invited_person_joins_from_the_mail_and_sees_what_the_role_shows(
    browser: Browser, page: Page, server: RunningServer, acme_with_two_projects: Organization
):
    sign_in(page, OWNER)
    invite(page)
    own_browser = browser.new_context(base_url=server.url, viewport={"width": 1440, "height": 900})
    bea = own_browser.new_page()
    bea.set_default_timeout(20_000)

    bea.goto("/dev/mail/")
    expect(bea.get_by_role("main")).to_contain_text(f"To {BEA}")
    bea.get_by_role("link", name="Open its link").click()
    expect(bea.get_by_role("heading", name="Join Acme")).to_be_visible()
    assert violations(bea) == []
    bea.get_by_role("link", name="Create an account").click()
    bea.get_by_label("E-mail").fill(BEA)
    bea.get_by_label("Password", exact=True).fill("a long and sensible passphrase")
    bea.get_by_role("button", name="Create account").click()
    bea.get_by_role("button", name="Join", exact=True).click()

    # One project, with what a member may do there; nothing of the organization.
    bea.goto("/o/acme/p/chatbot/")
    menu = bea.get_by_role("navigation", name="Main")
    expect(menu.get_by_role("link", name="API keys")).to_have_count(1)
    for missing in ("Settings", "Members", "Audit log", "Prices"):
        expect(menu.get_by_role("link", name=missing)).to_have_count(0)
    assert answer_of(bea, "/o/acme/p/chatbot/keys/") == 200
    assert answer_of(bea, "/o/acme/p/chatbot/settings/") == 403
    assert answer_of(bea, "/o/acme/settings/") == 403
    assert answer_of(bea, "/o/acme/members/") == 403
    assert answer_of(bea, "/o/acme/p/web/") == 404
    own_browser.close()
    assert Membership.objects.get(user__email=BEA).role == Role.NONE
    with org_scope(acme_with_two_projects.pk):
        assert ProjectRole.objects.get().project == Project.objects.get(slug="chatbot")
    page.goto("/o/acme/members/")
    expect(page.get_by_role("main")).to_contain_text(BEA)
    assert violations(page) == []


def answer_of(page: Page, path: str) -> int:
    answer = page.goto(path)
    assert answer is not None
    return answer.status
