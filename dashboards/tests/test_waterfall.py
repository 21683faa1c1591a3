from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from dashboards.waterfall import Bar, Span, bar, offset_ms, steps

NOON = datetime(2026, 7, 14, 12, tzinfo=UTC)


def span(name, *, after=0, of="", parent="", cost="0.1", latency=100.0, project=1):
    return Span(
        project_id=project,
        started_at=NOON + timedelta(milliseconds=after),
        call_id=name,
        span_id=of,
        parent_span_id=parent,
        latency_ms=latency,
        cost_usd=None if cost is None else Decimal(cost),
    )


def drawn(*spans):
    return [(step.span.call_id, step.depth) for step in steps(spans)]


def test_without_parents_calls_are_in_the_order_of_time():
    assert drawn(span("late", after=2), span("first"), span("then", after=1)) == [
        ("first", 0),
        ("then", 0),
        ("late", 0),
    ]


def test_calls_of_one_moment_have_an_order_all_the_same():
    assert drawn(span("b"), span("a", project=2), span("a")) == [("a", 0), ("a", 0), ("b", 0)]


def test_a_call_stands_below_the_one_that_made_it():
    found = drawn(
        span("root", of="r"),
        span("second", after=3, of="s", parent="r"),
        span("first", after=1, of="f", parent="r"),
        span("deeper", after=5, parent="f"),
        span("other", after=2),
    )

    assert found == [("root", 0), ("first", 1), ("deeper", 2), ("second", 1), ("other", 0)]


def test_a_parent_that_is_no_call_leaves_its_children_by_time():
    assert drawn(span("b", after=1, parent="tool"), span("a", parent="agent")) == [("a", 0), ("b", 0)]


@pytest.mark.parametrize(
    "spans",
    [
        [span("a", of="a", parent="a")],
        [span("a", of="a", parent="b"), span("b", after=1, of="b", parent="a")],
        [span(name, of=name, parent=parent) for name, parent in ("ab", "bc", "ca", "dc")],
    ],
)
def test_ids_that_go_in_circles_lose_and_repeat_no_call(spans):
    found = steps(spans)

    assert sorted(step.span.call_id for step in found) == sorted(one.call_id for one in spans)
    assert found[0].depth == 0


def test_two_records_of_one_span_are_both_shown_and_the_first_has_the_children():
    found = drawn(span("one", of="x"), span("two", after=1, of="x"), span("child", after=2, parent="x"))

    assert found == [("one", 0), ("child", 1), ("two", 0)]


def test_very_deep_calls_are_indented_no_further():
    chain = [span(str(n), after=n, of=str(n), parent=str(n - 1)) for n in range(50)]

    assert [step.depth for step in steps(chain)] == [0, 1, 2, 3, 4, 5, *[6] * 44]


def test_a_chain_of_ten_thousand_calls_is_no_recursion():
    chain = [span(f"{n:05}", after=n, of=str(n), parent=str(n - 1)) for n in range(10_000)]

    assert steps(chain)[-1].total_usd == Decimal("1000.0")


def test_costs_add_up_downwards_and_exactly():
    found = steps(
        [
            span("a", cost="0.000000000000000000000000000001"),
            span("unpriced", after=1, cost=None),
            span("b", after=2, cost="1000000000"),
        ]
    )

    assert [step.total_usd for step in found] == [
        Decimal("1e-30"),
        Decimal("1e-30"),
        Decimal("1000000000.000000000000000000000000000001"),
    ]


def test_bars_say_when_a_call_began_and_how_long_it_took():
    assert bar(span("a", after=250, latency=500.0), start=NOON, length_ms=1000) == Bar(250.0, 500.0)
    assert offset_ms(span("a", after=250), start=NOON) == 250.0


@pytest.mark.parametrize(
    ("of", "length_ms", "expected"),
    [
        (span("a", latency=None), 1000, Bar(0.0, 4.0)),
        (span("a", latency=0.0), 0, Bar(0.0, 1000)),
        (span("a", after=1000, latency=None), 1000, Bar(996.0, 4.0)),
        (span("a", latency=0.001), 1_000_000, Bar(0.0, 4.0)),
    ],
)
def test_what_has_no_length_is_seen_all_the_same(of, length_ms, expected):
    assert bar(of, start=NOON, length_ms=length_ms) == expected
