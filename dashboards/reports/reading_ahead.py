"""Where the running month leads: what was spent, what will have been spent at its end, and how budgets stand."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import connection

from dashboards.reports.numbers import Budget, Forecast, Range, Sums
from dashboards.reports.rights import Rights
from rules import budget_selectors, budget_words
from rules.budget_selectors import BudgetRow
from rules.engine import budgets as engine
from rules.engine.budgets import FORECAST_HOURS, BudgetPeriod, BudgetSpend, Metric, Stretch
from rules.engine.days import running_hour, today
from rules.models import Budget as BudgetModel
from tenants.models import Organization, Project

MOST_BUDGETS: Final = 20
_WORST_FIRST: Final = ("over", "ahead", "warned", "ok", "paused")
_WHERE: Final = """organization_id = %(organization)s
    and (%(project)s::bigint is null or project_id = %(project)s) and project_id <> all(%(hidden)s::bigint[])"""
_MONTH: Final = f"""
    select coalesce(sum(calls), 0), coalesce(sum(unpriced_calls), 0), coalesce(sum(estimated_calls), 0),
           coalesce(sum(cost_usd), 0)
    from call_rollups_daily where {_WHERE} and bucket_date >= %(first)s and bucket_date <= %(today)s"""
_HOURS: Final = f"""
    select bucket_start, sum(cost_usd) from call_rollups_hourly
    where {_WHERE} and bucket_start >= %(since)s and bucket_start < %(until)s group by 1"""
_EARLIER: Final = f"""
    select exists (select from call_rollups_daily where {_WHERE} and bucket_date < %(first)s)"""
_HOUR: Final = timedelta(hours=1)


def forecast_of(
    *,
    organization: Organization,
    project: Project | None,
    rights: Rights,
    hidden: Sequence[int],
    now: datetime,
    zone: ZoneInfo,
) -> Forecast:
    """The forecast of a budget without a limit: spent + what is left of the month × the pace of the last 168 hours.

    Unlike a budget it counts estimated calls, as every sum of the report does.
    """
    stretch = engine.stretch_at(BudgetPeriod.MONTH, now, zone)
    asked = {"organization": organization.pk, "project": project.pk if project else None, "hidden": list(hidden)}
    spent = _spent(asked, stretch, now, zone)
    is_unknown = 0 < spent.calls == spent.unpriced_calls  # and what is unknown is not foreseen as zero
    ahead = None if is_unknown else engine.forecast(_as_budget(spent, stretch, _hours(asked, now, zone)), now)
    rows = _budgets(organization, project, rights, now, zone)
    return Forecast(
        month=stretch.first_day,
        spent=spent,
        forecast=Range(ahead.expected, ahead.low, ahead.high) if ahead else None,
        budgets=tuple(_line(row) for row in rows[:MOST_BUDGETS]),
        more_budgets=max(0, len(rows) - MOST_BUDGETS),
    )


def _spent(asked: dict[str, Any], stretch: Stretch, now: datetime, zone: ZoneInfo) -> Sums:
    ((calls, unpriced, estimated, cost),) = _rows(
        _MONTH, asked | {"first": stretch.first_day, "today": today(now, zone)}
    )
    return Sums(calls=int(calls), unpriced_calls=int(unpriced), estimated_calls=int(estimated), cost_usd=Decimal(cost))


def _hours(asked: dict[str, Any], now: datetime, zone: ZoneInfo) -> tuple[Decimal, ...]:
    """The spend of each of the last full hours since the first call, the oldest first."""
    until = running_hour(now, zone)
    since = until - FORECAST_HOURS * _HOUR
    spent = {start: Decimal(cost) for start, cost in _rows(_HOURS, asked | {"since": since, "until": until})}
    ((has_earlier,),) = _rows(_EARLIER, asked | {"first": today(since, zone)})
    first = since if has_earlier else min(spent, default=until)
    starts = (since + place * _HOUR for place in range(FORECAST_HOURS))
    return tuple(spent.get(start, Decimal(0)) for start in starts if start >= first)


def _as_budget(spent: Sums, stretch: Stretch, hours: tuple[Decimal, ...]) -> BudgetSpend:
    return BudgetSpend(
        budget_id=0,
        name="",
        project_id=None,
        team="",
        metric=Metric.COST_USD,
        period=BudgetPeriod.MONTH,
        limit=Decimal(1),
        thresholds=(),
        stretch=stretch,
        spent=spent.cost_usd,
        hours=hours,
    )


def _budgets(
    organization: Organization, project: Project | None, rights: Rights, now: datetime, zone: ZoneInfo
) -> list[BudgetRow]:
    """Those that need a look first."""
    found = budget_selectors.budgets(organization=organization, reach=rights.budgets).filter(is_active=True)
    if project is not None:
        found = found.filter(project=project)
    rows = budget_selectors.rows(organization=organization, found=found, as_of=now, zone=zone)
    return sorted(rows, key=lambda row: _WORST_FIRST.index(row.standing))


def _line(row: BudgetRow) -> Budget:
    budget = row.budget
    return Budget(
        name=budget.name,
        scope=budget_words.scope(budget),
        period=budget.period,
        is_tokens=budget.metric == BudgetModel.Metric.TOKENS,
        limit=budget.limit,
        spent=row.spent,
        unpriced_calls=row.unpriced_calls,
        standing=budget_words.line(row).standing,
        forecast=Range(row.forecast.expected, row.forecast.low, row.forecast.high) if row.forecast else None,
    )


def _rows(statement: str, asked: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, asked)
        return list(cursor.fetchall())
