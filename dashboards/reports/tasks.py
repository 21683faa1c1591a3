"""What reports do in the background. Each is safe to run twice, also at the same time."""

from celery import shared_task
from django.db import DatabaseError
from django.utils import timezone

from dashboards.reports import making, retention, running, schedule_services, services
from tenants.models import Organization


@shared_task(name=services.TASK, acks_late=True)
def make(*, organization_id: int, object_id: int, **_: object) -> None:
    """Make one report, and put it into the outbox where it is a schedule's."""
    try:
        making.make(organization_id=organization_id, report_id=object_id, now=timezone.now())
    except DatabaseError:
        making.note_failure(organization_id=organization_id, report_id=object_id, now=timezone.now())
        raise


@shared_task(name=schedule_services.TASK, acks_late=True)
def run_schedule(*, organization_id: int, object_id: int, **_: object) -> None:
    """Order the report of a schedule's slot."""
    running.run(organization_id=organization_id, schedule_id=object_id, now=timezone.now())


@shared_task(name="reports.tidy", acks_late=True)
def tidy(**_: object) -> None:
    """Remove old reports, and wait for the right slots where a clock was changed."""
    now = timezone.now()
    for organization_id in Organization.objects.order_by("pk").values_list("pk", flat=True):
        retention.forget_old(organization_id=organization_id, now=now)
        running.align(organization_id=organization_id, now=now)
