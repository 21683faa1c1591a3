"""The report as a page of its own: one file with its style and its font in it, to keep, to print, to send on."""

import base64
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string

from dashboards.reports.document import Document

_STYLE: Final = "css/report.css"
_FONT: Final = "vendor/space-grotesk/space-grotesk-latin-wght-normal.woff2"


def standalone(document: Document) -> str:
    context: dict[str, Any] = {
        "document": document,
        "style": _read(_STYLE).decode(),
        "font": base64.b64encode(_read(_FONT)).decode(),
    }
    context["base_url"] = settings.BASE_URL
    return render_to_string("reports/standalone.html", context)


def _read(name: str) -> bytes:
    """'' for what is not there: a page without its font is a page."""
    found = finders.find(name)
    return Path(found).read_bytes() if found else b""
