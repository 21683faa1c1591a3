"""Charts in a real browser: zoomed, read by keyboard, taken home as files, marked, and a model's colour for good."""

import csv
import re
import struct
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Locator, Page, expect

from conftest import make_organization
from core import formats
from core.scope import org_scope
from dashboards.tests.factories import record_calls
from rules.models import Insight
from rules.tests.factories import make_insight
from tenants.models import Organization, Project
from tests.e2e.accessibility import violations
from tests.e2e.test_findings import sign_in

pytestmark = pytest.mark.browser

HERE: Final = "/o/acme/?range=30d"
PNG: Final = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def acme(committed_db: None) -> Organization:
    organization = make_organization("Acme")
    now = datetime.now(UTC)
    rows = [
        {
            "started_at": now - timedelta(days=day),
            "model_key": model,
            "feature": feature,
            "cost_usd": Decimal(cost) + day,
        }
        for day in range(10)
        for model, feature, cost in (("=big()", "chat", "90.123456789"), ("small", "search", "0.000123"))
    ]
    with org_scope(organization.pk):
        record_calls(Project.objects.get(slug="web"), rows)
    return organization


@pytest.fixture
def insight(acme: Organization) -> Insight:
    with org_scope(acme.pk):
        project = Project.objects.get(slug="web")
    return make_insight(acme, project, opened_at=datetime.now(UTC) - timedelta(days=3))


def chart(page: Page, name: str) -> Locator:
    """The drawn chart of this id, in view."""
    drawn = page.locator(f"#{name}.is-ready")
    drawn.scroll_into_view_if_needed()
    return drawn


def card(page: Page, name: str) -> Locator:
    return page.locator(f".chart-card:has(#{name})")


def drag(page: Page, over: Locator, start: float, end: float) -> None:
    """Press at one part of the width, let go at the other."""
    box = over.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * start, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * (start + end) / 2, y)
    page.mouse.move(box["x"] + box["width"] * end, y)
    page.mouse.up()


def saved(page: Page, name: str, item: str, folder: Path) -> Path:
    """The file that a chart's menu gives, chosen by keyboard."""
    menu = card(page, name).locator("[data-files] summary")
    menu.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    if item == "png":
        page.keyboard.press("ArrowDown")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    expect(menu).to_be_focused()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_dragging_shows_a_part_and_the_page_about_it(page: Page, acme: Organization):
    sign_in(page)
    page.goto(HERE)
    zoom = card(page, "cost").locator(".chart-zoom")
    expect(zoom).to_be_hidden()
    whole = card(page, "cost").locator(".legend-item strong").first.inner_text()

    drag(page, chart(page, "cost"), 0.72, 0.9)

    expect(zoom).to_be_visible()
    assert card(page, "cost").locator(".legend-item strong").first.inner_text() != whole
    zoom.get_by_role("button", name="Reset zoom").click()
    expect(zoom).to_be_hidden()
    expect(card(page, "cost").locator(".legend-item strong").first).to_have_text(whole)
    drag(page, chart(page, "cost"), 0.9, 0.72)
    zoom.get_by_role("link", name="Show only these days").click()
    page.wait_for_url("**/o/acme/?from=*&to=*")
    assert "range=" not in page.url
    expect(page.locator("#cost.is-ready")).to_be_visible()


def test_keys_read_select_and_zoom(page: Page, acme: Organization):
    sign_in(page)
    page.goto(HERE)
    chart(page, "cost").focus()
    spoken = page.locator("#cost-spoken")

    page.keyboard.press("End")
    expect(spoken).to_have_text(re.compile(r"so far: \$9\d\.12, =big\(\) \$90\.12, small \$0\.000123"))
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Enter")

    today = datetime.now(UTC).date()
    first = today - timedelta(days=2)
    part = f"{first.day} {first:%b} – {today.day} {today:%b}"
    expect(spoken).to_have_text(f"{part} shown")
    expect(card(page, "cost").locator(".chart-zoom strong")).to_have_text(part)
    page.keyboard.press("Escape")
    expect(card(page, "cost").locator(".chart-zoom")).to_be_hidden()


def test_the_csv_has_the_numbers_of_the_table_with_every_digit(page: Page, acme: Organization, tmp_path: Path):
    sign_in(page)
    page.goto(HERE)
    chart(page, "cost")

    path = saved(page, "cost", "csv", tmp_path)

    head, *rows = csv.reader(path.read_text(encoding="utf-8-sig").splitlines())
    today = datetime.now(UTC).date()
    assert path.name == f"cost-over-time-{today - timedelta(days=29)}-to-{today}.csv"
    assert head == ["Time", "'=big() (USD)", "small (USD)", "Complete"]
    assert [Decimal(cell) for cell in rows[-1][1:3]] == [Decimal("90.123456789"), Decimal("0.000123")]
    assert [row[3] for row in rows] == ["yes"] * 29 + ["no"]
    card(page, "cost").get_by_label("Cost over time as a table").click()
    table = card(page, "cost").locator("tbody tr")
    shown = [row.split("\t") for row in table.all_inner_texts()]
    assert [cells[1:] for cells in shown] == [[formats.usd(Decimal(cell)) for cell in row[1:3]] for row in rows]
    assert shown[-1][0].endswith("so far")


