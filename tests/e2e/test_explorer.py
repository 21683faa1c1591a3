"""From a filter to a chart, its calls and a file of them, all with the same numbers; and the way there by keyboard."""

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Locator, Page, expect

from conftest import make_organization
from core.scope import org_scope
from dashboards.reports import making
from dashboards.reports.models import Report
from dashboards.tests.factories import record_calls
from tenants.models import Organization, Project
from tests.e2e.accessibility import tab_to, violations
from tests.e2e.test_findings import sign_in

pytestmark = pytest.mark.browser

EXPLORER: Final = "/o/acme/explorer/"
LONG: Final = "名" * 100
PAGES: Final = (
    "explorer/", "explorer/?by=feature&by=model&shape=ranking", "explorer/?team=nobody", "executive/", "models/",
    "models/one/?provider=openai&model=big", "features/", "features/label/?feature=chat", "views/", "exports/",
    "exports/new/", "exports/new/?of=numbers", "reports/", "reports/new/", "reports/schedules/new/",
    "p/web/explorer/", "p/web/models/", "p/web/features/",
)  # fmt: skip


@pytest.fixture
def acme(committed_db: None) -> Organization:
    """Of the red team two calls of a big model, one of them told twice, and one of a small; and one of another team."""
    organization = make_organization("Acme")
    hour = datetime.now(UTC) - timedelta(hours=30)
    red = {"started_at": hour, "team": "red", "provider": "openai", "feature": "chat"}
    with org_scope(organization.pk):
        record_calls(
            Project.objects.get(slug="web"),
            [
                red | {"call_id": "a", "model_key": "big", "cost_usd": Decimal("1.25")},
                red | {"call_id": "b", "model_key": "big", "cost_usd": Decimal("0.50")},
                red | {"call_id": "again", "model_key": "big", "cost_usd": Decimal("1.25"), "duplicate_of": "a"},
                red | {"call_id": "c", "model_key": "small", "cost_usd": Decimal("0.000123")},
                red | {"call_id": "d", "model_key": "big", "team": "blue", "cost_usd": Decimal(9), "feature": LONG},
            ],
        )
    return organization


def rows(table: Locator) -> dict[str, list[str]]:
    """The cells of each row's data by the row's head."""
    found = {}
    for row in table.locator("tbody tr, tfoot tr").all():
        found[row.locator("th").first.inner_text().strip()] = row.locator("td").all_inner_texts()
    return found


def dollars(text: str) -> Decimal:
    return Decimal(text.strip().removeprefix("$").replace(",", ""))


def downloaded(page: Page, button: str, folder: Path) -> list[dict[str, str]]:
    with page.expect_download() as download:
        page.get_by_role("main").get_by_role("button", name=button, exact=True).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))


def test_filter_chart_calls_and_file_have_the_same_numbers(page: Page, acme: Organization, tmp_path: Path):
    sign_in(page)
    page.goto(f"{EXPLORER}?range=30d")
    page.locator("#filters summary", has_text="Filter").click()
    page.get_by_role("group", name="Team").get_by_label("red").check()
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("link", name="Remove filter Team red")).to_be_visible()
    expect(page.locator(".explorer-table tfoot")).to_contain_text("$1.75")

    page.get_by_label("Cost by model as a table").click()
    drawn = rows(page.locator(".chart-table .table"))
    listed = rows(page.locator(".explorer-table"))
    assert {name: dollars(cells[0]) for name, cells in listed.items()} == {
        "big": Decimal("1.75"),
        "small": Decimal("0.000123"),
        "Total": Decimal("1.75"),
    }
    assert sum(dollars(cell) for cells in drawn.values() for cell in cells[:1] if "$" in cell) == Decimal("1.75")
    assert sum(dollars(cell) for cells in drawn.values() for cell in cells[1:2] if "$" in cell) == Decimal("0.000123")

    page.get_by_role("link", name="Calls of big").click()
    expect(page.locator("#log-sums")).to_contain_text("2 calls")
    expect(page.locator("#log-sums")).to_contain_text("$1.75 cost")
    expect(page.locator(".calls-table tbody tr")).to_have_count(2)
    page.get_by_role("link", name="Export", exact=True).click()
    found = downloaded(page, "Export", tmp_path)
    assert {row["id"] for row in found} == {"a", "b"}
    assert sum(Decimal(row["cost_usd"]) for row in found) == dollars(listed["big"][0])

    page.go_back()
    expect(page.locator("#log-sums")).to_contain_text("$1.75 cost")
    page.go_back()
    expect(page.get_by_role("link", name="Remove filter Team red")).to_be_visible()
    expect(page.locator(".explorer-table tfoot")).to_contain_text("$1.75")
    assert rows(page.locator(".explorer-table")) == listed


