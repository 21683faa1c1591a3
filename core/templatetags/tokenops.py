"""What every template may use: number formats, icons, times and small server-drawn charts."""

import logging
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django import template
from django.conf import settings
from django.template import Context
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from core import charts, currencies, display, formats, icons, user_agents
from core.charts import ChartSpec
from core.formats import Number

register = template.Library()
logger = logging.getLogger(__name__)

for _format in (
    formats.usd,
    formats.usd_compact,
    formats.tokens,
    formats.count,
    formats.duration_ms,
    formats.percent,
    formats.megabytes,
    formats.tokens_per_s,
):
    register.filter(_format.__name__, _format)

register.filter("browser", user_agents.described)
register.filter("cost", display.cost)
register.filter("rate", currencies.exact)

_SPARK_WIDTH, _SPARK_HEIGHT, _SPARK_EDGE = 96, 28, 2.0


@register.simple_tag(name="icon")
def icon(name: str, css_class: str = "", label: str = "") -> SafeString | str:
    """``{% icon "activity" %}``; with ``label=`` it is an image, without it is decoration.

    :raises UnknownIconError: in DEBUG only; a page with a missing icon beats no page.
    """
    try:
        return icons.svg(name, css_class=css_class, label=label)
    except icons.UnknownIconError:
        if settings.DEBUG:
            raise
        logger.warning("unknown icon", extra={"icon": name})
        return ""


@register.simple_tag
def when(moment: datetime | None, unknown: str = formats.UNKNOWN) -> SafeString | str:
    """``{% when call.started_at %}``: relative, kept fresh by JavaScript, with the absolute time as a tooltip."""
    if moment is None:
        return unknown
    return format_html(
        '<time class="when" datetime="{}" title="{}" data-relative>{}</time>',
        moment.isoformat(),
        formats.absolute_time(timezone.localtime(moment)),
        formats.relative_time(moment, timezone.now()),
    )


@register.simple_tag
def at(moment: datetime | None, unknown: str = formats.UNKNOWN) -> SafeString | str:
    """``{% at key.created_at %}``: the absolute time in the current zone."""
    if moment is None:
        return unknown
    text = formats.absolute_time(timezone.localtime(moment))
    return format_html('<time datetime="{}">{}</time>', moment.isoformat(), text)


@register.inclusion_tag("partials/currency_note.html")
def currency_note() -> dict[str, Any]:
    """Below a page's costs: which rate they are converted at, or why they are not; nothing where costs are dollars."""
    found = display.current()
    return {"display": found, "terms": display.terms(found) if found.is_converted else ""}


@register.simple_tag
def dollars_note() -> SafeString | str:
    """On pages about prices, whose costs stay dollars because the prices are; nothing where all costs are."""
    if display.current().wanted == currencies.USD:
        return ""
    text = "Prices are US dollars, as providers list them, and so are the costs on these pages."
    return format_html('<p class="small muted">{}</p>', text)


@register.simple_tag
def bar(share: Number | None, color_index: int | str | None = None) -> SafeString:
    """A bar filled to ``share`` (0 to 1), in the accent unless a hue is given.

    Drawn as SVG, because the content security policy refuses inline styles.
    """
    width = round(min(max(float(share or 0), 0.0), 1.0) * 100, 2)
    color = "" if color_index in {None, ""} else f" series-{color_index}"
    return format_html(
        '<svg class="bar{}" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="bar-fill" width="{}" height="1"></rect></svg>',
        color,
        width,
    )


@register.simple_tag
def sparkline(values: Sequence[Number | None]) -> SafeString | str:
    """The shape of a series in 96 × 28 pixels, unknown drawn as zero. Decoration: the number stands beside it."""
    points = _spark_points([float(value or 0) for value in values])
    if not points:
        return ""
    line = " ".join(f"{x:g},{y:g}" for x, y in points)
    area = f"0,{_SPARK_HEIGHT} {line} {_SPARK_WIDTH},{_SPARK_HEIGHT}"
    return format_html(
        '<svg class="sparkline" viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true">'
        '<polygon points="{}"></polygon><polyline points="{}"></polyline></svg>',
        _SPARK_WIDTH,
        _SPARK_HEIGHT,
        area,
        line,
    )


