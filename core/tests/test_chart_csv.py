"""A chart's exact numbers as CSV: made in the browser, with the rules of core.spreadsheets."""

import csv
import json
from decimal import Decimal
from typing import Any

import pytest
from django.core.serializers.json import DjangoJSONEncoder

from core import charts
from core.charts import ChartSpec, Look
from core.currencies import Display
from core.spreadsheets import csv_lines, plain
from core.tests.browser_modules import evaluate, needs_node

pytestmark = needs_node

CSV = {"chart-csv.js": "{ csvLine, csvOf, fileName, periodOf, plain }"}
CELLS = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "", "a=b", "2026-11-26", "'quoted", "ü", "gpt-4o", 'say "b"',
    "c,d", "line\nbreak", "=cmd|' /C calc'!A0", "−5", " =1", "名前",
]  # fmt: skip


def written(spec: ChartSpec) -> list[list[str]]:
    """What a spreadsheet reads; the spec goes the way of the page."""
    on_page = json.loads(json.dumps(spec, cls=DjangoJSONEncoder))
    text = evaluate("csvOf(given)", imports=CSV, given=on_page)
    return list(csv.reader(text.splitlines(keepends=True)))


def cost(**changes: Any) -> ChartSpec:
    spec: ChartSpec = {
        "kind": "stacked-bar",
        "unit": "usd",
        "x": ["2026-07-11", "2026-07-12"],
        "series": [
            charts.series("gpt-5.1", Look(1), [Decimal("0.000000000000000001"), Decimal("1234.567890")]),
            charts.series("=evil()", Look(2), [None, Decimal(-3)]),
        ],
    }
    return spec | changes  # type: ignore[return-value]


def test_text_follows_the_same_rules_as_every_export() -> None:
    assert evaluate("given.map(plain)", imports=CSV, given=CELLS) == [plain(cell) for cell in CELLS]


def test_lines_are_quoted_as_every_export_quotes_them() -> None:
    rows = [[cell, "1"] for cell in CELLS]

    lines = evaluate("given.map((row) => csvLine(row.map(plain)))", imports=CSV, given=rows)

    assert lines == list(csv_lines(rows))


def test_numbers_have_every_digit_and_unknown_is_empty_and_not_zero() -> None:
    rows = written(cost())

    assert rows[0] == ["Time", "gpt-5.1 (USD)", "'=evil() (USD)"]
    assert [row[0] for row in rows[1:]] == ["2026-07-11", "2026-07-12"]
    assert [Decimal(row[1]) for row in rows[1:]] == [Decimal("1E-18"), Decimal("1234.567890")]
    assert [row[2] for row in rows[1:]] == ["", "-3"]


def test_the_bucket_that_is_not_over_is_marked() -> None:
    rows = written(cost(partial=True))

    assert [row[-1] for row in rows] == ["Complete", "yes", "no"]


def test_times_are_iso_with_their_offset() -> None:
    hour = "2026-07-12T14:00:00+02:00"

    assert written(cost(x=[hour, hour]))[1][0] == hour


@pytest.mark.parametrize("kind", ["donut", "ranking"])
def test_one_value_a_series_is_a_list(kind: charts.Kind) -> None:
    series = [charts.series("a", Look(1), [1200]), charts.series("+b", Look(2), [None])]

    rows = written({"kind": kind, "unit": "tokens", "x": [], "series": series})

    assert rows == [["Name", "Value (tokens)"], ["a", "1200"], ["'+b", ""]]


def test_a_heat_map_and_bars_are_named_by_their_labels() -> None:
    series = [charts.series("Monday", Look(0), [0.5, None])]

    rows = written({"kind": "heatmap", "unit": "percent", "x": ["08:00", "-9"], "series": series, "partial": True})

    assert rows == [["Name", "Monday (fraction of 1)"], ["08:00", "0.5"], ["'-9", ""]]


def test_the_head_names_the_currency_that_is_shown() -> None:
    shown = charts.converted(cost(), Display(code="EUR", rate=Decimal("0.5"), wanted="EUR"))

    rows = written(shown)

    assert rows[0][1] == "gpt-5.1 (EUR)"
    assert Decimal(rows[2][1]) == Decimal("617.283945")


def test_the_file_has_the_numbers_of_the_table() -> None:
    spec = cost(series=[charts.series("a", Look(1), [Decimal("12.5"), Decimal("0.000123")])])

    shown = [row[1] for row in charts.table(spec).rows]

    assert [charts.FORMATS["usd"](Decimal(row[1])) for row in written(spec)[1:]] == shown


@pytest.mark.parametrize("unit", list(charts.FORMATS))
def test_every_unit_is_named(unit: charts.Unit) -> None:
    assert "undefined" not in written(cost(unit=unit))[0][1]


@pytest.mark.parametrize(
    ("x", "given", "expected"),
    [
        (["2026-07-11", "2026-07-12"], "", "2026-07-11 to 2026-07-12"),
        (["2026-07-11T01:00:00+00:00", "2026-07-11T02:00:00+00:00"], "", "2026-07-11"),
        (["a", "b"], "", ""),
        (["a", "b"], "July", "July"),
    ],
)
def test_a_chart_knows_its_period_or_is_told(x: list[str], given: str, expected: str) -> None:
    call = "periodOf(given.spec, given.given)"
    spec = {"kind": "line", "x": x, "series": []}

    assert evaluate(call, imports=CSV, given={"spec": spec, "given": given}) == expected


@pytest.mark.parametrize(
    ("title", "period", "expected"),
    [
        ("Cost over time", "2026-07-11 to 2026-07-12", "cost-over-time-2026-07-11-to-2026-07-12.csv"),
        ("費用 / Größe", "", "費用-größe.csv"),
        ("../../etc/passwd", "", "etc-passwd.csv"),
        ("", "", "chart.csv"),
        ("x" * 300, "", "x" * 100 + ".csv"),
    ],
)
def test_the_file_is_named_by_title_and_period(title: str, period: str, expected: str) -> None:
    assert evaluate("fileName(...given, 'csv')", imports=CSV, given=[title, period]) == expected
