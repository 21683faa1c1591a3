"""What became of the events: counted, so that nothing is lost without a trace."""

import threading
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class Stats:
    """Counts since the start of the process; of ``dropped`` the reasons.

    ``accepted`` events are durable at the server, ``duplicates`` were there before, ``rejected`` ones it refused for
    what they say, and ``waiting`` ones are still here. Of the spool: ``adopted`` events another process had left there,
    ``left_in_spool`` ones are for the next process, ``not_spooled`` ones found no room there (they were sent from
    memory), and ``spool_corrupted`` counts lines that could not be read.
    """

    recorded: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    waiting: int = 0
    retries: int = 0
    dropped_queue_full: int = 0
    dropped_quota: int = 0
    dropped_unauthorized: int = 0
    dropped_unserialisable: int = 0
    dropped_too_large: int = 0
    dropped_at_exit: int = 0
    dropped_by_before_send: int = 0
    dropped_internal: int = 0
    adopted: int = 0
    left_in_spool: int = 0
    not_spooled: int = 0
    spool_corrupted: int = 0
    not_sampled: int = 0
    errors: int = 0

    @property
    def dropped(self) -> int:
        """Events that the server will never see although they were to be sent."""
        return sum(getattr(self, one.name) for one in fields(self) if one.name.startswith("dropped_"))


@dataclass
class Counters:
    """Where the counts are kept; every method may be called from every thread."""

    _counts: dict[str, int] = field(default_factory=dict)
    _lock: Any = field(default_factory=threading.RLock)  # a finalizer may count while its thread does

    def add(self, name: str, count: int = 1) -> None:
        with self._lock:
            self._counts[name] = self._counts.get(name, 0) + count

    def seen(self, *, waiting: int) -> Stats:
        with self._lock:
            return Stats(**self._counts, waiting=waiting)
