"""What the pages count: sums over calls, by whom and when. Pure; the selectors fill it, the charts draw it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final

from ingestion import histogram

NOTHING: Final = Decimal(0)
_PLACE: Final = 10**histogram.DIGITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Sums over a set of calls. ``cost_usd`` is of the priced ones; ``unpriced_calls`` are missing from it.

    ``latency`` is a packed histogram (ingestion.histogram) of the calls that gave a latency.
    """

    calls: int = 0
    errors: int = 0
    unpriced_calls: int = 0
    estimated_calls: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cost_usd: Decimal = NOTHING
    latency: Decimal | int = 0

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    @property
    def known_cost_usd(self) -> Decimal | None:
        """The cost, or None when not one call of these has a price: unknown is not zero."""
        return None if self.calls and self.unpriced_calls == self.calls else self.cost_usd

    @property
    def error_rate(self) -> float | None:
        """Errors as a fraction of calls; None without calls."""
        return self.errors / self.calls if self.calls else None

    @property
    def p50_ms(self) -> float | None:
        return self._percentile(0.5)

    @property
    def p95_ms(self) -> float | None:
        """Milliseconds below which 95 % of the calls that gave a latency fall; None when none did."""
        return self._percentile(0.95)

    def with_status(self, status: str) -> int:
        """Calls of one status (``ok``, ``error``), or all of them."""
        return {"": self.calls, "ok": self.calls - self.errors, "error": self.errors}[status]

    def _percentile(self, q: float) -> float | None:
        return histogram.percentile(self.latency, q) if self.latency else None


@dataclass(frozen=True, slots=True, order=True)
class ModelName:
    """A model as rollups know it; two providers may sell one of the same name."""

    provider: str
    model_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Every number of an overview page.

    Groups are largest first and bounded; ``group_counts`` says how many there were. ``series`` has the buckets of the
    first few ``models``; what they leave of ``buckets`` belongs to all others. A bucket without calls is absent.
    ``earlier`` are the buckets of the period that ``before`` sums up, by their own names.
    ``first_day`` is the local day of the oldest numbers kept, whatever else is chosen; None when there are none.
    """

    total: Sums
    before: Sums
    buckets: Mapping[str, Sums] = field(default_factory=dict)
    earlier: Mapping[str, Sums] = field(default_factory=dict)
    models: Mapping[ModelName, Sums] = field(default_factory=dict)
    series: Mapping[ModelName, Mapping[str, Sums]] = field(default_factory=dict)
    features: Mapping[str, Sums] = field(default_factory=dict)
    projects: Mapping[int, Sums] = field(default_factory=dict)
    group_counts: Mapping[str, int] = field(default_factory=dict)
    unpriced_models: int = 0
    first_day: date | None = None

    def reaches_back_to(self, day: date) -> bool:
        """Whether there are numbers from this local day on, so that a sum over it is of a whole period."""
        return self.first_day is not None and self.first_day <= day


def merged(histograms: Iterable[Decimal | int]) -> int:
    """One packed histogram of many, exact up to 10⁸ calls and with scaled counts beyond.

    Adding packed numbers could carry a bucket into its neighbour there; percentiles do not mind a common scale.
    """
    counts: list[int] = []
    for packed in histograms:
        decoded = histogram.decode(packed)
        counts += [0] * (len(decoded) - len(counts))
        for place, count in enumerate(decoded):
            counts[place] += count
    scale = sum(counts) // histogram.MOST_CALLS + 1
    return sum(count // scale * _PLACE**place for place, count in enumerate(counts))
