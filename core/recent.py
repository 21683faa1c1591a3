"""Remembers for a while, in this process, that something happened."""

import threading
import time
from typing import Final

_MOST_REMEMBERED: Final = 20_000


class Recent:
    """Ids that something happened to within the last ``seconds``; forgets all when it would grow too large."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: dict[int, float] = {}
        self._lock = threading.Lock()

    def add(self, identifier: int) -> None:
        with self._lock:
            if len(self._until) >= _MOST_REMEMBERED:
                self._until.clear()
            self._until[identifier] = time.monotonic() + self._seconds

    def discard(self, identifier: int) -> None:
        with self._lock:
            self._until.pop(identifier, None)

    def clear(self) -> None:
        with self._lock:
            self._until.clear()

    def __contains__(self, identifier: int) -> bool:
        return self._until.get(identifier, 0.0) > time.monotonic()
