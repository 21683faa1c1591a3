"""What a set of insights would save together: of one place, only the largest saving counts."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from rules.engine.savings import MONTHS_A_YEAR, exact_sum


@dataclass(frozen=True, slots=True)
class MonthlyPart:
    """A part of an insight's saving a month: in which project, and where in it."""

    project_id: int | None
    team: str
    feature: str
    provider: str
    model: str
    month_usd: Decimal

    @property
    def place(self) -> tuple[int | None, str, str, str, str]:
        return self.project_id, self.team, self.feature, self.provider, self.model


@dataclass(frozen=True, slots=True)
class Total:
    """Potential savings in USD."""

    month_usd: Decimal
    year_usd: Decimal


def total(parts: Iterable[MonthlyPart]) -> Total:
    """The sum over places of the largest part of each: two ways to save one cost save it once."""
    largest: dict[tuple[int | None, str, str, str, str], Decimal] = {}
    for part in parts:
        largest[part.place] = max(part.month_usd, largest.get(part.place, part.month_usd))
    month = exact_sum(largest.values())
    return Total(month, month * MONTHS_A_YEAR)
