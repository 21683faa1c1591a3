"""The gateway's page of numbers, made of the traffic of a period. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final

from core.charts import ChartSpec, Series
from core.formats import Number, count, percent
from core.periods import Granularity, Period
from gateway.traffic import Grouped, Traffic


@dataclass(frozen=True, slots=True)
class Outcome:
    """A way a request can end, its colour, and its count of traffic."""

    name: str
    color_index: int
    count: Callable[[Traffic], int]


OUTCOMES: Final = (
    Outcome("Answered", 1, lambda traffic: traffic.answered),
    Outcome("Refused (4xx)", 2, lambda traffic: traffic.client_errors),
    Outcome("Too many (429)", 5, lambda traffic: traffic.throttled),
    Outcome("Provider error (5xx)", 8, lambda traffic: traffic.server_errors),
    Outcome("No whole answer", 4, lambda traffic: traffic.not_answered),
    Outcome("Client left", 6, lambda traffic: traffic.client_left),
    Outcome("Interrupted", 0, lambda traffic: traffic.interrupted),
)


@dataclass(frozen=True, slots=True)
class ProviderName:
    """What the page calls a provider, and what telemetry does."""

    name: str
    canonical: str


@dataclass(frozen=True, slots=True)
class Row:
    """A provider of the table. ``calls_url`` leads to its calls as they come."""

    slug: str
    name: str
    traffic: Traffic
    calls_url: str


@dataclass(frozen=True, slots=True)
class Share:
    """A line of the latency card, as the breakdown partial shows it."""

    label: str
    value: str
    share: float
    color_index: int | None = None
    href: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewPage:
    """Everything below the time range."""

    total: Traffic
    outcomes: ChartSpec
    per: str
    within: list[Share]
    stored_note: str
    errors_note: str
    added_note: str
    rows: list[Row]


def overview_page(
    found: Grouped,
    period: Period,
    *,
    now: datetime,
    names: Mapping[str, ProviderName],
    calls_url: Callable[[str], str],
) -> OverviewPage:
    """The page of a period; ``calls_url`` says where the calls of a provider (its canonical name) are."""
    total = found.total
    return OverviewPage(
        total=total,
        outcomes=outcomes_over_time(found.by_hour, period, now=now),
        per="per hour" if period.granularity is Granularity.HOUR else "per day",
        within=_within(total),
        stored_note=_stored_note(total),
        errors_note=f"{count(total.upstream_errors)} of {count(total.requests)}",
        added_note=f"{percent(total.within_5_ms / total.requests if total.requests else None)} within 5 ms",
        rows=_rows(found.by_provider, names, calls_url),
    )


def outcomes_over_time(by_hour: Mapping[datetime, Traffic], period: Period, *, now: datetime) -> ChartSpec:
    """Requests by how they ended; a bucket that has not begun is unknown, not zero."""
    buckets = period.buckets()
    sums = _by_bucket(by_hour, period)
    begun = [_begins(bucket, period) <= now for bucket in buckets]
    series = [_series(outcome, buckets, begun, sums) for outcome in OUTCOMES]
    return {
        "kind": "stacked-bar",
        "unit": "count",
        "x": buckets,
        "series": [one for one in series if any(one["data"])],
        "partial": now < period.end,
    }


def _series(outcome: Outcome, buckets: Iterable[str], begun: Iterable[bool], sums: Mapping[str, Traffic]) -> Series:
    counts: list[Number | None] = [
        outcome.count(sums.get(bucket, Traffic())) if has_begun else None
        for bucket, has_begun in zip(buckets, begun, strict=True)
    ]
    return {"name": outcome.name, "color_index": outcome.color_index, "data": counts}


def _by_bucket(by_hour: Mapping[datetime, Traffic], period: Period) -> dict[str, Traffic]:
    found: dict[str, Traffic] = {}
    for hour, traffic in by_hour.items():
        name = _bucket(hour, period)
        found[name] = found.get(name, Traffic()).plus(traffic)
    return found


def _bucket(hour: datetime, period: Period) -> str:
    if period.granularity is Granularity.HOUR:
        return period.hour_name(hour)
    return hour.astimezone(period.zone).date().isoformat()


def _begins(bucket: str, period: Period) -> datetime:
    if "T" in bucket:
        return datetime.fromisoformat(bucket)
    return datetime.combine(date.fromisoformat(bucket), time.min, period.zone)


_BOUNDS: Final[Sequence[tuple[str, Callable[[Traffic], int]]]] = (
    ("Up to 1 ms", lambda traffic: traffic.within_1_ms),
    ("1 to 5 ms", lambda traffic: traffic.within_5_ms - traffic.within_1_ms),
    ("5 to 25 ms", lambda traffic: traffic.within_25_ms - traffic.within_5_ms),
    ("25 to 100 ms", lambda traffic: traffic.within_100_ms - traffic.within_25_ms),
    ("More than 100 ms", lambda traffic: traffic.requests - traffic.within_100_ms),
)


def _within(total: Traffic) -> list[Share]:
    if not total.requests:
        return []
    counts = ((label, max(0, number(total))) for label, number in _BOUNDS)
    return [Share(label, count(number), number / total.requests) for label, number in counts]


def _stored_note(total: Traffic) -> str:
    return f"{count(total.unwritten)} of {count(total.calls)} are not" if total.unwritten else "every call of a model"


def _rows(
    by_provider: Mapping[str, Traffic], names: Mapping[str, ProviderName], calls_url: Callable[[str], str]
) -> list[Row]:
    """Most requests first. A provider that is no longer known keeps its slug for a name."""
    ordered = sorted(by_provider.items(), key=lambda pair: (-pair[1].requests, pair[0]))
    found = ((slug, names.get(slug, ProviderName(slug, slug)), traffic) for slug, traffic in ordered)
    return [Row(slug, known.name, traffic, calls_url(known.canonical)) for slug, known, traffic in found]
