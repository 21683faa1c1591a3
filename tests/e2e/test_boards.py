"""Dashboards in a real browser: from a template, a widget added, moved by keyboard and by drag, and there on reload."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import pytest
from playwright.sync_api import Locator, Page, expect

from conftest import make_organization
from core.scope import org_scope
from dashboards.boards.tests.factories import make_board
from dashboards.tests.factories import count_calls
from tenants.models import Organization, Project
from tests.e2e.accessibility import violations
from tests.e2e.test_findings import sign_in

pytestmark = pytest.mark.browser

HERE: Final = "/o/acme/dashboards/"


@pytest.fixture
def acme(committed_db: None) -> Organization:
    organization = make_organization("Acme")
    with org_scope(organization.pk):
        project = Project.objects.get(slug="web")
    row = {"started_at": datetime.now(UTC), "cost_usd": Decimal("1.25"), "input_tokens": 10, "output_tokens": 5}
    count_calls(project, [row, row | {"model_key": "claude"}])
    return organization


def widget(page: Page, name: str) -> Locator:
    return page.locator("[data-place]").filter(has=page.get_by_role("heading", name=name, exact=True))


def places(page: Page) -> dict[str, list[str]]:
    """Column and spans of each widget by its title, in reading order."""
    script = """() => [...document.querySelectorAll("[data-place]")].map((one) => [
        one.getBoundingClientRect().top, one.getBoundingClientRect().left, one.querySelector("h2").textContent,
        [...one.classList].filter((name) => /^(at|wide|tall)-/.test(name))])"""
    found = page.evaluate(script)
    return {title: classes for _, _, title, classes in sorted(found)}


def test_a_dashboard_is_made_and_arranged(page: Page, acme: Organization):
    page.set_viewport_size({"width": 1440, "height": 1600})  # the pointer reaches every widget
    sign_in(page)
    page.goto(HERE)
    page.get_by_role("link", name="Cost", exact=True).click()
    page.get_by_role("button", name="Create dashboard").click()
    expect(widget(page, "Spend").get_by_text("$2.50")).to_be_visible()
    expect(widget(page, "Spend by model").locator(".chart.is-ready")).to_be_visible()

    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_role("button", name="Add widget").click()
    page.get_by_text("Figure", exact=True).click()
    page.get_by_label("Title").fill("All errors")
    page.get_by_label("Number").select_option("errors")
    expect(page.locator("#preview").get_by_text("0", exact=True)).to_be_visible()
    page.get_by_role("button", name="Add widget").click()
    expect(widget(page, "All errors")).to_be_visible()
    page.wait_for_load_state("load")  # before its scripts run nobody hears a key

    page.get_by_role("button", name="Move Spend", exact=True).focus()
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-announce]")).to_have_text("Spend: column 2 of 12, row 1, 3 wide, 3 tall")
    page.keyboard.press("Escape")
    expect(page.locator("[data-announce]")).to_have_text("Spend: column 1 of 12, row 1, 3 wide, 2 tall")
    page.keyboard.press("Shift+ArrowDown")
    before = places(page)
    drag(
        page,
        page.get_by_role("button", name="Move All errors"),
        page.get_by_role("button", name="Move Calls", exact=True),
    )
    arranged = places(page)
    assert arranged["Spend"] == ["at-0", "wide-3", "tall-3"]
    assert arranged["All errors"] == ["at-3", "wide-3", "tall-2"]
    assert arranged != before
    drag(
        page,
        page.get_by_role("button", name="Resize All errors"),
        page.get_by_role("button", name="Resize Cost per call"),
    )
    arranged = places(page)
    assert arranged["All errors"] == ["at-3", "wide-6", "tall-2"]
    page.get_by_role("button", name="Save", exact=True).click()

    page.wait_for_url(f"**{HERE}*/")
    expect(widget(page, "All errors").get_by_text("0", exact=True)).to_be_visible()
    assert places(page) == arranged
    page.reload()
    expect(widget(page, "Spend").get_by_text("$2.50")).to_be_visible()
    assert places(page) == arranged


def drag(page: Page, handle: Locator, onto: Locator) -> None:
    """By the pointer, in steps as a hand does."""
    start, end = handle.bounding_box(), onto.bounding_box()
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] + 8, start["y"] + 8)
    page.mouse.down()
    page.mouse.move(end["x"] + 8, end["y"] + 8, steps=8)
    page.mouse.up()


def test_one_widget_that_fails_is_the_only_one_and_can_be_asked_again(page: Page, acme: Organization):
    board = make_board(acme)
    sign_in(page)
    page.goto(f"{HERE}{board.pk}/")
    note = page.get_by_text("What this is for.")
    expect(note).to_be_visible()
    expect(widget(page, "Spend").get_by_text("$2.50")).to_be_visible()

    for name in ("Read me", "Spend"):
        place = widget(page, name).locator("[data-widget]")
        place.dispatch_event("htmx:timeout")

    expect(page.get_by_text("This widget did not load")).to_have_count(1)
    expect(note).to_have_count(0)
    expect(widget(page, "Spend").get_by_text("$2.50")).to_be_visible()  # older numbers are better than none
    page.get_by_role("button", name="Try again").click()
    expect(note).to_be_visible()
    expect(page.get_by_text("This widget did not load")).to_have_count(0)


def test_every_page_is_accessible_and_fits(page: Page, acme: Organization):
    board = make_board(acme, description="What we spend and on what, described at some length for everybody who looks.")
    sign_in(page)
    pages = ("", "new/", "new/?template=cost", "import/", f"{board.pk}/", f"{board.pk}/edit/", f"{board.pk}/settings/",
             f"{board.pk}/delete/", f"{board.pk}/widgets/new/")  # fmt: skip

    faults = []
    for is_dark, width in ((False, 1440), (True, 1024), (False, 390)):
        page.emulate_media(color_scheme="dark" if is_dark else "light")
        page.set_viewport_size({"width": width, "height": 900})
        for path in pages:
            page.goto(HERE + path)
            page.wait_for_load_state("networkidle")
            faults += [f"{path} {width}: {fault}" for fault in violations(page)]
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                faults.append(f"{path} {width}: wider than the window")

    assert faults == []
