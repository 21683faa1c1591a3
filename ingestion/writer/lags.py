"""How long requests waited until they were durable: the figure that tells an operator whether the edge keeps up."""

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WINDOW_SECONDS: Final = 60.0
_MOST_FLUSHES: Final = 20_000  # a minute of 300 flushes a second
_MOST_REQUESTS: Final = 50_000


@dataclass(frozen=True, slots=True)
class Pace:
    """The last minute of one writer. Lags are milliseconds from a request's arrival to its commit, None without one."""

    flushes: int
    failures: int
    requests: int
    lag_p50_ms: float | None
    lag_p99_ms: float | None


class Lags:
    """Remembers the last minute. Written by the writer's threads, read from anywhere."""

    def __init__(self) -> None:
        self._requests: deque[tuple[float, float]] = deque(maxlen=_MOST_REQUESTS)  # when it was done, how long it took
        self._flushes: deque[tuple[float, bool]] = deque(maxlen=_MOST_FLUSHES)
        self._lock = threading.Lock()

    def note(self, came_at: Sequence[float], *, is_stored: bool, now: float | None = None) -> None:
        """One flush of requests that came at these moments; all moments are monotonic seconds."""
        done = time.monotonic() if now is None else now
        with self._lock:
            self._flushes.append((done, is_stored))
            if is_stored:
                self._requests.extend((done, done - came) for came in came_at)

    def pace(self, *, now: float | None = None) -> Pace:
        since = (time.monotonic() if now is None else now) - WINDOW_SECONDS
        with self._lock:
            lags = sorted(lag for done, lag in self._requests if done >= since)
            outcomes = [stored for done, stored in self._flushes if done >= since]
        return Pace(
            flushes=len(outcomes),
            failures=outcomes.count(False),
            requests=len(lags),
            lag_p50_ms=_quantile_ms(lags, 0.5),
            lag_p99_ms=_quantile_ms(lags, 0.99),
        )


def _quantile_ms(ordered: Sequence[float], fraction: float) -> float | None:
    """The smallest lag that at least this fraction of the requests did not exceed."""
    if not ordered:
        return None
    place = max(0, -(-len(ordered) * fraction // 1) - 1)
    return round(ordered[int(place)] * 1000, 1)
