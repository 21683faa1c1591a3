"""The environments that a project's calls named, from its sums by day."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from django.db.models import Max, Min, Q, Sum

from ingestion import store
from ingestion.models import DailyRollup
from tenants import environments
from tenants.models import Environment, Project

LATELY_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Line:
    """An environment that was declared, or seen, or both. ``calls`` are of the last ``LATELY_DAYS`` days."""

    name: str
    declared: Environment | None
    first_day: date | None
    last_day: date | None
    calls: int


def lines(*, project: Project, today: date) -> list[Line]:
    """Production first, then what else was declared, then what is new, by name."""
    since = today - timedelta(days=LATELY_DAYS - 1)
    lately = Sum("calls", filter=Q(bucket_date__gte=since))
    sums = DailyRollup.objects.filter(project=project).values("environment")
    sums = sums.annotate(first=Min("bucket_date"), last=Max("bucket_date"), lately=lately).order_by("environment")
    seen = {row["environment"]: row for row in sums}
    declared = {one.name: one for one in environments.environments(project=project)}
    new = [name for name in seen if name not in declared and name != store.OTHER]
    return [_line(name, declared.get(name), seen.get(name) or {}) for name in (*declared, *new)]


def _line(name: str, declared: Environment | None, seen: Mapping[str, Any]) -> Line:
    return Line(name, declared, seen.get("first"), seen.get("last"), seen.get("lately") or 0)
