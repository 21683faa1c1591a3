"""Whether an open page still shows the truth: cheap answers to "anything new?". Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self

from dashboards.cursors import Seen, decode_seen, fingerprint
from dashboards.filters import Filter

# A call is committed a moment after it was received, and another writer's later call may be committed before it.
OVERLAP: Final = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Question:
    """What an open log asks. With ``peek`` it only wants to know how many calls came, ``shown`` says what it knows."""

    seen: Seen
    peek: bool
    shown: str

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> Self | None:
        """Read from a query string; None when nothing, or nothing readable, is asked."""
        seen = decode_seen(query.get("seen", ""))
        return None if seen is None else cls(seen, peek="peek" in query, shown=query.get("shown", ""))

    def is_quiet(self, *, last_received_at: datetime | None, now: datetime) -> bool:
        """Whether nothing can have been received since, so the log need not be read."""
        return last_received_at is None or (
            last_received_at <= self.seen.received_at and now - last_received_at > OVERLAP
        )


@dataclass(frozen=True, slots=True)
class UpTo:
    """Up to when a page's numbers are whole, on the organization's clock, as text, in full, and for machines."""

    text: str
    title: str
    moment: str

    @classmethod
    def of(cls, chosen: Filter) -> Self:
        local = chosen.now.astimezone(chosen.zone)
        title = f"{local.day} {local:%b %Y, %H:%M:%S} {chosen.zone.key}"
        return cls(f"{local:%H:%M:%S}", title, local.isoformat(timespec="seconds"))


def overview_version(chosen: Filter, last_received_at: datetime | None) -> str:
    """Changes when an overview's numbers may: with the filter, with its period as time goes on, with every call."""
    return fingerprint([chosen.query(), str(chosen.hidden), chosen.period.end.isoformat(), str(last_received_at)])
