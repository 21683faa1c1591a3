"""Every kind of widget shows just what the calls add up to, or says in its own place why it cannot."""

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from core.scope import org_scope
from dashboards.boards import numbers
from dashboards.boards.documents import question_for
from dashboards.boards.numbers import Viewer
from dashboards.boards.types import Kind, WidgetTerms
from dashboards.explore import selectors
from dashboards.filters import Filter
from dashboards.tests.factories import make_rollup

SPEND = {"gpt-4o": Decimal("3.75"), "claude": Decimal("4.5")}
TOTAL = Decimal("8.25")


@pytest.fixture
def show(acme, calls):
    """``show(Kind.STAT, "cost", "model", filters=…)``: what such a widget of acme has to show."""

    def ask(kind, metric="cost", *by, filters=(), board=(), query=None, hidden=(), top=10):
        chosen = Filter.parse(query or {"range": ["7d"]}, now=datetime.now(UTC), zone=ZoneInfo("UTC"))
        widget = WidgetTerms(
            kind=kind, question=question_for(kind, {"metric": metric, "by": list(by), "top": top}), filters=filters
        )
        viewer = Viewer(
            organization=acme, chosen=replace(chosen, hidden=hidden), link=lambda found: f"/calls?{sorted(found)}"
        )
        with org_scope(acme.pk):
            return numbers.show(viewer=viewer, board_filters=board, widget=widget)

    return ask


def totals(spec):
    """Sums of the series by name."""
    return {one["name"]: sum(value or 0 for value in one["data"]) for one in spec["series"]}


def test_a_figure(show, calls):
    shown = show(Kind.STAT)

    figure = shown["figure"]
    assert (shown["title"], figure.value, figure.current) == ("Cost", "$8.25", TOTAL)
    assert (figure.previous, figure.better) == (None, "lower")
    by_day = defaultdict(Decimal)
    for call in calls:
        by_day[call["started_at"].date()] += call["cost_usd"]
    assert [value for value in figure.spark if value] == [by_day[day] for day in sorted(by_day)]
    assert show(Kind.STAT, "error_rate")["figure"].current == pytest.approx(0.2)
    assert show(Kind.STAT, "cached_share")["figure"].value == "40.0%"


def test_a_time_series_by_model(show):
    spec = show(Kind.TIME_SERIES, "cost", "model")["spec"]

    assert (spec["kind"], spec["unit"], len(spec["x"])) == ("stacked-bar", "usd", 7)
    assert totals(spec) == SPEND


def test_a_time_series_of_a_rate_is_lines(show):
    spec = show(Kind.TIME_SERIES, "error_rate", "model")["spec"]

    assert spec["kind"] == "line"
    assert {value for one in spec["series"] for value in one["data"] if value} == {0.5}


def test_bars(show):
    spec = show(Kind.BAR, "cost", "feature")["spec"]

    assert spec["kind"] == "ranking"
    assert [(one["name"], one["data"]) for one in spec["series"]] == [
        ("search", [Decimal(6)]),
        ("chat", [Decimal("2.25")]),
    ]


def test_bars_that_are_not_named_are_all_others(show):
    spec = show(Kind.BAR, "cost", "model", top=1)["spec"]

    assert totals(spec) == {"claude": Decimal("4.5"), "All others": Decimal("3.75")}
    assert spec["total"] == TOTAL


def test_bars_of_two_dimensions_are_stacked(show):
    spec = show(Kind.BAR, "calls", "model", "feature")["spec"]

    assert spec["kind"] == "stacked-bar"
    assert totals(spec) == {"chat": 3, "search": 2}
    assert sorted(spec["x"]) == ["claude", "gpt-4o"]


def test_a_ring(show):
    spec = show(Kind.DONUT, "cost", "model")["spec"]

    assert (spec["kind"], spec["total"]) == ("donut", TOTAL)
    assert totals(spec) == SPEND


def test_a_table(show, calls):
    shown = show(Kind.TABLE, "cost", "model", "feature")

    counted = Counter((call["model_key"], call["feature"]) for call in calls)
    assert [(line.names, line.value, line.calls) for line, _ in shown["lines"]] == [
        (("claude", "search"), "$4.00", counted["claude", "search"]),
        (("gpt-4o", "search"), "$2.00", counted["gpt-4o", "search"]),
        (("gpt-4o", "chat"), "$1.75", counted["gpt-4o", "chat"]),
        (("claude", "chat"), "$0.50", counted["claude", "chat"]),
    ]
    assert shown["table"].total.value == "$8.25"
    assert shown["lines"][0][1] == "/calls?['feature', 'model', 'provider']"


