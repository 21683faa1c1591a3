import json
from decimal import Decimal

import pytest
from django.core.serializers.json import DjangoJSONEncoder

from core import charts
from core.charts import Look
from core.tests.browser_modules import evaluate
from dashboards.explore import drawing, tables
from dashboards.explore.answer import Answer, Group, Name
from dashboards.explore.metrics import METRICS, Measured
from dashboards.explore.question import Question, Shape
from dashboards.filters import Source

RED, BLUE = Look(3), Look(4)
LOOKS = {"red": RED, "blue": BLUE}
# The tests' "now" is 14 July, 10:20; these are the days of the usual week.
WEEK = [f"2026-07-{day:02}" for day in range(8, 15)]


def cost(amount, calls=1, unpriced=0):
    return Measured({"calls": calls, "cost_usd": Decimal(amount), "unpriced_calls": unpriced})


def timed(*counts):
    return Measured({"calls": sum(counts), "latency_calls": sum(counts)}, counts)


def name(text, dimension="team"):
    return Name(dimension, (text,), text, {dimension: text})


def group(measured, *names, series=None):
    return Group(tuple(name(text, dimension) for dimension, text in names), measured, series or {})


@pytest.fixture
def answer(chosen):
    def made(query="", *, metric="cost", by=("team",), shape=Shape.TIME, top=50, **found):
        question = Question(metric=metric, by=by, shape=shape, top=top)
        groups = found.pop("groups", ())
        return Answer(
            question=question,
            chosen=chosen(query),
            source=Source.ROLLUPS,
            groups=tuple(groups),
            group_count=found.pop("group_count", len(groups)),
            **found,
        )

    return made


def shown(spec):
    return {one["name"]: list(one["data"]) for one in spec["series"]}


# --- Over time --------------------------------------------------------------------------------------------------------
def test_layers_and_the_rest_add_up_to_the_total_of_each_bucket(answer):
    found = answer(
        groups=[group(cost(5), ("team", "red"), series={WEEK[0]: cost(5)})],
        group_count=3,
        total=cost(8),
        buckets={WEEK[0]: cost(7), WEEK[2]: cost(1)},
    )

    spec = drawing.chart(found, looks=LOOKS)

    assert (spec["kind"], spec["unit"], spec["x"], spec["partial"]) == ("stacked-bar", "usd", WEEK, True)
    assert shown(spec) == {"red": [5, 0, 0, 0, 0, 0, 0], "All others": [2, 0, 1, 0, 0, 0, 0]}
    assert [one["color_index"] for one in spec["series"]] == [3, 0]
    assert not spec.get("unsummed")


def test_there_are_no_others_when_every_group_is_drawn(answer):
    found = answer(
        groups=[group(cost(5), ("team", "red"), series={WEEK[0]: cost(5)})],
        total=cost(5),
        buckets={WEEK[0]: cost(5)},
    )

    assert list(shown(drawing.chart(found, looks=LOOKS))) == ["red"]


def test_what_is_not_yet_is_no_number_and_nothing_is_zero(answer):
    found = answer(
        "range=24h",
        groups=[group(cost(5), ("team", "red"), series={"2026-07-14T09:00:00+00:00": cost(5)})],
        total=cost(5),
    )
    ahead = answer(
        "from=2026-07-13&to=2026-07-15",
        groups=[group(cost(5), ("team", "red"), series={"2026-07-14T09:00:00+00:00": cost(5)})],
        total=cost(5),
    )

    assert shown(drawing.chart(found, looks=LOOKS))["red"][-3:] == [0, 5, 0]
    hours = shown(drawing.chart(ahead, looks=LOOKS))["red"]
    assert hours[33:36] == [5, 0, None]
    assert not drawing.chart(ahead, looks=LOOKS)["partial"]


def test_a_past_period_has_no_running_bucket(answer):
    assert not drawing.chart(answer("from=2026-06-01&to=2026-06-07"), looks=LOOKS)["partial"]


def test_unknown_costs_are_left_out(answer):
    unpriced = cost(0, calls=2, unpriced=2)
    found = answer(
        groups=[group(unpriced, ("team", "red"), series={WEEK[0]: unpriced})],
        total=unpriced,
        buckets={WEEK[0]: unpriced},
    )

    spec = drawing.chart(found, looks=LOOKS)

    assert spec["series"] == []
    assert charts.is_empty(spec)


def test_rates_are_lines_and_never_summed(answer):
    found = answer(
        metric="latency_p95",
        groups=[group(timed(0, 3), ("team", "red"), series={WEEK[0]: timed(0, 3)})],
        group_count=2,
        total=timed(0, 3, 4),
        buckets={WEEK[0]: timed(0, 3, 4)},
    )

    spec = drawing.chart(found, looks=LOOKS, wanted="stacked-bar")

    assert (spec["kind"], spec["unit"], spec["unsummed"]) == ("line", "ms", True)
    assert shown(spec)["red"][0] == pytest.approx(10.5, rel=0.01)
    assert shown(spec)["red"][1:] == [None] * 6
    assert shown(spec)["All others"][0] == pytest.approx(11.6, rel=0.01)
    assert charts.legend(spec)[0].total == ""