@register.inclusion_tag("partials/chart_card.html")
def chart_card(  # noqa: PLR0917  # a template tag: callers name what they pass
    spec: ChartSpec | None,
    id: str,  # noqa: A002  # the attribute it becomes
    title: str,
    subtitle: str = "",
    height: str = "m",
    src: str = "",
    empty: str = "Nothing in this period.",
    period: str = "",
) -> dict[str, Any]:
    """A chart with title, legend, table view and downloads; ``spec`` is None while ``src`` still has to be asked.

    ``height`` is s, m or l (176, 264, 352 pixels), fixed so that nothing moves when the chart arrives. ``period`` names
    the downloads of a chart that has no time axis.
    """
    context: dict[str, Any] = {"id": id, "title": title, "subtitle": subtitle, "height": height, "src": src}
    context |= {"spec": spec, "data_id": f"{id}-data", "empty_text": empty, "period": period}
    if spec is not None:
        spec = charts.converted(spec, display.current())
        context["spec"] = spec
        table = charts.table(spec)
        context |= {
            "legend": charts.legend(spec),
            "table": table,
            "rows": _rows(table),
            "is_empty": charts.is_empty(spec),
            "is_over_time": charts.is_over_time(spec),
            "so_far": charts.so_far(spec),
            "scale": charts.scale(spec),
            "marks": charts.mark_lines(spec),
        }
    return context


def _rows(table: charts.Table) -> SafeString:
    """The rows of a chart's table; in Python, because a quarter by ten models takes a template 50 ms."""
    cells = (
        f'<tr><th scope="row">{escape(first)}</th>'
        + "".join(f'<td class="num">{escape(cell)}</td>' for cell in rest)
        + "</tr>"
        for first, *rest in table.rows
    )
    return mark_safe("".join(cells))  # noqa: S308  # every cell is escaped above


@register.simple_block_tag
def nav_group(content: str, title: str) -> SafeString | str:
    """``{% nav_group "Act" %}…{% endnav_group %}``: the links of a group under its title; nothing without links."""
    if "<li>" not in content:
        return ""
    return format_html(
        '<div class="nav-group"><p class="nav-title"><span>{0}</span></p><ul aria-label="{0}">{1}</ul></div>',
        title,
        content,
    )


@register.simple_block_tag
def nav_fold(content: str, title: str) -> SafeString | str:
    """``{% nav_fold "Manage" %}…{% endnav_fold %}``: what is folded until one of its pages is shown."""
    if "<li>" not in content:
        return ""
    return format_html(
        '<details class="nav-group nav-fold"{}><summary class="nav-title"><span>{}</span>{}</summary>{}</details>',
        " open" if "aria-current" in content else "",
        title,
        icons.svg("chevron-right"),
        content,
    )


@register.simple_tag(takes_context=True)
def nav_link(
    context: Context,
    page: str,
    icon: str,
    text: str,
    *,
    organization_url: str = "",
    project_url: str = "",
    href: str = "",
) -> SafeString | str:
    """``{% nav_link "audit" "scroll-text" "Audit log" organization_url="tenants:audit-list" %}``: a page one may see.

    It takes the name of a URL, which gets the slug(s) of where one is, or an address. In Python, because fifty of them
    took a template longer than anything else on most pages.
    """
    denied: Collection[str] = context.get("nav_denied") or ()
    if page in denied:
        return ""
    if project_url:
        href = reverse(project_url, args=[context["organization"].slug, context["project"].slug])
    elif organization_url:
        href = reverse(organization_url, args=[context["organization"].slug])
    return format_html(
        '<li><a class="nav-link" href="{}"{}>{}<span>{}</span></a></li>',
        href,
        mark_safe(' aria-current="page"') if page and context.get("nav_active") == page else "",
        icons.svg(icon),
        text,
    )


@register.inclusion_tag("partials/delta.html")
def change(current: Number | None, previous: Number | None, better: str = "") -> dict[str, Any]:
    """Change against the previous period; ``better`` is "lower", "higher" or "" when neither is good or bad."""
    delta = formats.delta(current, previous)
    return {"delta": delta, "tone": _tone(delta, better)}


def _tone(delta: formats.Delta | None, better: str) -> str:
    if delta is None or delta.direction not in {"up", "down"} or not better:
        return "neutral"
    return "good" if (delta.direction == "down") == (better == "lower") else "bad"


def _spark_points(values: list[float]) -> list[tuple[float, float]]:
    if not values[1:]:
        return []
    top, step = max(values) or 1.0, _SPARK_WIDTH / (len(values) - 1)
    room = _SPARK_HEIGHT - 2 * _SPARK_EDGE
    return [
        (round(i * step, 1), round(_SPARK_HEIGHT - _SPARK_EDGE - value / top * room, 1))
        for i, value in enumerate(values)
    ]
