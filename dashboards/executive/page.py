"""The numbers of a month as the page shows them. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from core.formats import Number
from dashboards.executive.month import Month
from dashboards.executive.spend import Amount, Spend
from ingestion.pricing.calculator import EXACT
from ingestion.store import OTHER
from rules.engine.budgets import Forecast
from rules.models import Budget

TEAMS: Final = 8
MOVERS: Final = 5
KINDS: Final = {"team": "Team", "feature": "Feature", "model": "Model"}
_SHOWN: Final = Decimal("1e-6")

type Address = Callable[[Amount], str]


@dataclass(frozen=True, slots=True)
class TeamLine:
    """A team's month; ``budget`` is its own monthly one, if it has one."""

    name: str
    url: str
    amount: Amount
    share: float | None
    limit: Decimal | None

    @property
    def used(self) -> Decimal | None:
        """How much of its budget is spent: 1 is all of it."""
        return None if self.limit is None else _ratio(self.amount.cost_usd, self.limit)


@dataclass(frozen=True, slots=True)
class Mover:
    """Something whose cost changed."""

    kind: str
    name: str
    url: str
    amount: Amount


@dataclass(frozen=True, slots=True)
class Against:
    """A budget and how the month stands against it."""

    budget: Budget
    used: Decimal
    ahead: Decimal | None

    @property
    def hue(self) -> int | None:
        """The colour of its bar, where it needs a look."""
        return 2 if max(self.used, self.ahead or Decimal(0)) > 1 else None


def against(budgets: Sequence[Budget], spent: Decimal, ahead: Forecast | None) -> Against | None:
    """The smallest of an organization's monthly budgets: it is the first to be reached."""
    if not budgets:
        return None
    budget = min(budgets, key=lambda one: (one.limit, one.pk))
    return Against(budget, _ratio(spent, budget.limit), _ratio(ahead.expected, budget.limit) if ahead else None)


def team_lines(
    spend: Spend, *, names: Mapping[str, str], limits: Mapping[str, Decimal], url: Address
) -> list[TeamLine]:
    """The teams that cost most, and what all others cost together."""
    teams = [one for one in spend.of("team") if one.calls or one.before_usd]
    lines = [
        TeamLine(_team_name(one.name, names), url(one), one, _share(one, spend), limits.get(one.name))
        for one in teams[:TEAMS]
    ]
    if teams[TEAMS:]:
        rest = _together(teams[TEAMS:])
        lines.append(TeamLine(f"{len(teams) - TEAMS} others", "", rest, _share(rest, spend), None))
    return lines


def movers(spend: Spend, *, names: Mapping[str, str], url: Address) -> tuple[list[Mover], list[Mover]]:
    """What costs more than before, the most first, and what costs less; unknown costs have not moved."""
    known = [one for one in spend.amounts if one.known_cost_usd is not None and one.name != OTHER]
    ordered = sorted(known, key=lambda one: (-abs(one.change_usd), list(KINDS).index(one.kind), one.name, one.provider))
    made = [Mover(KINDS[one.kind], _name(one, names), url(one), one) for one in ordered]
    up = [one for one in made if one.amount.change_usd > 0][:MOVERS]
    down = [one for one in made if one.amount.change_usd < 0][:MOVERS]
    return up, down


def day_costs(spend: Spend, month: Month) -> list[Number | None]:
    """The cost of each day that has begun."""
    today = month.now.astimezone(month.zone).date().isoformat()
    return [spend.days.get(day, Decimal(0)) for day in month.period.buckets() if day <= today]


def _name(one: Amount, names: Mapping[str, str]) -> str:
    return _team_name(one.name, names) if one.kind == "team" else one.name or f"No {one.kind}"


def _team_name(slug: str, names: Mapping[str, str]) -> str:
    return names.get(slug, slug) if slug else "No team"


def _share(part: Amount, spend: Spend) -> float | None:
    if not spend.total.cost_usd or part.known_cost_usd is None:
        return None
    return float(part.cost_usd / spend.total.cost_usd)


def _together(amounts: Iterable[Amount]) -> Amount:
    listed = list(amounts)
    return Amount(
        kind=listed[0].kind,
        name="",
        provider="",
        calls=sum(one.calls for one in listed),
        unpriced_calls=sum(one.unpriced_calls for one in listed),
        cost_usd=sum((one.cost_usd for one in listed), Decimal(0)),
        before_usd=sum((one.before_usd for one in listed), Decimal(0)),
    )


def _ratio(part: Decimal, whole: Decimal) -> Decimal:
    return EXACT.quantize(EXACT.divide(part, whole), _SHOWN)
