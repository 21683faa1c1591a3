"""A chart's numbers as legend, table and (in the browser) option: all from one spec."""

from decimal import Decimal
from typing import Any

import pytest

from core import charts
from core.charts import ChartSpec, Legend, Look, MarkLine, Scale, Table
from core.tests.browser_modules import evaluate, needs_node

THEME = {
    "text": "t", "muted": "m", "faint": "f", "border": "b", "surface": "s", "hover": "h", "font": "Space Grotesk",
    "series": [f"c{i}" for i in range(11)], "heat": [f"h{i}" for i in range(8)],
}  # fmt: skip
OPTIONS = {"chart-options.js": "{ chartOption, tooltip, labelled, axisLabel, memoryStep }"}


def cost() -> ChartSpec:
    return {
        "kind": "stacked-bar",
        "unit": "usd",
        "x": ["2026-07-11", "2026-07-12"],
        "series": [
            {"name": "gpt-5.1", "color_index": 1, "data": [Decimal("1.5"), Decimal("2.25")]},
            {"name": "(other)", "color_index": 0, "data": [Decimal(0), None]},
        ],
    }


def drawn(spec: object, *, hidden: list[int] | None = None, width: int = 600) -> dict[str, Any]:
    view = "{ hidden: new Set(given.hidden), still: true, width: given.width, height: 300 }"
    given = {"spec": spec, "theme": THEME, "hidden": hidden or [], "width": width}
    option: dict[str, Any] = evaluate(f"chartOption(given.spec, given.theme, {view})", imports=OPTIONS, given=given)
    return option


def sent(spec: ChartSpec) -> dict[str, Any]:
    """The spec as the page carries it: decimals are strings in JSON."""
    series = [{**s, "data": [None if v is None else str(v) for v in s["data"]]} for s in spec["series"]]
    return {**spec, "series": series}


def test_a_legend_carries_the_sum_of_what_is_known() -> None:
    assert charts.legend(cost()) == [Legend("gpt-5.1", 1, "$3.75"), Legend("(other)", 0, "$0.00")]


@pytest.mark.parametrize("unit", ["ms", "percent"])
def test_latencies_and_shares_have_no_sum(unit: charts.Unit) -> None:
    spec = {**cost(), "unit": unit}

    assert [entry.total for entry in charts.legend(spec)] == ["", ""]  # type: ignore[arg-type]


def test_a_table_says_what_the_chart_says() -> None:
    assert charts.table(cost()) == Table(
        ("Time", "gpt-5.1", "(other)"), (("11 Jul", "$1.50", "$0.00"), ("12 Jul", "$2.25", "–"))
    )


def test_a_donut_is_a_table_of_its_slices() -> None:
    spec: ChartSpec = {
        "kind": "donut",
        "unit": "count",
        "x": [],
        "series": [{"name": "a", "color_index": 1, "data": [1200]}, {"name": "b", "color_index": 2, "data": [None]}],
    }

    assert charts.table(spec) == Table(("Name", "Value"), (("a", "1,200"), ("b", "–")))


@pytest.mark.parametrize(
    ("data", "expected"), [([], True), ([0, None], True), ([Decimal(0)], True), ([None, Decimal("1e-9")], False)]
)
def test_only_zeros_and_unknowns_are_nothing_to_draw(data: list[Decimal | None], expected: bool) -> None:
    spec: ChartSpec = {
        "kind": "line",
        "unit": "usd",
        "x": [],
        "series": [{"name": "a", "color_index": 1, "data": data}],
    }

    assert charts.is_empty(spec) is expected


BUCKETS = [
    ("2026-07-02", "2 Jul"),
    ("2026-07-12T14:00:00+02:00", "12 Jul, 14:00"),
    ("2026-07-12T00:00:00+02:00", "12 Jul, 00:00"),
    ("gpt-4o-2024-08-06", "gpt-4o-2024-08-06"),
    ("2024-08", "2024-08"),
]


@pytest.mark.parametrize(("bucket", "expected"), BUCKETS)
def test_a_bucket_is_shown_on_the_wall_clock_it_was_written_in(bucket: str, expected: str) -> None:
    assert charts.bucket_label(bucket) == expected


@needs_node
def test_the_browser_labels_buckets_the_same() -> None:
    labels = evaluate(
        "given.map(([bucket]) => bucketLabel(bucket) ?? bucket)",
        imports={"formats.js": "{ bucketLabel }"},
        given=BUCKETS,
    )

    assert labels == [expected for _, expected in BUCKETS]


@needs_node
def test_a_stack_draws_numbers_in_the_series_own_colours() -> None:
    option = drawn(sent(cost()))

    assert [s["color"] for s in option["series"]] == ["c1", "c0"]
    assert [s["data"] for s in option["series"]] == [[1.5, 2.25], [0, None]]
    assert {s["stack"] for s in option["series"]} == {"all"}
    assert option["animation"] is False


