"""How much of its monthly quota an organization has used, and the word that it nears or reaches the end of it.

Reads the counters that every flush adds to. All but ``record_reached`` run inside the organization's scope.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from django.db import connection
from django.db.models import Sum
from django.urls import reverse

from core.scope import org_scope
from ingestion.models import IngestCounter
from tenants import events, selectors
from tenants.models import Event, Organization, OrganizationSettings, Project

KIND: Final = "quota.reached"
# Told at these shares of the quota, in percent, the highest first.
_TOLD_AT: Final = ((100, Event.Severity.HIGH), (80, Event.Severity.MEDIUM))
_MONTHS_SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class Usage:
    """Events accepted in a local calendar month; ``quota`` is None without a limit."""

    month: date
    events: int
    quota: int | None

    @property
    def share(self) -> float | None:
        """Of the quota; more than 1 is possible, because it is checked against a sum that is 30 s old."""
        return self.events / self.quota if self.quota else None

    @property
    def next_month(self) -> date:
        """The first day on which counting begins anew."""
        return date(self.month.year + self.month.month // 12, self.month.month % 12 + 1, 1)


@dataclass(frozen=True, slots=True)
class ProjectUsage:
    """A project's part of a month; ``project`` is None when it is gone."""

    project: Project | None
    events: int
    share: float


def this_month(*, organization: Organization, now: datetime) -> Usage:
    month = _month(organization, now)
    found = IngestCounter.objects.filter(organization=organization, month=month).aggregate(events=Sum("events"))
    quota = selectors.organization_settings(organization=organization).monthly_event_quota
    return Usage(month, int(found["events"] or 0), quota)


def by_project(*, organization: Organization, month: date) -> list[ProjectUsage]:
    """Who sent them, most first."""
    counted = IngestCounter.objects.filter(organization=organization, month=month).order_by("-events", "project_id")
    rows = list(counted.values_list("project_id", "events"))
    total = sum(events for _, events in rows)
    projects = Project.objects.in_bulk([project_id for project_id, _ in rows])
    return [ProjectUsage(projects.get(project_id), events, events / total) for project_id, events in rows]


def months(*, organization: Organization) -> list[tuple[date, int]]:
    """The last twelve months in which events came, newest first."""
    counted = IngestCounter.objects.filter(organization=organization).values("month").annotate(total=Sum("events"))
    return list(counted.order_by("-month").values_list("month", "total")[:_MONTHS_SHOWN])


def record_reached(*, now: datetime) -> int:
    """Write the events of organizations that passed a share of their quota; how many were told.

    Once a month and quota: who raises a quota is told again when the new one is reached.
    """
    lowest = min(percent for percent, _ in _TOLD_AT)
    with connection.cursor() as cursor:
        cursor.execute("select organization_id from organizations_near_quota(%s)", [Decimal(lowest) / 100])
        found = [organization_id for (organization_id,) in cursor.fetchall()]
    return sum(_record(organization, now) for organization in Organization.objects.filter(pk__in=found).order_by("pk"))


def _record(organization: Organization, now: datetime) -> bool:
    with org_scope(organization.pk):
        OrganizationSettings.objects.select_for_update().get(organization=organization)  # one run at a time
        usage = this_month(organization=organization, now=now)
        if not usage.quota:
            return False
        reached = next((one for one in _TOLD_AT if usage.events * 100 >= usage.quota * one[0]), None)
        key = f"quota:{usage.month:%Y-%m}:{usage.quota}"
        if reached is None or _told(key) >= reached[0]:
            return False
        percent, severity = reached
        events.record(
            KIND,
            severity=severity,
            subject=organization,
            dedup_key=key,
            link=reverse("ingestion:usage", args=[organization.slug]),
            percent=percent,
            events=usage.events,
            quota=usage.quota,
            month=f"{usage.month:%Y-%m}",
        )
        return True


def _told(key: str) -> int:
    """The highest percentage people were told of."""
    told = Event.objects.filter(kind=KIND, dedup_key=key).values_list("facts__percent", flat=True)
    return max(told, default=0)


def _month(organization: Organization, now: datetime) -> date:
    return now.astimezone(selectors.time_zone(organization=organization)).date().replace(day=1)
