"""The numbers of a report, as they are stored: exact, without words or colours. Pure.

A report is written down once and shown in four forms, so every form says the same. Money is US dollars; None is
unknown, which is not zero.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Self

import msgspec

VERSION: Final = 1  # of this shape; what is stored says which it has
ZERO: Final = Decimal(0)
SECTIONS: Final[dict[str, str]] = {
    "spend": "Spend over time",
    "teams": "Cost by team",
    "models": "Cost by model",
    "features": "Cost by feature",
    "insights": "Open insights",
    "savings": "Savings found and realised",
    "forecast": "Forecast and budgets",
    "resources": "Cloud resources",
}


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over calls; ``cost_usd`` is of those with a price."""

    calls: int = 0
    errors: int = 0
    unpriced_calls: int = 0
    estimated_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = ZERO

    @property
    def known_cost_usd(self) -> Decimal | None:
        """None when there are calls and not one has a price."""
        return None if self.calls and self.unpriced_calls == self.calls else self.cost_usd

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """What one team, model or feature did; ``within`` is a model's provider."""

    name: str
    sums: Sums
    within: str = ""


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    """The largest groups first; ``count`` is how many there were."""

    groups: tuple[Group, ...] = ()
    count: int = 0


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """A local day of the period."""

    day: date
    sums: Sums


class Saving(msgspec.Struct, frozen=True, kw_only=True):
    """What acting on ``insights`` of them saves; one cost is saved once."""

    month_usd: Decimal = ZERO
    year_usd: Decimal = ZERO
    is_upper_bound: bool = False
    insights: int = 0


class Insight(msgspec.Struct, frozen=True, kw_only=True):
    """An open insight; ``evidence`` is the figure that decided, in words."""

    id: int
    rule: str
    title: str
    place: str
    severity: str
    team: str
    project: str
    evidence: str
    path: str
    saving_month_usd: Decimal | None = None
    is_upper_bound: bool = False


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """Insights that are open now, the most pressing first, and what came and went within the period."""

    open: tuple[Insight, ...] = ()
    counts: dict[str, int] = {}
    potential: Saving = Saving()
    found: Saving = Saving()
    realised: Saving = Saving()

    @property
    def open_count(self) -> int:
        return sum(self.counts.values())


class Range(msgspec.Struct, frozen=True):
    """A forecast: the mean, the lowest and the highest daily pace."""

    expected: Decimal
    low: Decimal
    high: Decimal


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """A budget in its running period; amounts are dollars, or tokens where ``is_tokens``."""

    name: str
    scope: str
    period: str
    is_tokens: bool
    limit: Decimal
    spent: Decimal
    unpriced_calls: int
    standing: str
    forecast: Range | None = None


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """The running calendar month, whatever period the report is about."""

    month: date
    spent: Sums = Sums()
    forecast: Range | None = None
    budgets: tuple[Budget, ...] = ()
    more_budgets: int = 0


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    kind: str
    team: str
    samples: int
    allocated_mb: Decimal
    peak_mb: Decimal
    cost_usd: Decimal | None


class Resources(msgspec.Struct, frozen=True, kw_only=True):
    """Cloud functions and workers with samples in the period; ``entries`` are the samples."""

    entries: int = 0
    count: int = 0
    cost_usd: Decimal | None = None
    without_cost: int = 0
    largest: tuple[Resource, ...] = ()


class Currency(msgspec.Struct, frozen=True, kw_only=True):
    """What costs are shown in: so many of ``code`` for a dollar, valid since a day."""

    code: str = "USD"
    rate: Decimal = Decimal(1)
    since: date | None = None


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a report says. ``before`` is None where numbers do not reach back to a whole earlier period."""

    made_at: datetime
    organization: str
    project: str
    zone: str
    first_day: date
    last_day: date
    sections: tuple[str, ...]
    total: Sums
    before: Sums | None = None
    before_words: str = ""
    currency: Currency = Currency()
    hidden_projects: int = 0
    days: tuple[Day, ...] = ()
    models: Ranking = Ranking()
    teams: Ranking = Ranking()
    features: Ranking = Ranking()
    findings: Findings = Findings()
    forecast: Forecast | None = None
    resources: Resources = Resources()
    version: int = VERSION

    @classmethod
    def of_stored(cls, stored: Any) -> Self:
        """What ``as_stored`` wrote."""
        return msgspec.convert(stored, cls)

    def as_stored(self) -> dict[str, Any]:
        """JSON-able, every digit kept."""
        stored: dict[str, Any] = msgspec.to_builtins(self, str_keys=True)
        return stored

    def shows(self, section: str) -> bool:
        return section in self.sections
