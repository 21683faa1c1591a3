"""Reads what budgets have spent, from rollups; an end user's calls themselves, because no rollup knows users."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import connection

from ingestion.pricing.calculator import EXACT
from rules.engine.budgets import FORECAST_HOURS, BudgetPeriod, BudgetSpend, Metric, Stretch, stretch_at
from rules.engine.days import running_hour, today
from rules.models import Budget, BudgetState
from tenants.models import Organization, Project

_HOUR: Final = timedelta(hours=1)
_AMOUNTS: Final = {Metric.COST_USD: "cost_usd", Metric.TOKENS: "input_tokens + output_tokens"}

_PERIOD: Final = """
    select coalesce(sum({amount}), 0), coalesce(sum(unpriced_calls), 0)::bigint,
           coalesce(sum(estimated_calls), 0)::bigint
    from {table} where organization_id = %(organization)s and {when} {scope}"""
_DAYS: Final = "bucket_date >= %(first)s and bucket_date < %(end)s"
_HOURS: Final = "bucket_start >= %(since)s and bucket_start < %(until)s"
_BY_HOUR: Final = f"""
    select bucket_start, sum({{amount}}), sum(estimated_calls)::bigint
    from call_rollups_hourly where organization_id = %(organization)s and {_HOURS} {{scope}} group by 1"""
_EARLIER: Final = """
    select exists (select from call_rollups_daily
                   where organization_id = %(organization)s and bucket_date < %(first)s {scope})"""

_IN_CALLS: Final = """organization_id = %(organization)s and project_id = any(%(projects)s)
      and started_at >= %(since)s and started_at < %(until)s and duplicate_of = ''"""
_OF_CALLS: Final = f"""
    select date_trunc('hour', started_at, %(zone)s), coalesce(sum({{amount}}), 0),
           count(*) filter (where cost_usd is null)
    from calls where {_IN_CALLS} and {{which}} {{scope}} group by 1"""
_ESTIMATED_OF_USER: Final = f"select count(*) from calls where {_IN_CALLS} and usage_estimated {{scope}}"
_EARLIER_OF_USER: Final = """
    select exists (select from calls where organization_id = %(organization)s and project_id = any(%(projects)s)
                   and started_at < %(since)s {scope})"""


@dataclass(frozen=True, slots=True)
class _Reader:
    """One budget at one moment. ``projects`` are those whose calls it may be about."""

    budget: Budget
    as_of: datetime
    zone: ZoneInfo
    projects: tuple[int, ...]

    @property
    def amount(self) -> str:
        return _AMOUNTS[Metric(self.budget.metric)]

    @property
    def is_of_user(self) -> bool:
        return self.budget.scope == Budget.Scope.USER

    @property
    def scope(self) -> str:
        """What its calls have besides the organization."""
        return "".join(f" and {column} = %({column})s" for column in self.columns)

    @property
    def columns(self) -> dict[str, object]:
        budget = self.budget
        named = {
            "project_id": budget.project_id,
            "team": budget.team,
            "feature": budget.feature,
            "user_id": budget.user_id,
            "api_key_id": budget.api_key_id,
        }
        return {name: value for name, value in named.items() if value}

    def parameters(self, **more: Any) -> dict[str, Any]:
        own = {"organization": self.budget.organization_id, "zone": self.zone.key, "projects": list(self.projects)}
        return own | self.columns | more


@dataclass(frozen=True, slots=True)
class _Sums:
    amount: Decimal
    unpriced_calls: int
    estimated_calls: int


def spends(*, organization: Organization, as_of: datetime, zone: ZoneInfo) -> list[BudgetSpend]:
    """Every active budget with what it spent in its running period, in a fixed order."""
    projects = tuple(Project.objects.order_by("pk").values_list("pk", flat=True))
    budgets = Budget.objects.filter(organization=organization, is_active=True).order_by("pk")
    return [spend(budget=budget, as_of=as_of, zone=zone, project_ids=projects) for budget in budgets]


def spend(*, budget: Budget, as_of: datetime, zone: ZoneInfo, project_ids: Sequence[int]) -> BudgetSpend:
    """``budget`` with what it spent in the period that runs at ``as_of``."""
    reader = _Reader(budget, as_of, zone, tuple(project_ids))
    period = BudgetPeriod(budget.period)
    stretch = stretch_at(period, as_of, zone)
    sums = _spent_by_user(reader, stretch) if reader.is_of_user else _spent(reader, stretch)
    state = BudgetState.objects.filter(budget_id=budget.pk, since=stretch.since).first()
    return BudgetSpend(
        budget_id=budget.pk,
        name=budget.name,
        project_id=budget.project_id,
        team=budget.team,
        metric=Metric(budget.metric),
        period=period,
        limit=budget.limit,
        thresholds=tuple(budget.thresholds),
        stretch=stretch,
        spent=sums.amount,
        unpriced_calls=sums.unpriced_calls,
        estimated_calls=sums.estimated_calls,
        fired=frozenset(state.fired if state else ()),
        hours=() if period is BudgetPeriod.HOUR else _last_hours(reader),
        filters=tuple((name, (str(value),)) for name, value in reader.columns.items() if name != "project_id"),
    )


# --- The period ---


def _spent(reader: _Reader, stretch: Stretch) -> _Sums:
    is_hour = reader.budget.period == Budget.Period.HOUR
    statement = _PERIOD.format(
        amount=reader.amount,
        table="call_rollups_hourly" if is_hour else "call_rollups_daily",
        when=_HOURS if is_hour else _DAYS,
        scope=reader.scope,
    )
    end = today(stretch.until, reader.zone)
    parameters = reader.parameters(first=stretch.first_day, end=end, since=stretch.since, until=stretch.until)
    ((amount, unpriced, estimated),) = _rows(statement, parameters)
    if not estimated:
        return _Sums(Decimal(amount), unpriced, 0)
    off = _of_calls(reader, stretch.since, stretch.until, "usage_estimated")
    amount = EXACT.subtract(Decimal(amount), _total([one for one, _ in off.values()]))
    return _Sums(amount, unpriced - sum(count for _, count in off.values()), estimated)


def _spent_by_user(reader: _Reader, stretch: Stretch) -> _Sums:
    found = _of_calls(reader, stretch.since, stretch.until, "not usage_estimated")
    parameters = reader.parameters(since=stretch.since, until=stretch.until)
    ((estimated,),) = _rows(_ESTIMATED_OF_USER.format(scope=reader.scope), parameters)
    return _Sums(_total([amount for amount, _ in found.values()]), sum(count for _, count in found.values()), estimated)


def _of_calls(reader: _Reader, since: datetime, until: datetime, which: str) -> dict[datetime, tuple[Decimal, int]]:
    """By local hour: what calls cost, or read and wrote, and how many have no price."""
    statement = _OF_CALLS.format(amount=reader.amount, which=which, scope=reader.scope)
    rows = _rows(statement, reader.parameters(since=since, until=until))
    return {start: (Decimal(amount), unpriced) for start, amount, unpriced in rows}


# --- The hours before ---


def by_hour(
    *, budget: Budget, since: datetime, until: datetime, zone: ZoneInfo, project_ids: Sequence[int]
) -> dict[datetime, Decimal]:
    """What ``budget`` spent by local hour of [since, until), which both begin one; hours without calls are left out."""
    reader = _Reader(budget, until, zone, tuple(project_ids))
    return _user_hours(reader, since, until) if reader.is_of_user else _hours(reader, since, until)


def _last_hours(reader: _Reader) -> tuple[Decimal, ...]:
    """The spend of each of the last 168 full hours since the first call, the oldest first."""
    until = running_hour(reader.as_of, reader.zone)
    since = until - FORECAST_HOURS * _HOUR
    by_hour = _user_hours(reader, since, until) if reader.is_of_user else _hours(reader, since, until)
    starts = [since + place * _HOUR for place in range(FORECAST_HOURS)]
    if not _has_earlier(reader, since):
        first = min(by_hour, default=until)
        starts = [start for start in starts if start >= first]
    return tuple(by_hour.get(start, Decimal(0)) for start in starts)


def _hours(reader: _Reader, since: datetime, until: datetime) -> dict[datetime, Decimal]:
    statement = _BY_HOUR.format(amount=reader.amount, scope=reader.scope)
    rows = _rows(statement, reader.parameters(since=since, until=until))
    estimated = any(count for _, _, count in rows)
    off = _of_calls(reader, since, until, "usage_estimated") if estimated else {}
    return {start: EXACT.subtract(Decimal(amount), off.get(start, (Decimal(0), 0))[0]) for start, amount, _ in rows}


def _user_hours(reader: _Reader, since: datetime, until: datetime) -> dict[datetime, Decimal]:
    found = _of_calls(reader, since, until, "not usage_estimated")
    return {start: amount for start, (amount, _) in found.items()}


def _has_earlier(reader: _Reader, since: datetime) -> bool:
    """Whether its scope had calls before ``since``; of the day that contains it, the hours before do not count."""
    statement = (_EARLIER_OF_USER if reader.is_of_user else _EARLIER).format(scope=reader.scope)
    ((found,),) = _rows(statement, reader.parameters(since=since, first=today(since, reader.zone)))
    return bool(found)


def _total(amounts: Sequence[Decimal]) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total


def _rows(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
