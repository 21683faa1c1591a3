"""A brake for clients that ask too often, so that one of them does not slow the others down.

Buckets live in the process: an answer about a limit must not cost a query. With several web processes each allows
the full rate.
"""

import math
import threading
import time
from typing import Any, Final

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from core.buckets import Buckets
from tenants.api_access import key_of
from tenants.models import User

RATE: Final = 20.0  # requests a second, lasting
BURST: Final = 100  # requests at once, after a rest
_MOST_CLIENTS: Final = 10_000


class Limiter:
    """Token buckets by client; those not seen for longest are forgotten first. Safe between threads."""

    def __init__(self, *, rate: float, burst: int) -> None:
        self._buckets = Buckets[str](rate=rate, size=burst, most=_MOST_CLIENTS)
        self._lock = threading.Lock()

    def wait_for(self, client: str, *, now: float) -> float:
        """Take one request of ``client`` and return 0, or the seconds until there is one to take.

        ``now`` is seconds on a clock that never goes back.
        """
        with self._lock:
            bucket = self._buckets.of(client, now=now)
            seconds = bucket.seconds_until(1)
            if not seconds:
                bucket.take(1)
            return seconds


limiter = Limiter(rate=RATE, burst=BURST)


class ClientThrottle(BaseThrottle):
    """Counts requests by key or person. Strangers only get this far where there is nothing to know."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def allow_request(self, request: Request, view: Any) -> bool:
        client = _client(request)
        self._seconds = limiter.wait_for(client, now=time.monotonic()) if client else 0.0
        return not self._seconds

    def wait(self) -> float:
        """Whole seconds, rounded up: ``Retry-After`` has no fractions, and 0 would say "at once"."""
        return math.ceil(self._seconds)


def _client(request: Request) -> str | None:
    key, person = key_of(request), request.user
    if key:
        return f"key:{key.key_id}"
    return f"user:{person.pk}" if isinstance(person, User) else None