def test_cost_per_call_is_money_that_does_not_add_up(answer):
    found = answer(metric="cost_per_call", groups=[group(cost(5), ("team", "red"), series={WEEK[0]: cost(5)})])

    assert charts.legend(drawing.chart(found, looks=LOOKS))[0].total == ""


def test_without_a_dimension_there_is_one_layer_of_everything(answer):
    spec = drawing.chart(answer(by=(), total=cost(3), buckets={WEEK[1]: cost(3)}), looks={})

    assert shown(spec) == {"Cost": [0, 3, 0, 0, 0, 0, 0]}


def test_at_most_nine_layers_are_drawn(answer):
    groups = [group(cost(1), ("team", f"t{n}"), series={WEEK[0]: cost(1)}) for n in range(12)]
    found = answer(groups=groups, total=cost(12), buckets={WEEK[0]: cost(12)})

    spec = drawing.chart(found, looks={})

    assert list(shown(spec)) == [*(f"t{n}" for n in range(9)), "All others"]
    assert shown(spec)["All others"][0] == 3
    assert [drawing.label(layer) for layer in drawing.layers(found)] == [f"t{n}" for n in range(9)]


# --- Rankings ---------------------------------------------------------------------------------------------------------
def test_a_ranking_has_a_bar_a_group_and_one_for_the_rest(answer):
    groups = [group(cost(50 - n), ("team", f"t{n}")) for n in range(25)]
    found = answer(shape=Shape.RANKING, groups=groups, group_count=30, total=cost(1_000))

    spec = drawing.chart(found, looks={})

    assert spec["kind"] == "bar"
    assert list(spec["x"]) == [*(f"t{n}" for n in range(20)), "All others"]
    assert sum(spec["series"][0]["data"]) == 1_000


def test_a_ranking_of_rates_has_no_rest_and_no_unknown(answer):
    groups = [group(timed(0, 3), ("team", "red")), group(timed(), ("team", "blue"))]
    found = answer(metric="latency_p50", shape=Shape.RANKING, groups=groups, group_count=9, total=timed(0, 9))

    assert list(drawing.chart(found, looks={})["x"]) == ["red"]


def test_a_ranking_without_a_dimension_is_one_bar(answer):
    spec = drawing.chart(answer(shape=Shape.RANKING, by=(), total=cost(3)), looks={})

    assert (list(spec["x"]), shown(spec)) == (["All calls"], {"Cost": [3]})


def test_a_ring_has_slices_that_add_up(answer):
    groups = [group(cost(10 - n), ("team", f"t{n}")) for n in range(8)]
    found = answer(shape=Shape.RANKING, groups=groups, group_count=9, total=cost(60))

    spec = drawing.chart(found, looks={}, wanted="donut")

    assert spec["total"] == 60
    assert list(shown(spec)) == [*(f"t{n}" for n in range(6)), "All others"]
    assert sum(data[0] for data in shown(spec).values()) == 60


def test_two_dimensions_are_bars_of_layers(answer):
    groups = [
        group(cost(6), ("project", "web"), ("team", "red")),
        group(cost(3), ("project", "web"), ("team", "blue")),
        group(cost(2), ("project", "app"), ("team", "blue")),
    ]
    firsts = [group(cost(10), ("project", "web")), group(cost(2), ("project", "app"))]
    found = answer(
        shape=Shape.RANKING,
        by=("project", "team"),
        groups=groups,
        group_count=4,
        firsts=tuple(firsts),
        first_count=2,
        total=cost(12),
    )

    spec = drawing.chart(found, looks=LOOKS)

    assert (spec["kind"], list(spec["x"])) == ("stacked-bar", ["web", "app"])
    assert shown(spec) == {"red": [6, None], "blue": [3, 2], "All others": [1, 0]}
    assert [one["color_index"] for one in spec["series"]] == [3, 4, 0]
    assert [drawing.label(layer) for layer in drawing.layers(found)] == ["red", "blue"]


def test_rates_of_two_dimensions_stand_side_by_side(answer):
    groups = [group(timed(0, n), ("project", f"p{n}"), ("team", f"t{m}")) for n in range(1, 12) for m in range(6)]
    firsts = tuple(group(timed(0, n), ("project", f"p{n}")) for n in range(1, 12))
    found = answer(
        metric="latency_p50", shape=Shape.RANKING, by=("project", "team"), groups=groups, firsts=firsts, first_count=11
    )

    spec = drawing.chart(found, looks={})

    assert (spec["kind"], spec["unsummed"]) == ("bar", True)
    assert len(spec["x"]) == 8
    assert list(shown(spec)) == ["t0", "t1", "t2", "t3"]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("shape", Shape)
