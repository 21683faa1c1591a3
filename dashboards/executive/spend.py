"""Reads what a month cost: in all, by day, and by team, feature and model against the days it is compared with."""

from dataclasses import dataclass, field
from datetime import UTC, date, timedelta
from decimal import Decimal
from typing import Any, Final

from core.periods import Sources
from dashboards.executive.month import Month
from dashboards.filters import Filter
from dashboards.groups.selectors import read
from dashboards.numbers import NOTHING
from dashboards.rollups import Statement, conditions, facet_of, plain_rows, union
from rules.engine.budgets import FORECAST_HOURS, BudgetPeriod, BudgetSpend, Forecast, Metric, forecast, stretch_at
from rules.engine.days import running_hour
from tenants.models import Organization

MOST: Final = 200  # of a kind: enough for the largest and for those that moved most
KINDS: Final = ("team", "feature", "model")
_COUNTED: Final = ("calls", "unpriced_calls", "estimated_calls", "cost_usd")
_OF_MODELS: Final = ("team", "provider", "model_key", *_COUNTED)
_OF_FEATURES: Final = ("feature", *_COUNTED)
_HOUR: Final = timedelta(hours=1)

_SUMS: Final = (
    ", ".join(f"coalesce(sum({name}) filter (where is_now), 0) as {name}" for name in _COUNTED)
    + ", coalesce(sum(cost_usd) filter (where not is_now), 0) as before_usd"
)

# Models with teams and features are read one by one, because each has a facet (ingestion.condensed) and both have none.
_SPEND: Final = f"""
with of_models as (
    {{models}}
), of_features as (
    {{features}}
), sums as (
    select grouping(bucket) as of_day, grouping(team) as of_team, 1 as of_feature, grouping(model_key) as of_model,
           bucket, team, null as feature, provider, model_key, {_SUMS}
    from of_models group by grouping sets ((), (bucket), (team), (provider, model_key))
    union all
    select 1, 1, 0, 1, null, null, feature, null, null, {_SUMS} from of_features group by feature
), kinds as (
    select case when of_day = 0 then 'day' when of_team = 0 then 'team' when of_feature = 0 then 'feature'
                when of_model = 0 then 'model' else 'total' end as kind, * from sums
), placed as (
    select *, row_number() over (partition by kind order by greatest(cost_usd, before_usd) desc,
                                 team, feature, provider, model_key) as place from kinds
)
select kind, coalesce(bucket, team, feature, model_key, '') as name, coalesce(provider, '') as provider, calls,
       unpriced_calls, estimated_calls, cost_usd, before_usd,
       (select min(bucket_date) from call_rollups_daily where {{owner}}) as first_day
from placed where kind in ('day', 'total') or place <= {MOST} order by kind, place"""

_HOURS: Final = "select bucket, sum(cost_usd) as cost_usd from ({rows}) r group by bucket"


@dataclass(frozen=True, slots=True)
class Amount:
    """What something cost in the month and in the days it is compared with."""

    kind: str
    name: str
    provider: str
    calls: int
    unpriced_calls: int
    cost_usd: Decimal
    before_usd: Decimal

    @property
    def known_cost_usd(self) -> Decimal | None:
        """None when there are calls and none has a price."""
        return None if self.calls and self.calls == self.unpriced_calls else self.cost_usd

    @property
    def change_usd(self) -> Decimal:
        return self.cost_usd - self.before_usd


@dataclass(frozen=True, slots=True)
class Spend:
    """A month's numbers. ``first_day`` is that of the oldest numbers kept; None when there are none."""

    total: Amount
    estimated_calls: int
    first_day: date | None
    days: dict[str, Decimal] = field(default_factory=dict)
    amounts: list[Amount] = field(default_factory=list)

    def of(self, kind: str) -> list[Amount]:
        """The amounts of a kind, largest first."""
        return [one for one in self.amounts if one.kind == kind]

    def reaches_back_to(self, day: date) -> bool:
        return self.first_day is not None and self.first_day <= day

    def share(self, calls: int) -> float | None:
        """Of all calls."""
        return calls / self.total.calls if self.total.calls else None


