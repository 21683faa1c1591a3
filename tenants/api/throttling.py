"""A brake for clients that ask too often, so that one of them does not slow the others down.

Buckets live in the process: an answer about a limit must not cost a query. With several web processes each allows
the full rate. The header fields are those of the edge (ingestion.edge.limits).
"""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from core.buckets import Buckets
from tenants.api_access import client_of

RATE: Final = 20.0  # requests a second, lasting
BURST: Final = 100  # requests at once, after a rest
_MOST_CLIENTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Standing:
    """How a client stands after a request: seconds to ``wait`` before the next one is taken (0: this one was), how
    many are ``left`` now, and the seconds until all of them are there again, or with nothing left, until one is.
    """

    wait: float
    left: int
    seconds: int

    @property
    def text(self) -> str:
        """As the header field ``RateLimit`` says it."""
        return f'"requests";r={self.left};t={self.seconds}'


class Limiter:
    """Token buckets by client; those not seen for longest are forgotten first. Safe between threads."""

    def __init__(self, *, rate: float, burst: int) -> None:
        self._burst = burst
        self._buckets = Buckets[str](rate=rate, size=burst, most=_MOST_CLIENTS)
        self._lock = threading.Lock()
        self.policy = f'"requests";q={burst};w={math.ceil(burst / rate)};qu="requests"'

    def take(self, client: str, *, now: float) -> Standing:
        """Take one request of ``client``, if there is one to take.

        ``now`` is seconds on a clock that never goes back.
        """
        with self._lock:
            bucket = self._buckets.of(client, now=now)
            wait = bucket.seconds_until(1)
            if not wait:
                bucket.take(1)
            left = math.floor(bucket.tokens)
            seconds = math.ceil(bucket.seconds_until(self._burst if left else 1))
            return Standing(wait, left, seconds)


limiter = Limiter(rate=RATE, burst=BURST)


class ClientThrottle(BaseThrottle):
    """Counts requests by key or person. Strangers only get this far where there is nothing to know."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def allow_request(self, request: Request, view: Any) -> bool:
        client = client_of(request)
        if client is None:
            return True
        standing = limiter.take(client, now=time.monotonic())
        request._request.rate_limit = (limiter.policy, standing.text)  # type: ignore[attr-defined]
        self._seconds = standing.wait
        return not standing.wait

    def wait(self) -> float:
        """Whole seconds, rounded up: ``Retry-After`` has no fractions, and 0 would say "at once"."""
        return math.ceil(self._seconds)


class RateLimitMiddleware:
    """Says on every answer to a client that was counted how it stands, whatever the answer is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        counted: tuple[str, str] | None = getattr(request, "rate_limit", None)
        if counted:
            response["RateLimit-Policy"], response["RateLimit"] = counted
        return response