@pytest.mark.parametrize("by", [(), ("team",), ("project", "team")])
def test_every_question_has_a_chart_even_of_nothing(answer, metric, shape, by):
    question = Question(metric=metric, shape=shape, by=by)

    for wanted in ("", *drawing.KIND_LABELS, "pyramid"):
        spec = drawing.chart(answer(metric=metric, shape=shape, by=by), looks={}, wanted=wanted)
        assert spec["kind"] in drawing.kinds(question)
        assert charts.is_empty(spec)
        assert charts.table(spec).columns


def test_a_ranking_of_layers_lies_on_its_side_and_a_lonely_point_is_a_dot(answer):
    stacked = drawing.chart(
        answer(
            shape=Shape.RANKING,
            by=("project", "team"),
            groups=[group(cost(6), ("project", "web"), ("team", "red"))],
            firsts=(group(cost(6), ("project", "web")),),
        ),
        looks=LOOKS,
    )
    timeline = {WEEK[0]: timed(0, 3), WEEK[1]: timed(0, 3), WEEK[3]: timed(0, 3)}
    lines = drawing.chart(
        answer(metric="latency_p50", groups=[group(timed(0, 9), ("team", "red"), series=timeline)]), looks=LOOKS
    )
    joined = {**lines, "series": [{**lines["series"][0], "data": [1, 2, 3, None, None, None, None]}]}

    options = [_option(spec) for spec in (stacked, lines, joined)]

    assert (options[0]["xAxis"]["type"], options[0]["yAxis"]["type"]) == ("value", "category")
    assert [option["series"][0]["showSymbol"] for option in options[1:]] == [True, False]


def _option(spec):
    theme = {"series": [f"#00000{n}" for n in range(10)] + ["#00000a"], "font": "sans"}
    names = ("text", "muted", "faint", "border", "surface", "hover")
    given = {"spec": json.loads(DjangoJSONEncoder().encode(spec)), "theme": theme | dict.fromkeys(names, "#123456")}
    view = "{ hidden: new Set(), still: true, width: 600 }"
    imports = {"chart-options.js": "{ chartOption }"}
    return evaluate(f"chartOption(given.spec, given.theme, {view})", imports=imports, given=given)


# --- Tables -----------------------------------------------------------------------------------------------------------
def test_a_table_ends_with_the_rest_and_the_total(answer):
    groups = [group(cost("2.5", calls=3, unpriced=1), ("team", "red"))]
    found = answer(groups=groups, group_count=1_235, total=cost(10, calls=9, unpriced=2))

    made = tables.table(found)

    assert (made.names, made.value_header, made.has_shares, made.has_calls) == (("Team",), "Cost", True, True)
    [line] = made.lines
    assert (line.names, line.value, line.share, line.calls, line.unpriced_calls) == (("red",), "$2.50", 0.25, 3, 1)
    assert made.rest
    assert (made.rest.names, made.rest.value, made.rest.share) == (("All others (1,234)",), "$7.50", 0.75)
    assert (made.rest.calls, made.rest.unpriced_calls, made.rest.group) == (6, 1, None)
    assert (made.total.names, made.total.value, made.total.share) == (("Total",), "$10.00", 1.0)


def test_a_table_of_rates_has_no_shares(answer):
    found = answer(metric="latency_p95", groups=[group(timed(0, 3), ("team", "red"))], total=timed(0, 3))

    made = tables.table(found)

    assert not made.has_shares
    assert made.rest is None
    assert [line.share for line in (*made.lines, made.total)] == [None, None]


def test_an_unknown_cost_is_a_dash_and_no_share(answer):
    found = answer(groups=[group(cost(0, calls=1, unpriced=1), ("team", "red"))], total=cost(5, calls=2, unpriced=1))

    [line] = tables.table(found).lines

    assert (line.number, line.value, line.share, line.is_unpriced) == (None, "–", None, True)
    assert not tables.table(found).total.is_unpriced


def test_costs_are_written_as_they_are_shown(answer):
    found = answer(groups=[group(cost(2), ("team", "red"))], total=cost(2))

    made = tables.table(found, show_cost=lambda value: f"€{value}")

    assert made.lines[0].value == "€2"
    assert tables.table(answer(metric="calls", total=cost(2)), show_cost=lambda _: "money").total.value == "1"


def test_a_table_of_two_dimensions_has_a_column_for_each(answer):
    found = answer(by=("project", "team"), groups=[group(cost(1), ("project", "web"), ("team", "red"))], group_count=2)

    made = tables.table(found)

    assert made.names == ("Project", "Team")
    assert [line.names for line in (*made.lines, made.rest, made.total)] == [
        ("web", "red"),
        ("All others (1)", ""),
        ("Total", ""),
    ]


def test_a_table_without_a_dimension_is_its_total(answer):
    made = tables.table(answer(by=(), metric="calls", total=cost(1, calls=7)))

    assert (made.names, made.lines, made.rest, made.total.value, made.has_calls) == (("Calls",), [], None, "7", False)
