"""A budget that will be spent before its period ends, even at the pace of the quietest of the last days."""

from collections.abc import Iterator

from rules.engine import savings
from rules.engine.budgets import BudgetSpend, Forecast, forecast
from rules.engine.building import subject
from rules.engine.checks.budget_threshold import calls_of, left_out, window_of
from rules.engine.insights import Evidence, Figure, Insight
from rules.engine.names import Rule, Severity
from rules.engine.snapshot import Snapshot
from rules.engine.thresholds import RuleConfig

RULE = Rule.BUDGET_FORECAST


def find(snapshot: Snapshot, config: RuleConfig) -> Iterator[Insight]:
    for budget in snapshot.budgets:
        ahead = forecast(budget, snapshot.as_of)
        if ahead is not None and ahead.low > budget.limit:
            yield _insight(budget, ahead)


def _insight(budget: BudgetSpend, ahead: Forecast) -> Insight:
    return Insight(
        rule=RULE,
        project_id=budget.project_id,
        subject=subject(budget=str(budget.budget_id), period=budget.stretch.key),
        severity=Severity.MEDIUM,
        team=budget.team,
        evidence=Evidence(
            window=window_of(budget),
            figures=(
                Figure("forecast_low", savings.rounded(ahead.low), budget.unit, ">", budget.limit),
                Figure("forecast", savings.rounded(ahead.expected), budget.unit),
                Figure("forecast_high", savings.rounded(ahead.high), budget.unit),
                Figure("spent", budget.spent, budget.unit),
                Figure("limit", budget.limit, budget.unit),
                *left_out(budget),
            ),
            calls=calls_of(budget),
        ),
    )
