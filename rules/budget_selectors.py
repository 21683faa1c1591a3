"""Reads about budgets for pages and the API, inside the organization's scope."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Final, Literal
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from ingestion.models import DailyRollup
from ingestion.pricing.calculator import EXACT
from rules import budget_spend
from rules.budget_reach import Reach
from rules.engine.budgets import BudgetPeriod, Forecast, Stretch, forecast, stretch_at
from rules.engine.names import Rule
from rules.models import Budget, BudgetState, Insight
from tenants import team_selectors
from tenants.models import Organization, Project

type Standing = Literal["paused", "over", "warned", "ahead", "ok"]

FRESH: Final = timedelta(minutes=2)  # budgets are summed up every minute while calls come
PAST: Final = 24  # periods that a page looks back
_WHOLE: Final = Decimal("1e-6")


@dataclass(frozen=True)
class BudgetRow:
    """A budget and how it stands in its running period."""

    budget: Budget
    stretch: Stretch
    spent: Decimal
    unpriced_calls: int
    estimated_calls: int
    fired: tuple[int, ...]
    forecast: Forecast | None
    computed_at: datetime

    @cached_property
    def share(self) -> Decimal:
        """Spent of the limit: 1 is all of it."""
        return EXACT.quantize(EXACT.divide(self.spent, self.budget.limit), _WHOLE)

    @property
    def left(self) -> Decimal:
        """What may still be spent; below zero once the budget is over."""
        return EXACT.subtract(self.budget.limit, self.spent)

    @property
    def reached(self) -> tuple[int, ...]:
        """Thresholds that the spend is at or above, or was within this period."""
        return tuple(one for one in self.budget.thresholds if one in self.fired or self._is_at(one))

    def _is_at(self, threshold: int) -> bool:
        return bool(self.spent * 100 >= threshold * self.budget.limit)

    @property
    def standing(self) -> Standing:
        """In one word, the worst first; ``ahead`` is a forecast whose low end is above the limit."""
        if not self.budget.is_active:
            return "paused"
        if self.spent >= self.budget.limit:
            return "over"
        if self.forecast is not None and self.forecast.low > self.budget.limit:
            return "ahead"
        return "warned" if self.reached else "ok"


def budgets(*, organization: Organization, reach: Reach) -> QuerySet[Budget]:
    """The budgets in somebody's reach, by name."""
    found = Budget.objects.filter(reach.visible(), organization=organization)
    return found.select_related("project", "api_key", "created_by").order_by("name", "pk")


def budget(*, organization: Organization, reach: Reach, budget_id: int) -> Budget | None:
    return budgets(organization=organization, reach=reach).filter(pk=budget_id).first()


def rows(*, organization: Organization, found: Iterable[Budget], as_of: datetime, zone: ZoneInfo) -> list[BudgetRow]:
    """How each of ``found`` stands; what the last minute's evaluation knows, and read anew where there was none."""
    listed = list(found)
    known = _states(listed, as_of, zone)
    projects = _project_ids() if len(known) < len(listed) else ()
    return [
        _stored(one, known[one.pk], as_of, zone) if one.pk in known else _read(one, as_of, zone, projects)
        for one in listed
    ]


def row(*, budget: Budget, as_of: datetime, zone: ZoneInfo) -> BudgetRow:
    """How ``budget`` stands right now."""
    return _read(budget, as_of, zone, _project_ids())


def _project_ids() -> tuple[int, ...]:
    return tuple(Project.objects.order_by("pk").values_list("pk", flat=True))


def _states(listed: Iterable[Budget], as_of: datetime, zone: ZoneInfo) -> dict[int, BudgetState]:
    """Fresh sums of running periods; paused budgets have none that can be fresh."""
    active = [one for one in listed if one.is_active]
    since = {stretch_at(period, as_of, zone).since for period in {BudgetPeriod(one.period) for one in active}}
    fresh = BudgetState.objects.filter(budget__in=active, since__in=since, computed_at__gt=as_of - FRESH)
    running = {one.pk: stretch_at(BudgetPeriod(one.period), as_of, zone).since for one in active}
    return {state.budget_id: state for state in fresh if state.since == running[state.budget_id]}


def _stored(budget: Budget, state: BudgetState, as_of: datetime, zone: ZoneInfo) -> BudgetRow:
    ahead = None
    if state.forecast is not None and state.forecast_low is not None and state.forecast_high is not None:
        ahead = Forecast(state.forecast, state.forecast_low, state.forecast_high)
    return BudgetRow(
        budget=budget,
        stretch=stretch_at(BudgetPeriod(budget.period), as_of, zone),
        spent=state.spent,
        unpriced_calls=state.unpriced_calls,
        estimated_calls=state.estimated_calls,
        fired=tuple(state.fired),
        forecast=ahead,
        computed_at=state.computed_at,
    )


def _read(budget: Budget, as_of: datetime, zone: ZoneInfo, project_ids: tuple[int, ...]) -> BudgetRow:
    found = budget_spend.spend(budget=budget, as_of=as_of, zone=zone, project_ids=project_ids)
    return BudgetRow(
        budget=budget,
        stretch=found.stretch,
        spent=found.spent,
        unpriced_calls=found.unpriced_calls,
        estimated_calls=found.estimated_calls,
        fired=tuple(sorted(found.fired)),
        forecast=forecast(found, as_of),
        computed_at=as_of,
    )


# --- Teams ---


def is_team(*, organization: Organization, name: str) -> bool:
    """Whether ``name`` is the slug of a team, or what calls name one that nobody has created."""
    is_known = team_selectors.team(organization=organization, slug=name) is not None
    return is_known or (name not in _NO_TEAMS and DailyRollup.objects.filter(team=name).exists())


def team_names(*, organization: Organization, since: date) -> dict[str, str]:
    """What budgets of teams can be of: teams by slug with their names, then what calls since a day name besides."""
    known = {team.slug: team.name for team in team_selectors.teams(organization=organization)}
    sent = DailyRollup.objects.filter(organization_id=organization.pk, bucket_date__gte=since).order_by("team")
    strangers = sent.exclude(team__in=[*known, *_NO_TEAMS]).values_list("team", flat=True).distinct()[:_MOST_STRANGERS]
    return known | {name: name for name in strangers}


_NO_TEAMS: Final = ("", "(other)")
_MOST_STRANGERS: Final = 200


# --- One budget ---


def spent_by_hour(*, budget: Budget, since: datetime, until: datetime, zone: ZoneInfo) -> Mapping[datetime, Decimal]:
    """What a budget spent in each local hour that had calls."""
    return budget_spend.by_hour(budget=budget, since=since, until=until, zone=zone, project_ids=_project_ids())


def past(*, budget: Budget, before: datetime) -> list[BudgetState]:
    """The periods before ``before`` that were watched, the newest first."""
    return list(BudgetState.objects.filter(budget=budget, since__lt=before).order_by("-since")[:PAST])


def reached_at(*, budget: Budget, stretch: Stretch) -> dict[int, datetime]:
    """When each threshold was first reached in a period, as far as it is known."""
    found = Insight.objects.filter(
        budget=budget, rule=Rule.BUDGET_THRESHOLD.value, subject__period=stretch.key
    ).values_list("subject__threshold", "first_seen_at")
    return {int(threshold): moment for threshold, moment in found}
