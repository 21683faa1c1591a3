"""The sign of life of the background processes, which takes beat, the queue and a worker to write; and the sweep."""

from typing import Final

from celery import shared_task
from django.utils.timezone import now

from core import work
from core.models import Heartbeat

STARTED_AT: Final = now()  # of the worker


@shared_task(name="core.heartbeat", acks_late=True)
def heartbeat(**_: object) -> None:
    """Remember that a worker ran what beat had sent."""
    facts = {"started_at": STARTED_AT.isoformat()}
    Heartbeat.objects.update_or_create(name="worker", defaults={"seen_at": now(), "facts": facts})


@shared_task(name="core.dispatch_work", acks_late=True)
def dispatch_work(**_: object) -> None:
    """Hand out work whose message was lost or whose time has come."""
    work.dispatch(now=now())
