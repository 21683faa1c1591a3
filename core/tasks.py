"""The sign of life of the background processes: it takes beat, the queue and a worker to write it."""

from celery import shared_task
from django.utils.timezone import now

from core.models import Heartbeat


@shared_task(name="core.heartbeat", acks_late=True)
def heartbeat(**_: object) -> None:
    """Remember that a worker ran what beat had sent."""
    Heartbeat.objects.update_or_create(name="worker", defaults={"seen_at": now()})
