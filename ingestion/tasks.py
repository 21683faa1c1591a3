"""What telemetry's storage needs by the clock. Each is safe to run twice, also at the same time."""

import logging

from celery import shared_task
from django.db import transaction
from django.utils.timezone import now

from ingestion import services, usage
from ingestion.pricing import services as pricing
from ingestion.pricing.announcement import announce_prices

logger = logging.getLogger(__name__)


@shared_task(name="ingestion.ensure_partitions", acks_late=True)
def ensure_partitions(**_: object) -> None:
    """Make the days that calls may come for; those that exist stay."""
    made = services.ensure_partitions(now=now())
    if made:
        logger.info("partitions made", extra={"partitions": made})


@shared_task(name="ingestion.retention", acks_late=True)
def retention(**_: object) -> None:
    """Remove calls and answers that nobody keeps any more; what a run does not finish the next one does."""
    dropped = services.drop_partitions(now=now())
    deleted = services.delete_expired_calls(now=now())
    answers = services.delete_old_answers(now=now())
    if dropped or deleted or answers:
        logger.info("retention", extra={"partitions": dropped, "calls": deleted, "answers": answers})


@shared_task(name="ingestion.check_quotas", acks_late=True)
def check_quotas(**_: object) -> None:
    """Tell organizations that they near or reached their monthly quota; each is told once."""
    told = usage.record_reached(now=now())
    if told:
        logger.info("quotas", extra={"organizations": told})


@shared_task(name="ingestion.import_catalogue", acks_late=True)
def import_catalogue(**_: object) -> None:
    """Bring in the installed catalogue's prices; the same catalogue again changes nothing."""
    with transaction.atomic():
        result = pricing.import_catalogue(now=now())
        if result.added or result.changed or result.closed:
            announce_prices()


@shared_task(name=pricing.TELL, acks_late=True)
def tell_of_catalogue(*, organization_id: int, **_: object) -> None:
    """Tell an organization which of its models changed in the catalogue; a second run finds it told."""
    pricing.tell_of_catalogue(organization_id=organization_id, now=now())
