"""Limits that protect others: what one API key may send a second, and its organization in a month.

A request is refused before its body is read. How many events it brings is known only when it is decoded: a body is
taken while the bucket of events is not empty, and then paid for in full, so that a debt is never larger than one body
and nobody is kept from sending a batch that is larger than the bucket.

The header fields are those of draft-ietf-httpapi-ratelimit-headers-10.
"""

import asyncio
import math
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from core.buckets import Bucket, Buckets
from ingestion.edge.http import Headers, Problem

_WINDOW_SECONDS: Final = 1  # what a key may send at once after a rest is what it may send in this time
_MOST_KEYS: Final = 10_000
_MOST_HELD: Final = 1_000
_LONGEST_RETRY_SECONDS: Final = 3_600  # a quota may be raised at any time


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What one key may send a second through this process; 0: as much as it likes."""

    requests: float = 0.0
    events: float = 0.0


@dataclass(frozen=True, slots=True)
class Quota:
    """Events an organization may send in the month that ends at ``ends_at``, and how many it had sent when asked."""

    limit: int
    used: int
    ends_at: datetime

    def check(self, now: datetime) -> None:
        """:raises Problem: 429, nothing is left of this month's events."""
        if self.used < self.limit or now >= self.ends_at:
            return
        seconds = min(math.ceil((self.ends_at - now).total_seconds()), _LONGEST_RETRY_SECONDS)
        title = "The monthly quota of this organization is used up."
        detail = "Events are taken again from the beginning of the next month, or once the quota is raised."
        raise Problem(429, "quota-exceeded", title, detail, headers=(("retry-after", str(seconds)),))


class _Policy:
    """One limit, kept per API key; ``unit`` is what its tokens stand for."""

    def __init__(self, unit: str, rate: float) -> None:
        size = max(1.0, rate * _WINDOW_SECONDS)
        self.unit, self._size = unit, size
        self._buckets = Buckets[int](rate=rate, size=size, most=_MOST_KEYS)
        self.text = f'"{unit}";q={math.floor(size)};w={_WINDOW_SECONDS};qu="{unit}"'

    def bucket(self, key_id: int, now: float) -> Bucket:
        """:raises Problem: 429, there is nothing left to take."""
        bucket = self._buckets.of(key_id, now=now)
        if bucket.tokens < 1:
            raise self._exhausted(bucket)
        return bucket

    def standing(self, key_id: int, now: float) -> str:
        """What is left, and the seconds until all of it is there; with nothing left, until something is."""
        bucket = self._buckets.of(key_id, now=now)
        left = math.floor(bucket.tokens)
        seconds = bucket.seconds_until(self._size if left > 0 else 1)
        return f'"{self.unit}";r={max(0, left)};t={math.ceil(seconds)}'

    def _exhausted(self, bucket: Bucket) -> Problem:
        seconds = math.ceil(bucket.seconds_until(1))
        title, detail = f"This API key sends too many {self.unit}.", f"Try again in {seconds} s."
        return Problem(429, "rate-limited", title, detail, headers=(("retry-after", str(seconds)),))


class RateLimiter:
    """What keys sent of late. Lives in one event loop; ``now`` is seconds on a clock that never goes back."""

    def __init__(self, rates: Rates) -> None:
        self._requests = _Policy("requests", rates.requests) if rates.requests else None
        self._events = _Policy("events", rates.events) if rates.events else None
        self._policies = [policy for policy in (self._requests, self._events) if policy]
        self._policy_text = ", ".join(policy.text for policy in self._policies)

    def take_request(self, key_id: int, *, now: float) -> None:
        """Count a request, unless there is no room for its events either.

        :raises Problem: 429, and nothing is counted.
        """
        if self._events:
            self._events.bucket(key_id, now)
        if self._requests:
            self._requests.bucket(key_id, now).take(1)

    def take_events(self, key_id: int, count: int, *, now: float) -> None:
        """Count the events of a decoded body: many bodies may have been let in while the bucket was not empty.

        :raises Problem: 429, and nothing is counted.
        """
        if self._events and count:
            self._events.bucket(key_id, now).take(count)

    def headers(self, key_id: int, *, now: float) -> Headers:
        """How a key stands, for every answer to it."""
        if not self._policies:
            return ()
        standing = ", ".join(policy.standing(key_id, now) for policy in self._policies)
        return (("ratelimit-policy", self._policy_text), ("ratelimit", standing))


class Brake:
    """Holds an answer back for ``seconds``, so that who sends again at once, whatever it is told, sends less.

    A flood of requests that are all refused still costs the process the time to refuse them. No more than ``most``
    answers are held at the same time; the others go out at once.
    """

    def __init__(self, seconds: float, *, most: int = _MOST_HELD) -> None:
        self._seconds, self._most = seconds, most
        self.held = 0

    async def hold(self) -> None:
        if self.held >= self._most:
            return
        self.held += 1
        try:
            await asyncio.sleep(self._seconds)
        finally:
            self.held -= 1
