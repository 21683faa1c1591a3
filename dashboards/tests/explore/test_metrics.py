from decimal import Decimal

import pytest

from core.charts import FORMATS, SUMMABLE
from dashboards.explore.metrics import METRICS, NOTHING, Measured
from ingestion import histogram, store


def of(counts=(), **sums):
    return Measured(sums, counts)


def value(metric, measured):
    return METRICS[metric].value(measured)


def test_names_units_and_columns_exist():
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.label
        assert metric.unit in FORMATS
        assert set(metric.needs) <= set(store.SUMS)
        assert metric.histogram in {"", *store.HISTOGRAMS}
        assert set(metric.weight.split(" + ")) <= set(metric.needs)


def test_what_adds_up_has_a_unit_that_adds_up():
    assert all(metric.unit in SUMMABLE for metric in METRICS.values() if metric.is_summable)
    assert {name for name, metric in METRICS.items() if not metric.is_summable} == {
        "cost_per_call",
        "cached_share",
        "error_rate",
        "tokens_per_second",
        *(f"{what}_{how}" for what in ("latency", "first_token") for how in ("p50", "p95", "p99", "mean")),
    }


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("cost", 0),
        ("calls", 0),
        ("tokens", 0),
        ("error_rate", None),
        ("cached_share", None),
        ("cost_per_call", None),
        ("latency_p95", None),
        ("latency_mean", None),
        ("tokens_per_second", None),
    ],
)
def test_nothing_happened_is_zero_calls_and_no_rate(metric, expected):
    assert value(metric, NOTHING) == expected


def test_a_cost_is_known_when_one_call_has_a_price():
    assert value("cost", of(calls=2, unpriced_calls=2, cost_usd=Decimal(0))) is None
    assert value("cost_output", of(calls=2, unpriced_calls=2)) is None
    assert value("cost", of(calls=2, unpriced_calls=1, cost_usd=Decimal("0.5"))) == Decimal("0.5")
    assert value("cost", of(calls=2, unpriced_calls=0, cost_usd=Decimal(0))) == 0


def test_a_call_costs_what_priced_calls_cost():
    assert value("cost_per_call", of(calls=3, unpriced_calls=1, cost_usd=Decimal("0.5"))) == Decimal("0.25")


def test_speed_is_of_the_calls_that_were_timed():
    assert value("tokens_per_second", of(timed_output_tokens=300, latency_sum_ms=1_500.0)) == 200


def test_a_percentile_is_read_from_the_histogram():
    counts = histogram.decode(int(Decimal(histogram.encode([200.0] * 95 + [4_000.0] * 5))))

    assert value("latency_p50", of(counts)) == pytest.approx(200, rel=0.05)
    assert value("latency_p95", of(counts)) == pytest.approx(200, rel=0.05)
    assert value("latency_p99", of(counts)) == pytest.approx(4_000, rel=0.05)


def test_what_parts_leave_is_exact():
    whole = of((5, 0, 2), calls=7, cost_usd=Decimal("1.0000000001"), latency_sum_ms=10.5)
    parts = [of((4,), calls=4, cost_usd=Decimal("0.5")), of((1, 0, 1), calls=2, latency_sum_ms=0.5)]

    rest = whole.without(parts)

    assert dict(rest.sums) == {"calls": 1, "cost_usd": Decimal("0.5000000001"), "latency_sum_ms": 10.0}
    assert rest.counts == (0, 0, 1)
    assert whole.counts == (5, 0, 2)
    assert whole.calls == 7


def test_nothing_is_left_of_a_whole_without_itself():
    whole = of((5,), calls=3, unpriced_calls=3, cost_usd=Decimal(0))

    rest = whole.without([whole])

    assert value("latency_p95", rest) is None
    assert value("cost", rest) == 0
    assert value("error_rate", rest) is None
