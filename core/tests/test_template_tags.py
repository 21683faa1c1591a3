"""The tags pages are built from, rendered as pages render them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.template import Context, Template
from django.template.loader import render_to_string
from django.utils import timezone

from core import gallery
from core.charts import ChartSpec
from core.templatetags import tokenops

ROOT = Path(__file__).resolve().parents[2]

PACKAGES = ROOT / "node_modules/lucide-static"
pytestmark = pytest.mark.skipif(not PACKAGES.is_dir(), reason="npm packages are not installed")


def render(source: str, **context: object) -> str:
    return Template("{% load tokenops %}" + source).render(Context(context))


def chart(**changes: object) -> ChartSpec:
    series = [{"name": "<b>model</b>", "color_index": 3, "data": [Decimal("1.50")]}]
    return {"kind": "line", "unit": "usd", "x": ["2026-07-12"], "series": series} | changes  # type: ignore[return-value]


def test_numbers_are_formatted_by_filters() -> None:
    numbers = {"cost": Decimal("0.000123"), "none": None, "calls": 1234, "share": 0.5}

    html = render('{{ cost|usd }} {{ none|usd:"unknown" }} {{ calls|count }} {{ share|percent }}', **numbers)

    assert html == "$0.000123 unknown 1,234 50.0%"


def test_a_time_is_relative_with_the_absolute_as_tooltip() -> None:
    moment = timezone.now() - timedelta(minutes=7)

    html = render("{% when moment %}", moment=moment)

    assert f'datetime="{moment.isoformat()}"' in html
    assert f'title="{moment.day} {moment:%b %Y, %H:%M:%S} UTC"' in html
    assert ">7\u00a0min ago</time>" in html


def test_times_are_told_in_the_current_zone() -> None:
    with timezone.override("Europe/Berlin"):
        html = render("{% at moment %}", moment=datetime(2026, 7, 12, 14, 0, tzinfo=UTC))

    assert html == '<time datetime="2026-07-12T14:00:00+00:00">12 Jul 2026, 16:00:00 CEST</time>'


def test_a_time_that_never_was_is_a_dash() -> None:
    assert render('{% when none %} {% at none "never" %}', none=None) == "– never"


@pytest.mark.parametrize(
    ("share", "width"), [(0.5, "50.0"), (Decimal("0.3333"), "33.33"), (1.7, "100.0"), (-1, "0.0"), (None, "0.0")]
)
def test_a_bar_fills_its_share_and_never_more(share: Decimal | float | None, width: str) -> None:
    html = tokenops.bar(share, 3)

    assert f'<rect class="bar-fill" width="{width}"' in html
    assert 'class="bar series-3"' in html


def test_nothing_is_styled_inline() -> None:
    html = tokenops.bar(0.5) + tokenops.sparkline([1, 2, 3]) + render('{% chart_card spec "c" "Cost" %}', spec=chart())

    assert "style=" not in html


def test_a_sparkline_runs_from_edge_to_edge() -> None:
    html = tokenops.sparkline([0, Decimal(5), None, 10])

    assert '<polyline points="0,26 32,14 64,26 96,2">' in html


@pytest.mark.parametrize("values", [[], [5]])
def test_one_point_has_no_shape(values: list[int]) -> None:
    assert tokenops.sparkline(values) == ""


def test_a_sparkline_of_zeros_is_a_flat_line() -> None:
    assert '<polyline points="0,26 96,26">' in tokenops.sparkline([0, 0])


def test_a_chart_card_carries_its_numbers_twice_and_escapes_names() -> None:
    html = render('{% chart_card spec "cost" "Cost over time" %}', spec=chart())

    assert '<script id="cost-data" type="application/json">' in html
    assert 'data-chart="cost-data"' in html
    assert '<th scope="row">12 Jul</th><td class="num">$1.50</td>' in html
    assert "<b>model</b>" not in html


def test_a_legend_has_whole_names_to_read_when_they_are_cut() -> None:
    html = render('{% chart_card spec "share" "Share" %}', spec=chart(kind="donut"))

    assert '<span title="&lt;b&gt;model&lt;/b&gt;">&lt;b&gt;model&lt;/b&gt;</span>' in html


def test_an_empty_chart_says_so_instead_of_drawing_nothing() -> None:
    html = render('{% chart_card spec "cost" "Cost" empty="Send a call." %}', spec=chart(series=[]))

    assert "Send a call." in html
    assert "application/json" not in html
    assert "chart-table" not in html


def test_a_chart_that_is_still_asked_for_shows_its_skeleton() -> None:
    html = render('{% chart_card None "cost" "Cost" src="/data" %}')

    assert 'data-src="/data"' in html
    assert "chart-skeleton" in html


@pytest.mark.parametrize(
    ("current", "previous", "better", "tone"),
    [
        (120, 100, "lower", "bad"),
        (80, 100, "lower", "good"),
        (120, 100, "higher", "good"),
        (80, 100, "higher", "bad"),
        (120, 100, "", "neutral"),
        (100, 100, "lower", "neutral"),
        (5, 0, "lower", "neutral"),
    ],
)
def test_a_change_is_good_or_bad_only_where_the_page_says_so(
    current: int, previous: int, better: str, tone: str
) -> None:
    assert f'class="delta delta-{tone}"' in render(
        "{% change now before better %}", now=current, before=previous, better=better
    )


def test_no_change_is_shown_when_the_past_is_unknown() -> None:
    assert render("{% change 5 none %}", none=None).strip() == ""


def test_a_field_with_errors_names_them_beside_it_and_keeps_what_was_typed() -> None:
    form = gallery.GalleryForm({"name": "", "zone": "UTC", "email": "ada@", "scope": "ingest"})

    html = render_to_string("partials/form.html", {"form": form})

    assert 'value="ada@"' in html
    assert 'aria-invalid="true" aria-describedby="id_email_error"' in html
    assert '<div id="id_email_error">' in html
    assert 'aria-describedby="id_name_helptext id_name_error"' in html


@pytest.mark.parametrize("template", ["404.html", "403.html", "403_csrf.html", "429.html", "500.html"])
def test_error_pages_need_no_context(template: str) -> None:
    assert "<h1>" in render_to_string(template)


def test_a_group_of_links_has_a_title_that_is_escaped() -> None:
    html = render("{% nav_group title %}<li>one</li>{% endnav_group %}", title="R & <D>")

    assert html == (
        '<div class="nav-group"><p class="nav-title"><span>R &amp; &lt;D&gt;</span></p>'
        '<ul aria-label="R &amp; &lt;D&gt;"><li>one</li></ul></div>'
    )


@pytest.mark.parametrize("tag", ["nav_group", "nav_fold"])
def test_a_group_without_links_is_nothing(tag: str) -> None:
    assert render(f'{{% {tag} "Act" %}}<ul>  </ul>{{% end{tag} %}}') == ""


@pytest.mark.parametrize(
    ("link", "is_open"), [("<li>one</li>", False), ('<li><a aria-current="page">one</a></li>', True)]
)
def test_a_fold_is_open_when_the_page_is_in_it(link: str, is_open: bool) -> None:
    html = render(f'{{% nav_fold "Manage" %}}<ul>{link}</ul>{{% endnav_fold %}}')

    assert ("<details open" in html.replace(' class="nav-group nav-fold"', "")) is is_open
    assert f"<ul>{link}</ul></details>" in html


def test_a_link_of_the_navigation_is_one_to_the_page_of_where_one_is() -> None:
    here = {"organization": SimpleNamespace(slug="acme"), "project": SimpleNamespace(slug="web")}

    of_organization = render('{% nav_link "audit" "box" "Audit log" organization_url="tenants:audit-list" %}', **here)
    of_project = render('{% nav_link "keys" "box" "API keys" project_url="tenants:key-list" %}', **here)

    assert 'href="/o/acme/audit/"' in of_organization
    assert of_organization.endswith("</svg><span>Audit log</span></a></li>")
    assert 'href="/o/acme/p/web/keys/"' in of_project
    assert "aria-current" not in of_organization + of_project


@pytest.mark.parametrize(("page", "is_current"), [("audit", True), ("keys", False), ("", False)])
def test_only_the_link_of_the_page_itself_is_current(page: str, *, is_current: bool) -> None:
    html = render('{% nav_link page "box" "Here" href="/x/" %}', page=page, nav_active="audit")

    assert (' aria-current="page"' in html) is is_current


def test_a_link_that_one_may_not_follow_is_not_there() -> None:
    assert render('{% nav_link "audit" "box" "Audit log" href="/x/" %}', nav_denied=frozenset({"audit"})) == ""


def test_names_in_the_navigation_are_escaped() -> None:
    html = render('{% nav_link "" "box" name href=url %}', name="R & <D>", url='/x/?"&y')

    assert 'href="/x/?&quot;&amp;y"' in html
    assert "<span>R &amp; &lt;D&gt;</span>" in html
