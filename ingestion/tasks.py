"""What telemetry's storage needs by the clock. Each is safe to run twice, also at the same time."""

import logging

from celery import shared_task
from django.db import transaction
from django.utils.timezone import now

from ingestion import services
from ingestion.pricing import services as pricing

logger = logging.getLogger(__name__)


@shared_task(name="ingestion.ensure_partitions", acks_late=True)
def ensure_partitions(**_: object) -> None:
    """Make the days that calls may come for; those that exist stay."""
    made = services.ensure_partitions(now=now())
    if made:
        logger.info("partitions made", extra={"partitions": made})


@shared_task(name="ingestion.retention", acks_late=True)
def retention(**_: object) -> None:
    """Remove calls, samples and answers that nobody keeps any more; what a run does not finish the next one does."""
    dropped = services.drop_partitions(now=now())
    deleted = services.delete_expired_calls(now=now())
    samples = services.delete_expired_samples(now=now())
    answers = services.delete_old_answers(now=now())
    if dropped or deleted or samples or answers:
        counts = {"partitions": dropped, "calls": deleted, "samples": samples, "answers": answers}
        logger.info("retention", extra=counts)


@shared_task(name="ingestion.import_catalogue", acks_late=True)
def import_catalogue(**_: object) -> None:
    """Bring in the installed catalogue's prices; the same catalogue again changes nothing."""
    with transaction.atomic():
        result = pricing.import_catalogue(now=now())
        if result.added or result.changed or result.closed:
            services.announce_prices()
