"""What telemetry's storage needs by the clock. Each is safe to run twice, also at the same time."""

import logging
from time import monotonic
from typing import Final

from celery import shared_task
from django.db import DatabaseError, transaction
from django.utils.timezone import now

from core import work
from ingestion import attribution, condensing, erasure, rollup_retention, services, time_zone, usage
from ingestion.pricing import services as pricing
from ingestion.pricing.announcement import announce_prices
from ingestion.reprice import services as reprice_services
from ingestion.reprice.writing import RepriceError
from tenants import idempotency
from tenants.teams import MOVE_TASK

logger = logging.getLogger(__name__)

_SECONDS_AT_ONCE: Final = 5.0


@shared_task(name="ingestion.ensure_partitions", acks_late=True)
def ensure_partitions(**_: object) -> None:
    """Make the days that calls may come for; those that exist stay."""
    made = services.ensure_partitions(now=now())
    if made:
        logger.info("partitions made", extra={"partitions": made})


@shared_task(name="ingestion.retention", acks_late=True)
def retention(**_: object) -> None:
    """Remove what nobody keeps any more; the next run goes on where one stops."""
    found = {
        "partitions": services.drop_partitions(now=now()),
        "calls": services.delete_expired_calls(now=now()),
        "samples": services.delete_expired_samples(now=now()),
        "answers": services.delete_old_answers(now=now()),
        "api_answers": idempotency.delete_old_answers(now=now()),
        "responses": services.delete_old_responses(now=now()),
        "refusals": services.delete_old_refusals(now=now()),
        "rollups": rollup_retention.delete_old_rollups(now=now()),
        "single prompts": rollup_retention.delete_single_prompts(now=now()),
    }
    if any(found.values()):
        logger.info("retention", extra=found)


@shared_task(name="ingestion.condense", acks_late=True)
def condense(**_: object) -> None:
    """Sum settled days and hours up for pages; what is not done in time the next run does."""
    condensed = condensing.condense(now=now())
    if any(condensed.values()):
        logger.info("condensed", extra=condensed)


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


@shared_task(name=reprice_services.TASK, acks_late=True)
def reprice(*, organization_id: int, object_id: int, **_: object) -> None:
    """Advance a re-pricing for some seconds, then make room for others; what is left is due at once."""
    until = monotonic() + _SECONDS_AT_ONCE
    try:
        while reprice_services.advance(organization_id=organization_id, run_id=object_id, now=now()):
            if monotonic() >= until:
                work.make_due(reprice_services.TASK, organization_id=organization_id, object_id=object_id)
                return
    except RepriceError as error:
        reprice_services.fail(organization_id=organization_id, run_id=object_id, reason=str(error), now=now())
    except DatabaseError:
        reprice_services.note_failure(organization_id=organization_id, run_id=object_id, now=now())
        raise


@shared_task(name=time_zone.TASK, acks_late=True)
def move_days(*, organization_id: int, object_id: int, **_: object) -> None:
    """Move the next days of an organization to its new time zone."""
    time_zone.move_days(organization_id=organization_id, change_id=object_id, now=now())


@shared_task(name=erasure.TASK, acks_late=True)
def erase(*, organization_id: int, object_id: int, **_: object) -> None:
    """Take an end user out of the next calls."""
    erasure.erase_slice(organization_id=organization_id, erasure_id=object_id, now=now())


@shared_task(name=MOVE_TASK, acks_late=True)
def move_calls(*, organization_id: int, object_id: int, **_: object) -> None:
    """Give stored calls to their team for some seconds, then make room for others; what is left is due at once."""
    until = monotonic() + _SECONDS_AT_ONCE
    while attribution.advance(organization_id=organization_id, move_id=object_id, now=now()):
        if monotonic() >= until:
            work.make_due(MOVE_TASK, organization_id=organization_id, object_id=object_id)
            return
