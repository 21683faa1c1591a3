"""What axe-core finds in a page, and where the keyboard goes."""

from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page

_AXE: Final = Path(__file__).resolve().parents[2] / "node_modules/axe-core/axe.min.js"


def violations(page: Page) -> list[str]:
    """Serious and critical ones, each with the first element it is about.

    axe styles elements, which our policy refuses and the test would count as a fault of the page: it looks at a copy.
    """
    browser = page.context.browser
    assert browser is not None
    context = browser.new_context(bypass_csp=True, viewport=page.viewport_size)
    copy = context.new_page()
    source = page.content()
    # The copy is signed in nowhere: what it asks for by itself would lead it to the sign-in page.
    copy.route("**/*", lambda route: route.abort() if "hx-request" in route.request.headers else route.continue_())
    copy.route(page.url, lambda route: route.fulfill(body=source, content_type="text/html"))
    copy.goto(page.url)
    copy.evaluate(_AXE.read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = copy.evaluate("async () => (await axe.run()).violations")
    context.close()
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in found if one["impact"] in {"serious", "critical"}
    ]


def focused(page: Page) -> str:
    """The text of what the keyboard is on, or the name of its field."""
    script = "() => (document.activeElement.innerText || document.activeElement.name || '').trim()"
    text: str = page.evaluate(script)
    return text


def tab_to(page: Page, text: str) -> None:
    """Press Tab until ``text`` is reached.

    :raises LookupError: the keyboard does not get there.
    """
    for _press in range(40):
        page.keyboard.press("Tab")
        if focused(page) == text:
            return
    raise LookupError(f"{text!r} is out of reach of the keyboard.")
