from decimal import Decimal

import pytest

from dashboards import figures
from dashboards.numbers import Overview, Sums
from ingestion import histogram

NB = "\u00a0"


def latency(*durations_ms):
    return int(Decimal(histogram.encode(durations_ms)))


TOTAL = Sums(
    calls=1_204,
    errors=12,
    unpriced_calls=3,
    estimated_calls=1,
    input_tokens=1_500_000,
    output_tokens=340_000,
    cost_usd=Decimal("4218.0741"),
    latency=latency(*[1_000] * 20),
)
BEFORE = Sums(calls=1_000, errors=24, input_tokens=1_000, cost_usd=Decimal("2109.03705"), latency=latency(*[500] * 20))


def test_key_figures_say_number_change_and_what_they_are_made_of(chosen):
    spend, tokens, calls, errors, p95 = figures.figures(Overview(total=TOTAL, before=BEFORE), chosen())

    assert (spend.label, spend.value, spend.note) == ("Spend", "$4,218.07", "≈ 1 call estimated")
    assert (spend.current, spend.previous, spend.better) == (Decimal("4218.0741"), Decimal("2109.03705"), "lower")
    assert (tokens.value, tokens.note) == (f"1.8{NB}M", f"1.5{NB}M in, 340{NB}K out")
    assert (tokens.current, tokens.previous, tokens.better) == (1_840_000, 1_000, "")
    assert (calls.label, calls.value, calls.current, calls.previous, calls.note) == ("Calls", "1,204", 1_204, 1_000, "")
    assert (errors.value, errors.note, errors.previous, errors.better) == ("12", "1.0% of calls", 24, "lower")
    assert p95.value.endswith(f"{NB}s") or p95.value.endswith(f"{NB}ms")
    assert p95.note.startswith("p50 ")
    assert p95.previous == pytest.approx(500, rel=0.05)


@pytest.mark.parametrize(
    ("before_ms", "now_ms", "changed"),
    [(1_000, 1_000, False), (1_000, 1_100, False), (1_100, 1_000, False), (1_000, 1_300, True)],
)
def test_a_latency_one_bucket_away_is_unchanged(chosen, before_ms, now_ms, changed):
    total, before = (Sums(calls=1, latency=latency(milliseconds)) for milliseconds in (now_ms, before_ms))

    p95 = figures.figures(Overview(total=total, before=before), chosen())[-1]

    assert (p95.previous != p95.current) == changed
    assert p95.previous == (before if changed else total).p95_ms


def test_a_latency_without_an_earlier_one_has_no_change(chosen):
    (*_, p95) = figures.figures(Overview(total=TOTAL, before=Sums()), chosen())

    assert (p95.current, p95.previous) == (TOTAL.p95_ms, None)


def test_without_calls_nothing_is_divided(chosen):
    spend, tokens, calls, errors, p95 = figures.figures(Overview(total=Sums(), before=Sums()), chosen())

    assert (spend.value, spend.current, spend.previous) == ("$0.00", 0, 0)
    assert (tokens.value, tokens.note, calls.value, errors.value, errors.note) == ("0", "", "0", "0", "")
    assert (p95.value, p95.current, p95.unknown) == ("–", None, True)


def test_a_spend_nobody_knows_is_unknown(chosen):
    spend = figures.figures(Overview(total=Sums(calls=4, unpriced_calls=4), before=BEFORE), chosen())[0]

    assert (spend.value, spend.current, spend.unknown) == ("–", None, True)


@pytest.mark.parametrize(
    ("status", "label", "value", "note", "better"),
    [
        ("error", "Calls with an error", "12", "1.0% of all calls", "lower"),
        ("ok", "Calls without error", "1,192", "99.0% of all calls", ""),
    ],
)
def test_with_a_status_only_its_calls_are_known(chosen, status, label, value, note, better):
    (calls,) = figures.figures(Overview(total=TOTAL, before=BEFORE), chosen(f"status={status}"))

    assert (calls.label, calls.value, calls.note, calls.better) == (label, value, note, better)


def test_sparks_follow_the_buckets(chosen):
    day = Sums(calls=4, errors=1, input_tokens=10, cost_usd=Decimal(2), latency=latency(100))
    found = Overview(total=day, before=Sums(), buckets={"2026-07-09": day})

    spend, tokens, calls, errors, p95 = figures.figures(found, chosen())

    assert spend.spark == [0, 2, 0, 0, 0, 0, 0]
    assert tokens.spark == [0, 10, 0, 0, 0, 0, 0]
    assert calls.spark == [0, 4, 0, 0, 0, 0, 0]
    assert errors.spark == [0, 1, 0, 0, 0, 0, 0]
    assert p95.spark == [None, pytest.approx(100, rel=0.05), None, None, None, None, None]


def test_breakdowns_tell_each_groups_part_of_the_spend(chosen):
    groups = [
        ("chat", "/?feature=chat", Sums(calls=5, cost_usd=Decimal(3))),
        ("search", "/?feature=search", Sums(calls=5, unpriced_calls=2, cost_usd=Decimal(1))),
        ("llama", "/?feature=llama", Sums(calls=1_000, unpriced_calls=1_000)),
    ]

    rows = figures.breakdown(groups, total=Sums(calls=1_010, cost_usd=Decimal(4)), chosen=chosen())

    assert [(row.label, row.value, row.share, row.note) for row in rows] == [
        ("chat", "$3.00", 0.75, ""),
        ("search", "$1.00", 0.25, "2 unpriced"),
        ("llama", "–", None, "1,000 unpriced"),
    ]
    assert rows[0].href == "/?feature=chat"


def test_breakdowns_of_nothing_have_no_shares(chosen):
    (row,) = figures.breakdown([("free", "", Sums(calls=5))], total=Sums(calls=5), chosen=chosen())

    assert (row.value, row.share) == ("$0.00", None)


def test_breakdowns_count_calls_when_a_status_is_chosen(chosen):
    groups = [("chat", "", Sums(calls=5, errors=1)), ("search", "", Sums(calls=5, errors=3, unpriced_calls=5))]

    rows = figures.breakdown(groups, total=Sums(calls=10, errors=4), chosen=chosen("status=error"))

    assert [(row.value, row.share, row.note) for row in rows] == [("1", 0.25, ""), ("3", 0.75, "")]


def test_breakdowns_show_the_largest(chosen):
    groups = [(f"f{n}", "", Sums(calls=1, cost_usd=Decimal(1))) for n in range(30)]

    rows = figures.breakdown(groups, total=Sums(calls=30, cost_usd=Decimal(30)), chosen=chosen())

    assert [row.label for row in rows] == [f"f{n}" for n in range(10)]


@pytest.mark.parametrize(
    ("tokens", "text"), [(0, "0"), (999_999, "999,999"), (1_000_000, f"1.0{NB}M"), (10**9, f"1.0{NB}B")]
)
def test_tokens_of_a_call_are_exact_as_long_as_they_fit(tokens, text):
    assert figures.amount(tokens) == text