@needs_node
def test_a_hidden_series_keeps_its_place_but_not_its_numbers() -> None:
    option = drawn(sent(cost()), hidden=[0])

    assert [s["data"] for s in option["series"]] == [[], [0, None]]


@needs_node
def test_the_running_bucket_is_drawn_paler() -> None:
    option = drawn({**sent(cost()), "partial": True})

    assert option["series"][0]["data"] == [1.5, {"value": 2.25, "itemStyle": {"opacity": 0.5}}]


@needs_node
def test_bars_over_labels_lie_down_and_bars_over_time_stand() -> None:
    over_time = drawn({**sent(cost()), "kind": "bar"})
    over_labels = drawn({**sent(cost()), "kind": "bar", "x": ["a", "b"]})

    assert (over_time["xAxis"]["type"], over_time["yAxis"]["type"]) == ("category", "value")
    assert (over_labels["xAxis"]["type"], over_labels["yAxis"]["type"]) == ("value", "category")


@needs_node
def test_a_donut_shows_its_total_and_leaves_hidden_slices_out() -> None:
    spec = {**sent(cost()), "kind": "donut"}

    assert drawn(spec)["title"]["text"] == "$1.50"
    assert [slice_["name"] for slice_ in drawn(spec, hidden=[0])["series"][0]["data"]] == ["(other)"]


@needs_node
def test_a_tooltip_lists_largest_first_without_zeros_and_says_what_it_leaves_out() -> None:
    series = [{"name": f"m{i}", "color_index": i % 11, "data": [str(i)]} for i in range(13)]
    spec = {"kind": "stacked-area", "unit": "usd", "x": ["2026-07-12"], "series": series}

    box = evaluate(
        "tooltip(given.spec, given.theme, 0, new Set())", imports=OPTIONS, given={"spec": spec, "theme": THEME}
    )

    assert (box["title"], box["total"], box["more"]) == ("12 Jul", "$78.00", 2)
    assert [row["text"] for row in box["rows"]][:3] == ["$12.00", "$11.00", "$10.00"]
    assert len(box["rows"]) == 10


@needs_node
def test_days_shown_in_hours_are_labelled_at_midnight() -> None:
    hours = [f"2026-07-{day:02d}T{hour:02d}:00:00+00:00" for day in range(1, 8) for hour in range(24)]

    places = evaluate("[...labelled(given, 600)]", imports=OPTIONS, given=hours)

    assert places == [day * 24 for day in range(7)]


@needs_node
def test_labels_thin_out_where_room_is_short() -> None:
    days = [f"2026-07-{day:02d}" for day in range(1, 31)]

    assert evaluate("[...labelled(given, 300)]", imports=OPTIONS, given=days) == [0, 8, 16, 24]


@needs_node
def test_an_axis_counts_in_round_steps() -> None:
    units = [["tokens", 80_000_000], ["tokens", 1_500_000], ["ms", 1000], ["ms", 1200], ["percent", 0.5], ["usd", 0.25]]

    shown = evaluate(
        "given.map(([unit, v]) => AXIS_FORMATS[unit](v))", imports={"formats.js": "{ AXIS_FORMATS }"}, given=units
    )

    assert [text.replace("\u00a0", " ") for text in shown] == ["80 M", "1.5 M", "1 s", "1.2 s", "50%", "$0.25"]


@needs_node
@pytest.mark.parametrize(
    ("top", "step"), [("3072", 1024), (4096, 1024), (4097, 2048), (512, 128), (3, 1), (None, 0.25)]
)
def test_memory_is_counted_in_powers_of_two(top: object, step: float) -> None:
    spec = {"unit": "mb", "series": [{"data": [1, None]}, {"data": [top]}]}
    if top is None:
        spec = {"unit": "mb", "series": []}

    assert evaluate("memoryStep(given)", imports=OPTIONS, given=spec) == step


def test_running_totals_have_no_sum() -> None:
    assert [entry.total for entry in charts.legend(cost() | {"unsummed": True})] == ["", ""]


@needs_node
def test_a_limit_is_dashed_and_a_single_point_is_a_dot() -> None:
    spec: ChartSpec = {
        "kind": "line",
        "unit": "usd",
        "x": ["2026-07-11", "2026-07-12", "2026-07-13"],
        "series": [
            {"name": "Spent", "color_index": 1, "data": [3, None, None]},
            {"name": "Limit", "color_index": 8, "data": [9, 9, 9], "dashed": True},
        ],
    }

    spent, limit = drawn(sent(spec))["series"]

    assert ("type" in spent["lineStyle"], spent["showSymbol"]) == (False, True)
    assert (limit["lineStyle"]["type"], limit["showSymbol"]) == ([6, 4], False)


