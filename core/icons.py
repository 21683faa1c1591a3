"""Icons of lucide, inlined as SVG so that they take the colour of their text."""

import re
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

_BODY = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)
_NAME = re.compile(r"[a-z0-9-]+")


class UnknownIconError(LookupError):
    """The installed icon package has no icon of this name."""


@lru_cache(maxsize=512)
def svg(name: str, *, css_class: str = "", label: str = "") -> SafeString:
    """An inline ``<svg class="icon">``: decoration, or an image called ``label``.

    :raises UnknownIconError: there is no icon ``name``.
    """
    meaning = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    classes = f"icon {css_class}".strip()
    return format_html('<svg class="{}" viewBox="0 0 24 24" {}>{}</svg>', classes, meaning, _paths(name))


def _paths(name: str) -> SafeString:
    file = Path(settings.BASE_DIR) / "node_modules/lucide-static/icons" / f"{name}.svg"
    if not _NAME.fullmatch(name) or not file.is_file():
        raise UnknownIconError(f"There is no icon {name!r} in lucide-static.")
    found = _BODY.search(file.read_text(encoding="utf-8"))
    if found is None:
        raise UnknownIconError(f"The icon {name!r} is not an SVG.")
    return mark_safe(" ".join(found[1].split()))  # noqa: S308  # a file of a pinned package, not input
