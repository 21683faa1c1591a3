"""What the gateway needs by the clock. Each is safe to run twice, also at the same time."""

import logging

from celery import shared_task
from django.utils.timezone import now

from gateway import filling
from gateway import retention as keeping

logger = logging.getLogger(__name__)


@shared_task(name="gateway.watch_spool", acks_late=True)
def watch_spool(**_: object) -> None:
    """Tell organizations that the spool fills up; each is told once."""
    told = filling.record_filling(now=now())
    if told:
        logger.warning("the spool fills up", extra={"organizations": told})


@shared_task(name="gateway.retention", acks_late=True)
def retention(**_: object) -> None:
    """Remove what nobody keeps any more; the next run goes on where one stops."""
    deleted = keeping.delete_old_traffic(now=now())
    if deleted:
        logger.info("retention", extra={"traffic": deleted})