# --- Looks ---


def test_a_series_carries_its_pattern_only_when_it_has_one() -> None:
    assert charts.series("a", Look(3), [1]) == {"name": "a", "color_index": 3, "data": [1]}
    assert charts.series("a", Look(3, 2), [1]) == {"name": "a", "color_index": 3, "data": [1], "pattern": 2}
    assert charts.legend({**cost(), "series": [charts.series("a", Look(3, 2), [1])]}) == [Legend("a", 3, "$1.00", 2)]


@needs_node
@pytest.mark.parametrize("kind", ["stacked-bar", "bar", "stacked-area"])
def test_shapes_of_one_hue_are_told_apart_by_stripes(kind: charts.Kind) -> None:
    spec = {**cost(), "kind": kind, "series": [charts.series(str(n), Look(1, n), [1, 2]) for n in range(4)]}

    decals = [series["itemStyle"].get("decal") for series in drawn(spec)["series"]]

    assert decals[0] is None
    assert len({str(decal) for decal in decals}) == 4


@needs_node
def test_lines_of_one_hue_are_told_apart_by_dashes() -> None:
    spec = {**cost(), "kind": "line", "series": [charts.series(str(n), Look(1, n), [1, 2]) for n in range(4)]}

    dashes = [series["lineStyle"].get("type") for series in drawn(spec)["series"]]

    assert dashes == [None, [8, 3], [2, 3], [8, 3, 2, 3]]


@needs_node
def test_slices_and_tooltips_have_the_pattern_too() -> None:
    spec = {**cost(), "series": [charts.series("a", Look(1, 1), [1, 2])]}

    box = evaluate(
        "tooltip(given.spec, given.theme, 0, new Set())", imports=OPTIONS, given={"spec": spec, "theme": THEME}
    )

    assert box["rows"] == [{"name": "a", "color": "c1", "pattern": 1, "text": "$1.00"}]
    assert drawn({**spec, "kind": "donut"})["series"][0]["data"][0]["itemStyle"]["decal"]["color"] == "s"


# --- The bucket that is not over ---


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({"partial": True}, "12 Jul so far"), ({}, ""), ({"partial": True, "x": ["a", "b"]}, "")],
)
def test_the_legend_names_the_bucket_that_is_not_over(changes: dict[str, Any], expected: str) -> None:
    assert charts.so_far(cost() | changes) == expected  # type: ignore[arg-type]


def test_the_table_says_so_far() -> None:
    assert [row[0] for row in charts.table(cost() | {"partial": True}).rows] == ["11 Jul", "12 Jul so far"]


@needs_node
def test_the_tooltip_says_so_far() -> None:
    given = {"spec": {**sent(cost()), "partial": True}, "theme": THEME}

    titles = evaluate(
        "[0, 1].map((place) => tooltip(given.spec, given.theme, place, new Set()).title)", imports=OPTIONS, given=given
    )

    assert titles == ["11 Jul", "12 Jul so far"]


@needs_node
@pytest.mark.parametrize("kind", ["line", "stacked-area"])
def test_lines_and_areas_are_veiled_where_they_are_not_over(kind: charts.Kind) -> None:
    running = drawn({**sent(cost()), "kind": kind, "partial": True})["series"]
    over = drawn({**sent(cost()), "kind": kind})["series"]

    assert running[2]["markArea"]["data"] == [[{"xAxis": "2026-07-11"}, {"xAxis": "2026-07-12"}]]
    assert len(over) == 2


# --- Rankings and heat maps ---


def ranking() -> ChartSpec:
    series = [charts.series("a", Look(3), [Decimal("4.5")]), charts.series("b", Look(3, 1), [None])]
    return {"kind": "ranking", "unit": "tokens_per_s", "x": [], "series": series}


def test_a_ranking_is_a_table_of_its_bars() -> None:
    assert charts.table(ranking()) == Table(("Name", "Value"), (("a", "4.5\u00a0tokens/s"), ("b", "–")))
    assert not charts.is_over_time(ranking())


@needs_node
def test_a_ranking_has_a_bar_of_each_look_and_leaves_hidden_ones_out() -> None:
    option = drawn(sent(ranking()))

    assert option["yAxis"]["data"] == ["a", "b"]
    assert [bar["value"] for bar in option["series"][0]["data"]] == [4.5, None]
    assert [bar["itemStyle"]["color"] for bar in option["series"][0]["data"]] == ["c3", "c3"]
    assert "decal" not in option["series"][0]["data"][0]["itemStyle"]
    assert option["series"][0]["data"][1]["itemStyle"]["decal"]
    assert drawn(sent(ranking()), hidden=[0])["yAxis"]["data"] == ["b"]


