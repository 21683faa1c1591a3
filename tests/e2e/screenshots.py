"""``make screenshots``: takes the pictures of docs/images from a running ``make run`` with the demo.

``ONLY=gateway`` takes those alone whose names begin so.
"""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, sync_playwright

ROOT: Final = Path(__file__).resolve().parents[2]
IMAGES: Final = ROOT / "docs" / "images"
STATE_DIR: Final = Path(os.environ.get("TOKENOPS_STATE_DIR", ROOT / ".tokenops"))
ONLY: Final = os.environ.get("ONLY", "")
CALL: Final = ".call-link"  # opens the drawer
GROUP: Final = ".traces-table tbody a"
PICTURES: Final[tuple[tuple[Any, ...], ...]] = (
    ("overview-light", "light", "/o/{organization}/?range=30d", 1440, 1000),
    ("overview-dark", "dark", "/o/{organization}/?range=30d", 1440, 1000),
    ("calls-dark", "dark", "/o/{organization}/p/{project}/calls/", 1440, 800),
    ("connect-light", "light", "/o/{organization}/p/{project}/connect/", 1440, 800),
    ("explorer-light", "light", "/o/{organization}/explorer/?range=30d&by=feature", 1440, 1000),
    ("executive-light", "light", "/o/{organization}/executive/", 1440, 1000),
    ("models-dark", "dark", "/o/{organization}/models/?range=30d", 1440, 800),
    ("features-light", "light", "/o/{organization}/features/?range=30d", 1440, 800),
    ("reports-light", "light", "/o/{organization}/reports/new/", 1440, 800),
    ("exports-light", "light", "/o/{organization}/exports/new/?range=24h", 1440, 800),
    ("gateway-light", "light", "/o/{organization}/gateway/?range=30d", 1440, 1000),
    ("gateway-dark", "dark", "/o/{organization}/gateway/?range=30d", 1440, 1000),
    ("gateway-connect-light", "light", "/o/{organization}/gateway/connect/", 1440, 1000),
    ("gateway-connect-dark", "dark", "/o/{organization}/gateway/connect/", 1440, 1000),
    ("gateway-providers-light", "light", "/o/{organization}/gateway/providers/", 1440, 800),
    ("gateway-providers-dark", "dark", "/o/{organization}/gateway/providers/", 1440, 800),
    ("overview-mobile", "light", "/o/{organization}/p/{project}/", 390, 844),
    ("call-light", "light", "/o/{organization}/p/{project}/calls/", 1440, 900, CALL),
    ("trace-dark", "dark", "/o/{organization}/sessions/", 1440, 800, GROUP),
)


def main() -> int:
    run_file = STATE_DIR / "run.json"
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None or not run_file.exists():
        sys.stderr.write("Start `make run` in another terminal first, on a machine with Chromium.\n")
        return 1
    run = json.loads(run_file.read_text(encoding="utf-8"))
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, scheme, path, width, height, *opens in PICTURES:
            if name.startswith(ONLY):
                where, size = path.format(**run), (width, height)
                _take(browser, run, name=name, scheme=scheme, path=where, size=size, opens="".join(opens))
    return 0


def _take(
    browser: Browser,
    run: dict[str, str],
    *,
    name: str,
    scheme: str,
    path: str,
    size: tuple[int, int],
    opens: str = "",
) -> None:
    context = browser.new_context(
        base_url=run["url"],
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    _sign_in(page, run)
    page.goto(path)
    if opens:
        page.locator(opens).first.click()
    # The log asks for newer calls for ever; one second without a request is as quiet as it gets.
    page.wait_for_timeout(1_000)
    page.screenshot(path=IMAGES / f"{name}.png")
    context.close()


def _sign_in(page: Page, run: dict[str, str]) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("E-mail").fill(run["email"])
    page.get_by_label("Password", exact=True).fill(run["password"])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/o/**")


if __name__ == "__main__":
    sys.exit(main())
