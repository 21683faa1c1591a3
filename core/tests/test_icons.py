"""Icons come from a pinned package; a name that is not in it is a mistake of ours, found here and not by a user."""

import re
from pathlib import Path

import pytest
from django.template import Context, Template
from django.test import override_settings

from core import icons

ROOT = Path(__file__).resolve().parents[2]
LITERAL = re.compile(r"""\{%\s*icon\s+"([^"]+)"|\bicon="([a-z0-9-]+)\"""")

PACKAGES = ROOT / "node_modules/lucide-static"
pytestmark = pytest.mark.skipif(not PACKAGES.is_dir(), reason="npm packages are not installed")


def render(source: str, **context: object) -> str:
    return Template("{% load tokenops %}" + source).render(Context(context))


def test_an_icon_is_decoration_unless_it_has_a_label() -> None:
    html = render('{% icon "check" %}')

    assert html == '<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M20 6 9 17l-5-5" /></svg>'


def test_a_labelled_icon_is_an_image_with_that_name() -> None:
    html = render('{% icon "check" "icon-l" label=label %}', label="a < b")

    assert html.startswith('<svg class="icon icon-l" viewBox="0 0 24 24" role="img" aria-label="a &lt; b">')


@pytest.mark.parametrize("name", ["no-such-icon", "", "../package", "Check"])
def test_an_unknown_icon_is_refused(name: str) -> None:
    with pytest.raises(icons.UnknownIconError):
        icons.svg(name)


@override_settings(DEBUG=True)
def test_an_unknown_icon_breaks_the_page_while_developing() -> None:
    with pytest.raises(icons.UnknownIconError):
        render('{% icon "no-such-icon" %}')


@override_settings(DEBUG=False)
def test_an_unknown_icon_leaves_the_page_standing_in_production() -> None:
    assert render('a{% icon "no-such-icon" %}b') == "ab"


def test_every_icon_that_a_template_names_exists() -> None:
    templates = sorted((ROOT / "templates").rglob("*.html"))

    named = {one or other for file in templates for one, other in LITERAL.findall(file.read_text(encoding="utf-8"))}

    assert len(named) > 30
    for name in named:
        assert icons.svg(name)
