"""What a row of a list counts: sums over the calls of one model, one feature or one team. Pure."""

from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any, Final, Self

from dashboards.numbers import NOTHING, merged
from ingestion import histogram
from rules.engine.snapshot import Tokens

_MEDIAN, _SLOW = 0.5, 0.95
_MILLISECONDS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over a set of calls. ``cost_usd`` is of the priced ones; ``unpriced_calls`` are missing from it.

    ``latency`` and ``first_token`` are packed histograms (ingestion.histogram) of the calls that gave them;
    ``timed_output_tokens`` and ``latency_sum_ms`` are of the calls that gave a latency.
    """

    calls: int = 0
    errors: int = 0
    unpriced_calls: int = 0
    estimated_calls: int = 0
    tokens: Tokens = field(default_factory=Tokens)
    cost_usd: Decimal = NOTHING
    cost_other_usd: Decimal = NOTHING
    timed_output_tokens: int = 0
    latency_sum_ms: float = 0.0
    latency: Decimal | int = 0
    first_token: Decimal | int = 0

    def __add__(self, other: Self) -> "Totals":
        sums: dict[str, Any] = {name: getattr(self, name) + getattr(other, name) for name in _ADDED}
        histograms: dict[str, Any] = {
            name: merged([getattr(self, name), getattr(other, name)]) for name in ("latency", "first_token")
        }
        return Totals(**sums, **histograms)

    @property
    def all_tokens(self) -> int:
        return self.tokens.input_tokens + self.tokens.output_tokens

    @property
    def priced_calls(self) -> int:
        return self.calls - self.unpriced_calls

    @property
    def known_cost_usd(self) -> Decimal | None:
        """The cost, or None when not one call of these has a price: unknown is not zero."""
        return None if self.calls and not self.priced_calls else self.cost_usd

    @property
    def cost_per_call(self) -> Decimal | None:
        """The cost of a priced call on average; None without one."""
        return self.cost_usd / self.priced_calls if self.priced_calls else None

    @property
    def cached_share(self) -> float | None:
        """Cached tokens as a fraction of input tokens; None without input."""
        return self.tokens.cached_input_tokens / self.tokens.input_tokens if self.tokens.input_tokens else None

    @property
    def error_rate(self) -> float | None:
        return self.errors / self.calls if self.calls else None

    @property
    def p50_ms(self) -> float | None:
        return _percentile(self.latency, _MEDIAN)

    @property
    def p95_ms(self) -> float | None:
        return _percentile(self.latency, _SLOW)

    @property
    def first_token_ms(self) -> float | None:
        """The median time to the first token of the calls that gave one."""
        return _percentile(self.first_token, _MEDIAN)

    @property
    def tokens_per_second(self) -> float | None:
        """Output tokens a second of latency, of the calls that gave one; None where nothing was written."""
        if not self.latency_sum_ms or not self.timed_output_tokens:
            return None
        return self.timed_output_tokens * _MILLISECONDS / self.latency_sum_ms

    def with_status(self, status: str) -> int:
        """Calls of one status (``ok``, ``error``), or all of them."""
        return {"": self.calls, "ok": self.calls - self.errors, "error": self.errors}[status]


_ADDED: Final = tuple(one.name for one in fields(Totals) if one.name not in {"latency", "first_token"})


def _percentile(packed: Decimal | int, q: float) -> float | None:
    return histogram.percentile(packed, q) if packed else None