@pytest.mark.parametrize("name", ["cost", "share", "latency"])
def test_the_picture_is_as_large_as_the_chart_with_title_and_legend(
    page: Page, acme: Organization, tmp_path: Path, name: str
):
    sign_in(page)
    page.goto(HERE)
    box = chart(page, name).bounding_box()
    assert box is not None

    content = saved(page, name, "png", tmp_path).read_bytes()

    assert content.startswith(PNG)
    width, height = struct.unpack(">II", content[16:24])
    assert width == 2 * (max(440, round(box["width"])) + 40)
    assert height > 2 * box["height"]
    assert len(content) > 5_000


def test_a_model_keeps_its_colour_when_it_is_alone(page: Page, acme: Organization):
    sign_in(page)
    page.goto(HERE)
    of_small = card(page, "cost").locator(".legend-item", has_text="small").locator(".swatch")
    before = of_small.evaluate("(swatch) => getComputedStyle(swatch).backgroundColor")

    page.goto(f"{HERE}&feature=search")

    for name in ("cost", "share"):
        swatch = card(page, name).locator(".legend-item", has_text="small").locator(".swatch")
        assert swatch.evaluate("(swatch) => getComputedStyle(swatch).backgroundColor") == before


def test_a_mark_is_a_link_below_the_table(page: Page, acme: Organization, insight: Insight):
    sign_in(page)
    page.goto(HERE)
    chart(page, "cost")

    card(page, "cost").get_by_label("Cost over time as a table").click()
    card(page, "cost").get_by_role("link", name="Premium model for short answers").click()

    page.wait_for_url(f"**/insights/{insight.pk}/")


def test_a_mark_on_the_chart_leads_to_its_page(page: Page, acme: Organization, insight: Insight):
    sign_in(page)
    page.goto(HERE)
    drawn = chart(page, "cost")
    canvas = "echarts.getInstanceByDom(chart.querySelector('.chart-canvas'))"

    three_days_ago = drawn.evaluate(f"(chart) => {canvas}.convertToPixel({{ xAxisIndex: 0 }}, 26)")
    drawn.click(position={"x": three_days_ago, "y": 13})

    page.wait_for_url(f"**/insights/{insight.pk}/")


def test_a_refresh_keeps_the_part_that_is_shown(page: Page, acme: Organization):
    sign_in(page)
    page.goto(HERE)
    drag(page, chart(page, "cost"), 0.72, 0.9)
    zoom = card(page, "cost").locator(".chart-zoom")
    part = zoom.locator("strong").inner_text()
    address = page.locator("#content").get_attribute("hx-get")
    assert address is not None

    fresh = re.sub("seen=[^&]*", "seen=0", address)
    page.evaluate("(url) => htmx.ajax('GET', url, { target: '#content', swap: 'outerHTML' })", fresh)

    expect(page.locator("#cost[data-started].is-ready canvas")).to_be_visible()
    expect(zoom.locator("strong")).to_have_text(part)
    expect(card(page, "cost").locator("[data-files] summary")).to_be_visible()


def test_a_card_is_as_high_before_its_chart_is_drawn(page: Page, acme: Organization, insight: Insight):
    sign_in(page)
    page.goto(HERE)
    chart(page, "cost")
    height = "(cards) => cards.map((card) => card.offsetHeight)"
    drawn = page.locator(".chart-card").evaluate_all(height)

    page.locator(".chart-canvas").evaluate_all("(all) => all.forEach((canvas) => canvas.remove())")

    assert page.locator(".chart-canvas").count() == 0
    assert page.locator(".chart-card").evaluate_all(height) == drawn


def test_paper_is_white(page: Page, acme: Organization):
    sign_in(page)
    page.emulate_media(color_scheme="dark")
    page.goto(HERE)
    chart(page, "cost")
    root = page.locator("html")

    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(root).to_have_attribute("data-theme", "light")
    page.evaluate("dispatchEvent(new Event('afterprint'))")

    assert root.get_attribute("data-theme") is None


def test_the_open_menu_is_accessible_and_fits_a_telephone(page: Page, acme: Organization, insight: Insight):
    sign_in(page)
    faults = []
    for scheme, width in (("light", 1440), ("dark", 390)):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(HERE)
        chart(page, "cost")
        drag(page, page.locator("#cost"), 0.72, 0.9)
        card(page, "share").locator("[data-files] summary").click()
        faults += violations(page)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            faults.append(f"{width}: wider than the window")

    assert faults == []
