"""The currency of a request: costs, charts and notes are in it, and nothing outside of it."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.template import Context, Template

from core import charts, display
from core.charts import ChartSpec
from core.currencies import IN_DOLLARS, Display
from core.tests.browser_modules import evaluate, needs_node

EURO = Display(code="EUR", rate=Decimal("0.92"), since=date(2026, 11, 1), wanted="EUR")
WITHOUT_RATE = Display(wanted="EUR")


def rendered(source: str, **values: Any) -> str:
    return Template("{% load tokenops %}" + source).render(Context(values)).strip()


def spec() -> ChartSpec:
    return {
        "kind": "stacked-bar",
        "unit": "usd",
        "x": ["2026-07-11", "2026-07-12"],
        "series": [{"name": "a", "color_index": 1, "data": [Decimal(100), None]}],
        "total": Decimal(100),
    }


def test_costs_are_dollars_unless_something_else_is_said() -> None:
    assert display.current() == IN_DOLLARS
    assert display.cost(Decimal("1.5")) == "$1.50"
    assert display.cost(None, "unknown") == "unknown"


def test_a_converted_cost_has_its_exact_dollars_and_the_rate_as_a_tooltip() -> None:
    with display.override(EURO):
        shown = rendered("{{ value|cost:'unknown' }}", value=Decimal("0.00123456789000"))
        unknown = rendered("{{ value|cost:'unknown' }}", value=None)

    assert shown == (
        '<span class="converted" title="$0.00123456789, at 1 USD = 0.92 EUR of 1 Nov 2026">€0.00114</span>'
    )
    assert unknown == "unknown"
    assert display.current() == IN_DOLLARS


@pytest.mark.parametrize(
    ("usd", "text"),
    [("0", "$0.00"), ("1234.5", "$1,234.50"), ("-0.125", "−$0.125"), ("1E-7", "$0.0000001"), ("1E+3", "$1,000.00")],
)
def test_exact_dollars_have_every_digit(usd: str, text: str) -> None:
    assert display.exact(Decimal(usd)) == text


def test_one_override_ends_where_it_began() -> None:
    with display.override(EURO):
        with display.override(IN_DOLLARS):
            assert display.cost(1) == "$1.00"
        assert "€0.92" in display.cost(1)

    assert display.cost(1) == "$1.00"


def test_an_error_ends_it_as_well() -> None:
    with pytest.raises(LookupError), display.override(EURO):
        raise LookupError

    assert display.cost(1) == "$1.00"


def test_a_page_names_its_rate_or_why_there_is_none() -> None:
    with display.override(EURO):
        converted = rendered("{% currency_note %}")
    with display.override(WITHOUT_RATE):
        without = rendered("{% currency_note %}")

    assert "shown in EUR at 1 USD = 0.92 EUR of 1 Nov 2026" in converted
    assert "there is no rate for EUR that is valid today" in without
    assert rendered("{% currency_note %}") == ""


def test_pages_about_prices_say_that_they_stay_dollars() -> None:
    with display.override(EURO):
        assert "Prices are US dollars" in rendered("{% dollars_note %}")
    assert rendered("{% dollars_note %}") == ""


def test_a_chart_is_converted_with_its_total_legend_and_table() -> None:
    found = charts.converted(spec(), EURO)

    assert found["series"][0]["data"] == [Decimal(92), None]
    assert (found["total"], found["money"]) == (Decimal(92), {"code": "EUR", "sign": "€", "digits": 2})
    assert charts.legend(found)[0].total == "€92.00"
    assert charts.table(found).rows == (("11 Jul", "€92.00"), ("12 Jul", "–"))


@pytest.mark.parametrize("unit", ["tokens", "count", "ms"])
def test_charts_of_anything_else_stay_as_they_are(unit: charts.Unit) -> None:
    given: ChartSpec = {**spec(), "unit": unit}

    assert charts.converted(given, EURO) is given
    assert charts.converted(spec(), WITHOUT_RATE) == spec()


def test_the_card_of_a_chart_is_in_the_requests_currency() -> None:
    with display.override(EURO):
        card = rendered('{% chart_card spec "cost" "Cost" %}', spec=spec())

    assert "€92.00" in card
    assert "$" not in card
    assert '"money"' in card


@needs_node
def test_the_browser_draws_axis_tooltip_and_ring_in_the_charts_currency() -> None:
    series = [{"name": "a", "color_index": 1, "data": ["15000"]}]
    given = {
        "bars": {
            "kind": "stacked-bar",
            "unit": "usd",
            "x": ["2026-07-11"],
            "series": series,
            "money": {"code": "EUR", "sign": "€", "digits": 2},
        },
        "theme": dict.fromkeys(("text", "muted", "faint", "border", "surface", "hover", "font"), "x")
        | {"series": ["c"] * 11},
    }

    axis, tip, ring = evaluate(
        "[chartOption(given.bars, given.theme, view).yAxis.axisLabel.formatter(15000),"
        " tooltip(given.bars, given.theme, 0, new Set()).rows[0].text,"
        " chartOption({ ...given.bars, kind: 'donut' }, given.theme, view).title.text]".replace(
            "view", "{ hidden: new Set(), still: true, width: 600 }"
        ),
        imports={"chart-options.js": "{ chartOption, tooltip }"},
        given=given,
    )

    assert (axis, tip, ring) == ("€15.0\u00a0K", "€15,000.00", "€15.0\u00a0K")
