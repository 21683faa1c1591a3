from decimal import Decimal

import pytest

from dashboards.groups.totals import Totals
from ingestion import histogram
from rules.engine.snapshot import Tokens


def packed(*durations: float) -> Decimal:
    return Decimal(histogram.encode(durations))


def test_of_nothing_everything_but_the_sums_is_unknown() -> None:
    nothing = Totals()

    assert (nothing.calls, nothing.all_tokens, nothing.known_cost_usd) == (0, 0, Decimal(0))
    unknown = ("cost_per_call", "cached_share", "error_rate", "p50_ms", "p95_ms", "first_token_ms", "tokens_per_second")
    assert [getattr(nothing, name) for name in unknown] == [None] * len(unknown)


def test_calls_without_a_price_make_the_cost_unknown_and_not_zero() -> None:
    assert Totals(calls=2, unpriced_calls=2).known_cost_usd is None
    assert Totals(calls=2, unpriced_calls=1, cost_usd=Decimal("0.3")).known_cost_usd == Decimal("0.3")


def test_the_cost_of_a_call_is_that_of_a_priced_one() -> None:
    assert Totals(calls=4, unpriced_calls=1, cost_usd=Decimal("0.3")).cost_per_call == Decimal("0.1")


def test_shares_are_of_input_tokens_and_of_calls() -> None:
    totals = Totals(calls=8, errors=2, tokens=Tokens(input_tokens=200, cached_input_tokens=50, output_tokens=30))

    assert (totals.all_tokens, totals.cached_share, totals.error_rate) == (230, 0.25, 0.25)


def test_times_come_from_histograms_and_speed_from_calls_with_a_latency() -> None:
    totals = Totals(
        calls=3,
        latency=packed(100, 100, 4000),
        first_token=packed(50),
        timed_output_tokens=42,
        latency_sum_ms=4200.0,
    )

    assert totals.p50_ms == pytest.approx(100, rel=0.05)
    assert totals.p95_ms == pytest.approx(4000, rel=0.05)
    assert totals.first_token_ms == pytest.approx(50, rel=0.05)
    assert totals.tokens_per_second == 10.0


def test_what_writes_nothing_has_no_speed() -> None:
    assert Totals(calls=1, latency_sum_ms=10.0).tokens_per_second is None


def test_totals_add_up_with_their_histograms() -> None:
    one = Totals(calls=1, cost_usd=Decimal("0.1"), latency=packed(100), tokens=Tokens(input_tokens=5))
    other = Totals(
        calls=2, errors=1, cost_usd=Decimal("0.2"), latency=packed(4000, 4000), tokens=Tokens(input_tokens=7)
    )

    both = one + other

    assert (both.calls, both.errors, both.cost_usd, both.tokens.input_tokens) == (3, 1, Decimal("0.3"), 12)
    assert both.latency == packed(100, 4000, 4000)


@pytest.mark.parametrize(("status", "calls"), [("", 5), ("ok", 3), ("error", 2)])
def test_calls_of_one_status(status: str, calls: int) -> None:
    assert Totals(calls=5, errors=2).with_status(status) == calls
