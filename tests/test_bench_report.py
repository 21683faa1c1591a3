import json

import pytest

from bench import report
from bench.report import Row

HEAD = [
    "| Benchmark | Case | Measured | Baseline in the same run | Ratio | Goal | Met |",
    "|---|---|---|---|---|---|---|",
]


def line(**changes):
    values = {"name": "ingest", "case": "one event", "measured": 1.0, "unit": "ms"} | changes
    return report.table([Row(**values)]).splitlines()[2]


def test_a_table_of_nothing_is_its_head():
    assert report.table([]).splitlines() == HEAD


def test_a_table_has_a_line_a_row_in_their_order():
    rows = [
        Row(
            name="ingest",
            case="batches of 100",
            measured=2_345.6,
            unit="calls/s",
            baseline=1_000.0,
            baseline_name="COPY",
            goal="≥ 2,000",
            met=True,
            figures={"p50": 3.14159, "p99": 250.4},
        ),
        Row(name="start", case="empty", measured=9.876, unit="s"),
    ]

    assert report.table(rows).splitlines() == [
        *HEAD,
        "| ingest | batches of 100 | 2,346 calls/s (p50 3.14, p99 250) | COPY: 1,000 calls/s | 2.35 | ≥ 2,000 | yes |",
        "| start | empty | 9.88 s | – | – | – | – |",
    ]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0.00"),
        (0.004, "0.00"),
        (9.994, "9.99"),
        (10.0, "10.0"),
        (99.94, "99.9"),
        (100.0, "100"),
        (1_234_567.8, "1,234,568"),
        (-0.5, "-0.50"),
        (-12.34, "-12.3"),
        (-4_321.0, "-4,321"),
        (7, "7.00"),
    ],
)
def test_a_number_has_three_digits_that_matter(number, text):
    assert line(measured=number) == f"| ingest | one event | {text} ms | – | – | – | – |"


@pytest.mark.parametrize(("met", "text"), [(None, "–"), (True, "yes"), (False, "no")])
def test_a_goal_is_met_or_not_or_nobody_knows(met, text):
    assert line(goal="≤ 5 ms", met=met) == f"| ingest | one event | 1.00 ms | – | – | ≤ 5 ms | {text} |"


@pytest.mark.parametrize(
    ("measured", "baseline", "ratio", "text"),
    [
        (10.0, 4.0, 2.5, "2.50"),
        (1.0, 3.0, 1 / 3, "0.33"),
        (0.0, 4.0, 0.0, "0.00"),
        (10.0, None, None, "–"),
        (10.0, 0.0, None, "–"),  # nothing can be said about a multiple of nothing
    ],
)
def test_the_ratio_is_measured_over_baseline(measured, baseline, ratio, text):
    row = Row(name="x", case="y", measured=measured, unit="ms", baseline=baseline, baseline_name="bare")

    assert row.ratio == ratio
    assert report.table([row]).splitlines()[2].split(" | ")[4] == text


def test_a_table_is_markdown_with_seven_cells_a_line():
    rows = [Row(name="a", case="b", measured=1.0, unit="s", figures={"c": 2.0}), Row("d", "e", 3.0, "s", 4.0, "f")]

    assert {text.count("|") for text in report.table(rows).splitlines()} == {8}


def test_the_document_has_every_field_and_the_ratio(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results.json")
    rows = [
        Row(name="a", case="b", measured=1.5, unit="ms", baseline=3.0, baseline_name="bare", figures={"p99": 2.0}),
        Row(name="c", case="d", measured=2.0, unit="s", goal="≤ 1 s", met=False),
    ]

    report.write([Row(name="older", case="run", measured=1.0, unit="s")])
    report.write(rows)

    text = report.RESULTS.read_text()
    assert text.endswith("]\n")
    assert json.loads(text) == [
        {
            "name": "a",
            "case": "b",
            "measured": 1.5,
            "unit": "ms",
            "baseline": 3.0,
            "baseline_name": "bare",
            "goal": "",
            "met": None,
            "figures": {"p99": 2.0},
            "ratio": 0.5,
        },
        {
            "name": "c",
            "case": "d",
            "measured": 2.0,
            "unit": "s",
            "baseline": None,
            "baseline_name": "",
            "goal": "≤ 1 s",
            "met": False,
            "figures": {},
            "ratio": None,
        },
    ]
