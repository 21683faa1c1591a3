"""Resources as their pages show them: what each was given, used and could do without. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from core.charts import ChartSpec, Series
from core.formats import Number
from core.periods import Period
from dashboards.charts import has_begun
from dashboards.filters import Filter
from ingestion.cloud_samples import Moment, ResourceUsage

LOW_SHARE: Final = Decimal("0.4")  # as the rule RAM_OVER_PROVISION: below it most of the memory is never used
FEWEST_SAMPLES: Final = 20  # and from so many on it is no accident
HEADROOM: Final = Decimal("1.25")  # what a resource should keep above its peak
HOURLY_DAYS: Final = 8

SORTS: Final[dict[str, str]] = {
    "waste": "Unused",
    "cost": "Cost",
    "peak": "Peak",
    "resource": "Name",
    "kind": "Kind",
    "team": "Team",
}
DEFAULT_SORT: Final = "waste"


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table; ``project_name`` is empty on a project's own page."""

    usage: ResourceUsage
    url: str
    project_name: str = ""

    @property
    def is_mostly_unused(self) -> bool:
        return self.usage.samples >= FEWEST_SAMPLES and self.usage.peak_share < LOW_SHARE

    @property
    def is_over(self) -> bool:
        """Whether some sample used more than was allocated."""
        return bool(self.usage.samples_over_allocated)

    @property
    def unused_mb(self) -> Decimal:
        """What was allocated last and would not have been needed at the peak, headroom included."""
        return max(Decimal(0), self.usage.allocated_mb * self._unused_share)

    @property
    def unused_usd(self) -> Decimal | None:
        """The part of the cost that went into memory nobody needed; None when the cost is unknown."""
        cost = self.usage.cost_usd
        return None if cost is None else cost * self._unused_share

    @property
    def sensible_mb(self) -> Decimal:
        """Enough for the highest peak, with headroom."""
        return self.usage.peak_used_mb * HEADROOM

    @property
    def _unused_share(self) -> Decimal:
        return 1 - min(Decimal(1), HEADROOM * self.usage.peak_share)


type SortKey = Callable[[Line], Any]

_KEYS: Final[dict[str, SortKey]] = {
    "waste": lambda line: (-(line.unused_usd or 0), -line.unused_mb),
    "cost": lambda line: -(line.usage.cost_usd or 0),
    "peak": lambda line: -line.usage.peak_share,
    "resource": lambda line: (),
    "kind": lambda line: (not line.usage.kind, line.usage.kind.casefold()),
    "team": lambda line: (not line.usage.team, line.usage.team.casefold()),
}


def sorted_lines(lines: Sequence[Line], sort: str) -> list[Line]:
    """By one of ``SORTS``, then by name; what has no kind or team comes last."""
    by_name = sorted(lines, key=lambda line: (line.usage.resource.casefold(), line.project_name, line.usage.project_id))
    return sorted(by_name, key=_KEYS[sort])


def known_cost(lines: Sequence[Line]) -> Decimal | None:
    """What the resources cost together, as far as it is known."""
    costs = [line.usage.cost_usd for line in lines if line.usage.cost_usd is not None]
    return sum(costs, Decimal(0)) if costs else None


def unused_cost(lines: Sequence[Line]) -> Decimal | None:
    """What memory that nobody needed cost, of the resources that are mostly unused."""
    costs = [line.unused_usd for line in lines if line.is_mostly_unused and line.unused_usd is not None]
    return sum(costs, Decimal(0)) if costs else None


def bucket_kind(period: Period) -> str:
    """``hour`` up to about a week, ``day`` beyond: samples come every few minutes, and peaks are what counts."""
    return "hour" if period.day_count <= HOURLY_DAYS else "day"


def memory_over_time(moments: Sequence[Moment], chosen: Filter) -> ChartSpec:
    """Megabytes allocated, used at the peak and used on average by bucket; a bucket without samples is unknown."""
    period = chosen.period
    found = {_name(moment, period): moment for moment in moments}
    buckets = [name for name in _buckets(period) if has_begun(name, chosen)]
    return {
        "kind": "line",
        "unit": "mb",
        "x": buckets,
        "series": [
            _series("Allocated", 5, [_of(found, name, "allocated_mb") for name in buckets]),
            _series("Peak used", 1, [_of(found, name, "peak_used_mb") for name in buckets]),
            _series("Mean used", 2, [_of(found, name, "mean_used_mb") for name in buckets]),
        ],
    }


def _buckets(period: Period) -> list[str]:
    if bucket_kind(period) == "hour":
        return [period.hour_name(start) for start in period.hours()]
    return period.buckets()


def _name(moment: Moment, period: Period) -> str:
    if isinstance(moment.bucket, int):
        return period.hour_name(datetime.fromtimestamp(moment.bucket, UTC))
    return str(moment.bucket)


def _of(found: Mapping[str, Moment], name: str, measure: str) -> Decimal | None:
    moment = found.get(name)
    # Rounded, because the chart's data are read by a browser: a thousandth of a megabyte is below every pixel.
    return None if moment is None else round(getattr(moment, measure), 3)


def _series(name: str, color_index: int, data: Sequence[Number | None]) -> Series:
    return {"name": name, "color_index": color_index, "data": data}