def spend(*, organization: Organization, month: Month, chosen: Filter) -> Spend:
    """The month's numbers without the projects that ``chosen`` hides, in one query."""
    made = Statement()
    owner = conditions(made, organization_id=organization.pk, project_id=None, chosen=chosen)
    models, features = (
        "\n    union all\n    ".join(
            plain_rows(
                made,
                chosen=chosen,
                period=period,
                columns=columns,
                where=owner,
                prefix=prefix,
                more=f"{is_now} as is_now",
            )
            for period, prefix, is_now in ((month.period, "now", "true"), (month.compared, "before", "false"))
        )
        for columns in (_OF_MODELS, _OF_FEATURES)
    )
    made.sql = _SPEND.format(models=models, features=features, owner=owner)
    found = read(made)
    total = next(row for row in found if row["kind"] == "total")
    days = {row["name"]: row["cost_usd"] for row in found if row["kind"] == "day"}
    return Spend(
        total=_amount(total),
        estimated_calls=int(total["estimated_calls"]),
        first_day=total["first_day"],
        days={day: cost for day, cost in days.items() if day >= month.first_day.isoformat()},
        amounts=[_amount(row) for row in found if row["kind"] in KINDS],
    )


def ahead(*, organization: Organization, month: Month, chosen: Filter, spent: Spend) -> Forecast | None:
    """What the running month will have cost at its end, as budgets foresee it: at the pace of the last seven days.

    None for a month that is over, too early to say (rules.engine.budgets.forecast), and of calls without any price:
    what is unknown is not foreseen as zero.
    """
    if not month.is_running or spent.total.known_cost_usd is None:
        return None
    hours = _hours(organization, month, chosen, spent.first_day)
    return forecast(_as_budget(spent.total.cost_usd, hours, month), month.now)


def _hours(organization: Organization, month: Month, chosen: Filter, first_day: date | None) -> tuple[Decimal, ...]:
    """The spend of each of the last full hours, the oldest first; without those before the first call of all."""
    until = running_hour(month.now, month.zone)
    since = until - FORECAST_HOURS * _HOUR
    made = Statement()
    owner = conditions(made, organization_id=organization.pk, project_id=None, chosen=chosen)
    rows = union(
        made,
        sources=Sources(None, ((since, until),)),
        buckets=("", "bucket_start"),
        columns="cost_usd",
        where=owner,
        prefix="now",
        facet=facet_of(chosen, (), where=owner),
    )
    made.sql = _HOURS.format(rows=rows)
    found = {row["bucket"].astimezone(UTC): row["cost_usd"] for row in read(made)}
    starts = [since + place * _HOUR for place in range(FORECAST_HOURS)]
    if first_day is None or first_day >= since.astimezone(month.zone).date():
        starts = [start for start in starts if start >= min(found, default=until)]
    return tuple(found.get(start.astimezone(UTC), NOTHING) for start in starts)


def _as_budget(spent: Decimal, hours: tuple[Decimal, ...], month: Month) -> BudgetSpend:
    """The spend as the engine of budgets wants it; a forecast asks neither for limit nor for thresholds."""
    return BudgetSpend(
        budget_id=0,
        name="",
        project_id=None,
        team="",
        metric=Metric.COST_USD,
        period=BudgetPeriod.MONTH,
        limit=NOTHING,
        thresholds=(),
        stretch=stretch_at(BudgetPeriod.MONTH, month.now, month.zone),
        spent=spent,
        hours=hours,
    )


def _amount(row: Any) -> Amount:
    return Amount(
        kind=row["kind"],
        name=row["name"],
        provider=row["provider"],
        calls=int(row["calls"]),
        unpriced_calls=int(row["unpriced_calls"]),
        cost_usd=row["cost_usd"],
        before_usd=row["before_usd"],
    )