def test_the_file_of_the_explorers_numbers_adds_up_to_its_total(page: Page, acme: Organization, tmp_path: Path):
    sign_in(page)
    page.goto(f"{EXPLORER}?range=30d&by=team&by=model&shape=ranking")
    total = rows(page.locator(".explorer-table"))["Total"]

    page.get_by_role("link", name="Export", exact=True).click()
    expect(page.get_by_text("Cost by team and model, as the explorer shows it")).to_be_visible()
    found = downloaded(page, "Export", tmp_path)

    assert {(row["team"], row["model"]): Decimal(row["cost_usd"]) for row in found} == {
        ("red", "big"): Decimal("1.75"),
        ("red", "small"): Decimal("0.000123"),
        ("blue", "big"): Decimal(9),
    }
    assert sum(Decimal(row["cost_usd"]) for row in found) == Decimal("10.750123")
    assert total[1] == "$10.75"
    page.get_by_role("link", name="Change").click()
    page.wait_for_url("**/o/acme/explorer/**")
    assert rows(page.locator(".explorer-table"))["Total"] == total


def test_the_question_is_asked_by_keyboard_and_kept_in_a_view(page: Page, acme: Organization):
    sign_in(page)
    page.goto(f"{EXPLORER}?range=30d")

    tab_to(page, "Filter")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Apply")).to_be_visible()
    tab_to(page, "team")
    page.keyboard.press("Space")
    tab_to(page, "Apply")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Remove filter Team red")).to_be_visible()

    expect(page.locator(".explorer-table tfoot")).to_contain_text("$1.75")
    page.locator("#explore-metric").select_option("calls")
    expect(page.get_by_role("heading", name="Calls by model").first).to_be_visible()
    page.locator("#explore-shape").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_text("of the whole period")).to_be_visible()
    expect(page.locator("#explore-shape")).to_be_focused()
    page.get_by_label("Calls by model as a table").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".chart-table .table")).to_be_visible()
    assert rows(page.locator(".explorer-table"))["big"][0] == "2"

    page.locator("#filters summary", has_text="Views").click()
    page.get_by_label("Save what is shown as").fill("Red calls")
    page.get_by_role("button", name="Save view").click()
    page.wait_for_url("**/explorer/?view=*")
    page.goto(EXPLORER)
    expect(page.get_by_role("heading", name="Cost by model").first).to_be_visible()
    page.locator("#filters summary", has_text="Views").click()
    page.get_by_role("link", name="Red calls").click()
    expect(page.get_by_role("heading", name="Calls by model").first).to_be_visible()
    assert rows(page.locator(".explorer-table"))["big"][0] == "2"


def test_a_report_is_ordered_made_and_taken_home(page: Page, acme: Organization, tmp_path: Path):
    sign_in(page)
    page.goto("/o/acme/reports/new/")
    page.get_by_role("button", name="Make report").click()
    expect(page.get_by_text("The report is being made")).to_be_visible()

    with org_scope(acme.pk):
        report = Report.objects.get()
    making.make(organization_id=acme.pk, report_id=report.pk, now=datetime.now(UTC))

    pdf = page.get_by_role("link", name="PDF")
    expect(pdf).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("$10.75")
    assert violations(page) == []
    with page.expect_download() as download:
        pdf.click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert path.suffix == ".pdf"
    assert path.read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize(("width", "theme"), [(1440, "dark"), (1024, "light"), (390, "light")])
def test_every_page_is_readable_for_everybody(page: Page, acme: Organization, width: int, theme: str):
    page.set_viewport_size({"width": width, "height": 900})
    sign_in(page)
    page.context.add_cookies([{"name": "theme", "value": theme, "url": page.url}])
    found = {}
    for path in PAGES:
        answer = page.goto(f"/o/acme/{path}")
        assert answer is not None
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        heads = page.locator("h1").count()
        found[path] = [
            *violations(page),
            *([f"{overflow} px too wide"] if overflow > 0 else []),
            *([f"status {answer.status}"] if answer.status != 200 else []),
            *([f"{heads} first headings"] if heads != 1 else []),
        ]

    assert {path: faults for path, faults in found.items() if faults} == {}
