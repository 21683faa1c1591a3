"""Reads about reports and schedules, inside the organization's scope.

A report was made with somebody's rights. It is shown to whoever may see at least as much: ``hidden`` projects of the
reader must have been left out of it.
"""

from collections.abc import Sequence
from typing import Final

from django.db.models import Q, QuerySet

from dashboards.reports.models import Report, Schedule
from tenants.models import Organization

PAGE_SIZE: Final = 50
_HEAVY: Final = ("numbers", "pdf")


def reports(*, organization: Organization, hidden: Sequence[int] = ()) -> QuerySet[Report]:
    """Newest first, without what they say."""
    found = Report.objects.filter(_visible(hidden), organization=organization).defer(*_HEAVY)
    return found.select_related("organization", "project", "schedule", "runs_as", "api_key").order_by("-pk")


def report(*, organization: Organization, report_id: int, hidden: Sequence[int] = ()) -> Report | None:
    """With its numbers; the PDF is read when it is asked for."""
    found = reports(organization=organization, hidden=hidden).defer(None).defer("pdf")
    return found.filter(pk=report_id).first()


def schedules(*, organization: Organization, hidden: Sequence[int] = ()) -> QuerySet[Schedule]:
    """By name, with their channels; those of hidden projects are not there."""
    found = Schedule.objects.filter(organization=organization).exclude(project_id__in=hidden)
    found = found.select_related("project", "runs_as", "api_key").prefetch_related("recipients__channel")
    return found.order_by("name", "pk")


def schedule(*, organization: Organization, schedule_id: int, hidden: Sequence[int] = ()) -> Schedule | None:
    return schedules(organization=organization, hidden=hidden).filter(pk=schedule_id).first()


def _visible(hidden: Sequence[int]) -> Q:
    """A report that is not ready says nothing, so everybody sees that it is being made."""
    of_a_project = Q(project__isnull=False) & ~Q(project_id__in=list(hidden))
    of_all = Q(project=None) & (Q(left_out__contains=list(hidden)) | ~Q(state=Report.State.READY))
    return of_a_project | of_all
