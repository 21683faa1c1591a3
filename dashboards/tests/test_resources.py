"""What resources could do without, their order, and their chart."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from dashboards import resources
from dashboards.resources import Line
from ingestion.cloud_samples import Moment, ResourceUsage

AT = datetime(2026, 7, 14, 10, tzinfo=UTC)


def make_line(resource="r", *, project_name="", **fields):
    given = {
        "project_id": 1,
        "kind": "",
        "team": "",
        "samples": 20,
        "last_sampled_at": AT,
        "allocated_mb": Decimal(1000),
        "max_allocated_mb": Decimal(1000),
        "peak_used_mb": Decimal(399),
        "mean_used_mb": Decimal(200),
        "peak_share": Decimal("0.399"),
        "samples_over_allocated": 0,
        "invocations": None,
        "duration_ms": None,
        "cost_usd": Decimal(10),
        "samples_without_cost": 0,
    } | fields
    return Line(ResourceUsage(resource=resource, **given), "", project_name)


@pytest.mark.parametrize(
    ("samples", "share", "unused"),
    [(20, "0.399999", True), (20, "0.4", False), (19, "0.1", False), (20, "0", True), (10_000, "0.41", False)],
)
def test_mostly_unused_is_what_the_rule_says(samples, share, unused):
    assert make_line(samples=samples, peak_share=Decimal(share)).is_mostly_unused is unused


@pytest.mark.parametrize(
    ("share", "unused_usd", "unused_mb"),
    [("0.4", "5.0", "500"), ("0.8", "0", "0"), ("0.9", "0", "0"), ("1.2", "0", "0"), ("0", "10", "1000")],
)
def test_unused_is_what_goes_beyond_the_peak_and_a_quarter(share, unused_usd, unused_mb):
    line = make_line(peak_share=Decimal(share))

    assert (line.unused_usd, line.unused_mb) == (Decimal(unused_usd), Decimal(unused_mb))


def test_without_a_cost_only_memory_is_unused():
    line = make_line(cost_usd=None, peak_share=Decimal("0.4"))

    assert (line.unused_usd, line.unused_mb) == (None, 500)


def test_enough_is_the_peak_and_a_quarter():
    assert make_line(peak_used_mb=Decimal(400)).sensible_mb == 500


def test_over_its_limit_is_one_sample_that_was():
    assert [make_line(samples_over_allocated=n).is_over for n in (0, 1)] == [False, True]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("waste", ["b", "A", "c", "d"]),
        ("cost", ["d", "b", "A", "c"]),
        ("peak", ["d", "c", "A", "b"]),
        ("resource", ["A", "b", "c", "d"]),
        ("kind", ["c", "d", "A", "b"]),
        ("team", ["b", "c", "A", "d"]),
    ],
)
def test_lines_are_sorted_and_what_has_none_comes_last(sort, order):
    lines = [
        make_line("d", cost_usd=Decimal(90), peak_share=Decimal("1.1"), kind="Worker"),
        make_line("b", cost_usd=Decimal(9), peak_share=Decimal("0.1"), team="Blue"),
        make_line("A", cost_usd=Decimal(8), peak_share=Decimal("0.2")),
        make_line("c", cost_usd=None, peak_share=Decimal("0.9"), kind="function", team="red"),
    ]

    assert [line.usage.resource for line in resources.sorted_lines(lines, sort)] == order


def test_every_order_of_the_page_can_be_sorted_by():
    for sort in resources.SORTS:
        assert len(resources.sorted_lines([make_line("a"), make_line("a", project_id=2)], sort)) == 2


def test_sums_leave_out_what_is_unknown():
    lines = [
        make_line(cost_usd=Decimal(10), peak_share=Decimal("0.2")),
        make_line(cost_usd=Decimal(5), peak_share=Decimal("0.5")),
        make_line(cost_usd=None, peak_share=Decimal("0.1")),
    ]

    assert (resources.known_cost(lines), resources.unused_cost(lines)) == (Decimal(15), Decimal("7.5"))
    assert resources.known_cost(lines[2:]) is None
    assert resources.unused_cost(lines[1:]) is None


def moment(bucket, allocated=1024, peak=512, mean=256):
    return Moment(bucket, 3, Decimal(allocated), Decimal(peak), Decimal(mean))


def test_days_without_samples_are_unknown_and_days_to_come_are_left_out(chosen):
    spec = resources.memory_over_time(
        [moment(date(2026, 7, 2)), moment(date(2026, 7, 14), mean="1.23456")], chosen("range=30d")
    )

    assert (spec["kind"], spec["unit"]) == ("line", "mb")
    assert (spec["x"][0], spec["x"][-1], len(spec["x"])) == ("2026-06-15", "2026-07-14", 30)
    assert [series["name"] for series in spec["series"]] == ["Allocated", "Peak used", "Mean used"]
    allocated, peak, mean = (series["data"] for series in spec["series"])
    assert [(day, value) for day, value in zip(spec["x"], peak, strict=True) if value is not None] == [
        ("2026-07-02", 512),
        ("2026-07-14", 512),
    ]
    assert allocated[-1] == 1024
    assert mean[-1] == Decimal("1.235")


def test_a_week_is_told_by_the_hour_of_the_local_clock(chosen, berlin):
    start = datetime(2026, 7, 14, 8, tzinfo=UTC)
    filtered = chosen("range=7d", zone=berlin)

    spec = resources.memory_over_time([moment(int(start.timestamp()))], filtered)

    peak = dict(zip(spec["x"], spec["series"][1]["data"], strict=True))
    assert peak["2026-07-14T10:00:00+02:00"] == 512
    assert spec["x"][-1] == "2026-07-14T12:00:00+02:00"  # the running hour; it is 12:20
    assert sum(value is not None for value in peak.values()) == 1


@pytest.mark.parametrize(("query", "kind"), [("range=24h", "hour"), ("range=7d", "hour"), ("range=30d", "day")])
def test_buckets_are_hours_up_to_a_week(chosen, query, kind):
    assert resources.bucket_kind(chosen(query).period) == kind


def test_eight_days_with_a_change_of_the_clocks_are_whole_hours(chosen, berlin):
    filtered = chosen("from=2026-03-24&to=2026-03-31", zone=berlin, now=datetime(2026, 4, 10, tzinfo=UTC))

    spec = resources.memory_over_time([], filtered)

    assert len(spec["x"]) == len(set(spec["x"])) == 8 * 24 - 1
    assert timedelta(hours=len(spec["x"])) == filtered.period.end - filtered.period.start
