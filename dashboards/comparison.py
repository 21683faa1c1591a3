"""Which bucket of the period before stands beside each bucket of this one: the same day, the same hour of the clock."""

from datetime import datetime, timedelta
from functools import lru_cache

from core.periods import Granularity
from dashboards.filters import Filter

LABELS = {"previous": "Period before", "year": "Last year"}


def has_buckets(chosen: Filter) -> bool:
    """Whether both periods are drawn in buckets of one width; an earlier one that was cut short may not be."""
    return chosen.is_compared and chosen.previous.granularity is chosen.granularity


@lru_cache(maxsize=8)
def earlier_buckets(chosen: Filter) -> tuple[str, ...]:
    """For each bucket of the period the name of its like in the earlier one; empty beyond that one's end.

    Where clocks were changed in one of the two, an hour has no like, or two have the same.
    """
    period, earlier = chosen.period, chosen.previous
    if chosen.granularity is Granularity.DAY:
        days = (earlier.first_day + timedelta(days=number) for number in range(period.day_count))
        return tuple(day.isoformat() if day <= earlier.last_day else "" for day in days)
    begins, known = earlier.start.astimezone(chosen.zone).replace(tzinfo=None), set(earlier.buckets())
    first = period.start.astimezone(chosen.zone).replace(tzinfo=None)
    return tuple(_like(chosen, bucket, begins - first, known) for bucket in period.buckets())


def _like(chosen: Filter, bucket: str, shift: timedelta, known: set[str]) -> str:
    local = datetime.fromisoformat(bucket).replace(tzinfo=None) + shift
    name = chosen.period.hour_name(local.replace(tzinfo=chosen.zone))
    return name if name in known else ""
