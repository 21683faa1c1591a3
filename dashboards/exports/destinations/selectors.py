"""Which destinations there are, and what became of their slots."""

from collections.abc import Collection

from django.db.models import OuterRef, QuerySet, Subquery

from dashboards.exports.destinations.models import Destination, DestinationRun
from tenants.models import Organization

SHOWN = 100
"""Slots that a page shows."""


def destinations(*, organization: Organization, hidden: Collection[int]) -> QuerySet[Destination]:
    """By name, each with ``last_error`` and ``copied_until``; without those that copy what is hidden from the reader.

    One of the whole organization copies everything, so it is only for those from whom nothing is hidden.
    """
    runs = DestinationRun.objects.filter(destination=OuterRef("pk"))
    found = Destination.objects.filter(organization=organization).select_related(
        "project", "organization", "created_by"
    )
    if hidden:
        found = found.filter(project__isnull=False).exclude(project_id__in=hidden)
    return found.annotate(
        last_error=Subquery(runs.filter(state=DestinationRun.State.FAILED).values("error")[:1]),
        copied_until=Subquery(
            runs.filter(state=DestinationRun.State.DONE).order_by("-slot_from").values("slot_to")[:1]
        ),
    ).order_by("name")


def destination(*, organization: Organization, hidden: Collection[int], destination_id: int) -> Destination | None:
    return destinations(organization=organization, hidden=hidden).filter(pk=destination_id).first()


def runs(*, destination: Destination) -> list[DestinationRun]:
    """The last slots, newest first."""
    return list(destination.runs.order_by("-slot_from")[:SHOWN])
