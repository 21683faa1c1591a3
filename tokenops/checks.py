"""System checks of the installation as a whole: what would hurt in production is said before the first request."""

from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Tags, register

MOST_CONNECTIONS: Final = 50
# Three writer threads of calls and two of samples, counts of refusals, the key listener, reads of keys and of prices,
# and the heartbeat.
_EDGE_CONNECTIONS: Final = 10
_WORKER_CONNECTIONS: Final = 6  # one a worker thread, beat and its lock
_BROKER_POOLS: Final = 3  # web, worker and beat each hold one
_BROKER_POOL_SIZE: Final = 3  # two and the listener


def planned_connections() -> int:
    """Postgres connections of the default set of processes when all are busy."""
    broker = 0 if settings.CELERY_BROKER_URL else _BROKER_POOLS * _BROKER_POOL_SIZE
    return int(settings.WEB_THREADS) + _EDGE_CONNECTIONS + _WORKER_CONNECTIONS + broker


@register(Tags.database)
def check_connections(**_: Any) -> list[CheckMessage]:
    """Print how many connections the default processes need, and refuse more than the server is set up for."""
    planned = planned_connections()
    if planned >= MOST_CONNECTIONS:
        hint = f"WEB_THREADS={settings.WEB_THREADS}: fewer threads, or more connections in Postgres."
        return [Error(f"The processes may open {planned} database connections.", hint=hint, id="tokenops.E010")]
    return [Info(f"The processes open at most {planned} database connections.", id="tokenops.I010")]


@register(Tags.caches, deploy=True)
def check_shared_cache(**_: Any) -> list[CheckMessage]:
    """Login limits live in the cache: in the memory of one process they do not limit."""
    backend = settings.CACHES["default"]["BACKEND"]
    if backend.endswith(("LocMemCache", "DummyCache")):
        return [Error("The cache is private to one process; set CACHE_URL or use Postgres.", id="tokenops.E011")]
    return []