def test_a_heat_map(show):
    spec = show(Kind.HEAT_MAP, "calls", "model")["spec"]

    assert (spec["kind"], len(spec["x"])) == ("heatmap", 7)
    assert totals(spec) == {"gpt-4o": 3, "claude": 2}
    assert show(Kind.HEAT_MAP, "calls")["spec"]["series"][0]["name"] == "Calls"


def test_a_text_asks_nothing(acme, django_assert_num_queries):
    viewer = Viewer(
        organization=acme,
        chosen=Filter.parse({}, now=datetime.now(UTC), zone=ZoneInfo("UTC")),
        link=lambda _: "",
    )

    with django_assert_num_queries(0):
        shown = numbers.show(
            viewer=viewer, board_filters=(), widget=WidgetTerms(kind=Kind.TEXT, title="T", text="Hello")
        )

    assert shown == {"kind": Kind.TEXT, "title": "T", "text": "Hello"}


def test_filters_of_dashboard_widget_and_viewer_narrow_one_another(show):
    board, widget = (("feature", "chat"), ("feature", "search")), (("model", "gpt-4o"),)

    shown = show(Kind.STAT, board=board, filters=widget, query={"range": ["7d"], "feature": ["search", "other"]})

    assert shown["figure"].current == Decimal(2)


# --- Why there is nothing to show ---


def test_filters_that_exclude_each_other_are_not_asked(show):
    with CaptureQueriesContext(connection) as queries:
        shown = show(Kind.STAT, filters=(("model", "claude"),), query={"model": ["gpt-4o"]})

    assert shown["state"] == "nothing"
    assert not any("call_rollups" in query["sql"] for query in queries)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.TEXT])
def test_a_filter_that_matches_nothing(show, kind):
    assert show(kind, filters=(("model", "unheard-of"),))["state"] == "nothing"


def test_a_project_that_was_deleted(show):
    shown = show(Kind.STAT, filters=(("project", "gone"),))

    assert shown["state"] == "gone"
    assert "figure" not in shown


def test_a_project_that_the_viewer_may_not_see_is_as_if_it_were_gone(show, acme_project):
    filters = (("project", acme_project.slug),)

    assert show(Kind.STAT, filters=filters, hidden=(acme_project.pk,))["state"] == "gone"
    assert show(Kind.STAT, filters=filters)["figure"].current == TOTAL


def test_one_of_two_projects_is_gone(show, acme_project):
    shown = show(Kind.STAT, filters=(("project", acme_project.slug), ("project", "gone")))

    assert shown["figure"].current == TOTAL
    assert shown["note"] == "1 of its projects is gone, or not for you to see."


def test_what_takes_too_long_says_so_and_leaves_the_scope_usable(show, acme, monkeypatch):
    def too_slow(**_):
        raise OperationalError

    monkeypatch.setattr(selectors, "answer", too_slow)

    assert show(Kind.STAT)["state"] == "slow"


@pytest.mark.parametrize(
    ("kind", "questions"),
    [(Kind.STAT, 2), (Kind.TABLE, 1), (Kind.BAR, 1), (Kind.DONUT, 1), (Kind.TIME_SERIES, 1), (Kind.HEAT_MAP, 1)],
)
def test_a_widget_asks_once_and_a_figure_what_was_before_too(show, kind, questions):
    by = () if kind is Kind.STAT else ("model",)
    show(kind, "cost", *by)  # a model's first chart gives it its colour

    with CaptureQueriesContext(connection) as queries:
        show(kind, "cost", *by)

    assert sum("call_rollups" in query["sql"] for query in queries) == questions
    assert len(queries) <= questions + 7  # the scope, savepoints, the colours


def test_a_figure_is_compared_with_the_period_before_once_all_of_that_was_counted(show, acme_project, calls):
    today = datetime.now(UTC).date()
    with org_scope(acme_project.organization_id):
        make_rollup(acme_project, today - timedelta(days=8), cost_usd=Decimal("5.5"), calls=2)
    assert show(Kind.STAT)["figure"].previous is None

    with org_scope(acme_project.organization_id):
        make_rollup(acme_project, today - timedelta(days=40), cost_usd=Decimal(9))

    figure = show(Kind.STAT)["figure"]
    assert (figure.current, figure.previous) == (TOTAL, Decimal("5.5"))


def test_a_figure_that_is_compared_with_nothing_asks_once(show):
    with CaptureQueriesContext(connection) as queries:
        shown = show(Kind.STAT, query={"compare": ["none"]})

    assert sum("call_rollups" in query["sql"] for query in queries) == 1
    assert (shown["compared"], shown["figure"].previous) == (False, None)