def heat() -> ChartSpec:
    series = [charts.series("Monday", Look(0), [0, 50]), charts.series("Tuesday", Look(0), [100, None])]
    return {"kind": "heatmap", "unit": "count", "x": ["08:00", "09:00"], "series": series}


def test_a_heat_map_is_a_table_and_a_scale() -> None:
    assert charts.table(heat()) == Table(("Name", "Monday", "Tuesday"), (("08:00", "0", "100"), ("09:00", "50", "–")))
    assert charts.scale(heat()) == Scale("0", "100")
    assert charts.scale({**heat(), "series": [charts.series("a", Look(0), [None])]}) is None
    assert charts.scale(cost()) is None


@needs_node
def test_a_heat_map_is_paler_for_less_and_leaves_the_unknown_out() -> None:
    cells = drawn(heat())["series"][0]["data"]

    assert [(cell["value"], cell["itemStyle"]["color"]) for cell in cells] == [
        ([0, 0, 0], "h0"),
        ([1, 0, 50], "h4"),
        ([0, 1, 100], "h7"),
    ]


@needs_node
@pytest.mark.parametrize(
    ("value", "low", "high", "expected"), [(0, 0, 0, 0), (5, 5, 5, 7), (5, 5, 6, 0), (6, 5, 6, 7), (5.5, 5, 6, 4)]
)
def test_a_heat_map_of_one_value_has_a_colour(value: float, low: float, high: float, expected: int) -> None:
    imports = {"chart-heatmap.js": "{ step }"}

    assert evaluate("step(...given, 8)", imports=imports, given=[value, low, high]) == expected


@needs_node
def test_a_cell_says_which_it_is() -> None:
    text = evaluate("cellText(given, [0, 1, 100])", imports={"chart-heatmap.js": "{ cellText }"}, given=sent(heat()))

    assert text == {"title": "Tuesday, 08:00", "text": "100"}


# --- Marks ---


def marked() -> ChartSpec:
    return {
        **cost(),
        "marks": [
            {"bucket": "2026-07-12", "kind": "price", "text": "gpt-5.1 costs less", "href": "/prices"},
            {"bucket": "2026-07-11", "kind": "insight", "text": "A spike", "href": "/insight/1"},
            {"bucket": "2026-07-12", "kind": "insight", "text": "No caching", "href": "/insight/2"},
        ],
    }


def test_marks_are_lines_below_the_table_in_the_order_of_time() -> None:
    assert charts.mark_lines(marked()) == [
        MarkLine("11 Jul", "insight", "A spike", "/insight/1"),
        MarkLine("12 Jul", "price", "gpt-5.1 costs less", "/prices"),
        MarkLine("12 Jul", "insight", "No caching", "/insight/2"),
    ]
    assert charts.mark_lines(cost()) == []


@needs_node
def test_a_bucket_has_one_line_for_all_its_marks() -> None:
    lines = drawn(sent(marked()))["series"][-1]["markLine"]["data"]

    assert [(line["xAxis"], line["label"]["formatter"]) for line in lines] == [
        ("2026-07-11", "◆"),
        ("2026-07-12", "◆▲ 2"),
    ]


@needs_node
def test_the_tooltip_tells_the_marks_of_its_bucket() -> None:
    given = {"spec": sent(marked()), "theme": THEME}

    told = evaluate(
        "[0, 1].map((place) => tooltip(given.spec, given.theme, place, new Set()).marks)", imports=OPTIONS, given=given
    )

    assert told == [["Insight: A spike"], ["Price: gpt-5.1 costs less", "Insight: No caching"]]


@needs_node
def test_a_tooltip_tells_a_few_marks_and_counts_the_rest() -> None:
    mark = {"bucket": "2026-07-11", "kind": "insight", "href": "#"}
    spec = {**sent(cost()), "marks": [mark | {"text": str(n)} for n in range(5)]}

    told = evaluate(
        "tooltip(given.spec, given.theme, 0, new Set()).marks", imports=OPTIONS, given={"spec": spec, "theme": THEME}
    )

    assert told == ["Insight: 0", "Insight: 1", "Insight: 2", "and 2 more, below the table"]


@needs_node
def test_a_chart_that_is_not_over_time_draws_no_marks() -> None:
    assert len(drawn({**sent(marked()), "kind": "bar", "x": ["a", "b"]})["series"]) == 2


def test_only_marks_of_buckets_that_are_shown_are_laid_over_a_chart() -> None:
    marks = marked()["marks"]
    gone: charts.Mark = {"bucket": "2026-07-10", "kind": "insight", "text": "Earlier", "href": "#"}

    assert charts.annotated(cost(), [gone, *marks])["marks"] == marks
    assert "marks" not in charts.annotated(cost(), [gone])
