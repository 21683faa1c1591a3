"""``/healthz`` and ``/readyz`` for load balancers: open to anybody, so they say ok or failed and nothing else."""

from collections.abc import Mapping
from datetime import datetime

import psycopg
from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from kombu import Connection
from kombu.exceptions import OperationalError

from core import health, queue

_PATIENCE_SECONDS = 2


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers; behind the mux, the mux says so itself."""
    return JsonResponse({"status": "alive"})


@csrf_exempt  # whatever method a probe uses, the answer is 405 and no page
@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when this installation can do its work, else 503, with the state of each part."""
    parts = readiness(now=timezone.now())
    ready = all(parts.values())
    checks = {name: "ok" if fine else "failed" for name, fine in parts.items()}
    document = {"status": "ok" if ready else "failed", "checks": checks}
    return JsonResponse(document, status=200 if ready else 503)


def readiness(*, now: datetime) -> Mapping[str, bool]:
    """Whether the database answers, has the schema of this code and room for days of calls, and the queue is there."""
    if not _is_fine(health.database()):
        return {"database": False, "migrations": False, "partitions": False, "queue": False}
    return {
        "database": True,
        "migrations": _is_fine(health.migrations()),
        "partitions": _is_fine(health.partitions(now=now)),
        "queue": broker_answers(),
    }


def _is_fine(component: health.Component) -> bool:
    return component.state != "error"


def broker_answers() -> bool:
    """Whether tasks can be enqueued: our own queue in Postgres, or the broker that is configured instead."""
    if settings.CELERY_BROKER_URL:
        return _foreign_broker_answers(settings.CELERY_BROKER_URL)
    try:
        queue.backlog(settings.DATABASE)
    except psycopg.Error:
        return False
    return True


def _foreign_broker_answers(url: str) -> bool:
    with Connection(url, connect_timeout=_PATIENCE_SECONDS) as connection:
        try:
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0, timeout=_PATIENCE_SECONDS)
        except (OperationalError, OSError):
            return False
    return True
