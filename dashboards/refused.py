"""The page about what was refused, made of the numbers. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from core import formats
from core.charts import ChartSpec, Series
from core.formats import Number
from core.periods import Granularity
from dashboards.charts import has_begun
from dashboards.filters import Filter
from dashboards.refusal_hints import Advice, advice
from ingestion.refusals import Line, Sums
from ingestion.wire.refused import Kind


@dataclass(frozen=True, slots=True)
class Reason:
    """A row of the table: what was refused how often, and what to do about it."""

    line: Line
    advice: Advice

    @property
    def is_request(self) -> bool:
        return self.line.kind == Kind.REQUEST


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedPage:
    """Everything below the time range; the charts are None without numbers."""

    total: Sums
    last_at: datetime | None
    refusals: ChartSpec | None
    content: ChartSpec | None
    reasons: list[Reason]
    per: str

    @property
    def is_empty(self) -> bool:
        """Whether nothing was refused; content may have been dropped all the same."""
        return not self.reasons


def refused_page(by_hour: Mapping[datetime, Sums], lines: Sequence[Line], chosen: Filter) -> RefusedPage:
    """The page of the filter's period; only its time range matters here."""
    buckets = _buckets(by_hour, chosen)
    total = _added(by_hour.values())
    return RefusedPage(
        total=total,
        last_at=max((line.last_at for line in lines), default=None),
        refusals=_refusals(buckets, chosen) if total.events or total.requests else None,
        content=_content(buckets, chosen) if total.content_fields else None,
        reasons=[Reason(line, advice(line.kind, line.field, line.reason)) for line in lines],
        per="per hour" if chosen.granularity is Granularity.HOUR else "per day",
    )


def notice(recent: Sums, *, since: datetime) -> str:
    """What was refused since ``since``, on the organization's clock; '' when nothing was."""
    parts = [_counted(recent.events, "event"), _counted(recent.requests, "request")]
    said = " and ".join(filter(None, parts))
    if not said:
        return ""
    verb = "was" if recent.events + recent.requests == 1 else "were"
    return f"{said} {verb} refused since {since:%H:%M}"


def _counted(number: int, noun: str) -> str:
    return f"{formats.count(number)} {noun}{'' if number == 1 else 's'}" if number else ""


def _buckets(by_hour: Mapping[datetime, Sums], chosen: Filter) -> dict[str, Sums]:
    """Sums by every bucket that has begun."""
    found: dict[str, list[Sums]] = {bucket: [] for bucket in chosen.period.buckets() if has_begun(bucket, chosen)}
    for hour, sums in by_hour.items():
        name = _bucket(hour, chosen)
        if name in found:
            found[name].append(sums)
    return {bucket: _added(several) for bucket, several in found.items()}


def _bucket(hour: datetime, chosen: Filter) -> str:
    if chosen.granularity is Granularity.HOUR:
        return chosen.period.hour_name(hour)
    return hour.astimezone(chosen.zone).date().isoformat()


def _added(several: Iterable[Sums]) -> Sums:
    listed = list(several)
    return Sums(
        sum(sums.events for sums in listed),
        sum(sums.requests for sums in listed),
        sum(sums.content_fields for sums in listed),
    )


def _refusals(buckets: Mapping[str, Sums], chosen: Filter) -> ChartSpec:
    events = _series("Events", 1, [sums.events for sums in buckets.values()], chosen)
    requests = _series("Requests", 3, [sums.requests for sums in buckets.values()], chosen)
    return _spec([series for series in (events, requests) if any(series["data"])], chosen)


def _content(buckets: Mapping[str, Sums], chosen: Filter) -> ChartSpec:
    return _spec([_series("Content fields", 6, [sums.content_fields for sums in buckets.values()], chosen)], chosen)


def _series(name: str, color_index: int, counts: Sequence[int], chosen: Filter) -> Series:
    """Buckets that have not begun are unknown, not zero."""
    ahead: list[Number | None] = [None] * (len(chosen.period.buckets()) - len(counts))
    return {"name": name, "color_index": color_index, "data": [*counts, *ahead]}


def _spec(series: Sequence[Series], chosen: Filter) -> ChartSpec:
    running = chosen.now < chosen.period.end
    return {"kind": "stacked-bar", "unit": "count", "x": chosen.period.buckets(), "series": series, "partial": running}
