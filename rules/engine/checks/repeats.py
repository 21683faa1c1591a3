"""Prompts that came again within a local day: which day is looked at, and what its repeats add up to."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from ingestion.pricing.calculator import ZERO
from rules.engine.building import grouped
from rules.engine.days import today
from rules.engine.insights import Item
from rules.engine.savings import exact_sum
from rules.engine.snapshot import HashKind, HashRow, Snapshot

MOST_PROMPTS: Final = 100
MOST_ITEMS: Final = 20


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt within a group and day: its calls, whichever model they went to."""

    source: str
    hash: str
    rows: tuple[HashRow, ...]

    @property
    def calls(self) -> int:
        return sum(row.calls for row in self.rows)

    @property
    def input_tokens(self) -> int:
        return sum(row.input_tokens for row in self.rows)

    @property
    def cached_input_tokens(self) -> int:
        return sum(row.cached_input_tokens for row in self.rows)

    @property
    def cost_usd(self) -> Decimal:
        return exact_sum(row.cost_usd for row in self.rows) if self.rows else ZERO


def days(snapshot: Snapshot) -> tuple[date, date]:
    """The last full local day, then the running one: the first of them on which a rule fires is its evidence.

    The full day comes first, because a month is thirty full days; the running one, so that nobody waits for midnight.
    """
    running = today(snapshot.as_of, snapshot.zone)
    return running - timedelta(days=1), running


@dataclass(frozen=True, slots=True)
class Repeats:
    """The prompts of a group that came again on a day, the most frequent first; ``more`` are not among them.

    At most ``MOST_PROMPTS``, so that the filter that finds their calls again stays one that can be opened.
    """

    day: date
    prompts: tuple[Prompt, ...]
    more: int

    @property
    def calls(self) -> int:
        return sum(prompt.calls for prompt in self.prompts)

    @property
    def named(self) -> list[str]:
        """The prompts as the log of calls is asked for them."""
        return [f"{prompt.source}:{prompt.hash}" for prompt in self.prompts]

    def items(self) -> tuple[Item, ...]:
        return tuple(Item(prompt.hash, prompt.calls) for prompt in self.prompts[:MOST_ITEMS])


def repeats[K: Hashable](
    snapshot: Snapshot, kind: HashKind, key: Callable[[HashRow], K], wanted: Callable[[Prompt], bool]
) -> Iterator[tuple[K, Repeats]]:
    """Each group with the first of ``days`` on which it has a wanted prompt."""
    rows = [row for row in snapshot.hashes if row.kind == kind]
    for group, found in grouped(rows, [key(row) for row in rows]).items():
        for day in days(snapshot):
            repeated = [one for one in _by_hash(row for row in found if row.day == day) if wanted(one)]
            if repeated:
                yield group, Repeats(day, tuple(repeated[:MOST_PROMPTS]), max(0, len(repeated) - MOST_PROMPTS))
                break


def _by_hash(rows: Iterable[HashRow]) -> list[Prompt]:
    rows = list(rows)
    by_hash = grouped(rows, [(row.source, row.hash) for row in rows])
    found = [Prompt(source, value, tuple(there)) for (source, value), there in by_hash.items()]
    return sorted(found, key=lambda prompt: (-prompt.calls, prompt.source, prompt.hash))
