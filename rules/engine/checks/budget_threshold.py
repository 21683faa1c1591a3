"""A budget whose spend reached one of its thresholds."""

from collections.abc import Iterator

from rules.engine import savings
from rules.engine.budgets import BudgetSpend, reached, severity_of
from rules.engine.building import subject
from rules.engine.days import Window
from rules.engine.insights import CallFilter, Evidence, Figure, Insight
from rules.engine.names import Rule
from rules.engine.snapshot import Snapshot
from rules.engine.thresholds import RuleConfig

RULE = Rule.BUDGET_THRESHOLD


def find(snapshot: Snapshot, config: RuleConfig) -> Iterator[Insight]:
    for budget in snapshot.budgets:
        for threshold in reached(budget):
            yield _insight(budget, threshold)


def _insight(budget: BudgetSpend, threshold: int) -> Insight:
    return Insight(
        rule=RULE,
        project_id=budget.project_id,
        subject=subject(budget=str(budget.budget_id), threshold=str(threshold), period=budget.stretch.key),
        severity=severity_of(threshold),
        team=budget.team,
        evidence=Evidence(
            window=window_of(budget),
            figures=(
                Figure("spent", budget.spent, budget.unit, "≥", budget.limit * threshold / 100),
                Figure("limit", budget.limit, budget.unit),
                Figure("threshold", threshold, "% of the limit"),
                Figure("percent", savings.rounded(budget.spent * 100 / budget.limit), "% of the limit"),
                *left_out(budget),
            ),
            calls=calls_of(budget),
        ),
    )


def window_of(budget: BudgetSpend) -> Window:
    days = (budget.stretch.until - budget.stretch.since).days
    return Window(budget.stretch.since, budget.stretch.until, max(1, days))


def left_out(budget: BudgetSpend) -> list[Figure]:
    """What the spend does not contain, where there is any."""
    unpriced = Figure("unpriced_calls", budget.unpriced_calls, "calls not included")
    estimated = Figure("estimated_calls", budget.estimated_calls, "calls not included")
    return [figure for figure in (unpriced, estimated) if figure.value]


def calls_of(budget: BudgetSpend) -> CallFilter:
    filters = (*budget.filters, ("counted", ("true",)))
    return CallFilter(budget.stretch.since, budget.stretch.until, filters, budget.project_id)
