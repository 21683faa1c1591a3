"""End users to what templates show: lines with changes and shares, and the charts of one of them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from core.charts import ChartSpec
from core.formats import Number
from dashboards import charts
from dashboards.filters import Filter
from dashboards.numbers import Sums
from dashboards.users import Line
from ingestion.store import OTHER

_NOTHING: Final = Sums()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table. ``url`` is the end user's page; what stands for many has none."""

    line: Line
    url: str
    share: float | None
    cost: Number | None
    cost_before: Number | None
    is_other: bool


def row(line: Line, *, url: str, total: Sums) -> Row:
    """``total`` is what all end users of the period add up to."""
    known = line.sums.known_cost_usd
    share = float(known / total.cost_usd) if total.cost_usd and known is not None else None
    is_other = line.user_id == OTHER
    return Row(
        line=line,
        url="" if is_other else url,
        share=share,
        cost=known,
        cost_before=line.before.known_cost_usd,
        is_other=is_other,
    )


def cost_over_time(buckets: Mapping[str, Sums], chosen: Filter, x: Sequence[str]) -> ChartSpec:
    """Dollars in each of the buckets ``x``, as far as they are known; one that has not begun has no bar."""
    data = [buckets.get(name, _NOTHING).known_cost_usd if charts.has_begun(name, chosen) else None for name in x]
    return {
        "kind": "stacked-bar",
        "unit": "usd",
        "x": x,
        "series": [{"name": "Cost", "color_index": 1, "data": data}],
        "partial": chosen.now < chosen.period.end,
    }


def days(chosen: Filter) -> list[str]:
    """Every day of the filter's period, as charts name them: users are not counted by hours."""
    first = chosen.period.first_day
    return [(first + timedelta(days=number)).isoformat() for number in range(chosen.period.day_count)]
