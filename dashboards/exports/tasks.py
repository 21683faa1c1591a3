"""What makes and deletes files of exports. Each is safe to run twice, also at the same time."""

import logging
from time import monotonic
from typing import Final

from celery import shared_task
from django.db import DatabaseError
from django.utils.timezone import now

from dashboards.exports import making
from dashboards.exports import retention as sweeping
from dashboards.exports.destinations import running
from dashboards.exports.destinations.models import TASK as FILL
from dashboards.exports.destinations.s3 import BucketError
from dashboards.exports.making import ExportError
from dashboards.exports.models import TASK

logger = logging.getLogger(__name__)

_SECONDS_AT_ONCE: Final = 5.0
_TOO_SLOW: Final = "The database could not do it in time."
_BROKEN: Final = "Something went wrong here. The operator finds the reason in the log."


@shared_task(name=TASK, acks_late=True)
def make(*, organization_id: int, object_id: int, **_: object) -> None:
    """Go on with an export for some seconds, then make room for others; what is left is due at once."""
    until = monotonic() + _SECONDS_AT_ONCE
    mine = making.claim(organization_id=organization_id, export_id=object_id, now=now())
    if mine is None:
        return
    try:
        while making.advance(mine, now=now()):
            if monotonic() >= until:
                making.release(mine)
                return
    except ExportError as error:
        making.fail(mine, reason=str(error), now=now())
    except Exception as error:  # of the database or our own: it is tried again, and not for ever
        making.note_failure(mine, is_slow=isinstance(error, DatabaseError), now=now())
        raise


@shared_task(name=FILL, acks_late=True)
def fill_destination(*, organization_id: int, object_id: int, **_: object) -> None:
    """Go on with a slot of a destination for some seconds; what is left is due at once."""
    until = monotonic() + _SECONDS_AT_ONCE
    mine = running.claim(organization_id=organization_id, destination_id=object_id, now=now())
    if mine is None:
        return
    try:
        while running.advance(mine, now=now()):
            if monotonic() >= until:
                running.release(mine)
                return
    except BucketError as error:
        running.fail(mine, reason=str(error), now=now())
    except Exception as error:  # of the database or our own: it is tried again, later and later
        running.fail(mine, reason=_TOO_SLOW if isinstance(error, DatabaseError) else _BROKEN, now=now())
        raise


@shared_task(name="exports.retention", acks_late=True)
def retention(**_: object) -> None:
    """Delete files whose time is over; the next run finds what this one did not."""
    gone = sweeping.sweep(now=now())
    if gone:
        logger.info("exports expired", extra={"files": gone})
